"""The helper that scoring scripts of Azure Machine Learning may import: EntryScript."""

import logging
import os
import sys
import time


class EntryScript:
    """Where the script can log and write, and the name of its process. There is one per process."""

    _instance = None

    def __new__(cls):
        if cls._instance is None:
            cls._instance = super().__new__(cls)
            cls._instance._config = sys.modules["__main__"].CONFIG
            cls._instance._logger = None
        return cls._instance

    @property
    def agent_name(self):
        """The name of the worker process, such as process000."""
        return self._config.agent_name

    @property
    def log_dir(self):
        """The folder of the log that logger writes."""
        os.makedirs(self._config.entry_log_dir, exist_ok=True)
        return self._config.entry_log_dir

    @property
    def output_dir(self):
        """The folder of the job's output, shared by all processes."""
        path = os.environ["AZUREML_BI_OUTPUT_PATH"]
        os.makedirs(path, exist_ok=True)
        return path

    @property
    def working_dir(self):
        """The working folder of the process. It is removed with the job."""
        return self._config.working_dir

    @property
    def dir(self):
        """The folder of the scoring script."""
        return os.path.dirname(self._config.script)

    @property
    def logger(self):
        """Logs to <log_dir>/<agent_name>.log.txt at the logging level of the deployment."""
        if self._logger is None:
            self._logger = self._make_logger()
        return self._logger

    def _make_logger(self):
        logger = logging.getLogger("{}_{}".format(self._config.node_ip, self.agent_name))
        handler = logging.FileHandler(os.path.join(self.log_dir, self.agent_name + ".log.txt"), encoding="utf-8")
        line = "%(asctime)s|%(name)s|%(levelname)s|%(process)d|%(thread)d|%(funcName)s()|%(message)s"
        formatter = logging.Formatter(line)
        formatter.converter = time.gmtime
        handler.setFormatter(formatter)
        logger.addHandler(handler)
        logger.setLevel(self._config.logging_level.upper())
        logger.propagate = False
        return logger
