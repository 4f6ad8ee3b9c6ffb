"""What lives on one event loop and asks for it often."""

import asyncio
from functools import cached_property


class OnLoop:
    """`_loop`: the event loop, asked for once: each time is a system call."""

    @cached_property
    def _loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()
