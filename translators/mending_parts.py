"""The parts of a chat answer, completed: tool calls, texts, log probabilities, finish reasons, usage."""

from collections.abc import Mapping
from typing import Any

import orjson

from translators.core import JSON
from translators.files import links_in
from translators.looks import FINISH

# Other APIs' words for why an answer ended: Gemini's, Anthropic's, Cohere's, TGI's, DeepSeek's. What was
# broken off by an error reads as "length": the client must see that the answer is not whole.
_FINISH_WORDS = {
    **dict.fromkeys(("max_tokens", "max_output_tokens", "model_length", "length_limit"), "length"),
    **dict.fromkeys(
        ("max_length", "incomplete", "error", "error_limit", "network_error"), "length"
    ),
    **dict.fromkeys(("insufficient_system_resource", "abort", "aborted", "cancelled"), "length"),
    **dict.fromkeys(("tool_use", "tool_call", "toolcalls"), "tool_calls"),
    **dict.fromkeys(("safety", "recitation", "blocklist", "prohibited_content"), "content_filter"),
    **dict.fromkeys(("spii", "refusal", "sensitive", "content_filtered"), "content_filter"),
}


def tool_call(call: Mapping[str, Any], id: str) -> JSON:
    made = {**call, "id": str(call.get("id") or id)}
    if call.get("type") == "custom" and isinstance(call.get("custom"), Mapping):
        return made
    return {**made, "type": "function", "function": function_call(call.get("function"))}


def call_chunk(place: int, call: Mapping[str, Any]) -> JSON:
    # What else it holds stays: Gemini's thought signatures travel here and must come back.
    made = {name: value for name, value in call.items() if value is not None and name != "function"}
    made["index"] = index_of(call, place)
    if "id" in made:
        made["id"] = str(made["id"])
    if "type" in made:
        made["type"] = "function"
    if isinstance(function := call.get("function"), Mapping):
        made["function"] = function_chunk(function)
    return made


def function_call(value: Any) -> JSON:
    function = value if isinstance(value, Mapping) else {}
    arguments = function.get("arguments")
    return {
        **function,
        "name": str(function.get("name") or ""),
        "arguments": "{}" if arguments is None else _arguments(arguments),
    }


def function_chunk(function: Mapping[str, Any]) -> JSON:
    made = {name: value for name, value in function.items() if value is not None}
    if "name" in made:
        made["name"] = str(made["name"])
    if "arguments" in made:
        made["arguments"] = _arguments(made["arguments"])
    return made


def _arguments(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def text_of(content: Any) -> str | None:
    """A message's content as one string; parts are joined, null stays null."""
    if content is None or isinstance(content, str):
        return content
    if isinstance(content, list):
        texts = [one.get("text") for one in content if isinstance(one, Mapping)]
        return "".join(text for text in texts if isinstance(text, str))
    return str(content)


def beyond_text(content: Any) -> list[JSON]:
    """The pictures, clips and sounds among the parts of a message's content.

    OpenAI's answers have words alone in `content`: what else a model has made belongs under `images`,
    each picture as `{"type": "image_url", "image_url": {"url": …}}`.
    """
    parts = content if isinstance(content, list) else ()
    wordless = (
        one for one in parts if isinstance(one, Mapping) and not isinstance(one.get("text"), str)
    )
    return [made for one in wordless for made in _made_of(one)]


def _made_of(part: Mapping[str, Any]) -> list[JSON]:
    kind, links = str(part.get("type")), links_in(part)
    if links:
        drawn = "image" in kind or "image_url" in part
        return [_picture(link) for link in links] if drawn else [dict(part)]
    # Bytes within an object, as Gemini's and Anthropic's own interfaces have them.
    for value in part.values():
        if isinstance(value, Mapping) and isinstance(data := value.get("data"), str) and data:
            if kind == "input_audio":
                return [dict(part)]
            types = (value.get(name) for name in ("mime_type", "mimeType", "media_type"))
            mime = next((one for one in types if isinstance(one, str)), "image/png")
            return [_picture(f"data:{mime};base64,{data}")]
    return []


def _picture(url: str) -> JSON:
    return {"type": "image_url", "image_url": {"url": url}}


def index_of(holder: Mapping[str, Any], place: int) -> int:
    index = holder.get("index")
    return index if isinstance(index, int) and not isinstance(index, bool) else place


def logprobs(choice: Mapping[str, Any]) -> JSON | None:
    value = choice.get("logprobs")
    if not isinstance(value, Mapping) or not isinstance(value.get("content"), list):
        return None
    refusal = value.get("refusal")
    return {
        "content": _tokens(value["content"]),
        "refusal": _tokens(refusal) if isinstance(refusal, list) else None,
    }


def _tokens(tokens: list[Any]) -> list[JSON]:
    return [
        {**_token(one), "top_logprobs": [_token(other) for other in _tops(one)]}
        for one in tokens
        if isinstance(one, Mapping)
    ]


def _tops(token: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    tops = token.get("top_logprobs")
    return [one for one in tops if isinstance(one, Mapping)] if isinstance(tops, list) else []


def _token(token: Mapping[str, Any]) -> JSON:
    known = token.get("bytes")
    return {
        "token": str(token.get("token") or ""),
        "logprob": token.get("logprob") or 0.0,
        "bytes": known if isinstance(known, list) else None,
    }


def finish_reason(reason: Any) -> str | None:
    """A finish reason in OpenAI's words; `None` where the answer gives none (yet)."""
    if not isinstance(reason, str) or not reason or reason in ("null", "FINISH_REASON_UNSPECIFIED"):
        return None
    word = reason.lower()
    return word if word in FINISH else _FINISH_WORDS.get(word, "stop")


def usage_of(usage: Mapping[str, Any]) -> JSON:
    made: JSON = {}
    for name, value in usage.items():
        if isinstance(value, Mapping):
            made[name] = {key: one for key, one in value.items() if type(one) is int}
        elif value is not None and not name.endswith("_details"):
            made[name] = value
    prompt = _count(usage, "prompt_tokens", "input_tokens")
    answer = _count(usage, "completion_tokens", "output_tokens")
    total = _count(usage, "total_tokens") or prompt + answer
    return {**made, "prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": total}


def _count(usage: Mapping[str, Any], *names: str) -> int:
    for name in names:
        value = usage.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return int(value)
    return 0
