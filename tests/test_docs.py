"""The documentation is true: settings, matrix, README's size and claims."""

import typing
from pathlib import Path

import pytest
from pydantic import BaseModel

from proxy import matrix
from proxy.config import sections
from proxy.metrics import Metrics

ROOT = Path(__file__).parent.parent
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text()


def settings() -> list[str]:
    """Every key of every section of the configuration."""
    found = []
    for model in vars(sections).values():
        if (
            isinstance(model, type)
            and issubclass(model, BaseModel)
            and model.__module__ == sections.__name__
        ):
            found += [f"{model.__name__}.{name}" for name in model.model_fields]
    return found


@pytest.mark.parametrize("setting", settings())
def test_every_setting_is_documented(setting: str) -> None:
    section, _, name = setting.partition(".")
    if section == "Config":
        assert f"## {name}" in CONFIGURATION
    elif section in ("Timeout", "ClientTimeout", "Limits", "Retries", "Breaker"):
        assert f"`{section.removeprefix('Client').lower()}.{name}`" in CONFIGURATION
    elif section == "Provider" and name in ("timeout", "prices"):
        assert f"`{name}." in CONFIGURATION
    else:
        assert f"`{name}`" in CONFIGURATION


def test_every_metric_is_documented() -> None:
    told = Metrics().render({("a", "queued"): 1}).decode()
    names = {line.split()[2] for line in told.splitlines() if line.startswith("# TYPE ")}
    rows = (ROOT / "docs" / "metrics.md").read_text().splitlines()
    assert {row.split("`")[1] for row in rows if row.startswith("| `anygate_")} == names


def test_the_matrix_is_the_tables() -> None:
    text = (ROOT / "README.md").read_text()
    assert matrix.readme(text) == text, "run `make docs`"
    assert (ROOT / "docs" / "capabilities.md").read_text() == matrix.details(), "run `make docs`"


def test_the_readme_stays_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) < 150


def test_settings_are_found() -> None:
    assert "Server.port" in settings()
    assert typing.get_type_hints(sections.Server)
