"""How long a task rests between two polls."""

import random
import time

from proxy.config import Config
from proxy.store.base import Entry, Job

LONGEST = 60.0  # seconds that a gateway may have us wait, or poll_max
_AFTER = 0.01  # seconds after the deadline, as a store may round


def pause(job: Job, entry: Entry, config: Config) -> float:
    """Seconds to the next poll of a task: the last is at its deadline."""
    now = time.time()
    usual = pause_at(max(0.0, now - (entry.submitted_at or now)), config)
    left = job.deadline - now
    return left + _AFTER if 0 < left < usual else usual


def pause_at(age: float, config: Config) -> float:
    """Seconds to the next poll of a task of this age: a quarter of it, within poll_min and poll_max.

    A tenth of chance keeps tasks that were submitted together from being asked after together.
    """
    usual = min(max(age / 4, config.jobs.poll_min), config.jobs.poll_max)
    return usual * random.uniform(0.9, 1.1)


def longest_pause(config: Config) -> float:
    """Seconds to the next poll of a task at most, whatever its gateway asks for."""
    return max(config.jobs.poll_max * 1.1, LONGEST)
