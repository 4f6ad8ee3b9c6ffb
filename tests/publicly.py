"""The proxy at an address that gateways can reach, for inputs that they fetch and for their callbacks."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.harness import Proxy, merged, proxy_in_thread, write


@contextlib.contextmanager
def public_proxy(folder: Path, config: Mapping[str, Any], key: str = "no-key") -> Iterator[Proxy]:
    """As `proxy_in_thread`, its own address as `public_url`: known, and put in force, once it listens."""
    with proxy_in_thread(folder, config, key) as running:
        write(folder, merged(config, {"server": {"public_url": running.url}}))
        assert running.service is not None
        running.service.reload()
        yield running
