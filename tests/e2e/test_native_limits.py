"""The limits that the gateways' pages name: the last value that is taken, and the next, which bothers nobody."""

from typing import Any

import pytest

from proxy.sandbox import Sandbox
from tests.harness import Proxy
from tests.wire import posted, refused

IMAGE, CLIP, MUSIC = "/v1/images/generations", "/v1/videos", "/v1/jobs/music"
SPEECH, SOUND = "/v1/jobs/speech", "/v1/jobs/sound"
TTS = "onysoft/elevenlabs/text-to-speech-multilingual-v2"
SFX = "onysoft/elevenlabs/sound-effect-v2"
DIALOGUE, VOICE = "apiin-one/elevenlabs-v3", "ai-gate-one/voice"

# Endpoint, target, parameter, the last value that is taken, the first that is not.
EDGES: list[tuple[str, str, str, Any, Any]] = [
    (IMAGE, "apiin-one/flux-2", "prompt", "x" * 3, "x" * 2),
    (IMAGE, "apiin-one/flux-2", "prompt", "x" * 5000, "x" * 5001),
    (CLIP, "apiin-one/kling-3", "prompt", "x" * 2500, "x" * 2501),
    (CLIP, "apiin-one/kling-3", "seconds", "15", "16"),
    (CLIP, "apiin-one/kling-3", "duration", 3, 2),
    (CLIP, "apiin-one/kling-3", "duration", 15, 16),
    (CLIP, "apiin-one/kling-3", "mode", "pro", "max"),
    (CLIP, "apiin-one/hailuo-2.3", "seconds", "10", "11"),
    (CLIP, "apiin-one/vidu-q3", "size", "1920x1080", "3840x2160"),
    (MUSIC, "apiin-one/suno", "gpt_description_prompt", "x" * 400, "x" * 401),
    (MUSIC, "apiin-one/suno", "style", "x" * 1000, "x" * 1001),
    (MUSIC, "apiin-one/suno", "title", "x" * 80, "x" * 81),
    (MUSIC, "apiin-one/suno", "prompt", "x" * 3000, "x" * 3001),
    (SPEECH, DIALOGUE, "stability", 0, -0.01),
    (SPEECH, DIALOGUE, "stability", 1, 1.01),
    (SPEECH, VOICE, "stability", 1, 1.01),
    (SPEECH, VOICE, "similarity_boost", 0, -0.01),
    (SPEECH, VOICE, "style", 1, 1.01),
    (SPEECH, VOICE, "speed", 0.7, 0.69),
    (SPEECH, VOICE, "speed", 1.2, 1.21),
    (SOUND, "ai-gate-one/sound", "durationMs", 500, 499),
    (SPEECH, TTS, "stability", 1, 1.01),
    (SPEECH, TTS, "style", 0, -0.01),
    (SOUND, SFX, "duration_seconds", 1, 0.99),
    (SOUND, SFX, "duration_seconds", 22, 22.01),
    (SOUND, SFX, "prompt_influence", 1, 1.01),
    (CLIP, "onysoft/sora-2", "seconds", "15", "16"),
    (CLIP, "onysoft/sora-2", "n_frames", "15", "20"),
    (CLIP, "onysoft/veo3", "seconds", "10", "11"),
    (CLIP, "onysoft/veo3", "duration", 8, 7),
    (CLIP, "onysoft/veo3", "size", "1920x1080", "2560x1440"),
    (CLIP, "ai-gate-one/Veo3_1Fast", "size", "1280x720", "1920x1080"),
    (CLIP, "ai-gate-one/Veo3_1_Quality", "seconds", "8", "9"),
    (CLIP, "ai-gate-one/Hailuo2_3", "seconds", "10", "10.5"),
    (CLIP, "aigate-shop/klingai/kling-v3.0-t2v", "aspect_ratio", "3:4", "2:1"),
]


@pytest.mark.parametrize("edge", EDGES, ids=lambda edge: f"{edge[1]} {edge[2]}")
def test_limits(public: Proxy, gateways: Sandbox, edge: tuple[str, str, str, Any, Any]) -> None:
    path, model, name, last, beyond = edge
    body = {"model": model, "input" if path == SPEECH else "prompt": "A cat"}
    with public.http() as http:
        posted(http, path, **{**body, name: last})
        assert refused(http, path, **{**body, name: beyond}) == ("unsupported_value", name)
    assert sum(len(one.submits) for one in gateways.doubles.values()) == 1
