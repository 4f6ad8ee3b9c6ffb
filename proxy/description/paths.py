"""Every path with what it does, takes and answers."""

from collections.abc import Mapping

from proxy.description import errors
from proxy.description.described import (
    JSON,
    PLAIN,
    SOUNDS,
    TEXTS,
    Described,
    answer,
    file,
    job,
    made,
    ordered,
    shown,
)
from proxy.description.schemas import TEXT
from translators.core import Capability

_C = Capability
_SPOKEN = (_C.SPEECH, _C.SOUND, _C.MUSIC)
_PASSED = "answered by an OpenAI-compatible gateway"

PATHS: Mapping[str, Mapping[str, Described]] = {
    "/v1/chat/completions": {
        "post": made(
            "A chat completion.",
            "chat",
            answer("ChatCompletion"),
            _C.CHAT,
            events=("ChatCompletionChunk",),
        )
    },
    "/v1/images/generations": {
        "post": made(
            "Images out of a prompt.", "image", answer("Images"), _C.IMAGE, events=("ImageMade",)
        )
    },
    "/v1/images/edits": {
        "post": made(
            "Images out of images.",
            "image_edit",
            answer("Images"),
            _C.IMAGE_EDIT,
            events=("ImageEdited",),
            form=True,
        )
    },
    "/v1/images/variations": {
        "post": made(
            "Variations of an image.",
            "image_variation",
            answer("Images"),
            _C.IMAGE_VARIATION,
            events=("ImageMade",),
            form=True,
        )
    },
    "/v1/videos": {
        "post": ordered("Order a video.", "video", "Video", _C.VIDEO),
        "get": Described(
            "The videos.",
            answer("VideoList"),
            (*errors.STORED, 400),
            parameters=("limit", "after", "order"),
        ),
    },
    "/v1/videos/edits": {
        "post": ordered("Order the edit of a video.", "video_edit", "Video", _C.VIDEO_EDIT)
    },
    "/v1/videos/extensions": {
        "post": ordered("Order a longer video.", "video_extension", "Video", _C.VIDEO_EXTENSION)
    },
    "/v1/videos/{id}/remix": {
        "post": ordered(
            "Order a video anew.", "remix", "Video", _C.VIDEO, _C.VIDEO_EDIT, parameters=("id",)
        )
    },
    "/v1/videos/{id}": {
        "get": shown("A video as it stands.", "Video"),
        "delete": job("Delete a video.", "VideoDeleted"),
    },
    "/v1/videos/{id}/content": {"get": file("A video's file.", "id", "variant")},
    "/v1/jobs": {
        "get": Described(
            "The jobs of every kind.",
            answer("JobList"),
            (*errors.STORED, 400),
            parameters=("kind", "status", "limit", "after", "order"),
        )
    },
    "/v1/jobs/image": {
        "post": ordered("Order images.", "job_image", "Job", _C.IMAGE, _C.IMAGE_EDIT)
    },
    "/v1/jobs/video": {
        "post": ordered("Order a video.", "job_video", "Job", _C.VIDEO, _C.VIDEO_EDIT)
    },
    "/v1/jobs/speech": {"post": ordered("Order speech.", "job_sound", "Job", *_SPOKEN)},
    "/v1/jobs/sound": {"post": ordered("Order a sound.", "job_sound", "Job", _C.SOUND)},
    "/v1/jobs/music": {"post": ordered("Order music.", "job_sound", "Job", _C.MUSIC)},
    "/v1/jobs/{id}": {
        "get": shown("A job as it stands.", "Job"),
        "delete": job("Delete a job.", "JobDeleted"),
    },
    "/v1/jobs/{id}/content": {"get": file("What a job made.", "id", "index", "variant")},
    "/v1/audio/speech": {
        "post": made(
            "Speech, a sound or music.",
            "speech",
            SOUNDS,
            *_SPOKEN,
            events=("SpeechDelta", "SpeechDone"),
        )
    },
    "/v1/audio/transcriptions": {
        "post": made(
            "The words of a sound.",
            "transcription",
            {**answer("Transcript"), **TEXTS},
            _C.TRANSCRIPTION,
            events=("TranscriptDelta", "TranscriptDone"),
            form=True,
        )
    },
    "/v1/audio/translations": {
        "post": made(
            f"The words of a sound in English, {_PASSED}.",
            "translation",
            {**answer("Transcript"), **TEXTS},
            _C.TRANSLATION,
            form=True,
        )
    },
    "/v1/completions": {
        "post": made(
            f"A completion, {_PASSED}.",
            "completion",
            answer("Completion"),
            _C.COMPLETION,
            events=("CompletionChunk",),
        )
    },
    "/v1/embeddings": {
        "post": made(f"Embeddings, {_PASSED}.", "embedding", answer("Embeddings"), _C.EMBEDDING)
    },
    "/v1/moderations": {
        "post": made(f"A moderation, {_PASSED}.", "moderation", answer("Moderation"), _C.MODERATION)
    },
    "/v1/responses": {
        "post": made(
            f"A response, {_PASSED}.",
            "response",
            answer("Response"),
            _C.RESPONSE,
            events=("ResponseEvent",),
        )
    },
    "/v1/providers": {
        "get": Described("The configured accounts.", answer("ProviderList"), errors.EVERY)
    },
    "/v1/providers/{name}/balance": {
        "get": Described(
            "What is left on an account.",
            answer("Balance"),
            errors.ASKED,
            parameters=("name",),
        )
    },
    "/v1/providers/{name}/prices": {
        "get": Described(
            "The gateway's own list.", answer("PriceList"), errors.ASKED, parameters=("name",)
        )
    },
    "/v1/usage": {
        "get": Described(
            "Requests, tokens and cost.",
            answer("UsageList"),
            (*errors.STORED, 400),
            parameters=("since", "until", "by"),
        )
    },
    "/v1/models": {
        "get": Described("Routes, and `provider/model`.", answer("ModelList"), errors.EVERY)
    },
    "/v1/models/{id}": {
        "get": Described(
            "A route, or a `provider/model`.",
            answer("Model"),
            (*errors.EVERY, 404),
            parameters=("model",),
        )
    },
    "/healthz": {"get": Described("The process is up.", answer("Health"), errors.EVERY, key=None)},
    "/readyz": {"get": Described("The store answers.", answer("Health"), errors.STORED, key=None)},
    "/metrics": {
        "get": Described("Prometheus metrics.", {PLAIN: TEXT}, (*errors.STORED, 401), key="metrics")
    },
    "/openapi.json": {
        "get": Described("This description.", {JSON: {"type": "object"}}, errors.EVERY, key=None)
    },
    "/media/{name}": {
        "get": file(
            "An upload, for the gateway that was given its URL.",
            "name",
            errors=(*errors.EVERY, 404, 410, 416),
            sometimes=(),
            key=None,
        )
    },
    "/callbacks/{id}/{secret}": {
        "post": Described(
            "A gateway says that a task is done; its body is not read.",
            {},
            errors.STORED,
            parameters=("id", "secret"),
            status=204,
            key=None,
        )
    },
}
