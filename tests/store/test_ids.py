"""Ids: they sort by time, and no two processes give the same."""

import subprocess
import sys

from proxy.store.ids import new_id, sort_key

_FORKED = """
import os
from proxy.store.ids import new_id
new_id("job")
if os.fork():
    os.wait()
print(new_id("job", 0.0), flush=True)
"""


def test_ids_sort_by_the_time_whatever_they_are_of() -> None:
    made = [new_id(("video", "image")[n % 2], 1_700_000_000 + n / 1e6) for n in range(1000)]
    assert sorted(made, key=sort_key) == made


def test_no_two_are_the_same() -> None:
    assert len({new_id("job", 0.0) for _ in range(5000)}) == 5000


def test_nor_are_those_of_a_process_that_was_forked() -> None:
    done = subprocess.run([sys.executable, "-c", _FORKED], check=True, capture_output=True)
    assert len(set(done.stdout.split())) == 2
