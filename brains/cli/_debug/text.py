"""Lines for people: pieces of text with styles. What a game or a model said cannot move the cursor or hide itself."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import click

from brains.jsontext import encoded

__all__ = ["GLYPHS", "STYLES", "Line", "Piece", "bold", "clean", "columns", "dim", "line", "paint", "status", "value"]

GLYPHS = {"SUCCESS": "✓", "FAILURE": "✗", "RUNNING": "▶", "INVALID": "·"}
STYLES = {"SUCCESS": "green", "FAILURE": "red", "RUNNING": "yellow", "INVALID": "dim"}

_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, the cursor, modes
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"  # OSC and other strings
    r"|\x1b[ -/]*[0-~]?"  # all the rest
)
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
_KEPT = frozenset("\u200d\ufe0f")
"""Emoji are made with these."""


class Piece(NamedTuple):
    """A piece of a line."""

    text: str
    style: str = ""
    """`bold`, `dim`, or a colour."""


Line = tuple[Piece, ...]


def line(*parts: str | Piece) -> Line:
    """Make a line of pieces."""
    return tuple(Piece(part) if isinstance(part, str) else part for part in parts)


def bold(text: str) -> Piece:
    """Return a piece that stands out."""
    return Piece(text, "bold")


def dim(text: str) -> Piece:
    """Return a piece that stands back."""
    return Piece(text, "dim")


def status(word: str, *, text: str | None = None) -> Piece:
    """Return a status by its glyph, in its colour."""
    return Piece(GLYPHS.get(word, "?") if text is None else text, STYLES.get(word, ""))


def clean(text: str) -> str:
    """Return a text without what would act on a terminal: escape sequences, control characters, direction marks."""
    text = _ESCAPES.sub("", text).replace("\t", "    ")
    return "".join(
        char if char in _KEPT or unicodedata.category(char) not in _INVISIBLE else (" " if char in "\n\r\v\f" else "")
        for char in text
    )


def paint(one: Line, *, colour: bool) -> str:
    """Return a line as it is printed."""
    if not colour:
        return "".join(clean(piece.text) for piece in one).rstrip()
    return "".join(_styled(clean(piece.text), piece.style) for piece in one)


def _styled(text: str, style: str) -> str:
    if not style or not text:
        return text
    if style in ("bold", "dim"):
        return click.style(text, bold=style == "bold" or None, dim=style == "dim" or None)
    return click.style(text, fg=style)


def value(given: Any, limit: int = 160) -> str:
    """Return a value as JSON on one line, cut at `limit` characters; 0: never."""
    text = encoded(given).decode()
    return text if not limit or len(text) <= limit else text[: limit - 1] + "…"


def columns(titles: Sequence[str], rows: Iterable[Sequence[str | Piece]], *, right: Sequence[int] = ()) -> list[Line]:
    """Return aligned columns under their titles."""
    cells = [[Piece(cell) if isinstance(cell, str) else cell for cell in row] for row in rows]
    cells = [[Piece(clean(cell.text), cell.style) for cell in row] for row in cells]
    widths = [max([len(title), *(len(row[index].text) for row in cells)]) for index, title in enumerate(titles)]

    def laid_out(row: Sequence[Piece]) -> Line:
        pieces = []
        for index, piece in enumerate(row):
            pad = " " * (widths[index] - len(piece.text))
            last = index == len(row) - 1
            pieces += [Piece(pad), piece] if index in right else [piece, Piece("" if last else pad)]
            pieces.append(Piece("" if last else "  "))
        return tuple(pieces)

    return [laid_out([dim(title) for title in titles]), *(laid_out(row) for row in cells)]
