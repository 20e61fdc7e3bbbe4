"""Prompts and answers of the model for people."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from brains.cli._debug.show_stop import decision
from brains.cli._debug.text import Line, Piece, bold, dim, line, value
from brains.cli._running import short_path

__all__ = ["prompt", "reloaded", "reply", "rerun", "scopes", "template"]

Body = Mapping[str, Any]

MOST_TURNS = 2
"""Examples that are shown of a prompt; it has a dozen or more."""


def prompt(body: Body, *, full: bool = False) -> list[Line]:
    """Return a leaf's prompt: as it was asked, and how it would be asked now if that differs."""
    lines = [line(bold(body["prompt"]), dim(f"  {short_path(body.get('file') or '')}  for {body['leaf']}"))]
    lines += [line(Piece(f"broken: {_message(error)}", "red")) for error in body.get("errors", ())]
    asked, now = body.get("asked"), body.get("now")
    shown = asked or now
    if shown is None:
        return [*lines, line("it cannot be rendered now")]
    lines.append(line(dim("as it was asked last:" if asked else "not asked yet; now it would be:")))
    lines += [line(text) if isinstance(text, str) else text for text in _text(shown, full)]
    if labels := shown.get("labels"):
        lines.append(line(dim("answers "), ", ".join(labels)))
    if variables := body.get("variables"):
        shown_values = ", ".join(f"{name}={value(given, 60)}" for name, given in variables.items())
        lines.append(line(dim("from    "), shown_values))
    if asked and now and (body.get("changed") or asked.get("digest") != now.get("digest")):
        lines.append(line(dim("as it would be asked now:")))
        lines += _difference(asked, now)
    return lines


def _message(error: Any) -> str:
    return error if isinstance(error, str) else str(error.get("message", error))


def _text(body: Body, full: bool) -> Iterator[Line | str]:
    if system := body.get("system"):
        yield from (line(dim("system| "), text) for text in system.split("\n"))
    turns = body.get("turns") or []
    hidden = 0 if full else max(0, len(turns) - MOST_TURNS)
    if hidden:
        plural = "s" if hidden > 1 else ""
        yield line(dim(f"      | ({hidden} example{plural} not shown; `prompt --all` shows them)"))
    for turn in turns[hidden:]:
        yield from _turn(turn.get("user", ""), turn.get("answer", ""))
    yield from _turn(body.get("user", ""), "")


def _turn(user: str, answer: str) -> Iterator[Line]:
    for text in user.split("\n"):
        yield line(dim("  user| "), text)
    if answer:
        yield line(dim("answer| "), Piece(answer, "green"))


def _flat(body: Body) -> list[str]:
    return "".join(piece.text for one in _text(body, True) for piece in (*line(*one), Piece("\n"))).splitlines()


def _difference(before: Body, after: Body) -> Iterator[Line]:
    for text in list(difflib.unified_diff(_flat(before), _flat(after), lineterm="", n=1))[2:]:
        if text.startswith("@@"):
            continue
        yield line(Piece(text, {"+": "green", "-": "red"}.get(text[0], "dim")))


def reply(body: Body) -> list[Line]:
    """Return the model's last answer to a leaf."""
    lines = [line(bold(body["leaf"]))]
    if (waiting := body.get("waiting")) is not None:
        lines.append(line(Piece(f"  waits for the model since {waiting:.1f} s", "yellow")))
    said = body.get("decision")
    if said is None:
        return [*lines, line("  no answer yet")]
    lines.append(line("  ", *decision(said, leaf=False)))
    if said.get("text") and said["text"] != said.get("answer"):
        lines += [line(dim("      | "), text) for text in said["text"].split("\n")]
    if said.get("value") is not None and not isinstance(said["value"], str | bool):
        lines.append(line(dim("  value "), value(said["value"])))
    if said.get("tick_asked"):
        lines.append(
            line(dim(f"  asked in tick {said['tick_asked']}, answered in tick {said.get('tick_answered', 0)}"))
        )
    return lines


def rerun(body: Body) -> list[Line]:
    """Return what the model says to the same question now."""
    before = body.get("before")
    asked = body.get("prompt") or {}
    name = asked.get("prompt", "") if isinstance(asked, dict) else asked
    lines = [line(bold(body["leaf"]), dim(f"  {name}  by {body.get('model') or 'the model'}"))]
    if before:
        lines.append(line("  before  ", *decision(before, leaf=False)))
    for number, run in enumerate(body["runs"], 1):
        which = "  now     " if len(body["runs"]) == 1 else f"  run {number:<4}"
        lines.append(line(which, *decision(run, leaf=False)))
    if before and any(run.get("kind", "answered") == "answered" for run in body["runs"]):
        flipped = not body.get("same", False)
        lines.append(
            line(
                "  ", Piece("the answer has changed" if flipped else "the same answer", "yellow" if flipped else "dim")
            )
        )
    if body.get("applied"):
        lines.append(line("  the leaf takes it in its next visit"))
    return lines


def template(body: Body) -> list[Line]:
    """Return a template's text."""
    lines = [line(bold(body["prompt"]), dim(f"  {short_path(body.get('file') or '')}"))]
    if body.get("error"):
        lines.append(line(Piece(f"broken: {_message(body['error'])}", "red")))
    return [*lines, *(line(dim(f"{number:>4} "), text) for number, text in enumerate(body["text"].split("\n"), 1))]


def reloaded(body: Body) -> list[Line | str]:
    """Return what has come of reading templates again."""
    lines: list[Line | str] = [line(Piece(f"{_message(error)}", "red")) for error in body.get("errors", ())]
    if names := body.get("prompts"):
        lines.append(f"read again: {', '.join(names)}")
    return lines or ["no template has changed"]


def scopes(body: Body) -> list[Line]:
    """Return scopes with their values."""
    lines = []
    for scope in body["scopes"]:
        lines.append(line(bold(scope["name"])))
        values = scope.get("values") or {}
        lines += [line(f"  {name} = ", value(given)) for name, given in values.items()] or [line(dim("  (empty)"))]
    return lines
