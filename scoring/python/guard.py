"""Ends what a job has started when the engine is killed, and removes the job's temporary folder.

The arguments are the mark of the job and the folder. Standard input is a pipe whose other end only the engine has:
its end is the end of the engine. At the normal end of a job the engine kills this process.
"""

import os
import signal
import sys
import time

VARIABLE = b"AZMLBATCH_WORKER="
QUIET = 0.5  # seconds without a process that carries the mark: one that has just begun does not show it yet


def main():
    mark, folder = sys.argv[1:]
    sys.stdin.buffer.read()
    end_all(VARIABLE + os.fsencode(mark) + b".")
    import shutil

    shutil.rmtree(folder, ignore_errors=True)


def end_all(mark):
    quiet_since = time.monotonic()
    while time.monotonic() - quiet_since < QUIET:
        if end(mark):
            quiet_since = time.monotonic()
        time.sleep(0.02)


def end(mark):
    """Kills every process whose environment carries the mark, and tells whether there was one."""
    found = False
    try:
        names = os.listdir("/proc")
    except OSError:
        return False  # this system does not show the environment of other processes
    for name in filter(str.isdigit, names):
        try:
            with open(os.path.join("/proc", name, "environ"), "rb") as file:
                environment = file.read()
            if any(variable.startswith(mark) for variable in environment.split(b"\0")):
                os.kill(int(name), signal.SIGKILL)
                found = True
        except OSError:  # it has ended, or belongs to another user
            pass
    return found


if __name__ == "__main__":
    main()
