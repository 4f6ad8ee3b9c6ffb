"""What a chat request may hold, as OpenAI defines it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from . import checks as c
from .checks import Check, Fields

ROLES = ("system", "developer", "user", "assistant", "tool")
REASONING = ("none", "minimal", "low", "medium", "high", "xhigh")

TOOL = c.record(
    {
        "type": c.need(c.choice("function")),
        "function": c.need(
            c.record(
                {
                    "name": c.need(c.matching(r"[\w-]{1,64}", "get_weather")),
                    "description": c.text(),
                    "parameters": c.record(),
                    "strict": c.either(c.boolean, c.choice(None)),
                }
            )
        ),
    }
)
FORMAT = c.either(
    c.record({"type": c.need(c.choice("text", "json_object"))}),
    c.record(
        {
            "type": c.need(c.choice("json_schema")),
            "json_schema": c.need(
                c.record(
                    {
                        "name": c.need(c.matching(r"[\w-]{1,64}", "answer")),
                        "description": c.text(),
                        "schema": c.record(),
                        "strict": c.either(c.boolean, c.choice(None)),
                    }
                )
            ),
        }
    ),
)
IMAGE_URL = c.record({"url": c.need(c.url_or_data), "detail": c.choice("auto", "low", "high")})
PART = c.either(
    c.record({"type": c.need(c.choice("text")), "text": c.need(c.text())}),
    c.record({"type": c.need(c.choice("image_url")), "image_url": c.need(IMAGE_URL)}),
    c.record({"type": c.need(c.choice("input_audio")), "input_audio": c.need(c.record())}),
    c.record({"type": c.need(c.choice("file")), "file": c.need(c.record())}),
    c.record({"type": c.need(c.choice("refusal")), "refusal": c.need(c.text())}),
)


def message(roles: Collection[str] = ROLES) -> Check:
    """A message of one of these roles."""
    fields: Fields = {
        "role": c.need(c.choice(*roles)),
        "content": c.either(c.text(), c.array(PART, 1), c.choice(None)),
        "name": c.text(),
        "refusal": c.either(c.text(), c.choice(None)),
        "tool_calls": c.array(c.record(), 1),
        "tool_call_id": c.text(1),
        "audio": c.either(c.record(), c.choice(None)),
        "annotations": c.array(c.record()),
        "reasoning_content": c.text(),
    }

    def check(value: Any) -> str | None:
        wrong = c.record(fields)(value)
        if wrong is None and value.get("content") is None and not value.get("tool_calls"):
            return "has no content"
        if wrong is None and value["role"] == "tool" and "tool_call_id" not in value:
            return "has no tool_call_id"
        return wrong

    return check


NULL = c.choice(None)
STANDARD: dict[str, Check] = {
    "model": c.need(c.text(1)),
    "messages": c.need(c.array(message(), 1)),
    "stream": c.either(c.boolean, NULL),
    "stream_options": c.either(
        c.record({"include_usage": c.boolean, "include_obfuscation": c.boolean}), NULL
    ),
    "temperature": c.either(c.number(0, 2), NULL),
    "top_p": c.either(c.number(0, 1), NULL),
    "max_tokens": c.either(c.integer(1), NULL),
    "max_completion_tokens": c.either(c.integer(1), NULL),
    "n": c.either(c.integer(1, 128), NULL),
    "stop": c.either(c.text(1), c.array(c.text(1), 1, 4), NULL),
    "seed": c.either(c.integer(), NULL),
    "presence_penalty": c.either(c.number(-2, 2), NULL),
    "frequency_penalty": c.either(c.number(-2, 2), NULL),
    "logprobs": c.either(c.boolean, NULL),
    "top_logprobs": c.either(c.integer(0, 20), NULL),
    "logit_bias": c.either(c.record(), NULL),
    "tools": c.array(TOOL, 1),
    "tool_choice": c.either(c.choice("none", "auto", "required"), c.record()),
    "parallel_tool_calls": c.boolean,
    "response_format": FORMAT,
    "reasoning_effort": c.either(c.choice(*REASONING), NULL),
    "user": c.text(),
}
FURTHER: dict[str, Check] = dict.fromkeys(  # OpenAI's own only
    (
        "audio",
        "functions",
        "function_call",
        "metadata",
        "modalities",
        "prediction",
        "prompt_cache_key",
        "prompt_cache_retention",
        "safety_identifier",
        "service_tier",
        "store",
        "verbosity",
        "web_search_options",
    ),
    c.anything,
)
