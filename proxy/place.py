"""What a limited client's request holds, until its client sees the end of the answer."""

from starlette.types import Message

from proxy.tokens import Taken
from translators.framing import DONE


class Place:
    """What a request holds until the end of its answer goes out: one of its client's places where
    `concurrency` is limited (`counted`), and `tokens` where they are.

    Whoever has seen that end may come again at once, so that both are settled before it.
    """

    __slots__ = ("_left", "client", "counted", "holder", "tokens")

    def __init__(self, client: str, holder: str, *, counted: bool = True) -> None:
        self.client = client
        self.holder = holder
        self.counted = counted
        self.tokens: Taken | None = None
        self._left = -1  # bytes of the body that are to come, negative where nobody knows

    def ends_with(self, message: Message) -> bool:
        """Whether its client sees the end of its answer in this message."""
        if self.tokens is not None:
            self.tokens.see(message)
        if message["type"] != "http.response.body":
            length = dict(message.get("headers", ())).get(b"content-length")
            self._left = -1 if length is None else int(length)
            return False
        body = message.get("body", b"")
        self._left -= len(body)
        return not message.get("more_body") or self._left == 0 or body.endswith(DONE)
