"""What onysoft's models take: the page's matrix ("Provider Parameter Mapping Matrix", "Per-Model
Required Parameters", "Sora 2 Parameters", the audio tables), one row a family, first match wins.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from . import checks as c
from .checks import Check, Fields, Refusal

VOICES = (
    "Rachel", "Alice", "Aria", "Charlotte", "Jessica", "Laura", "Lily", "Matilda", "Sarah",
    "Brian", "Bill", "Callum", "Charlie", "Chris", "Daniel", "Eric", "George", "Liam", "Roger", "Will",
)  # fmt: skip
RATIO = c.choice("16:9", "9:16", "1:1")
SHARE = c.number(0, 1)


@dataclass(frozen=True)
class Model:
    """A family: what it makes, what it takes, under which name it takes its picture.

    `native` is the matrix's "Expected Parameter". Unless `exact`, the picture may also come as
    image_url (one) or image_urls (several): "the backend automatically converts".
    """

    kind: str
    fields: Mapping[str, Check] = field(default_factory=dict)
    native: str = ""
    many: bool = False
    needs_picture: bool = True
    exact: bool = False
    prompt: bool = True  # required
    price: float = 0.1

    def check(self, body: Mapping[str, Any]) -> None:
        """Refuse what the family does not take."""
        pictures = self._pictures()
        prompt = c.text(1)
        fields: Fields = {
            "model": c.need(c.text(1)),
            "prompt": c.need(prompt) if self.prompt else prompt,
        }
        c.validate(body, {**fields, **self.fields, **pictures})
        given = [name for name in pictures if name in body]
        if len(given) > 1:
            raise Refusal(400, f"send one of {', '.join(given)}")
        if self.native and self.needs_picture and not any(body[name] for name in given):
            raise Refusal(400, f"missing field '{self.native}': {body['model']} needs an image")

    def pictures(self, body: Mapping[str, Any]) -> Iterable[Any]:
        """Return the values under the names of pictures and other media."""
        return [body.get(name) for name in (*self._pictures(), *MEDIA)]

    def _pictures(self) -> dict[str, Check]:
        if not self.native:
            return {}
        least = 1 if self.needs_picture else 0
        several = c.array(c.url_or_data, least)
        found: dict[str, Check] = {}
        if not self.exact:
            found = {"image_url": c.url_or_data, "image_urls": several}
        return found | {self.native: several if self.many else c.url_or_data}


MEDIA = ("mask_url", "last_frame_url", "audio_url", "videoUrl")


def _resolution(*allowed: str) -> dict[str, Check]:
    return {"resolution": c.choice(*allowed)}


NEGATIVE: dict[str, Check] = {"negative_prompt": c.text()}
SHAPE: dict[str, Check] = {"aspect_ratio": RATIO, **NEGATIVE}
VIDEO = {**SHAPE, **_resolution("720p", "1080p"), "duration": c.choice(5, 6, 8, 10)}
HAILUO = {**VIDEO, "duration": c.choice(6, 10)}
GROK_VIDEO = {**VIDEO, "mode": c.text(1)}
VEO = {**VIDEO, "generationType": c.choice("REFERENCE_2_VIDEO")}
BY_TIER = {**SHAPE, **_resolution("1K", "2K", "4K")}
FLUX = {**SHAPE, **_resolution("1K", "2K")}
OPENAI_LIKE: dict[
    str, Check
] = {  # "quality, n, response_format, size, resolution, aspect_ratio, background"
    **BY_TIER,
    "quality": c.choice("high", "standard", "low"),
    "n": c.integer(1, 10),
    "response_format": c.choice("url", "b64_json"),
    "size": c.matching(r"auto|\d+x\d+", "1024x1024"),
    "background": c.choice("transparent", "opaque", "auto"),
}
SEEDREAM: dict[str, Check] = {**OPENAI_LIKE, **_resolution("2K")}
GPT_IMAGE_2: dict[str, Check] = {
    **OPENAI_LIKE,
    "aspect_ratio": c.need(RATIO),
    "resolution": c.need(BY_TIER["resolution"]),
}
BANANA = {**SHAPE, "output_format": c.choice("png", "jpg"), "image_size": c.text(1)}
SORA = {
    **NEGATIVE,
    "aspect_ratio": c.choice("landscape", "portrait"),
    "n_frames": c.choice("10", "15"),
    "remove_watermark": c.boolean,
    "character_id_list": c.array(c.text(1)),
}
SORA_PRO = {**SORA, "size": c.choice("standard", "high")}
TTS = {"voice": c.anything, "stability": SHARE, "similarity_boost": SHARE, "style": SHARE}
EFFECT = {"duration_seconds": c.number(1, 22), "prompt_influence": SHARE}
AUDIO_URL: dict[str, Check] = {"audio_url": c.need(c.url)}
SONG: dict[str, Check] = {  # the page has no table for these
    **dict.fromkeys(("title", "style", "tags", "task_id", "audio_id"), c.text(1)),
    "audio_url": c.url,
    "audio_urls": c.array(c.url, 1),
    "instrumental": c.boolean,
    **NEGATIVE,
}

TABLE: tuple[tuple[str, Model], ...] = (
    ("seedream/*-edit", Model("image", SEEDREAM, "image_urls", many=True)),
    ("seedream/*", Model("image", SEEDREAM)),
    ("flux-2/*-image-to-image", Model("image", FLUX, "input_urls", many=True)),
    ("flux-2/*", Model("image", FLUX)),
    ("gpt-image-2-image-to-image", Model("image", GPT_IMAGE_2, "input_urls", many=True)),
    ("gpt-image-2-text-to-image", Model("image", OPENAI_LIKE)),
    ("gpt-image/*-text-to-image", Model("image", OPENAI_LIKE)),
    ("gpt-image/*", Model("image", OPENAI_LIKE, "input_urls", many=True)),
    ("google/nano-banana-edit", Model("image", BANANA, "image_urls", many=True)),
    ("google/nano-banana", Model("image", BANANA)),
    *(
        (
            f"google/nano-banana-{name}",
            Model("image", BY_TIER, "image_input", many=True, needs_picture=False),
        )
        for name in ("2", "pro", "2-pro")
    ),
    ("ideogram/v3-text-to-image", Model("image", SHAPE)),
    ("ideogram/v3-edit", Model("image", {**SHAPE, "mask_url": c.url_or_data}, "image_url")),
    ("ideogram/v3-remix", Model("image", {**SHAPE, "mask_url": c.url_or_data}, "image_url")),
    ("ideogram/character*", Model("image", SHAPE, "reference_image_urls", many=True)),
    ("google/imagen4*", Model("image", SHAPE)),
    ("grok-imagine/text-to-image", Model("image", SHAPE)),
    (
        "grok-imagine/image-to-image",
        Model("image", {**SHAPE, "nsfw_checker": c.boolean}, "image_urls", many=True),
    ),
    ("grok-imagine/image-to-video", Model("video", GROK_VIDEO, "image_urls", many=True)),
    ("grok-imagine/text-to-video", Model("video", GROK_VIDEO)),
    ("kling-*/image-to-video", Model("video", VIDEO, "image_url")),
    ("kling/v2-5-*image-to-video*", Model("video", VIDEO, "image_url")),
    ("kling-*/text-to-video", Model("video", VIDEO)),
    ("kling/v2-5-*text-to-video*", Model("video", VIDEO)),
    ("kling-2.5", Model("video", VIDEO, "image_url", needs_picture=False)),
    ("hailuo/*-image-to-video*", Model("video", HAILUO, "image_url")),
    ("hailuo/*-text-to-video*", Model("video", HAILUO)),
    # "image_urls: Required for i2v (array)"
    ("sora-2-image-to-video", Model("video", SORA, "image_urls", many=True, exact=True)),
    ("sora-2-pro-image-to-video", Model("video", SORA_PRO, "image_urls", many=True, exact=True)),
    ("sora-2-text-to-video", Model("video", SORA)),
    ("sora-2-pro-text-to-video", Model("video", SORA_PRO)),
    (
        "wan/2-7-image-to-video",
        Model("video", {**VIDEO, "last_frame_url": c.url_or_data}, "first_frame_url"),
    ),
    ("wan/2-7-image-*", Model("image", {**SHAPE, **_resolution("2K", "4K")})),
    ("wan/2-7-image", Model("image", {**SHAPE, **_resolution("2K", "4K")})),
    (
        "wan/2-6-flash-image-to-video",
        Model("video", {**VIDEO, "audio": c.need(c.boolean)}, "image_urls", many=True),
    ),
    ("wan/*-image-to-video*", Model("video", VIDEO, "image_url")),
    ("wan/*-text-to-video*", Model("video", VIDEO)),
    (
        "runway_aleph",
        Model("video", {**VIDEO, "videoUrl": c.need(c.url)}, "imageUrl", needs_picture=False),
    ),
    ("runway_*", Model("video", VIDEO, "imageUrl", needs_picture=False)),
    ("veo3*", Model("video", VEO, "imageUrls", many=True, needs_picture=False, price=0.6)),
    ("topaz/*", Model("image", {"scale": c.choice(2, 4)}, "image_url", prompt=False)),
    ("elevenlabs/text-to-speech-multilingual-v2", Model("speech", TTS, price=0.06)),
    ("elevenlabs/text-to-speech-turbo-2-5", Model("speech", TTS, price=0.03)),
    ("elevenlabs/v3-text-to-dialogue", Model("speech", TTS, price=0.07)),
    ("elevenlabs/sound-effect-v2", Model("sound", EFFECT, price=0.001)),
    ("elevenlabs/audio-isolation", Model("sound", AUDIO_URL, prompt=False, price=0.001)),
    ("elevenlabs/speech-to-text", Model("text", AUDIO_URL, prompt=False, price=0.0175)),
    ("suno-v4", Model("music", SONG)),
    ("ai-music-api/generate", Model("music", SONG)),
    ("ai-music-api/create-music-video", Model("video", SONG, prompt=False)),
    *(
        (f"ai-music-api/{name}", Model("music", SONG, prompt=False))
        for name in (
            "extend",
            "mashup",
            "sounds",
            "upload-and-cover-audio",
            "separate-vocals",
            "add-instrumental",
            "convert-to-wav-format",
        )
    ),
    ("suno-add-vocals", Model("music", SONG, prompt=False)),
    ("suno-extend-music", Model("music", SONG, prompt=False)),
    ("suno-generate-lyrics", Model("text", SONG)),
)


def lookup(name: Any) -> Model:
    """Return a model's family, or refuse the name."""
    for pattern, model in TABLE:
        if isinstance(name, str) and fnmatchcase(name, pattern):
            return model
    raise Refusal(404, f"model {name!r:.100} not found", "model_not_found")
