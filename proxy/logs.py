"""Where log lines go, and how many of them: the proxy's own from `info` on, others' from `warning` on."""

import logging
import sys

from proxy.redact import Redactor


class Unkeyed(logging.Formatter):
    """Lines and tracebacks, whoever writes them, without the configuration's secrets.

    The access log goes past it: what it says is bounded, and holds none.
    """

    def __init__(self, redactor: Redactor) -> None:
        super().__init__("%(message)s")
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        return self._redactor.text(super().format(record))


def to_stderr(level: str = "info", redactor: Redactor | None = None) -> None:
    """Log to stderr. `level`: error, warning, info, or debug, which is every logger's everything."""
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(logging.StreamHandler(sys.stderr))
        root.handlers[0].setFormatter(Unkeyed(Redactor(())))
    for handler in root.handlers:
        if redactor is not None and isinstance(handler.formatter, Unkeyed):
            handler.setFormatter(Unkeyed(redactor))
    own = logging.getLevelNamesMapping()[level.upper()]
    logging.getLogger("anygate").setLevel(own)
    root.setLevel(own if level in ("debug", "error") else logging.WARNING)
    # What a line does not say need not be found out (logging's own advice on optimisation).
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None
