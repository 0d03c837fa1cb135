"""Refuses changes of the input and of the model's files.

Azure mounts the input read-only, so a script that works here must not change it; and here it is the
caller's own folder. How Azure mounts the model is not documented. Choice: its files are read-only
too, because they are links to the caller's; new files may be added, and go with the job.

Python tells an audit hook what a script is about to do (since 3.8). Programs that the script starts,
and libraries that open files in C, are not seen.
"""

import errno
import os
import sys

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Which arguments of an event are a path that changes and the descriptor of the folder that it is in.
CHANGES = {
    "os.chmod": ((0, 2),), "os.chown": ((0, 3),), "os.link": ((1, 3),), "os.mkdir": ((0, 2),), "os.remove": ((0, 1),),
    "os.rename": ((0, 2), (1, 3)), "os.rmdir": ((0, 1),), "os.symlink": ((1, 2),),
    "os.truncate": ((0, None),), "os.utime": ((0, 3),),
}


def protect(read_only, writable, links):
    """Protects some paths, but for those that are writable and may lie in them.

    Files of the folder links cannot be changed, but removed or replaced: they are links themselves.
    """
    rules = [(os.path.realpath(path), True) for path in read_only]
    rules += [(os.path.realpath(path), False) for path in writable]
    rules.sort(key=lambda rule: -len(rule[0]))
    links = os.path.realpath(links)

    def refuse(path):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)

    def is_protected(real):
        return next((kept for root, kept in rules if is_in(real, root)), False)

    def hook(event, arguments):
        if event == "open":
            path, _, flags = arguments
            if isinstance(flags, int) and flags & WRITING and not isinstance(path, int):
                real = os.path.realpath(os.fsdecode(path))
                if is_protected(real) or is_in(real, links) and os.path.exists(real):
                    refuse(path)
        elif event in CHANGES:
            for at, folder in CHANGES[event]:
                path = arguments[at]
                if not isinstance(path, int) and is_protected(place(os.fsdecode(path), folder and arguments[folder])):
                    refuse(path)

    if hasattr(sys, "addaudithook"):
        sys.addaudithook(hook)


def is_in(path, root):
    return path == root or path.startswith(os.path.join(root, ""))


def place(path, fd):
    """The path itself, if it is a link, and not what it points to."""
    if fd is not None and fd >= 0 and not os.path.isabs(path):
        try:
            path = os.path.join(os.readlink("/proc/self/fd/{}".format(fd)), path)
        except OSError:  # the system does not tell: the path is taken for one in the working folder
            pass
    folder, name = os.path.split(os.path.abspath(path))
    return os.path.join(os.path.realpath(folder), name)
