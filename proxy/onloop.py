"""What lives on one event loop and asks for it often."""

import asyncio


class OnLoop:
    """`_loop`: the event loop that it is made on, since asking for it is a system call.

    Not a `cached_property`: that makes every attribute of its object dear to read, by way of a dictionary.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
