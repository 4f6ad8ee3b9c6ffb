"""What each gateway offers and understands, as Markdown, out of the translator table.

`python -m proxy.matrix` prints it; `--write` puts it into README.md and docs/capabilities.md.
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from translators import TRANSLATORS
from translators.core import Capability, Operation, Translator
from translators.fields import sources_of

_NAMES: Mapping[Capability, str] = {
    Capability.CHAT: "chat",
    Capability.IMAGE: "images",
    Capability.IMAGE_EDIT: "image edits",
    Capability.VIDEO: "videos",
    Capability.VIDEO_EDIT: "video edits",
    Capability.SPEECH: "speech",
    Capability.SOUND: "sounds",
    Capability.MUSIC: "music",
    Capability.TRANSCRIPTION: "transcription",
    Capability.EMBEDDING: "embeddings",
}
_BEGIN, _END = "<!-- matrix: make docs -->", "<!-- /matrix -->"
_DOCS = Path("docs/capabilities.md")


def overview() -> str:
    """Rows × capabilities."""
    lines = [_line("", *_NAMES.values()), _line("---", *("---" for _ in _NAMES))]
    for row in TRANSLATORS.values():
        lines.append(
            _line(f"`{row.name}`", *("✓" if one in row.operations else "" for one in _NAMES))
        )
    return "\n".join(lines)


def details() -> str:
    """Every operation with its path and the parameters it takes."""
    parts = [
        "# What each gateway takes",
        "",
        "Generated from the translator table by `make docs`.",
        "",
    ]
    for row in TRANSLATORS.values():
        parts += [f"## {row.name}", "", f"Page: {row.page}. Base URL: `{row.base_url}`.", ""]
        parts += [_line("capability", "models", "request", "parameters"), _line(*["---"] * 4)]
        parts += list(_operations(row))
        parts.append("")
    return "\n".join(parts)


def _operations(row: Translator) -> Iterator[str]:
    for capability, table in row.operations.items():
        for globs, operation in table.items():
            yield _line(
                capability.replace("_", " "),
                ", ".join(f"`{glob}`" for glob in globs.split("|")),
                f"`{operation.method} {operation.path}`",
                _parameters(operation),
            )


def _parameters(operation: Operation) -> str:
    names = sorted(sources_of(operation.table) | set(operation.accepts))
    shown = ", ".join(f"`{name}`" for name in names)
    return f"{shown}{', ' if shown else ''}everything else as it is" if operation.open else shown


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def readme(text: str) -> str:
    """The README with its matrix made anew."""
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}\n{overview()}\n{_END}{after}"


def main() -> None:
    if "--write" not in sys.argv:
        print(f"{overview()}\n\n{details()}")
        return
    path = Path("README.md")
    path.write_text(readme(path.read_text()))
    _DOCS.parent.mkdir(exist_ok=True)
    _DOCS.write_text(details())


if __name__ == "__main__":
    main()
