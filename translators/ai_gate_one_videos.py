"""What ai-gate.one sells as video: resolution and seconds hang together (page, Video Generation API).

A request gets the smallest resolution at or above its size that is sold with at least its seconds, and
of that the fewest seconds that are enough: never less than was asked for. Sora2 at 720p for 12 seconds
is therefore ordered as 1080p for 15, since 720p goes no further than 10.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from translators.convert import lines, seconds_of, size_of, tier
from translators.core import Call
from translators.errors import UnsupportedValue
from translators.specs import matching, oneof, text

Sold = Mapping[str, Mapping[str, float | None]]

# model → resolution → seconds → USD, literals as the gateway spells them.
PRICES: Mapping[str, Sold] = {
    # 720p stands in the page's example only: sold, at a price that is not listed.
    "Sora2": {"720p": {"10": None}, "1080p": {"10": 0.3, "15": 0.45}},
    "Wan2_6": {"1080p": {"5": 0.6, "10": 1.2}},
    "Kling_2_5_Pro": {"1080p": {"5": 0.38, "10": 0.75}},
    "Kling2_6": {"1080p": {"5": 0.9, "10": 1.8}},
    "Veo3_1Fast": {"720p": {"8": 0.36}},
    "Veo3_1_Quality": {"1088p": {"8": 1.81}},
    "Hailuo2_3": {"768P": {"6": 0.32, "10": 0.53}, "1080P": {"6": 0.45, "10": 0.75}},
}
# OpenAI's defaults, where the request says one of the two only.
_SIZE, _SECONDS = "720x1280", "4"
_DURATION = matching("[0-9]+", 'a string of whole seconds such as "10"')
_plain_tier = tier("480p", "720p", "1080p", "4K")


def resolution(value: Any, call: Call) -> Any:
    """`size` (with `seconds`) → the resolution to order; a model that is not listed gets a plain tier.

    Its own `resolution` and `durationSec` must be among what is sold.
    """
    sold = PRICES.get(call.model)
    if sold is not None:
        return _chosen(sold, call)[0]
    if (native := call.params.get("resolution")) is not None:
        return text(low=1).parse("resolution", native)
    return _plain_tier((call.params.get("size") or _SIZE), call)


def duration(value: Any, call: Call) -> str:
    """`seconds` (with `size`) → the seconds to order, as a string."""
    sold = PRICES.get(call.model)
    if sold is not None:
        return _chosen(sold, call)[1]
    if (native := call.params.get("durationSec")) is not None:
        return str(_DURATION.parse("durationSec", native))
    return f"{seconds_of(call.params.get('seconds') or _SECONDS):g}"


def _chosen(sold: Sold, call: Call) -> tuple[str, str]:
    """Resolution and seconds that go together; raises UnsupportedValue where nothing sold is enough."""
    resolutions = _resolutions(sold, call)
    native = call.params.get("durationSec")
    param = "seconds" if native is None else "durationSec"
    wanted = (call.params.get("seconds") or _SECONDS) if native is None else native
    if native is not None:
        _DURATION.parse(param, native)
    least = seconds_of(wanted, param)
    for one in resolutions:
        for seconds in sorted(sold[one], key=float):
            if float(seconds) >= least if native is None else seconds == native:
                return one, seconds
    allowed = {seconds for one in resolutions for seconds in sold[one]}
    raise UnsupportedValue(param, wanted, _named(sorted(allowed, key=float), resolutions))


def _resolutions(sold: Sold, call: Call) -> list[str]:
    """The resolutions that are enough, the smallest first; the one that the client names natively."""
    if (native := call.params.get("resolution")) is not None:
        return [oneof(*sold).parse("resolution", native)]
    asked = call.params.get("size") or _SIZE
    size = size_of(asked)
    enough = [one for one in sold if size is None or lines(one) >= min(size)]
    if not enough:
        raise UnsupportedValue("size", asked, f"resolutions {', '.join(sold)} of {call.model}")
    return sorted(enough, key=lines)


def _named(seconds: Iterable[str], resolutions: Iterable[str]) -> str:
    return f"{', '.join(seconds)} (at {', '.join(resolutions)})"
