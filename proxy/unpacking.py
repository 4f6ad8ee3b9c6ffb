"""What a server compressed unasked, unpacked as it comes, in pieces of a bounded size."""

import zlib
from collections.abc import Iterator
from typing import Any, Final

_PIECE: Final = 1 << 20  # bytes that are made at a time: a kilobyte may hold a megabyte, or more
_GZIP: Final = 31  # window bits
_ZLIB: Final = 15
_RAW: Final = -15
COMPRESSED: Final = {"gzip": _GZIP, "x-gzip": _GZIP, "deflate": _ZLIB}
_MEMBER: Final = b"\x1f"  # how each member of a gzip file begins: RFC 1952, 2.3.1


class Unpacker:
    """The pieces of a body whose encoding is one of COMPRESSED; `whole`: it may end here."""

    def __init__(self, encoding: str) -> None:
        self._bits: int = COMPRESSED[encoding]
        self._decoder: Any = None
        self._begin = b""
        self._over = False  # what comes now stands behind the end

    @property
    def whole(self) -> bool:
        """An empty body is one, however it is called."""
        return not self._begin if self._decoder is None else self._decoder.eof

    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        """What comes out of the next bytes; raises zlib.error."""
        if self._decoder is None:
            chunk = self._begun(self._begin + chunk)
        while chunk and not self._over:
            if self._decoder.eof:
                self._over = self._bits != _GZIP or not chunk.startswith(_MEMBER)
                self._decoder = self._decoder if self._over else zlib.decompressobj(_GZIP)
            else:
                yield from self._made(chunk)
                chunk = self._decoder.unused_data

    def _begun(self, begin: bytes) -> bytes:
        """What is left to be unpacked, once there is enough to know how."""
        if self._bits == _ZLIB:
            if len(begin) < 2:
                self._begin = begin
                return b""
            if begin[0] & 15 != 8 or int.from_bytes(begin[:2]) % 31:
                # "deflate" is zlib's format, but servers send bare DEFLATE all the same: RFC 9110, 8.4.1.2.
                self._bits = _RAW
        self._begin = b""
        self._decoder = zlib.decompressobj(self._bits)
        return begin

    def _made(self, chunk: bytes) -> Iterator[bytes]:
        decoder, more = self._decoder, True
        while more and not decoder.eof:
            piece = decoder.decompress(chunk, _PIECE)
            if piece:
                yield piece
            chunk = decoder.unconsumed_tail
            more = bool(chunk) or len(piece) == _PIECE
