"""What a worker process says to its allocators before it serves."""

import ctypes
import gc

_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1  # of mallopt(3)
_LARGE = 1 << 20  # bytes


def settle() -> None:
    """Nothing large is left behind, and what is there by now stays.

    glibc moves the bound above which a block is given back to the system as soon as it is freed: after
    one picture of 20 MB the next ones lie between small objects, and each leaves a hole as large as itself.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # else it is another C library
        mallopt(_MMAP_THRESHOLD, _LARGE)
        mallopt(_TRIM_THRESHOLD, 4 * _LARGE)
    # Requests leave no cycle (tests/e2e/test_garbage.py), so that looking for them can wait: each look goes
    # through all that has been made since the last one, most of it by requests that are under way.
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 20, 50)
