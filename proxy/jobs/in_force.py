"""The configuration in force, for what outlives one."""

import logging

from proxy.jobs.pauses import longest_pause
from proxy.runtime import Runtime
from proxy.store.base import StoreUnavailable

log = logging.getLogger("anygate.jobs")


class InForce:
    """What a job engine works by, until the configuration is another one.

    `lease`: seconds that a submit or a poll may go without its worker's sign of life; `longest`: seconds that a
    task waits for a poll at most.
    """

    def __init__(self, runtime: Runtime) -> None:
        self.use(runtime)

    def use(self, runtime: Runtime) -> None:
        """The configuration that is in force from now on."""
        self.config = runtime.config
        self.accounts = runtime.accounts
        self.driver = runtime.driver
        self.redactor = runtime.redactor
        self.lease = runtime.config.jobs.lease
        # The clocks of workers may differ by a part of a lease.
        self.longest = longest_pause(runtime.config) + self.lease

    def report(self, exc: BaseException, doing: str) -> None:
        """Our own fault, in the log alone."""
        log.error("%s failed: %s", doing, self.redactor.text(repr(exc)), exc_info=exc)

    def away(self, exc: StoreUnavailable) -> None:
        """The store is not there, which passes."""
        log.warning("the store is unavailable: %s", self.redactor.text(str(exc)))
