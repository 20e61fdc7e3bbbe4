"""The options with which a command records what it runs."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

if TYPE_CHECKING:
    from brains.prompts import PromptLibrary
    from brains.recording import FileRecorder

__all__ = ["Recorded", "record_options", "recorder_of"]

F = TypeVar("F", bound=Callable[..., Any])
MIB = 1024 * 1024


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """What to record, and where to."""

    file: str
    content: bool = True
    size_mib: int = 256
    """Size of a part; 0: as large as it gets."""
    keep: int = 0
    """Parts to keep; 0: all."""


def record_options(command: F) -> F:
    """Add `--record` and what belongs to it; the command gets one argument, `record: Recorded | None`."""

    def collect(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
        context.meta.setdefault("brains.record", {})[parameter.name] = value
        return value

    def chosen(context: click.Context, parameter: click.Parameter, file: str | None) -> Recorded | None:
        given = context.meta.get("brains.record", {})
        if file is None:
            return None
        return Recorded(
            file=file,
            content=given.get("record_content", "on") == "on",
            size_mib=given.get("record_size", 256),
            keep=given.get("record_keep", 0),
        )

    options = [
        click.option(
            "--record",
            type=click.Path(dir_okay=False),
            callback=chosen,
            help="Write all that agents do, and why, to this file (.gz: compressed), for `brains replay` and `trace`.",
        ),
        # These are asked for first, so that `--record` knows them.
        click.option(
            "--record-content",
            type=click.Choice(["on", "off"]),
            default="on",
            show_default=True,
            is_eager=True,
            expose_value=False,
            callback=collect,
            help="off: leave texts of prompts, answers and speech out.",
        ),
        click.option(
            "--record-size",
            type=click.IntRange(min=0),
            default=256,
            show_default=True,
            metavar="MIB",
            is_eager=True,
            expose_value=False,
            callback=collect,
            help="Go on in another file (NAME.2.jsonl ...) when one is this large; 0: never.",
        ),
        click.option(
            "--record-keep",
            type=click.IntRange(min=0),
            default=0,
            metavar="N",
            is_eager=True,
            expose_value=False,
            callback=collect,
            help="Keep the newest N files only; all if not given.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@contextlib.contextmanager
def recorder_of(wish: Recorded | None, prompts: PromptLibrary, trees: Path) -> Iterator[FileRecorder | None]:
    """Open a recorder, if one is wished for, until the block ends.

    Raises:
        RecordingError: its file cannot be written.
    """
    if wish is None:
        yield None
        return
    from brains import __version__
    from brains.recording import FileRecorder

    recorder = FileRecorder(
        wish.file,
        prompts=prompts,
        trees=trees,
        content=wish.content,
        max_bytes=wish.size_mib * MIB,
        keep=wish.keep,
        version=__version__,
    )
    try:
        yield recorder
    finally:
        recorder.close()
        if recorder.sink.dropped:
            click.echo(f"the disk was too slow: {recorder.sink.dropped} lines are not in {wish.file}", err=True)
