"""What a double's model says to a chat request, in OpenAI's shapes."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from .checks import Refusal
from .sample import sample, schema_in


@dataclass
class Said:
    """What the model says: words or tool calls, n times the same."""

    text: str
    calls: list[dict[str, Any]]
    finish: str
    prompt_tokens: int
    n: int = 1
    logprobs: bool = False
    top: int = 0
    reasoning: str = ""
    images: list[str] = field(default_factory=list)  # data URIs
    id: str = field(default_factory=lambda: f"chatcmpl-{secrets.token_hex(12)}")
    created: int = field(default_factory=lambda: int(time.time()))

    @property
    def tokens(self) -> list[str]:
        """The words, each with the space that follows."""
        return split(self.text)

    @property
    def usage(self) -> dict[str, int]:
        """Tokens in and out."""
        out = self.n * (len(self.tokens) + 8 * len(self.calls))
        total = self.prompt_tokens + out
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": out,
            "total_tokens": total,
        }


def split(text: str) -> list[str]:
    """Split into what counts as tokens here; joined again they are the text."""
    return re.findall(r"\s*\S{1,12}(?:\s+$)?|^\s+$", text)


def prompt_of(body: Mapping[str, Any]) -> str:
    """Return the last message's words."""
    for one in reversed(body["messages"]):
        content = one.get("content")
        if isinstance(content, list):
            content = " ".join(part.get("text", "") for part in content)
        if content:
            return str(content)
    return ""


def say(body: Mapping[str, Any], reply: str | Callable[[str], str] | None) -> Said:
    """Answer a checked request."""
    prompt = prompt_of(body)
    calls = [] if body["messages"][-1]["role"] == "tool" else _calls(body)
    words = "" if calls else _words(prompt, body.get("response_format") or {}, reply)
    said = Said(
        words, calls, "tool_calls" if calls else "stop", len(split(orjson.dumps(body).decode()))
    )
    said.n = body.get("n") or 1
    said.logprobs = bool(body.get("logprobs"))
    said.top = body.get("top_logprobs") or 0
    stop = body.get("stop") or []
    for end in [stop] if isinstance(stop, str) else stop:
        said.text = said.text.partition(end)[0]
    most = body.get("max_completion_tokens") or body.get("max_tokens")
    if most and len(said.tokens) > most:
        said.text, said.finish = "".join(said.tokens[:most]), "length"
    return said


def _words(prompt: str, form: Mapping[str, Any], reply: str | Callable[[str], str] | None) -> str:
    if reply is not None:
        return reply if isinstance(reply, str) else reply(prompt)
    if form.get("type") == "json_schema":
        return orjson.dumps(sample(form["json_schema"].get("schema", {}))).decode()
    if form.get("type") == "json_object":
        return orjson.dumps({"answer": f"sandbox: {prompt[:200]}"}).decode()
    return f"Hello from the Anygate sandbox, where no model is asked. You said: {prompt[:400]}"


def plain_answer(prompt: str, reply: str | Callable[[str], str] | None) -> str:
    """Answer bare text (ai-gate.one), as JSON where the words ask for it."""
    schema = schema_in(prompt)
    form: dict[str, Any] = {}
    if schema is not None and "json" in prompt.lower():
        form = {"type": "json_schema", "json_schema": {"schema": schema}}
    elif re.search(r"\bjson\b[^.]*\bobject\b", prompt, re.IGNORECASE):
        form = {"type": "json_object"}
    return _words(prompt, form, reply)


def _calls(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    tools, wanted = body.get("tools") or [], body.get("tool_choice", "auto")
    if not tools or wanted == "none":
        return []
    if isinstance(wanted, dict):
        name = wanted.get("function", {}).get("name")
        tools = [tool for tool in tools if tool["function"]["name"] == name]
        if not tools:
            raise Refusal(400, f"tool_choice names an unknown function {name!r}")
    chosen = tools[:2] if body.get("parallel_tool_calls") else tools[:1]
    return [
        {
            "id": f"call_{secrets.token_hex(12)}",
            "type": "function",
            "function": {
                "name": tool["function"]["name"],
                "arguments": orjson.dumps(
                    sample(tool["function"].get("parameters", {"type": "object"}))
                ).decode(),
            },
        }
        for tool in chosen
    ]


def completion(said: Said, model: str) -> dict[str, Any]:
    """Return the whole answer, as OpenAI gives it."""
    message: dict[str, Any] = {"role": "assistant", "content": said.text, "refusal": None}
    if said.calls:
        message |= {"content": None, "tool_calls": said.calls}
    if said.reasoning:
        message["reasoning_content"] = said.reasoning
    logprobs = {"content": _logprobs(said.tokens, said), "refusal": None} if said.logprobs else None
    choices = [
        {"index": i, "message": message, "logprobs": logprobs, "finish_reason": said.finish}
        for i in range(said.n)
    ]
    return {
        "id": said.id,
        "object": "chat.completion",
        "created": said.created,
        "model": model,
        "choices": choices,
        "usage": said.usage,
    }


def chunks(said: Said, model: str, *, usage: bool = False) -> Iterator[dict[str, Any]]:
    """Yield the answer's chunks, as OpenAI gives them; [DONE] is the stream's."""
    head = {
        "id": said.id,
        "object": "chat.completion.chunk",
        "created": said.created,
        "model": model,
    }
    tail = {"usage": None} if usage else {}
    for index in range(said.n):
        for delta, token in _deltas(said):
            choice: dict[str, Any] = {"index": index, "delta": delta}
            choice["logprobs"] = (
                {"content": _logprobs([token], said), "refusal": None}
                if token and said.logprobs
                else None
            )
            yield head | {"choices": [choice | {"finish_reason": None}]} | tail
    for index in range(said.n):
        end = {"index": index, "delta": {}, "logprobs": None, "finish_reason": said.finish}
        yield head | {"choices": [end]} | tail
    if usage:
        yield head | {"choices": [], "usage": said.usage}


def _deltas(said: Said) -> Iterator[tuple[dict[str, Any], str]]:
    yield {"role": "assistant", "content": None if said.calls else "", "refusal": None}, ""
    for token in split(said.reasoning):
        yield {"reasoning_content": token}, ""
    for token in said.tokens:
        yield {"content": token}, token
    for index, call in enumerate(said.calls):
        arguments = call["function"]["arguments"]
        first = call | {"index": index, "function": call["function"] | {"arguments": ""}}
        yield {"tool_calls": [first]}, ""
        for start in range(0, len(arguments), 8):
            piece = {"index": index, "function": {"arguments": arguments[start : start + 8]}}
            yield {"tool_calls": [piece]}, ""


def _logprobs(tokens: list[str], said: Said) -> list[dict[str, Any]]:
    return [
        {
            "token": token,
            "logprob": -0.1,
            "bytes": list(token.encode()),
            "top_logprobs": [
                {"token": token, "logprob": -0.1 - i, "bytes": list(token.encode())}
                for i in range(said.top)
            ],
        }
        for token in tokens
    ]


def sparse(event: dict[str, Any]) -> dict[str, Any]:
    """Return a chunk or a whole answer with no more than a lazy server puts into it."""
    choices = []
    for choice in event["choices"]:
        part = "delta" if "delta" in choice else "message"
        words = {name: value for name, value in choice[part].items() if name != "refusal"}
        choices.append({part: words})
    kept = {name: event[name] for name in ("id", "model", "usage") if event.get(name)}
    return kept | {"choices": choices}


def pictured(said: Said, shape: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return what puts the pictures into an answer: as message.images, Markdown or content parts."""
    parts = [{"type": "image_url", "image_url": {"url": url}} for url in said.images]

    def edit(event: dict[str, Any]) -> dict[str, Any]:
        for choice in event["choices"] if parts else ():
            message = choice.get("message", choice.get("delta"))
            if message.get("role") != "assistant":
                continue  # a stream brings them in its first chunk
            if shape == "images":
                message["images"] = parts
            elif shape == "content":
                message["content"] = f"{message['content']}![image]({said.images[0]})"
            else:
                message["content"] = [{"type": "text", "text": message["content"]}, *parts]
        return event

    return edit
