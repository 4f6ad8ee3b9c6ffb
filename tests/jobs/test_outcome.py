"""What a gateway's links are in full."""

import pytest

from proxy.jobs.outcome import rooted


@pytest.mark.parametrize("base", ["https://gate.example:8443", "https://gate.example:8443/api/v1"])
@pytest.mark.parametrize(
    ("link", "full"),
    [
        ("/files/a.mp4", "https://gate.example:8443/files/a.mp4"),
        ("/api/v1/files/a.mp4?b=/c", "https://gate.example:8443/api/v1/files/a.mp4?b=/c"),
        ("//cdn.example/a.mp4", "https://cdn.example/a.mp4"),
        ("//[cdn/a.mp4", "https://[cdn/a.mp4"),  # refused where it is fetched
    ],
)
def test_a_link_without_a_host_is_the_gateways_own(base: str, link: str, full: str) -> None:
    assert rooted(base, link) == full
