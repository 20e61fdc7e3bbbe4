"""Looking at an agent: where it stands, its tree, its memory, what it perceives, and why it does what it does."""

from __future__ import annotations

import asyncio
import os
import tokenize
from typing import Any

from brains.cli._debug import show_prompt, show_stop, show_tree
from brains.cli._debug.commands.table import command
from brains.cli._debug.console import Console
from brains.cli._debug.parsing import UsageError, number, options, unquoted, value_of
from brains.cli._debug.text import Line, dim, line, value
from brains.control import RequestFailed

__all__: list[str] = []
"""Its commands are found by their names in the table."""

GROUP = "Looking and changing"
AROUND = 5
"""Lines of source before and after the one that counts."""


@command("where", group=GROUP, short="w bt")
async def where(console: Console, rest: str) -> None:
    """Tell where the agent stands, from the root down."""
    body = await console.ask("where", agent=console.address)
    console.frames = body.get("frames") or []
    console.out.answer("where", body, lambda: show_stop.frames(body, console.focus))


@command("up", "[N]", group=GROUP, short="u")
async def up(console: Console, rest: str) -> None:
    """Look at the parent: `tree`, `list`, `prompt` and `force` then mean that node."""
    await _move(console, "up", -(number(rest, "how far", least=1) if rest else 1))


@command("down", "[N]", group=GROUP, short="d")
async def down(console: Console, rest: str) -> None:
    """Look at the child again."""
    await _move(console, "down", number(rest, "how far", least=1) if rest else 1)


async def _move(console: Console, name: str, by: int) -> None:
    body = await console.ask("where", agent=console.address)
    console.frames = body.get("frames") or []
    if not console.frames:
        raise UsageError("it stands at no node", "`pause` stops it at one")
    last = len(console.frames) - 1
    there = max(0, min(last, (last if console.focus is None else console.focus) + by))
    console.focus = None if there == last else there
    frame = console.frames[there]
    shown = {"stop": None, "frames": console.frames}
    console.out.answer(name, frame, lambda: show_stop.frames(shown, there))


@command("tree", "[-a] [NODE]", group=GROUP, completes="nodes")
async def tree(console: Console, rest: str) -> None:
    """Show the tree with its statuses, or the part below a node; -a: with kinds, places and last statuses."""
    node, given = options(rest, {"-a": bool})
    body = await console.ask("tree", agent=console.address, node=unquoted(node) or console.node)
    console.out.answer("tree", body, lambda: show_tree.tree(body, full="-a" in given))


@command("list", "[NODE] [--class] [-n LINES]", group=GROUP, short="l", completes="nodes")
async def list_(console: Console, rest: str) -> None:
    """Show the source around the line that makes a node; --class: of its class."""
    node, given = options(rest, {"--class": bool, "-n": int})
    body = await console.ask("source", agent=console.address, node=unquoted(node) or console.node)
    part = "class_" if "--class" in given else ""
    file, line_number = body.get(f"{part}file") or "", body.get(f"{part}line") or 0
    if not file or not line_number:
        raise RequestFailed("no_source", f"it is not known where {body['path']} is made", "try `list --class`")
    path = os.path.join(console.link.folder, file)
    first, lines = await asyncio.to_thread(_source_lines, path, line_number, given.get("-n", AROUND))
    shown = {**body, "file": file, "line": line_number, "first_line": first, "lines": lines}
    console.out.answer("list", shown, lambda: show_tree.source(shown))


def _source_lines(file: str, number: int, around: int) -> tuple[int, list[str]]:
    """Return the number of the first line and the lines around one, as the interpreter that read them decodes them."""
    first = max(1, number - around)
    try:
        with tokenize.open(file) as source:
            lines = source.read().splitlines()
    except (OSError, SyntaxError, UnicodeDecodeError) as error:
        raise RequestFailed("no_source", f"{file} cannot be read: {error}") from error
    return first, lines[first - 1 : number + around]


@command("print", "EXPR", group=GROUP, short="p", completes="keys")
async def print_(console: Console, rest: str) -> None:
    """Evaluate a Jinja expression: me, world, blackboard, snapshot, events, node, tick, time, agent, orders.

    as in: print me.hp < 10 and node.status == "RUNNING"
    """
    if not rest:
        raise UsageError("print what?", "as in: print me.hp")
    body = await console.ask("evaluate", agent=console.address, expression=rest)
    console.out.answer("print", body, lambda: _nested(body.get("value"), 0))


@command("display", "[EXPR]", group=GROUP, completes="keys")
async def display(console: Console, rest: str) -> None:
    """Show an expression after each stop, if it has changed; without EXPR: list them."""
    if rest:
        # Wrong ones are refused now, and not at each stop.
        body = await console.ask("evaluate", agent=console.address, expression=rest)
        console.displays[rest] = body.get("value")
    shown = {"displays": [{"expression": name, "value": given} for name, given in console.displays.items()]}
    console.out.answer("display", shown, lambda: [line(dim(f"  {name} = "), value(given)) for name, given in
                                                  console.displays.items()] or ["nothing is displayed"])  # fmt: skip


@command("undisplay", "[EXPR]", group=GROUP)
async def undisplay(console: Console, rest: str) -> None:
    """Show an expression no longer; without EXPR: none of them."""
    if rest and rest not in console.displays:
        raise UsageError(f"{rest!r} is not displayed", "`display` lists what is")
    gone = [rest] if rest else list(console.displays)
    for name in gone:
        del console.displays[name]
    console.out.answer("undisplay", {"gone": gone}, lambda: [f"no longer: {', '.join(gone) or 'nothing was'}"])


@command("bb", "[KEY]", group=GROUP, short="blackboard", completes="keys")
async def bb(console: Console, rest: str) -> None:
    """Show the agent's memory, or one key."""
    body = await console.ask("blackboard", agent=console.address, key=unquoted(rest).removeprefix("blackboard."))
    console.out.answer("bb", body, lambda: _memory(body))


def _memory(body: dict[str, Any]) -> list[Line | str]:
    changed = body.get("changed") or []
    lines: list[Line | str] = [
        line(
            dim("* " if key in changed else "  "), f"{key} = ", value(given, 0 if len(body["blackboard"]) == 1 else 160)
        )
        for key, given in body["blackboard"].items()
    ]
    if changed and lines:
        lines.append(line(dim("* changed in this tick")))
    return lines or ["the blackboard is empty"]


@command("snapshot", "[PATH] [--latest]", group=GROUP, completes="keys")
async def snapshot(console: Console, rest: str) -> None:
    """Show what the agent perceives in this tick, or a part of it such as me.hp; --latest: what has come since."""
    path, given = options(rest, {"--latest": bool})
    extra = {"latest": True} if given else {}
    body = await console.ask("snapshot", agent=console.address, path=unquoted(path).removeprefix("snapshot."), **extra)
    console.out.answer("snapshot", body, lambda: _perceived(body))


def _perceived(body: dict[str, Any]) -> list[Line | str]:
    lines: list[Line | str] = []
    head = f"snapshot {body.get('seq', 0)}, {body.get('time', 0.0):.2f} s of the game"
    if (latest := body.get("latest")) is not None:
        head += f"; the newest is {latest.get('seq', 0)} ({latest.get('time', 0.0):.2f} s)"
        head += f", {latest.get('dropped', 0)} gone by"
    lines.append(line(dim(head)))
    return lines + _nested(body["snapshot"], 1)


def _nested(given: Any, depth: int) -> list[Line | str]:
    """Return a value over several lines where it is long."""
    indent = "  " * depth
    if isinstance(given, dict) and given:
        lines: list[Line | str] = []
        for key, item in given.items():
            if isinstance(item, dict | list) and item and len(value(item, 0)) > 100:
                lines.append(line(indent, dim(f"{key}:")))
                lines += _nested(item, depth + 1)
            else:
                lines.append(line(indent, dim(f"{key} = "), value(item, 0)))
        return lines
    if isinstance(given, list) and len(value(given, 0)) > 100:
        return [line(indent, dim("- "), value(item, 0)) for item in given]
    return [line(indent, value(given, 0))]


@command("scopes", "[NODE]", group=GROUP, short="variables", completes="nodes")
async def scopes(console: Console, rest: str) -> None:
    """Show all there is to know of a node: itself, the blackboard, the snapshot, its prompt."""
    body = await console.ask("variables", agent=console.address, node=unquoted(rest) or console.node)
    console.out.answer("scopes", body, lambda: show_prompt.scopes(body))


@command("why", group=GROUP)
async def why(console: Console, rest: str) -> None:
    """Tell which branches this tick tried and refused, and by whose word."""
    body = await console.ask("why", agent=console.address)
    console.out.answer("why", body, lambda: show_stop.why(body))


@command("running", group=GROUP)
async def running(console: Console, rest: str) -> None:
    """List the leaves at work, and since when."""
    body = await console.ask("running", agent=console.address)
    console.out.answer("running", body, lambda: show_stop.running(body))


@command("set", "KEY VALUE | --delete KEY", group=GROUP, completes="keys")
async def set_(console: Console, rest: str) -> None:
    """Change the agent's memory; VALUE is JSON.

    as in: set alarm true       set goal "the gate"       set --delete alarm
    """
    left, given = options(rest, {"--delete": bool}) if rest.startswith("--") else (rest, {})
    key, _, text = left.partition(" ")
    key = key.removeprefix("blackboard.")
    if not key or (not text.strip() and not given):
        raise UsageError("which key, and what value?", "as in: set alarm true")
    if given:
        body = await console.ask("set", agent=console.address, key=key, delete=True)
    else:
        # Not through `ask`, which leaves out what is empty: here it is the value.
        body = await console.link.request("set", agent=console.address, key=key, value=value_of(text.strip()))
    console.out.answer("set", body, lambda: [line(dim(f"  {key}: "), value(body.get("old")), " -> ",
                                                  "(gone)" if given else value(body.get("value")))])  # fmt: skip


@command("force", "[NODE] success|failure|running|none [--keep]", group=GROUP, completes="nodes")
async def force(console: Console, rest: str) -> None:
    """Give a node its result without running it: once, or with --keep until `force NODE none`.

    Without NODE: the node where the agent stands. What runs below it is stopped first.
    """
    left, given = options(rest, {"--keep": bool})
    node, _, word = left.rpartition(" ")
    words = ("success", "failure", "running", "none")
    if word.lower() not in words:
        raise UsageError(
            f"{word or 'nothing'!r} is no result", f"as in: force Respond failure (one of {', '.join(words)})"
        )
    extra = {"keep": True} if given else {}
    body = await console.ask(
        "force", agent=console.address, node=unquoted(node) or console.node, status=word.lower(), **extra
    )
    how = "no longer forced" if word.lower() == "none" else (
        f"gives {body['status'].upper()} " + ("until you say otherwise" if body.get("keep") else
        ("now" if body.get("at") == "exit" else "the next time")))  # fmt: skip
    console.out.answer("force", body, lambda: [f"{body['path']} {how}"])
