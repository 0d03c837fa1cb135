"""Kills the processes of a job if the engine is killed, and removes the job's temporary folder.

The arguments are the mark of the job and the folder. Standard input is a pipe that only the engine
has open: it ends when the engine ends. When a job ends normally, the engine kills this process.
"""

import os
import signal
import sys
import time

VARIABLE = b"AZMLBATCH_WORKER="
# Seconds without finding a process, after which the search ends. A process that is being started
# does not show its environment yet.
QUIET = 0.5


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
    """Kills all processes whose environment has the mark. Reports whether there were any."""
    found = False
    try:
        names = os.listdir("/proc")
    except OSError:
        return False  # the system does not show the environment of processes
    for name in filter(str.isdigit, names):
        try:
            with open(os.path.join("/proc", name, "environ"), "rb") as file:
                environment = file.read()
            if any(variable.startswith(mark) for variable in environment.split(b"\0")):
                os.kill(int(name), signal.SIGKILL)
                found = True
        except OSError:  # it has ended or belongs to another user
            pass
    return found


if __name__ == "__main__":
    main()
