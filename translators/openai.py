"""The OpenAI API itself, and everything that copies it (https://platform.openai.com/docs/api-reference).

A gateway that speaks OpenAI is a row made of these operations. Chat, completions, embeddings,
moderations, responses, transcriptions and speech pass through; pictures and videos are read.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from translators.core import (
    Call,
    Capability,
    Operation,
    Ordered,
    Params,
    Poll,
    Query,
    Source,
    Translator,
)
from translators.errors import UnsupportedValue
from translators.fields import ABSENT, DROP, MODEL, Convert, Table, take
from translators.files import one_source, reference_param, sources
from translators.looks import chunk_fits, completion_fits
from translators.mending import mend_chunk, mend_completion
from translators.openai_shapes import (
    models,
    poll_video,
    progress_of,
    read_images,
    read_video,
    refuse,
    task_fault,
)
from translators.wrapping import state_of

# What compatible rows and the proxy's chat endpoint build on.
__all__ = [
    "CHAT",
    "COMPLETION",
    "EMBEDDING",
    "IMAGE",
    "IMAGE_EDIT",
    "IMAGE_VARIATION",
    "MODERATION",
    "RESPONSE",
    "ROW",
    "SPEECH",
    "TRANSCRIPTION",
    "TRANSLATION",
    "VIDEO",
    "VIDEO_EDIT",
    "VIDEO_EXTENSION",
    "chunk_fits",
    "completion_fits",
    "mend_chunk",
    "mend_completion",
    "models",
    "progress_of",
    "refuse",
    "state_of",
    "task_fault",
    "upload",
]


def upload(value: Any, call: Call) -> Any:
    """Files for a multipart form: one as itself, several as a list (sent as `name[]`).

    A form takes bytes: what came as a URL is fetched by the proxy.
    """
    param = reference_param(call)
    found = sources(value, param)
    if not found:
        raise UnsupportedValue(param, value, "at least one file or URL")
    return found[0] if len(found) == 1 else found


def _referenced(kind: str) -> Convert:
    """`input_reference` in the form field of its kind: an upload, a URL or a file's id."""

    def convert(value: Any, call: Call) -> Any:
        if isinstance(value, Mapping) and value.get("file_id"):
            return value["file_id"] if kind == "file_id" else ABSENT
        source: Source = _single(value, call)
        if kind == "image_url":
            return source.url or ABSENT
        return source if kind == "upload" and not source.url else ABSENT

    return convert


def _first(value: Any, call: Call) -> Any:
    return sources(value, reference_param(call))[0]


def _attached(value: Any, call: Call) -> Source:
    """A file that is here: what passes through a form is not fetched first."""
    source: Source = _first(value, call)
    if source.data is None:
        raise UnsupportedValue("file", source.url, "an uploaded file, or a base64 data URL")
    return source


def _text(value: Any, call: Call) -> str:
    return str(value)


def _drop(value: Any, call: Call) -> Any:
    return DROP


def _ordered(body: Params) -> Ordered:
    return Ordered(resolution=body.get("size"), seconds=body.get("seconds"))


_single = one_source(_first)
_one_upload = one_source(upload)
_one_attached = one_source(_attached)
_MODEL_ONLY: Table = {"model": MODEL}
_RECORDED: Table = {"model": MODEL, "file": take("file", _one_attached)}
_IMAGE: Table = {
    "model": MODEL,
    "prompt": take("prompt"),
    "partial_images": take("partial_images", _drop),
}
_IMAGE_EDIT: Table = {
    **_IMAGE,
    "image": take("image", upload),
    "mask": take("mask", _one_upload),
}
_VIDEO: Table = {
    "model": MODEL,
    "prompt": take("prompt"),
    "seconds": take("seconds", _text),
    "size": take("size"),
    "input_reference": take("input_reference", _referenced("upload")),
    "input_reference[image_url]": take("input_reference", _referenced("image_url")),
    "input_reference[file_id]": take("input_reference", _referenced("file_id")),
}
_VIDEO_EDIT: Table = {
    "model": MODEL,
    "prompt": take("prompt"),
    "video": take("video", _one_upload),
}

CHAT = Operation("/chat/completions", _MODEL_ONLY, open=True)
COMPLETION = Operation("/completions", _MODEL_ONLY, open=True)
EMBEDDING = Operation("/embeddings", _MODEL_ONLY, open=True)
MODERATION = Operation("/moderations", _MODEL_ONLY, open=True)
RESPONSE = Operation("/responses", _MODEL_ONLY, open=True)
SPEECH = Operation("/audio/speech", _MODEL_ONLY, open=True)
TRANSCRIPTION = Operation("/audio/transcriptions", _RECORDED, open=True, form=True)
TRANSLATION = Operation("/audio/translations", _RECORDED, open=True, form=True)
IMAGE = Operation(
    "/images/generations",
    _IMAGE,
    read_images,
    open=True,
    long=True,
    every=3.0,
    needs=("prompt",),
    # gpt-image models refuse response_format, older ones default to a URL: read whichever comes.
    accepts=("n", "response_format", "stream"),
)
IMAGE_EDIT = replace(
    IMAGE, path="/images/edits", table=_IMAGE_EDIT, form=True, needs=("prompt", "image")
)
IMAGE_VARIATION = replace(
    IMAGE,
    path="/images/variations",
    table={"model": MODEL, "image": take("image", _one_upload)},
    form=True,
    needs=("image",),
)
# A form, not JSON: what the SDKs send and every server with this endpoint takes.
VIDEO = Operation(
    "/videos",
    _VIDEO,
    read_video,
    Poll(("/videos/{id}",), poll_video),
    open=True,
    form=True,
    needs=("prompt",),
    ordered=_ordered,
)
VIDEO_EDIT = replace(VIDEO, path="/videos/edits", table=_VIDEO_EDIT, needs=("prompt", "video"))
VIDEO_EXTENSION = replace(
    VIDEO_EDIT,
    path="/videos/extensions",
    table={**_VIDEO_EDIT, "seconds": take("seconds", _text)},
)

ROW = Translator(
    name="openai",
    page="https://platform.openai.com/docs/api-reference",
    base_url="https://api.openai.com/v1",
    operations={
        Capability.CHAT: {"*": CHAT},
        Capability.COMPLETION: {"*": COMPLETION},
        Capability.EMBEDDING: {"*": EMBEDDING},
        Capability.MODERATION: {"*": MODERATION},
        Capability.RESPONSE: {"*": RESPONSE},
        Capability.SPEECH: {"*": SPEECH},
        Capability.TRANSCRIPTION: {"*": TRANSCRIPTION},
        Capability.TRANSLATION: {"*": TRANSLATION},
        Capability.IMAGE: {"*": IMAGE},
        Capability.IMAGE_EDIT: {"*": IMAGE_EDIT},
        Capability.IMAGE_VARIATION: {"*": IMAGE_VARIATION},
        Capability.VIDEO: {"*": VIDEO},
        Capability.VIDEO_EDIT: {"*": VIDEO_EDIT},
        Capability.VIDEO_EXTENSION: {"*": VIDEO_EXTENSION},
    },
    refuse=refuse,
    queries={"models": Query("/models", models)},
)
