"""Downloads, counted and thrown away: `python -m bench.fetch PORT PATH CONNECTIONS` prints JSON.

One thread, one buffer: what reads a gigabyte here must not be what limits the server.
"""

import json
import re
import selectors
import socket
import sys
import time
from typing import Any

from bench.load import KEY

_BUFFER = 1 << 20
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


class Download:
    """One answer, up to the length that it says."""

    def __init__(self, port: int, path: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        head = (
            f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nauthorization: Bearer {KEY}\r\n\r\n"
        )
        self.socket.sendall(head.encode())
        self.head = b""
        self.left: int | None = None
        self.read = 0
        self.failure = ""

    def readable(self, buffer: memoryview) -> bool:
        """Read what there is; whether the answer is over."""
        if self.left is None:
            some = self.socket.recv(4096)
            self.head += some
            head, found, rest = self.head.partition(b"\r\n\r\n")
            length = _LENGTH.search(head)
            if not found:
                self.failure = "" if some else "cut off"
                return not some
            if b" 200 " not in head[:20] or length is None:
                self.failure = (head[:60] + rest[:200]).decode(errors="replace")
                return True
            self.left, size = int(length[1]), len(rest)
        else:
            size = self.socket.recv_into(buffer)
            if not size:
                self.failure = f"cut off with {self.left} bytes to come"
                return True
        self.left -= size
        self.read += size
        return self.left == 0


def run(port: int, path: str, connections: int) -> dict[str, Any]:
    buffer = memoryview(bytearray(_BUFFER))
    began = time.perf_counter()
    made = [Download(port, path) for _ in range(connections)]
    with selectors.DefaultSelector() as waiting:
        for one in made:
            waiting.register(one.socket, selectors.EVENT_READ, one)
        while waiting.get_map():
            for key, _ in waiting.select():
                if key.data.readable(buffer):
                    waiting.unregister(key.fileobj)
                    key.data.socket.close()
    return {
        "bytes": sum(one.read for one in made),
        "seconds": time.perf_counter() - began,
        "failures": sum(bool(one.failure) for one in made),
        "failure": next((one.failure for one in made if one.failure), ""),
    }


if __name__ == "__main__":
    _, port, path, connections = sys.argv
    print(json.dumps(run(int(port), path, int(connections))))
