"""A tree for people: statuses, where the agent stands, what is forced, what was cancelled, what the model said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from brains.cli._debug.show_stop import decision, place
from brains.cli._debug.text import GLYPHS, Line, Piece, bold, dim, line, status

__all__ = ["breakpoints", "one_breakpoint", "source", "tree"]

Body = Mapping[str, Any]


def tree(body: Body, *, full: bool = False) -> list[Line]:
    """Return a tree; `full` also tells kinds, places and last statuses."""
    head = []
    if body.get("view") is not None:
        head.append(line(dim(f"(a look at tick {body['view']})")))
    return [*head, *_below(body["root"], 0, full)]


def _below(node: Body, depth: int, full: bool) -> Iterator[Line]:
    yield _node(node, depth, full)
    for child in node.get("children", ()):
        yield from _below(child, depth + 1, full)


def _node(node: Body, depth: int, full: bool) -> Line:
    visited, word = node.get("visited", False), node.get("status", "INVALID")
    name = node["name"]
    parts: list[str | Piece] = ["-> " if node.get("here") else "   ", "  " * depth]
    parts.append(status(word) if visited or word == "RUNNING" else dim(GLYPHS.get(word, "?")))
    parts += [" ", bold(name) if node.get("on_path") else (name if visited else dim(name))]
    if full:
        parts.append(dim(f"  {node.get('kind', '')}  {place(node)}"))
        if node.get("last_tick") and not visited:
            parts.append(dim(f"  last {node.get('last_status', 'INVALID')} in tick {node['last_tick']}"))
    if forced := node.get("forced"):
        parts.append(Piece(f"  forced to {forced}", "magenta"))
    for breakpoint_number in node.get("breakpoints", ()):
        parts.append(Piece(f"  ●{breakpoint_number}", "red"))
    if cancelled := node.get("cancelled"):
        because = f" because of {_leaf(cancelled['because'])}" if cancelled.get("because") else ""
        parts.append(dim(f"  cancelled by {_leaf(cancelled['by'])}{because} in tick {cancelled.get('tick', 0)}"))
    if said := node.get("decision"):
        parts += ["  ", *decision(said, leaf=False)]
    elif feedback := node.get("feedback"):
        parts.append(dim(f"  {feedback}"))
    return line(*parts)


def _leaf(path: str) -> str:
    return path.rpartition("/")[2]


def one_breakpoint(body: Body) -> Line:
    """Return a breakpoint in a line."""
    kind: str = body.get("kind") or "node"
    kinds = {"node": "node", "line": "line", "template": "template", "data": "watch", "model_error": "model error"}
    parts: list[str | Piece] = [bold(f"{body['number']:>3} "), "log " if body.get("log") else "", kinds.get(kind, kind)]
    parts.append(f" {body.get('agents', '*')}:{body['where']}" if kind in ("node", "line") else f" {body['where']}")
    if kind in ("node", "line"):
        parts.append(f" at {body.get('on', 'enter')}")
    if body.get("log"):
        parts.append(f' "{body["log"]}"')
    if body.get("condition"):
        parts.append(f" if {body['condition']}")
    if notes := ", ".join(_notes(body)):
        parts.append(dim(f"  ({notes})"))
    if kind in ("node", "line"):
        parts.append(_matches(body.get("nodes", ())))
    return line(*parts)


def _notes(body: Body) -> Iterator[str]:
    if body.get("once"):
        yield "once"
    if not body.get("enabled", True):
        yield "disabled"
    if body.get("ignore"):
        yield f"ignores the next {body['ignore']}"
    if body.get("hits"):
        yield f"hit {body['hits']} times" if body["hits"] > 1 else "hit once"
    if body.get("commands"):
        yield "then " + " ;; ".join(body["commands"])


def _matches(nodes: Sequence[str]) -> Piece:
    if not nodes:
        return Piece("  matches nothing yet", "yellow")
    more = f" and {len(nodes) - 3} more" if len(nodes) > 3 else ""
    return dim(f"  matches {', '.join(nodes[:3])}{more}")


def breakpoints(body: Body) -> list[Line | str]:
    """Return all breakpoints."""
    return [one_breakpoint(one) for one in body["breakpoints"]] or ["no breakpoints; as in: break */Respond"]


def source(body: Body) -> list[Line]:
    """Return lines of a file, the one that counts marked."""
    lines = [line(dim(f"{place(body)}  {body['path']}"))]
    first = body.get("first_line", 1)
    for number, text in enumerate(body["lines"], first):
        here = number == body.get("line")
        mark = "->" if here else "  "
        lines.append(line(dim(f"{number:>5} "), mark, " ", bold(text) if here else text))
    return lines
