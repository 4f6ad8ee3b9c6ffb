"""A gateway that answers with whatever bytes it is told, in whatever pieces."""

import contextlib
import socket
import socketserver
import threading
from collections.abc import Iterator, Sequence

_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


class Upstream(socketserver.ThreadingTCPServer):
    """Listens on a free port of loopback; every request gets `pieces`, each in a chunk of its own."""

    daemon_threads = True
    allow_reuse_address = True
    pieces: Sequence[bytes] = ()
    headers = _HEAD

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class _Answering(socketserver.BaseRequestHandler):
    server: Upstream

    def handle(self) -> None:
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # A proxy that has seen enough goes away.
        with contextlib.suppress(OSError):
            while _read(self.request):
                self.request.sendall(self.server.headers)
                for piece in self.server.pieces:
                    if piece:
                        self.request.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
                self.request.sendall(b"0\r\n\r\n")


def _read(connection: socket.socket) -> bool:
    """One request, its body and all; false where the client has gone."""
    raw = b""
    while b"\r\n\r\n" not in raw:
        chunk = connection.recv(65536)
        if not chunk:
            return False
        raw += chunk
    head, _, body = raw.partition(b"\r\n\r\n")
    length = next(
        int(line.partition(b":")[2])
        for line in head.lower().split(b"\r\n")
        if line.startswith(b"content-length:")
    )
    while len(body) < length:
        body += connection.recv(65536)
    return True


@contextlib.contextmanager
def upstream() -> Iterator[Upstream]:
    with Upstream() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), name="upstream")
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
