"""The socket that is listened on, its address, and how many connections there may be."""

import contextlib
import resource
import socket
from typing import Final

from proxy.addresses import authority
from proxy.config import ConfigError
from proxy.probes import probe

BACKLOG = 4096
_MANY: Final = 1 << 16  # open files: what one core can serve is far below


def bind(host: str, port: int) -> socket.socket:
    """The listening socket, made as TCP by name: only then does asyncio turn Nagle's delay off.

    Raises ConfigError where the address cannot be had.
    """
    host = host.strip("[]")
    kind = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(kind, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    probe(listener)
    try:
        listener.bind((host, port))
        # At once: until then another process could have the same address, and one of both would fail later.
        listener.listen(BACKLOG)
    except (OSError, ValueError, OverflowError) as exc:
        # The last two where it is no address at all: a host with a NUL, port 70000.
        listener.close()
        raise ConfigError([f"{url_of(host, port)} cannot be listened on: {exc}"]) from exc
    listener.set_inheritable(True)
    return listener


def many() -> None:
    """Let this process, and those that it starts, have as many connections open as the system allows them.

    Shells, and by now containers, begin with 1024 whatever that is: 500 streams, and no gateway can be reached.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MANY if hard == resource.RLIM_INFINITY else min(hard, _MANY)
    if soft != resource.RLIM_INFINITY and soft < most:
        # It may be forbidden here, or be too many for one process.
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def url_of(host: str, port: int) -> str:
    """The URL of an address, with or without the brackets of IPv6."""
    return f"http://{authority(host.strip('[]'), port)}"


def url_at(listener: socket.socket) -> str:
    """The URL of the address that it listens on."""
    return url_of(*listener.getsockname()[:2])
