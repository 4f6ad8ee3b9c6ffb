"""One job of the command: ordered, waited for, and saved."""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import httpx
import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from proxy.sniff import extension

_SUFFIX = {"image": "png", "video": "mp4", "speech": "mp3"}
_PATIENCE = 10  # polls in a row that may fail: a proxy that is started anew is back by then
_PASSING = (429, 500, 502, 503, 504)


class Failed(Exception):
    """What the proxy said against it."""


@dataclass(frozen=True)
class Asked:
    """One command's request."""

    kind: str
    body: dict[str, Any]
    out: Path | None
    open: bool


def make(
    http: httpx.Client, asked: Asked, wait: Callable[[float], None] = time.sleep
) -> list[Path]:
    """Order a job, show its progress, and save what it made.

    From the order on it costs, whatever becomes of us: its id is told at once, and with every error.
    """
    _writable(asked)
    ordered = http.post(f"/v1/jobs/{asked.kind}", json=asked.body)
    job = ordered.headers.get("x-anygate-job", "")
    if job:
        print(f"{asked.kind} {job}", file=sys.stderr)
    try:
        done = _awaited(http, _json(ordered), asked.kind, wait)
        saved = _saved(http, done, asked)
    except (Failed, httpx.HTTPError, OSError) as exc:
        if not job:
            raise
        why = unreached(exc) if isinstance(exc, httpx.HTTPError) else exc
        at = f"{http.base_url}".rstrip("/")
        raise Failed(f"{why}\nThe job {job} stays: GET {at}/v1/jobs/{job} (and /content)") from exc
    cost = done["anygate"]["cost"]
    for path in saved:
        print(f"{path}  ({done['anygate']['target']}{f', ${cost:g}' if cost is not None else ''})")
        if asked.open:
            typer.launch(str(path))
    return saved


def _writable(asked: Asked) -> None:
    """Raises Failed where the file cannot be written, which is better known before it is paid for."""
    folder = asked.out.parent if asked.out else Path()
    if not folder.is_dir():
        raise Failed(f"-o: there is no folder {folder}")
    if asked.out and asked.out.is_dir():
        raise Failed(f"-o: {asked.out} is a folder: name a file in it")
    if not os.access(asked.out if asked.out and asked.out.exists() else folder, os.W_OK):
        raise Failed(f"{asked.out or folder.absolute()} cannot be written")


def _awaited(
    http: httpx.Client, job: dict[str, Any], kind: str, wait: Callable[[float], None]
) -> dict[str, Any]:
    """The finished job. The proxy may go away for a while: the job goes on when it is back."""
    failed = 0
    with _bar() as bar:
        line = bar.add_task(kind, total=100)
        while job["status"] not in ("completed", "failed"):
            bar.update(line, completed=job["progress"])
            wait(1)
            try:
                answer = http.get(f"/v1/jobs/{job['id']}")
                failed = failed + 1 if answer.status_code in _PASSING else 0
            except httpx.TransportError:
                failed += 1
                if failed > _PATIENCE:
                    raise
                continue
            if not 0 < failed <= _PATIENCE:
                job = _json(answer)
        bar.update(line, completed=100)
    if job["status"] == "failed":
        raise Failed(f"{job['error']['code']}: {job['error']['message']}")
    return job


def _saved(http: httpx.Client, job: dict[str, Any], asked: Asked) -> list[Path]:
    wanted = [one for one in job["assets"] if one["role"] == "content"]
    return [_save(http, job, place, asked, many=len(wanted) > 1) for place in range(len(wanted))]


def _save(http: httpx.Client, job: dict[str, Any], place: int, asked: Asked, *, many: bool) -> Path:
    with http.stream("GET", f"/v1/jobs/{job['id']}/content", params={"index": place}) as answer:
        if answer.status_code != 200:
            answer.read()
            raise Failed(said(answer))
        mime = answer.headers.get("content-type", "")
        suffix = extension(mime) if mime else _SUFFIX[asked.kind]
        path = asked.out or Path(f"{asked.kind}-{job['id'][-6:]}.{suffix}")
        if many:
            path = path.with_stem(f"{path.stem}-{place + 1}")
        with _written(path) as file:
            for chunk in answer.iter_bytes():
                file.write(chunk)
    return path


@contextlib.contextmanager
def _written(path: Path) -> Iterator[BinaryIO]:
    """The file that is to be there once it is whole; what is no file, a pipe, is written to as it is."""
    place = path.resolve()  # a link leads to the file as before
    special = place.exists() and not place.is_file()
    if special or not os.access(place.parent, os.W_OK):
        with path.open("wb") as file:
            yield file
        return
    part = place.with_name(f"{place.name}.part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(place)
    finally:
        part.unlink(missing_ok=True)


def _json(answer: httpx.Response) -> dict[str, Any]:
    if answer.status_code != 200:
        raise Failed(said(answer))
    body: dict[str, Any] = answer.json()
    return body


def said(answer: httpx.Response) -> str:
    """What the proxy said against it, in a line."""
    try:
        error = orjson.loads(answer.content)["error"]
        return f"{error['code']}: {error['message']}"
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return f"{answer.status_code} from {answer.url.host}"


def unreached(exc: Exception) -> str:
    """Why nothing was said."""
    return f"the proxy cannot be reached: {exc} (is `anygate serve` running?)"


def _bar() -> Progress:
    # Progress goes to stderr, so that what is printed stays the result.
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)
