"""Chat at gateways that know one text in and one text out.

A conversation becomes a transcript, a text becomes a chat completion or its chunks. What such a
gateway cannot do at all (pictures, tools) is refused; `response_format` is asked for in words and
checked afterwards; tokens are estimated, four characters each.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from translators.core import JSON, Call
from translators.errors import (
    InvalidType,
    MalformedReply,
    MissingParameter,
    UnsupportedParameter,
    UnsupportedValue,
)
from translators.schemas import misfit

_ROLES = {"system": "System", "developer": "System", "user": "User", "assistant": "Assistant"}
_FORMATS = ("text", "json_object", "json_schema")
_FENCED = re.compile(r"```[\w-]*[ \t]*\r?\n(.*?)```", re.DOTALL)
_WORDS = re.compile(r"\s*\S+\s*|\s+")
_PIECE = 48  # characters that a chunk of an answer made up afterwards has at most, if words allow


def prompt_text(value: Any, call: Call) -> str:
    """The converter `take("messages", prompt_text)`: also checks what is applied to the answer later."""
    if (stop := call.params.get("stop")) is not None:
        stops(stop)
    return transcript(value, call.params.get("response_format"))


def transcript(messages: Any, response_format: Any = None) -> str:
    """The one text that says what `messages` say.

    A lone user message goes verbatim; several become "System: …", "User: …", "Assistant: …" paragraphs
    that end where the assistant is to speak. Raises UnsupportedParameter for parts that are not
    text, UnsupportedValue for roles that have no place here (tool, function).
    """
    if not isinstance(messages, (list, tuple)):
        raise InvalidType("messages", "array", messages)
    if not messages:
        raise MissingParameter("messages", "'messages' must hold at least one message.")
    wish = "" if response_format is None else _instruction(response_format)
    said = [_said(place, one) for place, one in enumerate(messages)]
    if len(said) == 1 and said[0][0] == "User":
        text = said[0][1]
        return f"{text}\n\n{wish}" if text and wish else text or wish
    if wish:
        said.append(("System", wish))
    spoken = [f"{role}: {text}" for role, text in said]
    return "\n\n".join(spoken if said[-1][0] == "Assistant" else [*spoken, "Assistant:"])


def stops(stop: Any) -> tuple[str, ...]:
    """`stop` as a tuple of non-empty strings."""
    if stop is None:
        return ()
    found = (stop,) if isinstance(stop, str) else stop
    if not isinstance(found, list | tuple) or not all(isinstance(one, str) for one in found):
        raise InvalidType("stop", "string or array of strings", stop)
    return tuple(one for one in found if one)


def cut_at_stop(text: str, stop: Any) -> tuple[str, bool]:
    """The text before the first of the stop sequences, and whether there was one."""
    places = [place for one in stops(stop) if (place := text.find(one)) >= 0]
    return (text[: min(places)], True) if places else (text, False)


def fits(text: str, response_format: Any) -> str:
    """The answer's JSON, out of a Markdown fence where it is in one; other formats leave it as it is.

    Raises MalformedReply where it is no JSON, no object, or breaks the schema.
    """
    kind = _format(response_format)
    if kind == "text":
        return text
    found, value = _json_in(text)
    if kind == "json_object" and not isinstance(value, dict):
        raise MalformedReply(
            "The answer is JSON, but not the object that response_format asks for."
        )
    if kind == "json_schema" and (problem := misfit(value, _schema(response_format))):
        raise MalformedReply(f"The answer does not fit response_format: {problem}.")
    return found


def tokens(characters: int) -> int:
    """An estimate: four characters a token, rounded up. The gateway counts none."""
    return (characters + 3) // 4


def completion(
    texts: Sequence[str],
    *,
    id: str,
    created: int,
    model: str,
    prompt_chars: int,
    finish: str = "stop",
) -> JSON:
    """A `chat.completion` with one choice a text. `created`: Unix seconds. Usage is estimated."""
    return {
        "id": id,
        "object": "chat.completion",
        "created": created,
        "model": model,
        "choices": [
            {
                "index": place,
                "message": {"role": "assistant", "content": text, "refusal": None},
                "logprobs": None,
                "finish_reason": finish,
            }
            for place, text in enumerate(texts)
        ],
        "usage": _usage(texts, prompt_chars),
    }


def chunks(
    texts: Sequence[str],
    *,
    id: str,
    created: int,
    model: str,
    prompt_chars: int,
    include_usage: bool = False,
) -> Iterator[JSON]:
    """The same as `chat.completion.chunk`s: of each text its role, its pieces and its end; usage last.

    With `include_usage` every chunk but the last has `usage: null`, as OpenAI's.
    """
    base: JSON = {"id": id, "object": "chat.completion.chunk", "created": created, "model": model}
    without: JSON = {"usage": None} if include_usage else {}
    for index, text in enumerate(texts):
        for delta, end in _deltas(text):
            choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": end}
            yield {**base, "choices": [choice], **without}
    if include_usage:
        yield {**base, "choices": [], "usage": _usage(texts, prompt_chars)}


def pieces(text: str) -> Iterator[str]:
    """The text in pieces that end at word boundaries; joined they are the text again."""
    held = ""
    for word in _WORDS.findall(text):
        if held and len(held) + len(word) > _PIECE:
            yield held
            held = ""
        held += word
    if held:
        yield held


def _deltas(text: str) -> Iterator[tuple[JSON, str | None]]:
    yield {"role": "assistant", "content": "", "refusal": None}, None
    for piece in pieces(text):
        yield {"content": piece}, None
    yield {}, "stop"


def _usage(texts: Sequence[str], prompt_chars: int) -> JSON:
    prompt, answer = tokens(prompt_chars), sum([tokens(len(text)) for text in texts])
    return {
        "prompt_tokens": prompt,
        "completion_tokens": answer,
        "total_tokens": prompt + answer,
    }


def _said(place: int, message: Any) -> tuple[str, str]:
    if not isinstance(message, dict):
        raise InvalidType(f"messages[{place}]", "object", message)
    role, content = message.get("role"), message.get("content")
    if role not in _ROLES:
        raise UnsupportedValue(f"messages[{place}].role", role, _ROLES)
    if message.get("tool_calls") or message.get("function_call"):
        raise UnsupportedParameter(f"messages[{place}].tool_calls", "this target knows no tools")
    if not isinstance(content, str):
        content = _joined(f"messages[{place}].content", content)
    return _ROLES[role], content


def _joined(param: str, content: Any) -> str:
    if not isinstance(content, (list, tuple)):
        raise InvalidType(param, "string or array", content)
    return "\n".join(_part(f"{param}[{place}]", one) for place, one in enumerate(content))


def _part(param: str, part: Any) -> str:
    if not isinstance(part, Mapping):
        raise InvalidType(param, "object", part)
    kind = part.get("type")
    name = "refusal" if kind == "refusal" else "text"
    if kind not in ("text", "refusal"):
        raise UnsupportedParameter(param, f"this target reads text only, not '{kind}'")
    if not isinstance(part.get(name), str):
        raise InvalidType(f"{param}.{name}", "string", part.get(name))
    return str(part[name])


def _format(response_format: Any) -> str:
    if response_format is None:
        return "text"
    if not isinstance(response_format, Mapping):
        raise InvalidType("response_format", "object", response_format)
    kind = response_format.get("type")
    if kind not in _FORMATS:
        raise UnsupportedValue("response_format.type", kind, _FORMATS)
    return str(kind)


def _schema(response_format: Mapping[str, Any]) -> Mapping[str, Any]:
    holder = response_format.get("json_schema")
    if not isinstance(holder, Mapping):
        raise MissingParameter("response_format.json_schema")
    schema = holder.get("schema", {})
    if not isinstance(schema, Mapping):
        raise InvalidType("response_format.json_schema.schema", "object", schema)
    return schema


def _instruction(response_format: Any) -> str:
    kind = _format(response_format)
    if kind == "text":
        return ""
    plain = "Answer with JSON only: no Markdown, no fence, no other words."
    if kind == "json_object":
        return f"{plain} The JSON must be one object."
    schema = orjson.dumps(_schema(response_format)).decode()
    described = response_format["json_schema"].get("description")
    about = f" It is: {described}" if isinstance(described, str) and described else ""
    return f"{plain}{about}\nThe JSON must fit this JSON Schema:\n{schema}"


def _json_in(text: str) -> tuple[str, Any]:
    for candidate in (text, *_FENCED.findall(text)):
        try:
            return candidate.strip(), orjson.loads(candidate)
        except orjson.JSONDecodeError:
            continue
    raise MalformedReply("The answer is not the JSON that response_format asks for.")
