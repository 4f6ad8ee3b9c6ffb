"""How hard the fuzzers try: a little in the suite, and the same examples each time; FUZZ times as much,
and new ones each time, by `make fuzz`."""

import os
from typing import Any

import hypothesis

TIMES = int(os.environ.get("FUZZ") or 1)


def examples(few: int, **more: Any) -> hypothesis.settings:
    """Settings for a test marked `fuzz` that makes `few` examples in the suite."""
    return hypothesis.settings(
        max_examples=few * TIMES, derandomize=TIMES == 1, deadline=None, database=None, **more
    )
