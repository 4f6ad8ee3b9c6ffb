"""Where log lines go, and how many of them: the proxy's own from `info` on, others' from `warning` on."""

import logging
import sys


def to_stderr(level: str = "info") -> None:
    """Log to stderr. `level`: error, warning, info, or debug, which is every logger's everything."""
    logging.basicConfig(stream=sys.stderr, format="%(message)s")
    own = logging.getLevelNamesMapping()[level.upper()]
    logging.getLogger("anygate").setLevel(own)
    logging.getLogger().setLevel(own if level in ("debug", "error") else logging.WARNING)
    # What a line does not say need not be found out (logging's own advice on optimisation).
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None
