"""A request's body as it comes, within its limit."""

from starlette.requests import ClientDisconnect, Request

from proxy.errors import INVALID, ApiError
from proxy.exchange import given


class Body:
    """Piece by piece, at most `limit` bytes in all. `more`: of it is to come.

    Raises ApiError 413 or ClientDisconnect.
    """

    def __init__(self, request: Request, limit: int) -> None:
        self._request, self._limit, self._length, self.more = request, limit, 0, True
        said = given(request, b"content-length") or ""
        if said.isdecimal() and (len(said) > 18 or int(said) > limit):
            raise _too_large(limit)

    async def piece(self) -> bytes:
        message = await self._request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk: bytes = message.get("body", b"")
        self._length += len(chunk)
        if self._length > self._limit:
            raise _too_large(self._limit)
        self.more = message.get("more_body", False)
        return chunk

    async def whole(self) -> bytes:
        pieces = [await self.piece()]
        while self.more:
            pieces.append(await self.piece())
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _too_large(limit: int) -> ApiError:
    why = f"The request's body is larger than {limit} bytes (server.max_body_mb)."
    return ApiError(413, INVALID, "request_too_large", why)
