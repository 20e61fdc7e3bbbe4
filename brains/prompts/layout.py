"""Where in a part the text that changes stands."""

from __future__ import annotations

from collections.abc import Iterator

from jinja2 import nodes

from brains.prompts.environment import JINJA
from brains.prompts.template import Part

__all__ = ["first_live", "live_tail"]

_SILENT = (nodes.Import, nodes.FromImport, nodes.Macro, nodes.Assign, nodes.AssignBlock, nodes.Extends)


def first_live(part: Part) -> tuple[int, int]:
    """Return the line of the first value of a part, and how many characters of constant text follow it."""
    line, rest = part.line, 0
    seen = False
    for text, number in _pieces(part):
        if text is None and not seen:
            seen, line = True, number
        elif seen and text is not None:
            rest += len(text.strip())
    return line, rest


def live_tail(part: Part) -> str:
    """Return the constant text behind the last value of a part; empty if there is no value."""
    tail = ""
    seen = False
    for text, _ in _pieces(part):
        if text is None:
            seen, tail = True, ""
        else:
            tail += text
    return " ".join(tail.split()) if seen else ""


def _pieces(part: Part) -> Iterator[tuple[str | None, int]]:
    """Yield a part's pieces in order, each with its line: constant text, or None for what may change."""
    for node in JINJA.parse(part.source).body:
        if isinstance(node, _SILENT):
            continue
        if not isinstance(node, nodes.Output):
            yield None, node.lineno
            continue
        for piece in node.nodes:
            yield (piece.data if isinstance(piece, nodes.TemplateData) else None), piece.lineno or node.lineno
