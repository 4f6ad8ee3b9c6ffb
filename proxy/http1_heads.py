"""Heads of answers that are not written as they should be, and mean one thing all the same."""

import re
from collections.abc import Iterable
from typing import Any, Final

from httptools import HttpParserError, HttpResponseParser

_END: Final = re.compile(rb"\r?\n\r?\n")
_LINE: Final = re.compile(rb"\r?\n")
# What stands before it stays: looked for from each of 60,000 spaces in turn, it took a minute.
_FOLD: Final = re.compile(rb"\r?\n[ \t]+")
_INTERIM: Final = re.compile(rb"HTTP/1\.\d 1")
_STATUS: Final = b"HTTP/"  # how every one begins
_LENGTH, _CODING, _NONE = b"content-length", b"transfer-encoding", b"identity"


class Forgiving:
    """A parser of answers that takes heads as RFC 9112 lets a client take them, where httptools does not.

    Lines that end in LF alone (2.2), folded lines (5.2), a Content-Length that is said twice, and one beside a
    Transfer-Encoding (6.3); and the coding "identity", which is none (RFC 2616, 3.6). Two readers may see two ends
    in such an answer: its connection is not used again.
    """

    def __init__(self, protocol: Any) -> None:
        self._parser = HttpResponseParser(protocol)
        self._begun = b""
        self._through = False

    def feed_data(self, data: bytes) -> None:
        """Raises HttpParserError, also where a head says two things."""
        if self._through:
            self._parser.feed_data(data)
            return
        at = max(0, len(self._begun) - 3)  # what is before it has been looked at
        self._begun += data
        if not self._begun.startswith(_STATUS[: len(self._begun)]):
            raise HttpParserError("it does not begin with a status")
        while (end := _END.search(self._begun, at)) is not None:
            head, self._begun, at = self._begun[: end.start()], self._begun[end.end() :], 0
            self._parser.feed_data(mended(head))
            if not _INTERIM.match(head):
                self._through = True
                self._parser.feed_data(self._begun)
                break

    def get_status_code(self) -> int:
        return self._parser.get_status_code()

    def should_keep_alive(self) -> bool:
        return False


def mended(head: bytes) -> bytes:
    """A head, without the empty line behind it, as it should have been written, with that line."""
    status, *lines = _LINE.split(_FOLD.sub(b" ", head))
    return b"\r\n".join([status, *_said_once(lines), b"", b""])


def _said_once(lines: Iterable[bytes]) -> Iterable[bytes]:
    """Without any Content-Length but one, and without that where chunks say where the body ends."""
    lengths: set[bytes] = set()
    chunked = False
    for line in lines:
        name, _, value = line.partition(b":")
        if name.lower() == _CODING:
            if value.strip(b" \t").lower() == _NONE:
                continue
            chunked = True
        if name.lower() == _LENGTH:
            lengths.update(one.strip(b" \t") for one in value.split(b","))
        else:
            yield line
    if not chunked:  # several lengths that differ are left for httptools to refuse
        yield from (b"content-length: " + one for one in lengths)
