"""Columns, bars and colours; plain text where there is no terminal, and nothing ever cut off."""

from __future__ import annotations

import contextlib
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from brains.cli._running import short_path
from brains.prompts import MARK_END, MARK_START, Finding

__all__ = ["bars", "coloured", "counted", "print_lines", "progress", "spread", "tell", "with_marks", "without_marks"]

_ENDLESS = 10_000
_BAR = 30
PLAIN = ("[[", "]]")
_EIGHTHS = " ▏▎▍▌▋▊▉█"


def print_lines(
    titles: Sequence[str], rows: Sequence[Sequence[str]], notes: Sequence[Sequence[str]], *, right: set[int]
) -> None:
    """Print aligned columns without frames, each row with its notes below it: nothing is ever cut off."""
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    wrap = textwrap.TextWrapper(_width(), break_long_words=False, break_on_hyphens=False)
    wrap.initial_indent = wrap.subsequent_indent = "  "

    def line(cells: Sequence[str]) -> str:
        aligned = (
            cell.rjust(size) if index in right else cell.ljust(size)
            for index, (cell, size) in enumerate(zip(cells, widths, strict=True))
        )
        return "  ".join(aligned).rstrip()

    click.echo(line(titles))
    for row, below in zip(rows, notes, strict=True):
        click.echo(line(row))
        for note in filter(None, below):
            click.echo(wrap.fill(note))


def _width() -> int:
    """Return the terminal's columns; where there is none, lines may be as long as they like."""
    return Console().width if sys.stdout.isatty() else _ENDLESS


def bars(probabilities: Mapping[str, float], notes: Mapping[str, str] | None = None) -> Iterator[str]:
    """Yield a line for each label: its name, a bar, its probability, and a note."""
    wide = max(map(len, probabilities), default=0)
    for label, probability in probabilities.items():
        eighths = round(probability * _BAR * 8)
        bar = "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
        note = f"  {notes[label]}" if notes and notes.get(label) else ""
        yield f"  {label.ljust(wide)}  {bar.ljust(_BAR)}  {probability:.3f}{note}"


def spread(values: Sequence[float]) -> str:
    """Return the range of values that ought to be one; empty if they are."""
    low, high = min(values), max(values)
    return "" if high - low < 0.0005 else f"({low:.3f} to {high:.3f})"


def coloured(text: str) -> str:
    """Return a marked text with its values in colour."""
    return with_marks(text, click.style("|", fg="cyan", reset=False).rstrip("|"), click.style("", reset=True))


def with_marks(text: str, start: str = PLAIN[0], end: str = PLAIN[1]) -> str:
    """Return a marked text with other marks; a value within a value counts as one, and an empty one is left out."""
    pieces, depth, inside = [], 0, ""
    for char in text:
        if char == MARK_START:
            depth += 1
        elif char == MARK_END:
            depth -= 1
            if depth == 0 and inside:
                pieces.append(f"{start}{inside}{end}")
                inside = ""
        elif depth:
            inside += char
        else:
            pieces.append(char)
    return "".join(pieces) + inside


def without_marks(text: str) -> str:
    """Return a marked text as the model gets it."""
    return text.replace(MARK_START, "").replace(MARK_END, "")


def tell(findings: Sequence[Finding], looked_at: str, *, as_json: bool) -> int:
    """Print findings, a line each with its severity in colour, and how many there are; return how many are errors."""
    found = [msgspec.structs.replace(one, file=short_path(one.file)) for one in findings]
    errors = sum(one.severity == "error" for one in found)
    if as_json:
        click.echo(msgspec.json.encode(found).decode())
        return errors
    for one in found:
        colour = "red" if one.severity == "error" else "yellow"
        click.echo(str(one).replace(f" {one.severity}:", click.style(f" {one.severity}:", fg=colour), 1))
    counts = f"{counted(errors, 'error')}, {counted(len(found) - errors, 'warning')}"
    click.echo(f"{looked_at}: {counts}", err=bool(found))
    return errors


def counted(number: int, what: str) -> str:
    """Return `3 prompts`, or `1 prompt`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


@contextlib.contextmanager
def progress(total: int) -> Iterator[tuple[Callable[[str], None], Callable[[], None]]]:
    """Show a line of progress on a terminal, and nothing elsewhere; gives (say what is done, count one)."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as shown:
        task = shown.add_task("", total=total)
        yield (
            lambda text: shown.update(task, description=text),
            lambda: shown.advance(task),
        )
