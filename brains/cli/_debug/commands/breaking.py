"""Breakpoints, log points and watches."""

from __future__ import annotations

from typing import Any

from brains.cli._debug import show_tree
from brains.cli._debug.commands.table import command
from brains.cli._debug.console import Console
from brains.cli._debug.parsing import UsageError, break_text, log_text, number, options, unquoted

__all__: list[str] = []
"""Its commands are found by their names in the table."""

GROUP = "Breakpoints"
CHOICES = {"--agents": str, "--once": bool, "--ignore": int}


@command("break", "[WHERE] [if EXPR]", group=GROUP, short="b breakpoints", completes="nodes")
async def break_(console: Console, rest: str) -> None:
    """Stop at a node; without WHERE: list all breakpoints.

    WHERE is one of
      NODE             a path, its end, or a pattern: Respond, */Respond, guard_*:*/Respond
      NODE:WHEN        exit, success, failure, running, cancel or error, instead of enter
      FILE:LINE        the line that makes the node
      template:NAME    any leaf with this prompt
      model-error      a question that the model could not answer
      error            an exception in a node

    --agents GLOB   of these agents; else of the selected one, or of all
    --once          the first time only (as `tbreak`)
    --ignore N      not the first N times

    as in: break */Respond if me.hp < 10
    """
    if not rest:
        body = await console.ask("breakpoints")
        console.out.answer("break", body, lambda: show_tree.breakpoints(body))
        return
    await _set(console, "break", rest, {})


@command("tbreak", "WHERE [if EXPR]", group=GROUP, completes="nodes")
async def tbreak(console: Console, rest: str) -> None:
    """Stop at a node once."""
    await _set(console, "tbreak", rest, {"once": True})


async def _set(console: Console, name: str, rest: str, extra: dict[str, Any]) -> None:
    left, given = options(rest, CHOICES)
    place = break_text(left)
    await _put(console, name, place.where, place.kind, place.on, place.condition, _chosen(given) | extra)


def _chosen(given: dict[str, Any]) -> dict[str, Any]:
    return {name.removeprefix("--"): value for name, value in given.items()}


async def _put(
    console: Console, name: str, where: str, kind: str, on: str, condition: str, extra: dict[str, Any]
) -> None:
    body = await console.ask("break", where=where, kind=kind, on=on, condition=condition, **extra)
    console.out.answer(name, body, lambda: [show_tree.one_breakpoint(body)])


@command("log", 'WHERE "TEXT {{ expression }}" [if EXPR]', group=GROUP, completes="nodes")
async def log(console: Console, rest: str) -> None:
    """Print a line at a node without stopping.

    as in: log */Respond:exit "{{ node.status }} at {{ me.hp }}"
    """
    left, given = options_before_text(rest)
    place, text = log_text(left)
    await _put(console, "log", place.where, place.kind, place.on, place.condition, {**_chosen(given), "log": text})


def options_before_text(rest: str) -> tuple[str, dict[str, Any]]:
    """Take options out of what stands before the text in quotes, which may say anything."""
    end = min((at for at in (rest.find('"'), rest.find("'")) if at >= 0), default=len(rest))
    left, given = options(rest[:end], CHOICES)
    return f"{left} {rest[end:]}", given


@command("watch", "KEY [if EXPR]", group=GROUP, completes="keys")
async def watch(console: Console, rest: str) -> None:
    """Stop when a value changes: blackboard.KEY, me.KEY or world.KEY."""
    left, given = options(rest, CHOICES)
    if not left:
        raise UsageError("watch what? a key", "as in: watch blackboard.alarm")
    place = break_text(left)
    where = f"{place.where}:{place.on}" if place.on else place.where
    await _put(console, "watch", where, "data", "", place.condition, _chosen(given))


@command("enable", "[N ...]", group=GROUP)
async def enable(console: Console, rest: str) -> None:
    """Have breakpoints count again; without N: all."""
    await _change(console, "enable", _numbers(rest), {"enabled": True})


@command("disable", "[N ...]", group=GROUP)
async def disable(console: Console, rest: str) -> None:
    """Let breakpoints be, without deleting them; without N: all."""
    await _change(console, "disable", _numbers(rest), {"enabled": False})


@command("delete", "[N ...]", group=GROUP)
async def delete(console: Console, rest: str) -> None:
    """Delete breakpoints; without N: all."""
    body = await console.ask("delete", numbers=_numbers(rest))
    gone = ", ".join(map(str, body.get("deleted", ())))
    console.out.answer("delete", body, lambda: [f"deleted {gone}" if gone else "there was none"])


@command("ignore", "N COUNT", group=GROUP)
async def ignore(console: Console, rest: str) -> None:
    """Let the next COUNT hits of a breakpoint go by."""
    words = rest.split()
    if len(words) != 2:
        raise UsageError("which, and how often?", "as in: ignore 1 10")
    await _change(console, "ignore", [number(words[0], "N", least=1)], {"ignore": number(words[1], "COUNT")})


@command("condition", "N [EXPR]", group=GROUP)
async def condition(console: Console, rest: str) -> None:
    """Give a breakpoint an expression that has to be true; without EXPR: none any more."""
    which, _, expression = rest.partition(" ")
    if not which:
        raise UsageError("of which breakpoint?", "as in: condition 1 me.hp < 10")
    expression = expression.strip()
    await _change(console, "condition", [number(which, "N", least=1)], {"condition": expression.removeprefix("if ")})


@command("commands", "N COMMAND [;; COMMAND ...]", group=GROUP)
async def commands(console: Console, rest: str) -> None:
    """Run commands after each stop at a breakpoint; `commands N` alone takes them away.

    as in: commands 1 prompt ;; continue
    """
    which, _, text = rest.partition(" ")
    if not which:
        raise UsageError("of which breakpoint?", "as in: commands 1 prompt ;; continue")
    lines = [part.strip() for part in text.split(";;") if part.strip()]
    breakpoint_number = number(which, "N", least=1)
    await _change(console, "commands", [breakpoint_number], {"commands": lines})
    console.note_startup(breakpoint_number)


async def _change(console: Console, name: str, numbers: list[int], change: dict[str, Any]) -> None:
    # `ask` leaves out what is empty, but an empty condition says something.
    body = await console.link.request("change_breakpoint", numbers=numbers, **change)
    console.out.answer(name, body, lambda: show_tree.breakpoints(body))


def _numbers(rest: str) -> list[int]:
    return [number(word, "a breakpoint", least=1) for word in unquoted(rest).replace(",", " ").split()]
