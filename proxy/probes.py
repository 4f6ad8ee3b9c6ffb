"""Connections on which long nothing is said: the network between must not forget them."""

import contextlib
import socket
from typing import Final, Protocol

_TCP: Final = socket.IPPROTO_TCP
# NAT and balancers forget a connection that is silent for some four minutes. A gateway may work for fifteen before
# it answers, and a client wait as long. Of nine probes one must be answered: an outage that passes costs nothing.
_PROBES: Final = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (_TCP, getattr(socket, "TCP_KEEPIDLE", None) or getattr(socket, "TCP_KEEPALIVE", 0), 60),
    (_TCP, getattr(socket, "TCP_KEEPINTVL", 0), 60),
    (_TCP, getattr(socket, "TCP_KEEPCNT", 0), 9),
)


class Socket(Protocol):
    def setsockopt(self, level: int, option: int, value: int, /) -> None: ...


def probe(one: Socket) -> None:
    """Have the system ask the other side once a minute of silence whether it is there.

    Of a socket that listens: those of all whom it lets in.
    """
    for level, option, value in _PROBES:
        with contextlib.suppress(OSError):  # the other side is gone already
            if option:
                one.setsockopt(level, option, value)
