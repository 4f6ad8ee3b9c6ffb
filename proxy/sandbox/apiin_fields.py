"""What apiin.one's routes take, by its documentation page (Request Body Parameters)."""

from __future__ import annotations

from typing import Any

from . import checks as c
from .chat_fields import FORMAT, STANDARD, TOOL, message
from .checks import Fields, Refusal

IMAGE_MODELS = ("flux-2", "gpt-image-1.5", "ideogram-v3", "ideogram-v4", "imagen-4")
VIDEO_MODELS = ("kling-3", "hailuo-2.3", "wan-2.6", "vidu-q3", "pixverse-5.6")

# The page lists the first seven; "OpenAI-compatible" stands for the sampling parameters, and tools
# need messages of the role tool, which its list of roles leaves out.
CHAT: Fields = {
    **STANDARD,
    "model": c.need(c.text(1)),
    "messages": c.need(c.array(message(("user", "assistant", "system", "developer", "tool")), 1)),
    "stream": c.boolean,
    "include_thoughts": c.boolean,
    "reasoning_effort": c.choice("low", "high"),
    "tools": c.array(TOOL, 1),
    "response_format": FORMAT,
}

IMAGE: Fields = {
    "model": c.need(c.text(1)),
    "prompt": c.need(c.text(3, 5000)),
    "aspect_ratio": c.RATIO,
    "type": c.choice("pro", "flex", "text-to-image", "edit"),
    "resolution": c.text(1),  # "Model-specific, e.g. 1K/2K for Flux 2"
    "quality": c.text(1),  # "Model-specific, e.g. medium/high for GPT Image"
    "input_urls": c.array(c.url),
    "negative_prompt": c.text(),
    "seed": c.number(),
    "callback_url": c.url,
}
VIDEO: Fields = {
    "model": c.need(c.text(1)),
    "prompt": c.need(c.text(1, 2500)),
    "image": c.url,
    "mode": c.choice("std", "pro"),
    "duration": c.either(c.number(1, 60), c.matching(r"\d{1,2}", '5 or "5"')),  # number | string
    "aspect_ratio": c.choice("1:1", "9:16", "16:9"),
    "resolution": c.text(1),  # "Model-specific, e.g. 480p, 720p, 1080p"
    "sound": c.boolean,
    "generateAudio": c.boolean,
    "generate_audio_switch": c.boolean,
    "callback_url": c.url,
}
MUSIC: Fields = {
    "model": c.need(c.text(1)),
    "prompt": c.text(1),
    "gpt_description_prompt": c.text(1, 400),
    "style": c.text(0, 1000),
    "title": c.text(0, 80),
    "make_instrumental": c.boolean,
    "callback_url": c.url,
}
SPEECH: Fields = {
    "model": c.need(c.text(1)),
    "dialogue": c.need(c.array(c.record({"text": c.need(c.text(1)), "voice": c.text(1)}), 1)),
    "stability": c.number(0, 1),
    "language_code": c.matching(r"auto|[a-z]{2,3}(-[A-Za-z]{2,4})?", "auto or en"),
    "callback_url": c.url,
}
PICTURE: Fields = {"image": c.need(c.url), "callback_url": c.url}
TOOLS: dict[str, Fields] = {
    "/images/tools/remove-bg": PICTURE,
    "/images/tools/face-swap": {
        "image": c.need(c.url),
        "face_image": c.need(c.url),
        "target_index": c.integer(0, 10),
        "output_format": c.choice("jpeg", "png", "webp"),
        "callback_url": c.url,
    },
    # The bodies of the two upscale routes are not on the page.
    "/images/tools/upscale": PICTURE,
    "/videos/tools/bg-remover": {
        "video": c.need(c.url),
        "background_image": c.url,
        "callback_url": c.url,
    },
    "/videos/tools/upscale": {"video": c.need(c.url), "callback_url": c.url},
}

# The bodies of Suno's further routes are not on the page either: these are seen in its clients.
EXTEND: Fields = {
    "model": c.text(1),
    "origin_task_id": c.need(c.text(1)),
    "extend_audio_index": c.choice(0, 1),
    "custom_mode": c.boolean,
    "prompt": c.text(),
    "style": c.text(0, 1000),
    "title": c.text(0, 80),
    "extensionStartTime": c.number(0),
    "tags": c.text(),
    "callback_url": c.url,
}
COVER: Fields = {"model": c.text(1), "task_id": c.need(c.text(1)), "callback_url": c.url}
UPLOAD_COVER: Fields = {
    "model": c.text(1),
    "audio_id": c.need(c.text(1)),
    "custom_mode": c.boolean,
    "prompt": c.text(),
    "style": c.text(0, 1000),
    "title": c.text(0, 80),
    "callback_url": c.url,
}
LYRICS: Fields = {
    "model": c.text(1),
    "task_id": c.need(c.text(1)),
    "audio_id": c.need(c.text(1)),
}

OF_MODEL = {  # "Model-specific": fields that one model has, by the words in brackets
    "sound": "kling-3",
    "generateAudio": "seedance",
    "generate_audio_switch": "pixverse-5.6",
}


def check_image(body: dict[str, Any]) -> None:
    """Refuse what POST /images/generations does not take."""
    c.validate(body, IMAGE)
    c.only(body["model"], IMAGE_MODELS, "model")
    _of_model(body)
    if body["model"] == "flux-2" and body.get("type", "pro") not in ("pro", "flex"):
        raise Refusal(400, "'type' of flux-2 is pro or flex")
    if body["model"] == "flux-2" and body.get("resolution", "1K") not in ("1K", "2K"):
        raise Refusal(400, "'resolution' of flux-2 is 1K or 2K")


def check_video(body: dict[str, Any], *, strict_types: bool) -> None:
    """Refuse what POST /videos/generations does not take."""
    c.validate(body, VIDEO)
    model = c.only(body["model"], VIDEO_MODELS, "model")
    _of_model(body)
    seconds = body.get("duration", 5)
    if model == "kling-3" and not 3 <= float(seconds) <= 15:
        raise Refusal(400, "'duration' of kling-3 is 3 to 15")
    if strict_types and "duration" in body and isinstance(seconds, str) != (model == "hailuo-2.3"):
        raise Refusal(400, f"'duration' of {model} has the wrong type")


def check_music(body: dict[str, Any]) -> None:
    """Refuse what POST /audio/music does not take."""
    c.validate(body, MUSIC)
    model = c.only(body["model"], ("suno", "minimax-music"), "model")
    # "suno (defaults to chirp-v3-5)"; "max 3000 chars for Suno v3.5/v4, 5000 for v4.5+"
    c.validate(
        {"prompt": body.get("prompt", "")}, {"prompt": c.text(0, 3000 if model == "suno" else 5000)}
    )
    suno = {"gpt_description_prompt", "style", "title", "make_instrumental"}
    if model != "suno" and (found := suno & body.keys()):
        raise Refusal(400, f"{', '.join(sorted(found))}: only for suno")
    if "prompt" not in body and "gpt_description_prompt" not in body:
        raise Refusal(400, "missing field 'prompt' or 'gpt_description_prompt'")


def check_speech(body: dict[str, Any]) -> None:
    """Refuse what POST /audio/speech does not take."""
    c.validate(body, SPEECH)
    c.only(body["model"], ("elevenlabs-v3",), "model")


def _of_model(body: dict[str, Any]) -> None:
    for name, model in OF_MODEL.items():
        if name in body and body["model"] != model:
            raise Refusal(400, f"'{name}' is only for {model}")
