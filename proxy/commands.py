"""`anygate chat`, `image`, `video` and `speech`: a small client with live output."""

import contextlib
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import httpx
import orjson
import typer

from proxy.addresses import is_loopback
from proxy.config import ConfigError
from proxy.direct import direct
from proxy.making import Asked, Failed, make, said, unreached
from proxy.store.base import StoreUnavailable
from translators.framing import Framer
from translators.spelling import from_text

Prompt = Annotated[str, typer.Argument(help="What to ask for; - reads standard input.")]
Model = Annotated[str | None, typer.Option("-m", "--model", help="A route, or provider/model.")]
Params = Annotated[list[str] | None, typer.Option("-p", help="A further parameter: name=value.")]
Out = Annotated[Path | None, typer.Option("-o", "--out", help="The file to write.")]
Open = Annotated[bool, typer.Option("--open", help="Open the file when it is there.")]
Url = Annotated[str, typer.Option(envvar="ANYGATE_URL", help="A running proxy.")]
Key = Annotated[str, typer.Option(envvar="ANYGATE_KEY", help="A client key.")]
Direct = Annotated[bool, typer.Option("--direct", help="Straight from the configuration.")]
ConfigPath = Annotated[Path, typer.Option("--config", help="For --direct.")]

_HERE = "http://127.0.0.1:8080"
_CONFIG = Path("config.yaml")
_KINDS = (
    ("image", "prompt", "Make an image and save it."),
    ("video", "prompt", "Make a video and save it."),
    ("speech", "input", "Say something and save it."),
)


def add_to(app: typer.Typer) -> None:
    """Add the commands to the `anygate` command."""
    app.command()(chat)
    for kind, name, about in _KINDS:
        app.command(name=kind, help=about)(_maker(kind, name))


def chat(  # noqa: PLR0913 (one option each)
    prompt: Prompt,
    model: Model = None,
    param: Params = None,
    url: Url = _HERE,
    key: Key = "",
    straight: Direct = False,
    config: ConfigPath = _CONFIG,
) -> None:
    """Ask a chat model; the answer is printed as it comes."""
    with _told(), client(url, key, straight, config) as http:
        stream_chat(http, body_of(prompt, "prompt", model, param))


def _maker(kind: str, name: str) -> Callable[..., None]:
    def command(  # noqa: PLR0913 (one option each)
        prompt: Prompt,
        model: Model = None,
        param: Params = None,
        out: Out = None,
        show: Open = False,
        url: Url = _HERE,
        key: Key = "",
        straight: Direct = False,
        config: ConfigPath = _CONFIG,
    ) -> None:
        with _told(), client(url, key, straight, config) as http:
            make(http, Asked(kind, body_of(prompt, name, model, param), out, show))

    return command


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """What goes wrong is one line and exit code 1, or 2 where it is the configuration."""
    try:
        yield
    except (Failed, ConfigError, StoreUnavailable) as exc:
        print(exc, file=sys.stderr)
        raise typer.Exit(2 if isinstance(exc, ConfigError) else 1) from exc
    except (httpx.HTTPError, httpx.InvalidURL) as exc:
        print(unreached(exc), file=sys.stderr)
        raise typer.Exit(1) from exc


@contextlib.contextmanager
def client(url: str, key: str, straight: bool, config: Path) -> Iterator[httpx.Client]:
    """A client of a running proxy, or of one of our own."""
    with contextlib.ExitStack() as stack:
        if straight:
            url, key = stack.enter_context(direct(config, key))
        if not re.fullmatch(r"[!-~]*", key):  # it becomes a header
            raise Failed("--key must be printable ASCII without spaces")
        headers = {"authorization": f"Bearer {key or 'none'}"}
        # Of this machine no proxy that the environment names (HTTP_PROXY) knows anything.
        outside = not is_loopback(httpx.URL(url).host)
        made = httpx.Client(base_url=url, headers=headers, timeout=600, trust_env=outside)
        yield stack.enter_context(made)


def body_of(prompt: str, name: str, model: str | None, params: list[str] | None) -> dict[str, Any]:
    """The request's JSON; raises Failed for a parameter that is not name=value, and for what is no text."""
    try:
        body: dict[str, Any] = {name: sys.stdin.read() if prompt == "-" else prompt}
        if model:
            body["model"] = model
        for one in params or []:
            key, equals, value = one.partition("=")
            if not equals or not key:
                raise Failed(f"-p takes name=value, not {one!r}")
            body[key] = from_text(value)
        json.dumps(body, ensure_ascii=False).encode()
    except UnicodeError as exc:  # of standard input, or of the command line
        raise Failed("what is asked must be UTF-8 text") from exc
    return body


def stream_chat(http: httpx.Client, body: dict[str, Any]) -> None:
    """Print a chat's answer as it comes."""
    prompt = body.pop("prompt")
    body = {**body, "messages": [{"role": "user", "content": prompt}], "stream": True}
    framer = Framer()
    with http.stream("POST", "/v1/chat/completions", json=body) as answer:
        if answer.status_code != 200:
            answer.read()
            raise Failed(said(answer))
        for chunk in answer.iter_bytes():
            for event in framer.feed(chunk):
                _print(event.data or b"[DONE]")
    print()


def _print(data: bytes) -> None:
    if data == b"[DONE]":
        return
    chunk = orjson.loads(data)
    if error := chunk.get("error"):
        raise Failed(f"{error.get('code')}: {error['message']}")
    for choice in chunk["choices"]:
        print(choice["delta"].get("content") or "", end="", flush=True)
