"""Where jobs are kept: SQLite (a file, or memory), chosen by the config's `store:`."""

from pathlib import Path

from proxy.store.base import Store
from proxy.store.sqlite import SqliteStore


def open_store(url: str) -> Store:
    """The store that a URL names, `memory:` or `sqlite:PATH`; it still has to be opened.

    Raises ValueError for any other.
    """
    scheme, _, rest = url.partition(":")
    if url == "memory:":
        return SqliteStore(None)
    if scheme == "sqlite" and rest:
        return SqliteStore(Path(rest))
    raise ValueError(f"no such store: {url!r} (memory: or sqlite:PATH)")
