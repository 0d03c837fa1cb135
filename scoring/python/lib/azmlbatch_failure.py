"""Puts a script's exception into words: only imported when there is one."""

import os
import sys
import traceback

LINE = 3000  # characters kept of the one line, which is also all that the service keeps of a run's error message
HEAD, TAIL = 8 << 10, 56 << 10  # characters kept of a traceback that is longer than both


def describe(error, paths, driver):
    """(one line, the traceback without the driver's frames, the input file that the script was at or "")."""
    frames = error.__traceback__
    at = current_file(frames, paths)
    own = os.path.join(os.path.dirname(driver), "")
    while frames is not None and frames.tb_frame.f_code.co_filename.startswith(own):
        frames = frames.tb_next
    text = "".join(traceback.format_exception(type(error), error, frames))
    if len(text) > HEAD + TAIL:
        text = text[:HEAD] + "\n[... {} characters left out ...]\n".format(len(text) - HEAD - TAIL) + text[-TAIL:]
    line = traceback.format_exception_only(type(error), error)[-1].strip()
    if len(line) > LINE:
        line = line[:LINE] + " ..."
    return line.replace("\0", "\\0"), text.replace("\0", "\\0"), at


def flush_streams():
    """Lets the logs show what the script printed before its exception."""
    for stream in sys.stdout, sys.stderr:
        try:
            stream.flush()
        except Exception:  # the script has replaced or closed it
            pass


def current_file(frames, paths):
    """The one file of the mini-batch that a local variable of the innermost possible frame names."""
    if len(paths) == 1:
        return paths[0]
    known = {os.path.basename(path): path for path in paths}
    known.update((path, path) for path in paths)
    stack = [frame for frame, _ in traceback.walk_tb(frames)]
    for frame in reversed(stack):
        found = {known.get(name) for name in map(as_name, list(frame.f_locals.values()))} - {None}
        if len(found) == 1:
            return found.pop()
    return ""


def as_name(value):
    if type(value) is str:
        return value
    if type(value).__module__.partition(".")[0] == "pathlib":
        return os.fspath(value)
    return None
