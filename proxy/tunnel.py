"""What a proxy of the environment wants to hear, and how it says that a tunnel is open."""

import asyncio
from base64 import b64encode
from urllib.parse import SplitResult, unquote


class Tunnel(asyncio.Protocol):
    """A proxy's answer to CONNECT: `answer` is its head, as soon as it is there."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._said = b""

    def data_received(self, data: bytes) -> None:
        self._said += data
        if b"\r\n\r\n" in self._said and not self.answer.done():
            self.answer.set_result(self._said)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.answer.done():
            self.answer.set_exception(exc or ConnectionResetError("the proxy closed the tunnel"))


def credentials(proxy: SplitResult) -> list[tuple[bytes, bytes]]:
    """The header that says who we are to the proxy, where its URL does."""
    if proxy.username is None:
        return []
    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return [(b"proxy-authorization", b"Basic " + b64encode(pair.encode()))]
