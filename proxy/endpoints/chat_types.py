"""The types of a chat request's parameters, as OpenAI has them: https://platform.openai.com/docs/api-reference/chat.

What is of another type is refused here: nothing is sent for it. Values are the targets' own business.
"""

from collections.abc import Callable, Mapping
from typing import Any

from proxy.errors import ApiError, invalid
from translators.core import Params

Kind = tuple[str, Callable[[Any], bool]]


def _whole(value: Any) -> bool:
    # What exceeds 64 bits has been read as a float.
    return type(value) is int or (type(value) is float and value.is_integer())


def _stop(value: Any) -> bool:
    return isinstance(value, str) or (
        isinstance(value, list) and all(isinstance(one, str) for one in value)
    )


_NUMBER: Kind = ("a number", lambda value: type(value) in (int, float))
_WHOLE: Kind = ("an integer", _whole)
_FLAG: Kind = ("a boolean", lambda value: isinstance(value, bool))
_TEXT: Kind = ("a string", lambda value: isinstance(value, str))
_ARRAY: Kind = ("an array", lambda value: isinstance(value, list))
_OBJECT: Kind = ("an object", lambda value: isinstance(value, dict))
_CHOICE: Kind = ("a string or an object", lambda value: isinstance(value, str | dict))

KINDS: Mapping[str, Kind] = {
    **dict.fromkeys(("temperature", "top_p", "presence_penalty", "frequency_penalty"), _NUMBER),
    **dict.fromkeys(("n", "seed", "max_tokens", "max_completion_tokens", "top_logprobs"), _WHOLE),
    **dict.fromkeys(("stream", "logprobs", "parallel_tool_calls", "store"), _FLAG),
    **dict.fromkeys(("user", "reasoning_effort", "service_tier", "verbosity"), _TEXT),
    **dict.fromkeys(("safety_identifier", "prompt_cache_key", "prompt_cache_retention"), _TEXT),
    **dict.fromkeys(("messages", "tools", "functions", "modalities"), _ARRAY),
    **dict.fromkeys(("stream_options", "logit_bias", "response_format", "metadata"), _OBJECT),
    **dict.fromkeys(("prediction", "audio", "web_search_options"), _OBJECT),
    **dict.fromkeys(("tool_choice", "function_call"), _CHOICE),
    "stop": ("a string or an array of strings", _stop),
}


def check_types(params: Params) -> None:
    """Raises ApiError 400 for the first parameter of a type that OpenAI's is not."""
    for name, value in params.items():
        kind = KINDS.get(name)
        if kind is not None and not kind[1](value):
            raise wrong(name, kind[0])
    for place, tool in enumerate(params.get("tools", ())):
        if not isinstance(tool, dict):
            raise wrong(f"tools[{place}]", "an object")


def wrong(param: str, expected: str) -> ApiError:
    return invalid(f"'{param}' must be {expected}.", code="invalid_type", param=param)
