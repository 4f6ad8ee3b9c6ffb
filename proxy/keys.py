"""`anygate keys new`: a client key, and how it stands in the configuration."""

import json
import secrets
import sys
from hashlib import sha256
from typing import Annotated

import typer

_PREFIX = "sk-anygate-"
_BYTES = 24  # 192 random bits


def add_to(app: typer.Typer) -> None:
    """Add `keys` with its commands to the `anygate` command."""
    keys = typer.Typer(no_args_is_help=True, help="The clients' keys.")
    keys.command()(new)
    keys.callback()(_group)  # else the only command would be the group itself
    app.add_typer(keys, name="keys")


def new(
    name: Annotated[str, typer.Argument(help="Owns the jobs made with it.")] = "client",
) -> None:
    """Make a key: the client gets the first line, `keys:` in config.yaml the second."""
    if not name.strip():
        print("the name must not be empty", file=sys.stderr)
        raise typer.Exit(2)
    key = made()
    print(key)
    print(line(name, key))
    print("The key is shown only here; the configuration keeps its digest.", file=sys.stderr)


def made() -> str:
    """A new key."""
    return _PREFIX + secrets.token_urlsafe(_BYTES)


def line(name: str, key: str) -> str:
    """An entry of `keys:` in YAML, with the digest instead of the key."""
    digest = sha256(key.encode()).hexdigest()
    return f'- {{name: {_quoted(name)}, key: "sha256:{digest}"}}'


def _quoted(text: str) -> str:
    """As YAML, and so that nothing in it is taken for a variable."""
    return json.dumps(text, ensure_ascii=False).replace("$", "$$")


def _group() -> None:
    """The clients' keys."""
