"""The configuration in force, for what outlives one."""

import logging

from proxy.jobs.pauses import longest_pause
from proxy.runtime import Runtime
from proxy.store.base import StoreUnavailable

log = logging.getLogger("anygate.jobs")


class InForce:
    """What a job engine works by, until the configuration is another one.

    `lease`: seconds that a submit or a poll may go without its worker's sign of life. `job_timeout`,
    `poll_min`, `keep` and `models` are the configuration's, for what asks for them with every job.
    """

    def __init__(self, runtime: Runtime) -> None:
        self.use(runtime)
        self.renewing()

    def renewing(self) -> None:
        """The signs of life are given now. Only then does another lease hold: whoever gives them has slept for a
        quarter of the one before, within which a shorter one would have run out."""
        self.lease = self.config.jobs.lease

    @property
    def longest(self) -> float:
        """Seconds that a task waits for a poll at most. The clocks of workers may differ by a part of a lease."""
        return longest_pause(self.config) + self.lease

    def use(self, runtime: Runtime) -> None:
        """The configuration that is in force from now on."""
        self.config = config = runtime.config
        self.job_timeout = runtime.job_timeout
        self.poll_min = config.jobs.poll_min
        self.keep = config.media.keep
        self.models = runtime.models
        self.accounts = runtime.accounts
        self.driver = runtime.driver
        self.redactor = runtime.redactor

    def report(self, exc: BaseException, doing: str) -> None:
        """Our own fault, in the log alone."""
        log.error("%s failed: %s", doing, self.redactor.text(repr(exc)), exc_info=exc)

    def away(self, exc: StoreUnavailable) -> None:
        """The store is not there, which passes."""
        log.warning("the store is unavailable: %s", self.redactor.text(str(exc)))
