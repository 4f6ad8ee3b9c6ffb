"""The `anygate` command."""

import sys
from contextlib import ExitStack
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, NoReturn
from urllib.parse import urlsplit

import typer
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from proxy import keys, preflight, report
from proxy import serve as serving
from proxy.addresses import is_loopback
from proxy.commands import add_to
from proxy.config import Config, ConfigError
from proxy.explain import explained
from proxy.listening import bind, url_at, url_of
from proxy.live import check_live, list_models
from proxy.redact import Redactor
from proxy.store.base import StoreUnavailable
from proxy.store.money import DIMENSIONS
from proxy.writable import try_folder

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="One OpenAI base URL in front of any AI gateway.",
)

ConfigPath = Annotated[Path, typer.Option("--config", help="The configuration file.")]
_DEFAULT = Path("config.yaml")
_HOST, _PORT = "127.0.0.1", 8080  # of the sandbox; otherwise the configuration has them
_WIDEST = 10_000  # columns


@app.command()
def serve(
    config: ConfigPath = _DEFAULT,
    host: Annotated[str | None, typer.Option(help="Instead of server.host.")] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Instead of server.port; 0 is any free one."),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that share the port.")] = 1,
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="Play all gateways here: no key, no network.")
    ] = False,
) -> None:
    """Serve the OpenAI API in front of the configured gateways."""
    listener = None
    with ExitStack() as stack:
        try:
            if sandbox:  # its own address stands in its configuration, and is taken before anything is written
                from proxy import sandboxed  # which no other command waits for

                listener = stack.enter_context(bind(host or _HOST, _or(port, _PORT)))
                address = url_at(listener)
                config = stack.enter_context(sandboxed.gateways(sandboxed.FOLDER, address))
            loaded = serving.read(config)
            host = host or loaded.server.host
            preflight.allowed(config, loaded, host, workers)
            if listener is None:
                listener = bind(host, _or(port, loaded.server.port))
                stack.enter_context(listener)
            url = url_of(host, listener.getsockname()[1])
            place = serving.Place(host, listener, workers)
            serving.run(config, loaded, place, lambda: _announce(loaded, url))
        except ConfigError as exc:
            _fail(str(exc))
        except StoreUnavailable as exc:
            _fail(str(exc), code=1)  # which may pass: systemd starts it again


@app.command()
def check(
    config: ConfigPath = _DEFAULT,
    live: Annotated[bool, typer.Option("--live", help="Also ask each provider.")] = False,
) -> None:
    """Validate the configuration."""
    loaded = _load(config)
    try:
        preflight.allowed(config, loaded, loaded.server.host, workers=1)
    except ConfigError as exc:
        _fail(str(exc))
    try:
        preflight.complete(loaded)
    except ConfigError as exc:
        _fail(f"{config}: {exc}")
    print(f"{config}: ok, {len(loaded.models)} routes, {len(loaded.providers)} providers")
    _check_media(loaded)
    if live:
        table = Table("provider", "answers", box=None)
        good = True
        for name, said, ok in check_live(loaded):
            table.add_row(name, said)
            good = good and ok
        _print(table)
        if not good:
            raise typer.Exit(1)


@app.command()
def models(config: ConfigPath = _DEFAULT) -> None:
    """List the routes, and what the providers offer."""
    names, silent = list_models(_load(config))
    for name in names:
        print(name)
    if silent:
        said = f"no list from {', '.join(silent)}: `anygate check --live` says why"
        print(said, file=sys.stderr)


@app.command()
def usage(
    config: ConfigPath = _DEFAULT,
    by: Annotated[str, typer.Option(help="Out of: " + ",".join(DIMENSIONS))] = report.BY,
    days: Annotated[
        int, typer.Option(min=1, max=report.MOST_DAYS, help="Today and the days before it.")
    ] = report.DAYS,
) -> None:
    """Print requests, tokens and cost, from the configuration's store."""
    loaded = _load(config)
    try:
        _print(report.table(loaded.store, by, days))
    except (ValueError, StoreUnavailable) as exc:
        _fail(Redactor(loaded.secrets()).text(str(exc)), code=1)


@app.command()
def explain(
    model: Annotated[str, typer.Argument(help="A route, or provider/model.")],
    config: ConfigPath = _DEFAULT,
    image: Annotated[bool, typer.Option("--image")] = False,
    video: Annotated[bool, typer.Option("--video")] = False,
    speech: Annotated[bool, typer.Option("--speech")] = False,
    param: Annotated[list[str] | None, typer.Option("-p", help="A parameter: name=value.")] = None,
) -> None:
    """Print the native request that would be sent, and send nothing."""
    chosen = [name for name, on in (("image", image), ("video", video), ("speech", speech)) if on]
    if len(chosen) > 1:
        _fail("choose one of --image, --video, --speech")
    try:
        for text in explained(_load(config), model, chosen[0] if chosen else "chat", param or []):
            print(text)
    except ValueError as exc:
        _fail(str(exc), code=1)


def _check_media(config: Config) -> None:
    """A folder that is not there yet says nothing: it may be of another machine, or made by who serves."""
    if config.media.dir.exists():
        try:
            try_folder(config.media.dir)
        except OSError as exc:
            _fail(f"media.dir: {config.media.dir} cannot be written: {exc}", code=1)


def _load(path: Path) -> Config:
    try:
        return serving.read(path)
    except ConfigError as exc:
        _fail(str(exc))


def _or(port: int | None, otherwise: int) -> int:
    return otherwise if port is None else port


def _announce(config: Config, url: str) -> None:
    table = Table("route", "targets", box=None, title=f"Anygate at {url}/v1")
    for name, route in config.models.items():
        table.add_row(name, " → ".join(map(str, route.targets)))
    table.add_section()
    unkeyed = Redactor(config.secrets()).text
    for name, provider in config.providers.items():
        place = unkeyed(provider.base_url)
        table.add_row(f"provider {name}", f"{provider.translator} at {place}")
    table.add_row("store", config.store_shown())
    table.add_row("keys", ", ".join(k.name for k in config.keys or ()) or _open_to(config))
    _print(table)
    sys.stdout.flush()


def _open_to(config: Config) -> str:
    url = config.server.public_url
    beyond = url and not is_loopback(urlsplit(url).hostname or "")
    return f"none: open, also to whoever reaches {url}" if beyond else "none: open"


def _print(table: Table) -> None:
    """As it is: a name in brackets is no markup, and none is cut to the 80 columns that a pipe counts as."""
    console = Console(soft_wrap=True, markup=False, emoji=False)
    room = console.options.update_width(_WIDEST)
    console.width = max(console.width, Measurement.get(console, room, table).maximum)
    console.print(table)


def _fail(message: str, code: int = 2) -> NoReturn:
    print(message, file=sys.stderr)
    raise typer.Exit(code)


add_to(app)
keys.add_to(app)


def main() -> None:
    if isinstance(sys.stdout, TextIOWrapper):
        # What its encoding lacks becomes a "?", and ends no start.
        sys.stdout.reconfigure(errors="replace")
    app()
