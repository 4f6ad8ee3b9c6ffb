"""A Redis server as the proxy meets it: its URL, and whether what it acknowledges stays."""

from collections.abc import Iterator, Mapping
from typing import Any

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

_DEFAULTS = {
    "socket_connect_timeout": 2.0,
    "socket_timeout": 3.0,
    "protocol": 2,
}


class Server:
    """What a URL names: `redis://`, with TLS `rediss://`, or `unix://` and a path.

    Its query sets options of redis-py's connections (`?socket_timeout=1`).
    """

    def __init__(self, url: str) -> None:
        """Raises ValueError for a URL that cannot be read, without a word of it: it holds a password."""
        try:
            pool = ConnectionPool.from_url(url, **_DEFAULTS)
            pool.connection_class(**pool.connection_kwargs)  # connects nowhere yet
        except (ValueError, TypeError, RedisError):  # TypeError: an option that there is not
            raise ValueError(
                "the store's URL cannot be read: redis://[[user]:password@]host[:port][/number]"
                "[?option=value]"
            ) from None
        self._kind = pool.connection_class
        options = pool.connection_kwargs
        if "path" not in options:  # a Unix socket has nothing to keep alive
            options = {"socket_keepalive": True, **options}
        # What is lost with a connection may have been carried out: nothing is sent again unasked.
        fixed = {"retry": Retry(NoBackoff(), 0), "decode_responses": False}
        self._options: dict[str, Any] = {**options, **fixed}

    def client(self, host: str = "", port: int = 0) -> Redis:
        """A client of it, or of another node of its cluster."""
        options = dict(self._options)
        if host:
            options["host"] = host
        if port:
            options["port"] = port
        return Redis(connection_pool=ConnectionPool(self._kind, **options))


def weaknesses(settings: Mapping[str, str]) -> Iterator[str]:
    """What the settings that CONFIG GET tells mean for paid jobs."""
    if settings.get("appendonly") == "no":
        kept = "only snapshots are" if settings.get("save") else "nothing is"
        yield (
            f"{kept} written to disk: when the server ends it forgets jobs that are paid. "
            "Set `appendonly yes`, and `appendfsync always` to lose none at all"
        )
    policy = settings.get("maxmemory-policy", "noeviction")
    if policy != "noeviction":
        yield f"`maxmemory-policy {policy}` may throw jobs away that are paid. Set `noeviction`"
