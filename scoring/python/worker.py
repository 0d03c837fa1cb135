"""One worker process of a batch scoring job: imports the user's script and calls it for one mini-batch after another.

Requests come on one private pipe and answers go out on another; the script's standard streams are files. The pipes are
moved to high descriptors at once, so that a script that reads, writes or closes the usual ones cannot meet them, and
an answer starts a line of its own with a secret word, so that what a script may write there all the same is skipped.

A request is a line "verb length" and that many bytes: strings, each ended by a NUL. An answer is a line
"word verb field..." with text as hexadecimal digits.
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
FAR_AWAY = 1 << 40  # where a script's stray write to the descriptor of the rows lands, and is cut off with the join
ROWS_AT_ONCE = 10000  # elements of a list made into text at a time, which bounds the memory on top of the script's own

RETURN_TEXT = (
    "The run() method in the entry script should return a list or a pandas DataFrame. "
    "The length of returned result is considered as succeeded number of items. "
    "For --output_action=append_row, the returned result is what to write into the result file. "
    "The actual type of output is {}. "
    "Please check logs for error. You can check logs/readme.txt for the layout of logs."
)


def private(fd):
    """Moves a descriptor out of the way of user code and of the programs that it starts."""
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
        self.word = b""
        self.owner = os.getpid()

    def receive(self):
        """The next (verb, strings), or (None, []) when the engine is gone."""
        verb, _, length = self.requests.readline().partition(b" ")
        if not length:
            return None, []
        strings = self.requests.read(int(length)).decode(FS_ENCODING, FS_ERRORS).split("\0")
        strings.pop()
        return verb.decode(), strings

    def end_forks(self):
        """Ends a fork of the script's that came back from run: it must neither write rows nor answer."""
        if os.getpid() != self.owner:
            os._exit(0)

    def send(self, *fields):
        self.end_forks()
        write_all(self.answers, b"\n%s %s\n" % (self.word, " ".join(map(str, fields)).encode()))

    def send_failure(self, verb, error, paths=()):
        import azmlbatch_failure as failure

        failure.flush_streams()
        self.send("failed", verb, *(as_hex(text) for text in failure.describe(error, paths, __file__)))


FS_ENCODING, FS_ERRORS = sys.getfilesystemencoding(), sys.getfilesystemencodeerrors()


def as_hex(text):
    return text.encode(FS_ENCODING, FS_ERRORS if FS_ERRORS == "surrogateescape" else "backslashreplace").hex() or "-"


class NotWritten(OSError):
    """This machine cannot store rows, which is not the script's fault: no other try can help, and the job ends."""


MACHINE_FAULTS = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS)


class Rows:
    """This process's own part of the output file."""

    def __init__(self, path, separator):
        self.path = path
        self.separator = separator
        self.size = 0  # everything up to here belongs to mini-batches that returned
        self.fd = None
        if path:
            self.fd = private(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644))
            try:
                os.lseek(self.fd, FAR_AWAY, os.SEEK_SET)
            except OSError:  # this file system has no such places
                pass

    def add(self, result):
        """Writes what run returned, or only counts it, and gives the number of items."""
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
            os.ftruncate(self.fd, self.size)  # no row of a mini-batch that is tried again may stay
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
        if len(frame):  # one without rows leaves no trace, not even the quotes pandas writes for one without columns
            yield frame.to_csv(sep=self.separator, header=False, index=False)


def list_pieces(result):
    for start in range(0, len(result), ROWS_AT_ONCE):
        yield "".join([str(element) + "\n" for element in result[start:start + ROWS_AT_ONCE]])


def encode(text):
    try:
        return text.encode("utf-8", "surrogateescape")  # gives a file name that is not UTF-8 its own bytes back
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace")


def is_data_frame(result):
    pandas = sys.modules.get("pandas")  # whoever returns a DataFrame has imported it
    return pandas is not None and isinstance(result, pandas.DataFrame)


class Config:
    """The settings that the engine sends first: "name=value" strings, argv once for each argument."""

    def __init__(self, strings):
        self.argv = []
        for string in strings:
            name, _, value = string.partition("=")
            if name == "argv":
                self.argv.append(value)
            else:
                setattr(self, name, value)


def prepare(config):
    """Makes the process what a script expects to find itself in."""
    sys.dont_write_bytecode = True
    trace = private(os.open(config.trace_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644))
    faulthandler.enable(file=trace)
    # The engine asks with this signal where a script hangs; the default action then ends the process.
    faulthandler.register(signal.SIGUSR2, file=trace, all_threads=True, chain=True)
    sys.argv = config.argv
    # The code folder comes first, in the place of the folder of this file, which Python's safe path leaves out.
    if not getattr(sys.flags, "safe_path", False):
        del sys.path[0]
    sys.path.insert(0, config.code)
    os.chdir(config.working_dir)
    # Lines appear in the logs while the script runs, also the last one before a hang.
    if hasattr(sys.stdout, "reconfigure"):  # since Python 3.7
        sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")
        sys.stderr.reconfigure(line_buffering=True)  # the default since Python 3.9
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter(logging.BASIC_FORMAT))
    logging.root.addHandler(handler)
    logging.root.setLevel(logging.INFO)


def load(config):
    """Imports the script and checks that it is one."""
    __import__(config.module)  # and not importlib, whose frames would stand in the user's traceback
    script = sys.modules[config.module]
    path = os.path.realpath(getattr(script, "__file__", None) or "")
    if config.script and path != os.path.realpath(config.script):
        raise ImportError(
            "module {!r} is {} and not the scoring script {}: give the script another name".format(
                config.module, path or "built in", config.script))
    if not callable(getattr(script, "run", None)):
        raise AttributeError("the scoring script {} has no run(mini_batch)".format(config.script))
    return script


def call(function, *arguments):
    if function is not None:
        return function(*arguments)


def serve(link, script, rows):
    """Answers requests until the engine has no more."""
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
        except BaseException as error:  # SystemExit too: a script's sys.exit() fails its call, as any exception
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
    link.word = config.word.encode()
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path.append(os.path.join(here, "lib"))  # last: the user's modules win
    global CONFIG
    CONFIG = config
    environment = as_hex("\0".join("=".join(item) for item in os.environ.items())) if config.tell == "yes" else "-"
    link.send("done", "start", os.getpid(), as_hex(sys.executable), environment)
    if link.receive()[0] != "import":
        return
    try:
        prepare(config)
        script = load(config)
    except BaseException as error:
        link.send_failure("import", error)
        return
    try:
        rows = Rows(config.rows_file, config.separator)
    except OSError as error:  # the output folder cannot be written to, which is not the script's fault
        link.send_failure("output", error)
        return
    link.send("done", "import")
    serve(link, script, rows)


CONFIG = None

if __name__ == "__main__":
    main()
