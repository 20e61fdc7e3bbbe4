"""`brains protocol`: the protocol's description, for tools and for writers of clients."""

from __future__ import annotations

import json
from pathlib import Path

import click

from brains import __version__

__all__ = ["command"]

EXAMPLES = """\b
Examples:
  brains protocol > asyncapi.yaml                 the document for AsyncAPI's tools
  brains protocol --schema | jq '."$defs".Actions'
  brains protocol --examples | jq -c 'select(.from == "server") | .message'
  brains protocol --write docs/protocol           make all files there anew

The same in words, for whoever writes a client: docs/protocol/README.md in the project.
"""


@click.command(epilog=EXAMPLES)
@click.option("--schema", "what", flag_value="schema", help="Print the JSON Schema (2020-12) of all messages.")
@click.option("--examples", "what", flag_value="examples", help="Print example messages, one JSON object per line.")
@click.option(
    "--write",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write document, schema and examples into this folder, and the tables of the README.md in it.",
)
def command(what: str | None, folder: Path | None) -> None:
    """Print the description of the protocol: AsyncAPI 3.0 in YAML, unless something else is asked for."""
    if what and folder:
        raise click.UsageError("--write writes everything: leave the other option out")
    from brains.description import asyncapi, examples, json_schema, to_yaml

    if folder is not None:
        _write(folder)
    elif what == "schema":
        click.echo(json.dumps(json_schema(), ensure_ascii=False, indent=2))
    elif what == "examples":
        for one in examples():
            line = {"from": one.sender, "type": one.type, "case": one.case, "message": one.message}
            # Escaped, because some readers take U+2028 in a text for the end of a line.
            click.echo(json.dumps(line))
    else:
        click.echo(to_yaml(asyncapi(__version__)), nl=False)


def _write(folder: Path) -> None:
    """Write all generated files, and remove examples that are no more."""
    from brains.description import files, fill_in

    made = files(__version__)
    for path, text in made.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8", newline="\n")
    for file in (folder / "examples").rglob("*.json"):
        if file.relative_to(folder).as_posix() not in made:
            file.unlink()
    readme = folder / "README.md"
    if readme.is_file():
        readme.write_text(fill_in(readme.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
    click.echo(f"{len(made)} files in {folder}")
