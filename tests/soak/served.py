"""`anygate serve`, telling on SIGUSR1 what it holds: `{"tasks": {coroutine: count}}` into $SOAK_TOLD."""

import asyncio
import json
import os
import runpy
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import Any


def tell(*signalled: Any) -> None:
    names = Counter(getattr(t.get_coro(), "__qualname__", "?") for t in asyncio.all_tasks())
    told = Path(os.environ["SOAK_TOLD"])
    fresh = told.with_suffix(".new")
    fresh.write_text(json.dumps({"tasks": names}))
    fresh.replace(told)


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, tell)
    sys.path.insert(0, str(Path(__file__).parents[2]))
    runpy.run_module("proxy", run_name="__main__", alter_sys=True)
