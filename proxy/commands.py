"""`anygate chat`, `image`, `video` and `speech`: a small client with live output."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import httpx
import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from proxy.config import ConfigError
from proxy.direct import direct
from proxy.sniff import extension
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
_SUFFIX = {"image": "png", "video": "mp4", "speech": "mp3"}


class Failed(Exception):
    """What the proxy said against it."""


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
    """What goes wrong is one line and exit code 1."""
    try:
        yield
    except (Failed, ConfigError) as exc:
        print(exc, file=sys.stderr)
        raise typer.Exit(1) from exc
    except httpx.HTTPError as exc:
        print(f"the proxy cannot be reached: {exc} (is `anygate serve` running?)", file=sys.stderr)
        raise typer.Exit(1) from exc


@dataclass(frozen=True)
class Asked:
    """One command's request."""

    kind: str
    body: dict[str, Any]
    out: Path | None
    open: bool


@contextlib.contextmanager
def client(url: str, key: str, straight: bool, config: Path) -> Iterator[httpx.Client]:
    """A client of a running proxy, or of one of our own."""
    with contextlib.ExitStack() as stack:
        if straight:
            url, key = stack.enter_context(direct(config))
        made = httpx.Client(
            base_url=url, headers={"authorization": f"Bearer {key or 'none'}"}, timeout=600
        )
        yield stack.enter_context(made)


def body_of(prompt: str, name: str, model: str | None, params: list[str] | None) -> dict[str, Any]:
    """The request's JSON; raises Failed for a parameter that is not name=value."""
    body: dict[str, Any] = {name: sys.stdin.read() if prompt == "-" else prompt}
    if model:
        body["model"] = model
    for one in params or []:
        key, equals, value = one.partition("=")
        if not equals or not key:
            raise Failed(f"-p takes name=value, not {one!r}")
        body[key] = from_text(value)
    return body


def stream_chat(http: httpx.Client, body: dict[str, Any]) -> None:
    """Print a chat's answer as it comes."""
    prompt = body.pop("prompt")
    body = {**body, "messages": [{"role": "user", "content": prompt}], "stream": True}
    framer = Framer()
    with http.stream("POST", "/v1/chat/completions", json=body) as answer:
        if answer.status_code != 200:
            answer.read()
            raise Failed(_said(answer))
        for chunk in answer.iter_bytes():
            for event in framer.feed(chunk):
                _print(event.data or b"[DONE]")
    print()


def make(http: httpx.Client, asked: Asked) -> list[Path]:
    """Order a job, show its progress, and save what it made."""
    job = _json(http.post(f"/v1/jobs/{asked.kind}", json=asked.body))
    with _bar() as bar:
        line = bar.add_task(f"{asked.kind} {job['id'][:14]}…", total=100)
        while job["status"] not in ("completed", "failed"):
            bar.update(line, completed=job["progress"])
            time.sleep(1)
            job = _json(http.get(f"/v1/jobs/{job['id']}"))
        bar.update(line, completed=100)
    if job["status"] == "failed":
        raise Failed(f"{job['error']['code']}: {job['error']['message']}")
    wanted = [one for one in job["assets"] if one["role"] == "content"]
    saved = [_save(http, job, place, asked, many=len(wanted) > 1) for place in range(len(wanted))]
    cost = job["anygate"]["cost"]
    for path in saved:
        print(f"{path}  ({job['anygate']['target']}{f', ${cost:g}' if cost is not None else ''})")
        if asked.open:
            typer.launch(str(path))
    return saved


def _save(http: httpx.Client, job: dict[str, Any], place: int, asked: Asked, *, many: bool) -> Path:
    with http.stream("GET", f"/v1/jobs/{job['id']}/content", params={"index": place}) as answer:
        if answer.status_code != 200:
            answer.read()
            raise Failed(_said(answer))
        mime = answer.headers.get("content-type", "")
        suffix = extension(mime) if mime else _SUFFIX[asked.kind]
        path = asked.out or Path(f"{asked.kind}-{job['id'][-6:]}.{suffix}")
        if many:
            path = path.with_stem(f"{path.stem}-{place + 1}")
        with path.open("wb") as file:
            for chunk in answer.iter_bytes():
                file.write(chunk)
    return path


def _print(data: bytes) -> None:
    if data == b"[DONE]":
        return
    chunk = orjson.loads(data)
    if error := chunk.get("error"):
        raise Failed(f"{error.get('code')}: {error['message']}")
    for choice in chunk["choices"]:
        print(choice["delta"].get("content") or "", end="", flush=True)


def _json(answer: httpx.Response) -> dict[str, Any]:
    if answer.status_code != 200:
        raise Failed(_said(answer))
    body: dict[str, Any] = answer.json()
    return body


def _said(answer: httpx.Response) -> str:
    try:
        error = orjson.loads(answer.content)["error"]
        return f"{error['code']}: {error['message']}"
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return f"{answer.status_code} from {answer.url.host}"


def _bar() -> Progress:
    # Progress goes to stderr, so that what is printed stays the result.
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)
