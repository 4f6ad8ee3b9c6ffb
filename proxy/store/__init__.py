"""Where jobs are kept, chosen by the config's `store:`: SQLite (a file, or memory) or Redis."""

from pathlib import Path

from proxy.store.base import Store
from proxy.store.sqlite import SqliteStore


def open_store(url: str) -> Store:
    """The store that a URL names, `memory:`, `sqlite:PATH` or `redis://…`; it still has to be opened.

    Raises ValueError for any other, and for Redis where its client is not installed.
    """
    scheme, _, rest = url.partition(":")
    if url == "memory:":
        return SqliteStore(None)
    if scheme == "sqlite" and rest:
        return SqliteStore(Path(rest))
    if scheme in ("redis", "rediss") and rest.strip("/"):
        return _redis(url)
    shown = url if "@" not in url else f"{scheme}:…"  # it may hold a password
    raise ValueError(f"no such store: {shown!r} (memory: or sqlite:PATH or redis://HOST)")


def _redis(url: str) -> Store:
    try:
        from proxy.store.redis import RedisStore
    except ModuleNotFoundError as exc:
        if (exc.name or "").partition(".")[0] != "redis":
            raise
        raise ValueError(
            "store: redis:// needs an extra that is not installed: pip install 'anygate[redis]'"
        ) from exc
    return RedisStore(url)
