"""A worker process of a batch scoring job: imports the user's script and calls it per mini-batch.

Requests come from one private pipe, and answers go to another. The standard streams of the script
are files. The pipes are moved to high file descriptors, so that a script that reads, writes or
closes the usual ones does not touch them. An answer is a line that begins with a token, so that
anything that the script writes to the pipe can be skipped.

A request is a line "verb length" and that many bytes: strings, each terminated by NUL. An answer is
a line "token verb field...", with text in hexadecimal.
"""

import errno
import fcntl
import faulthandler
import logging
import os
import signal
import sys
import time

REQUESTS, ANSWERS = 3, 4  # as inherited
FIRST_PRIVATE_FD = 200
# Position of the file descriptor for the rows. If the script writes to it by mistake, the bytes
# land there, and are cut off when the rows are joined.
FAR_AWAY = 1 << 40
ROWS_AT_ONCE = 10000  # elements of a list that are converted to text at a time

RETURN_TEXT = (
    "The run() method in the entry script should return a list or a pandas DataFrame. "
    "The length of returned result is considered as succeeded number of items. "
    "For --output_action=append_row, the returned result is what to write into the result file. "
    "The actual type of output is {}. "
    "Please check logs for error. You can check logs/readme.txt for the layout of logs."
)


def private(fd):
    """Moves a file descriptor away from those that user code and its child processes use."""
    try:
        moved = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, FIRST_PRIVATE_FD)
    except OSError:  # the limit of open files is lower
        moved = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 0)
    os.close(fd)
    return moved


def write_all(fd, data):
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view):]


def write_at(fd, data, position):
    view = memoryview(data)
    while view:
        written = os.pwrite(fd, view, position)
        view, position = view[written:], position + written


class Link:
    """The two pipes to the engine."""

    def __init__(self):
        self.requests = os.fdopen(private(REQUESTS), "rb", buffering=65536)
        self.answers = private(ANSWERS)
        self.token = b""
        self.owner = os.getpid()

    def receive(self):
        """Returns the next (verb, strings), or (None, []) if the engine is gone."""
        verb, _, length = self.requests.readline().partition(b" ")
        if not length:
            return None, []
        strings = self.requests.read(int(length)).decode(FS_ENCODING, FS_ERRORS).split("\0")
        strings.pop()
        return verb.decode(), strings

    def end_forks(self):
        """Ends a child process that the script forked and that returned from run.

        It must not write rows or answer.
        """
        if os.getpid() != self.owner:
            os._exit(0)

    def send(self, *fields):
        self.end_forks()
        write_all(self.answers, b"\n%s %s\n" % (self.token, " ".join(map(str, fields)).encode()))

    def send_failure(self, verb, error, paths=()):
        import azmlbatch_failure as failure

        failure.flush_streams()
        self.send("failed", verb, *(as_hex(text) for text in failure.describe(error, paths, __file__)))


FS_ENCODING, FS_ERRORS = sys.getfilesystemencoding(), sys.getfilesystemencodeerrors()


def as_hex(text):
    errors = FS_ERRORS if FS_ERRORS == "surrogateescape" else "backslashreplace"
    return text.encode(FS_ENCODING, errors).hex() or "-"


class NotWritten(OSError):
    """This machine cannot store rows. The script is not to blame, and another try cannot help."""


MACHINE_FAULTS = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS)


class Rows:
    """This process's part of the output file."""

    def __init__(self, path, separator):
        self.path = path
        self.separator = separator
        self.size = 0  # all bytes up to here belong to mini-batches that returned
        self.fd = None
        if path:
            self.fd = private(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644))
            try:
                os.lseek(self.fd, FAR_AWAY, os.SEEK_SET)
            except OSError:  # the file system does not support such positions
                pass

    def add(self, result):
        """Writes what run returned, or only counts it. Returns the number of items."""
        if isinstance(result, tuple):
            result = list(result)
        if isinstance(result, list):
            pieces = list_pieces(result)
        elif is_data_frame(result):
            pieces = self.frame_pieces(result)
        else:
            raise Exception(RETURN_TEXT.format(type(result).__name__))
        if self.fd is not None:
            self.write(pieces)
        return len(result)

    def write(self, pieces):
        written = self.size
        try:
            for piece in pieces:
                data = encode(piece)
                self.store(data, written)
                written += len(data)
        except NotWritten:
            raise
        except BaseException:
            os.ftruncate(self.fd, self.size)  # the mini-batch may be tried again
            raise
        self.size = written

    def store(self, data, position):
        try:
            write_at(self.fd, data, position)
        except OSError as error:
            if error.errno in MACHINE_FAULTS:
                raise NotWritten(error.errno, error.strerror, self.path) from None
            raise

    def frame_pieces(self, frame):
        if len(frame):  # pandas would write quotes for a frame without rows and columns
            yield frame.to_csv(sep=self.separator, header=False, index=False)


def list_pieces(result):
    for start in range(0, len(result), ROWS_AT_ONCE):
        yield "".join([str(element) + "\n" for element in result[start:start + ROWS_AT_ONCE]])


def encode(text):
    try:
        # A file name that is not UTF-8 gets its own bytes back.
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace")


def is_data_frame(result):
    pandas = sys.modules.get("pandas")  # a script that returns a DataFrame has imported it
    return pandas is not None and isinstance(result, pandas.DataFrame)


class Config:
    """The settings that the engine sends first: "name=value" strings, a list once per element."""

    def __init__(self, strings):
        self.argv, self.read_only, self.writable = [], [], []
        for string in strings:
            name, _, value = string.partition("=")
            if isinstance(getattr(self, name, None), list):
                getattr(self, name).append(value)
            else:
                setattr(self, name, value)


def prepare(config):
    """Sets up the process as scripts expect it."""
    sys.dont_write_bytecode = True
    trace = private(os.open(config.trace_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644))
    faulthandler.enable(file=trace)
    # The engine sends this signal to a script that hangs. The default action then ends the process.
    faulthandler.register(signal.SIGUSR2, file=trace, all_threads=True, chain=True)
    sys.argv = config.argv
    # The code folder replaces the folder of this file, which Python's safe path mode leaves out.
    if not getattr(sys.flags, "safe_path", False):
        del sys.path[0]
    sys.path.insert(0, config.code)
    os.chdir(config.working_dir)
    # Lines appear in the logs while the script runs, including the last one before it hangs.
    if hasattr(sys.stdout, "reconfigure"):  # since Python 3.7
        sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")
        sys.stderr.reconfigure(line_buffering=True)  # the default since Python 3.9
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter(logging.BASIC_FORMAT))
    logging.root.addHandler(handler)
    logging.root.setLevel(logging.INFO)


def load(config):
    """Imports the script and checks that it is one."""
    __import__(config.module)  # the frames of importlib would be in the user's traceback
    script = sys.modules[config.module]
    path = os.path.realpath(getattr(script, "__file__", None) or "")
    if config.script and path != os.path.realpath(config.script):
        raise ImportError(
            "module {!r} is {}, not the scoring script {}: rename the script".format(
                config.module, path or "built in", config.script))
    if not callable(getattr(script, "run", None)):
        raise AttributeError("the scoring script {} has no run(mini_batch)".format(config.script))
    return script


def call(function, *arguments):
    if function is not None:
        return function(*arguments)


def serve(link, script, rows):
    """Answers requests until the engine closes the pipe."""
    while True:
        verb, strings = link.receive()
        started = time.perf_counter()
        try:
            if verb == "run":
                result = script.run(list(strings))
                link.end_forks()
                run_seconds = time.perf_counter() - started
                count = rows.add(result)
                del result
                link.send("done", verb, count, rows.size, run_seconds, time.perf_counter() - started)
            elif verb == "init":
                call(getattr(script, "init", None))
                link.send("done", verb)
            elif verb == "shutdown":
                call(getattr(script, "shutdown", None))
                link.send("done", verb)
            else:
                return
        except BaseException as error:  # sys.exit() fails the call like any other exception
            if isinstance(error, NotWritten):
                verb = "output"
            link.send_failure(verb, error, strings)
            del error
            if verb != "run":
                return


def main():
    link = Link()
    _, strings = link.receive()
    config = Config(strings)
    link.token = config.token.encode()
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path.append(os.path.join(here, "lib"))  # last, so that the user's modules take precedence
    global CONFIG
    CONFIG = config
    environment = ""
    if config.describe == "yes":
        environment = "\0".join("=".join(item) for item in os.environ.items())
    link.send("done", "start", os.getpid(), as_hex(sys.executable), as_hex(environment))
    if link.receive()[0] != "import":
        return
    try:
        prepare(config)
        import azmlbatch_readonly

        azmlbatch_readonly.protect(config.read_only, config.writable, config.links)
        script = load(config)
    except BaseException as error:
        link.send_failure("import", error)
        return
    try:
        rows = Rows(config.rows_file, config.separator)
    except OSError as error:  # the output folder cannot be written to
        link.send_failure("output", error)
        return
    link.send("done", "import")
    serve(link, script, rows)


CONFIG = None

if __name__ == "__main__":
    main()
