"""`anygate serve --sandbox`: doubles of every gateway in this process, and a folder of its own."""

import contextlib
import fcntl
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from proxy.config import ConfigError
from proxy.sandbox import in_thread
from proxy.sandbox.settings import config_text

FOLDER: Final = Path(".sandbox")
_LOCK = "lock"


@contextlib.contextmanager
def gateways(folder: Path, url: str) -> Iterator[Path]:
    """Doubles in a thread of this process; yields the configuration that points at them.

    It lies in `folder` with the store, or in `folder/2` and so on where another process serves from there:
    each has jobs, files and doubles of its own, and finds them again when it is started anew. `url`: where
    the doubles reach the proxy. Raises ConfigError where nothing can be written there.
    """
    with contextlib.ExitStack() as stack:
        try:
            own = stack.enter_context(_taken(folder))
            doubles = stack.enter_context(in_thread(state=own / "gateways"))
            path = own / "config.yaml"
            path.write_text(config_text(doubles.base_urls, doubles.keys, url))
        except OSError as exc:
            raise ConfigError([f"{folder}: the sandbox cannot be kept there: {exc}"]) from exc
        yield path


@contextlib.contextmanager
def _taken(folder: Path) -> Iterator[Path]:
    """The first folder that no other process has; the system gives it back, however this one ends."""
    for number in itertools.count(1):
        own = folder if number == 1 else folder / str(number)
        own.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (own / _LOCK).open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield own
            return
