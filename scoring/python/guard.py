"""Kills the processes of a job if the engine is killed, and removes the job's temporary folder.

The arguments are the mark of the job and the folder. Standard input is a pipe that only the engine
has open: it ends when the engine ends. When a job ends normally, the engine kills this process.
"""

import os
import signal
import sys
import time

VARIABLE = b"AZMLBATCH_WORKER="
# Seconds to wait for processes that are being started to show their environment, since the last one
# was killed.
PATIENCE = 30
# Seconds that the whole search may take: a script may start processes faster than they are killed.
LIMIT = 120
# Places in /proc/<pid>/stat, counted from the state: see proc_pid_stat(5).
STATE, FLAGS, START_CODE = 0, 6, 23
KERNEL_THREAD = 0x00200000


def main():
    mark, folder = sys.argv[1:]
    sys.stdin.buffer.read()
    end_all(VARIABLE + os.fsencode(mark) + b".")
    import shutil

    shutil.rmtree(folder, ignore_errors=True)


def end_all(mark):
    """Kills the processes with the mark until two looks in a row find none.

    One look is not enough: a process that starts another one and ends while the list of processes
    is read can hide it.
    """
    began = last = time.monotonic()
    clean = 0
    while clean < 2 and time.monotonic() - began < LIMIT:
        killed, unknown = look(mark)
        if killed:
            last = time.monotonic()
        elif unknown and time.monotonic() - last > PATIENCE:
            return
        clean = 0 if killed or unknown else clean + 1
        if unknown:
            time.sleep(0.001)


def look(mark):
    """Kills all processes with the mark. Returns how many, and how many may turn out to have it."""
    killed = unknown = 0
    for pid in processes():
        environment = environment_of(pid)
        if environment is None:
            unknown += 1
        elif any(variable.startswith(mark) for variable in environment.split(b"\0")):
            killed += kill(pid)
    return killed, unknown


def processes():
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return []  # the system does not show the environment of processes


def environment_of(pid):
    """The environment of a process. None while the process is being started.

    Then the system shows an empty one. It also does for zombies, kernel threads and processes that
    were started without one.
    """
    try:
        environment = read(pid, "environ")
        if not environment and is_being_started(pid):
            return None
        return environment or read(pid, "environ")  # it may have started by now
    except OSError:  # it has ended or belongs to another user
        return b""


def is_being_started(pid):
    # A system that does not tell where code begins, such as a sandbox, shows zero for this process
    # too.
    return lacks_code(pid) and not lacks_code(os.getpid())


def lacks_code(pid):
    """Whether it is not said yet where the code of a process begins.

    Linux says that after it has set up the environment, whose own bounds are equal for a moment, as
    if it had none.
    """
    fields = read(pid, "stat").rpartition(b")")[2].split()
    if len(fields) <= START_CODE or fields[STATE] in (b"Z", b"X", b"x"):
        return False
    return not int(fields[FLAGS]) & KERNEL_THREAD and fields[START_CODE] == b"0"


def read(pid, name):
    with open(f"/proc/{pid}/{name}", "rb") as file:
        return file.read()


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError:
        return 0
    return 1


if __name__ == "__main__":
    main()
