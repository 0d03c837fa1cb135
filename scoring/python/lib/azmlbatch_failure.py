"""Describes the exception of a script. Imported only if there is one."""

import os
import sys
import traceback

LINE = 3000  # characters of the message; the service also keeps that many of an error message
HEAD, TAIL = 8 << 10, 56 << 10  # characters kept of a longer traceback


def describe(error, paths, driver):
    """Returns the message, the traceback without the driver's frames, and the input file or ""."""
    frames = error.__traceback__
    at = current_file(frames, paths)
    own = os.path.join(os.path.dirname(driver), "")
    while frames is not None and frames.tb_frame.f_code.co_filename.startswith(own):
        frames = frames.tb_next
    last = traceback.format_exception_only(type(error), error)
    parts = traceback.format_exception(type(error), error, frames)
    if frames is None:  # a script that cannot be compiled has none; Python leaves out the first line then
        parts.insert(len(parts) - len(last), "Traceback (most recent call last):\n")
    # Such as those of azmlbatch_readonly, at the end.
    text = "".join(part for part in parts if not part.startswith('  File "' + own))
    if len(text) > HEAD + TAIL:
        text = text[:HEAD] + "\n[... {} characters left out ...]\n".format(len(text) - HEAD - TAIL) + text[-TAIL:]
    line = last[-1].strip()
    if len(line) > LINE:
        line = line[:LINE] + " ..."
    return line.replace("\0", "\\0"), text.replace("\0", "\\0"), at


def flush_streams():
    """Writes what the script has printed so far to the logs."""
    for stream in sys.stdout, sys.stderr:
        try:
            stream.flush()
        except Exception:  # the script replaced or closed the stream
            pass


def current_file(frames, paths):
    """Returns the file that the script was working on, or "".

    It is the one that local variables name, in the innermost frame where they name exactly one.
    """
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
