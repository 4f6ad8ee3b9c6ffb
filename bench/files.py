"""The gateway of large results: `python -m bench.files PORT`.

Onysoft's native answers for tasks that are done with their first poll, whose result is `/file/BYTES.mp4`
(or png) here, sent by the kernel from memory: a gigabyte costs it next to nothing. How many bytes is
what the prompt says: "67108864 bytes". A thread a connection.
"""

import os
import re
import socket
import sys
import threading

from bench.upstream import answer

_BLOCK = 16 << 20
_STARTS = {
    b"mp4": (b"video/mp4", b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom"),
    b"png": (b"image/png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
}
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\ncontent-length: %d\r\naccept-ranges: none\r\n\r\n"
_TAKEN = b'{"success":true,"data":{"task_id":"%s_%s","status":"pending"}}'
_DONE = (
    b'{"success":true,"data":{"task_id":"%s","status":"completed",'
    b'"%s":"http://127.0.0.1:%d/file/%s.%s"}}'
)


class Files:
    def __init__(self, port: int) -> None:
        self.port = port
        self.blocks: dict[bytes, int] = {}
        for name, (_, start) in _STARTS.items():
            self.blocks[name] = os.memfd_create(name.decode())
            os.write(self.blocks[name], start.ljust(_BLOCK, b"\0"))

    def serve(self) -> None:
        with socket.create_server(("127.0.0.1", self.port), backlog=256) as listener:
            while True:
                connection, _ = listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self.talk, args=(connection,), daemon=True).start()

    def talk(self, connection: socket.socket) -> None:
        try:
            with connection, connection.makefile("rb") as reader:
                while line := reader.readline():
                    length = 0
                    while (header := reader.readline()) not in (b"\r\n", b""):
                        name, _, value = header.partition(b":")
                        length = int(value) if name.lower() == b"content-length" else length
                    self.answer(connection, line.split()[1], reader.read(length))
        except (ConnectionError, TimeoutError):
            return

    def answer(self, connection: socket.socket, path: bytes, body: bytes) -> None:
        if found := re.fullmatch(rb"/file/(\d+)\.(\w+)", path):
            self.send(connection, int(found[1]), found[2])
        elif path.endswith(b"/generate"):
            wanted = re.search(rb"(\d+) bytes", body)
            kind = b"mp4" if path.startswith(b"/video") else b"png"
            taken = _TAKEN % (kind, wanted[1] if wanted else b"1000")
            connection.sendall(answer(taken, b"202 Accepted"))
        else:
            task = path.rpartition(b"/")[2]
            kind, _, size = task.partition(b"_")
            field = b"video_url" if kind == b"mp4" else b"image_url"
            connection.sendall(answer(_DONE % (task, field, self.port, size, kind)))

    def send(self, connection: socket.socket, size: int, kind: bytes) -> None:
        connection.sendall(_HEAD % (_STARTS[kind][0], size))
        left = size
        while left:
            offset = (size - left) % _BLOCK
            left -= os.sendfile(
                connection.fileno(), self.blocks[kind], offset, min(left, _BLOCK - offset)
            )


if __name__ == "__main__":
    Files(int(sys.argv[1])).serve()
