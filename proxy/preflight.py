"""What can be known of a configuration before it is served."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from proxy import tracing
from proxy.config import Config, ConfigError
from proxy.redact import Redactor
from proxy.store import open_store
from proxy.store.base import Store, StoreUnavailable


def allowed(path: Path, config: Config, host: str, workers: int) -> None:
    """Raises ConfigError where the configuration may not be served there, or not by so many."""
    bound = config.model_copy(update={"server": config.server.model_copy(update={"host": host})})
    if problems := bound.check_binding(workers):
        raise ConfigError(f"{path}: {problem}" for problem in problems)


def complete(config: Config) -> None:
    """Raises ConfigError where it needs an extra that is not installed, or its store's URL cannot be used."""
    try:
        open_store(config.store)
        if config.server.traces:
            tracing.required()
    except ValueError as exc:
        raise ConfigError([str(exc)]) from exc


def reached(config: Config) -> None:
    """Open the store and close it again; raises StoreUnavailable, in whose words nothing is secret."""
    store = open_store(config.store)
    try:
        with ThreadPoolExecutor(1) as thread:  # there may be an event loop in this one
            thread.submit(lambda: asyncio.run(_opened(store))).result()
    except StoreUnavailable as exc:
        raise StoreUnavailable(Redactor(config.secrets()).text(str(exc))) from None


async def _opened(store: Store) -> None:
    await store.open()
    await store.close()
