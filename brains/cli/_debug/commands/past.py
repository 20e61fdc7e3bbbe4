"""The past: looking back, running it again, branching off from it, recording."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from brains.cli._debug import show_stop
from brains.cli._debug.commands.table import command
from brains.cli._debug.console import Console
from brains.cli._debug.parsing import UsageError, number, options, unquoted
from brains.cli._debug.text import Line, Piece, dim, line, value

__all__: list[str] = []
"""Its commands are found by their names in the table."""

GROUP = "The past"


@command("history", "[-n N]", group=GROUP)
async def history(console: Console, rest: str) -> None:
    """List the last ticks: what each did, ordered and heard from the model."""
    left, given = options(rest, {"-n": int})
    count = given.get("-n") or (number(left, "how many", least=1) if left else 10)
    body = await console.ask("history", agent=console.address, last=count)
    console.out.answer("history", body, lambda: show_stop.history(body))


@command("back", "[N]", group=GROUP)
async def back(console: Console, rest: str) -> None:
    """Look at the tick before; where, tree, bb, snapshot and why then show that one.

    Live this only looks: the agent stays where it is. In a recording it is run again up to that tick.
    """
    await _goto(console, "back", by=-(number(rest, "how far", least=1) if rest else 1))


@command("stepback", "[N]", group=GROUP, short="sb")
async def stepback(console: Console, rest: str) -> None:
    """Go back over node boundaries; in a recording, where the agent is run again up to there."""
    body = await console.ask("step_back", agent=console.address, count=number(rest, "how far", least=1) if rest else 1)
    console.frames, console.focus = [], None
    console.out.answer("stepback", body, list)


@command("forward", "[N]", group=GROUP)
async def forward(console: Console, rest: str) -> None:
    """Look at the tick after."""
    await _goto(console, "forward", by=number(rest, "how far", least=1) if rest else 1)


@command("goto", "[TICK]", group=GROUP)
async def goto(console: Console, rest: str) -> None:
    """Look at a tick; without TICK: at the present."""
    if rest:
        await _goto(console, "goto", tick=number(rest, "the tick", least=1))
    else:
        await _goto(console, "goto")


async def _goto(console: Console, name: str, **arguments: int) -> None:
    body = await console.ask("goto", agent=console.address, **arguments)
    console.frames, console.focus = [], None
    if body.get("stop"):
        console.stop = body["stop"]
    # Where an agent was brought to by running it again, an event says.
    is_told = console.link.about.get("kind") == "replay"
    console.out.answer(name, body, lambda: [] if is_told else _viewed(body))


def _viewed(body: dict[str, Any]) -> list[Line | str]:
    view = body.get("view")
    lines: list[Line | str] = [line(dim("the present" if view is None else f"tick {view}"))]
    if body.get("stop"):
        lines = [*lines, *show_stop.stop(body["stop"])] if view is not None else list(show_stop.stop(body["stop"]))
    return lines


@command("replay", "TICK", group=GROUP)
async def replay(console: Console, rest: str) -> None:
    """Run the agent again from its beginning to a tick, from its recorded inputs, and say what came out otherwise."""
    if not rest:
        raise UsageError("to which tick?", "as in: replay 50; `history` lists ticks")
    body = await console.ask("replay", agent=console.address, tick=number(rest, "the tick", least=1))
    console.out.answer("replay", body, lambda: _replayed(body))


def _replayed(body: dict[str, Any]) -> list[Line | str]:
    found = body.get("differences") or []
    count = len(found)
    first = body.get("first", 1)
    since = f" (from tick {first} on)" if first > 1 else ""
    lines: list[Line | str] = [f"{body.get('ticks', 0)} ticks, {count} difference{'' if count == 1 else 's'}{since}"]
    told = [*found[:10], *body.get("problems", ())]
    return lines + [line("  ", Piece(one if isinstance(one, str) else value(one), "yellow")) for one in told]


@command("fork", "[TICK] [--live]", group=GROUP)
async def fork(console: Console, rest: str) -> None:
    """Make a shadow of the agent as it was at a tick, and go there; what it orders is shown and not sent.

    --live   it goes on with the game's snapshots, beside the agent
    """
    left, given = options(rest, {"--live": bool})
    extra: dict[str, Any] = {"tick": number(left, "the tick", least=1)} if left else {}
    if given:
        extra["live"] = True
    body = await console.ask("fork", agent=console.address, **extra)
    console.select(body)
    console.out.answer("fork", body, lambda: show_stop.stop(body["stop"]) if body.get("stop") else
                       show_stop.one_agent(body))  # fmt: skip


@command("record", "on [FILE] | off", group=GROUP, completes="files")
async def record(console: Console, rest: str) -> None:
    """Begin or end to record the server's session into a file."""
    word, _, file = rest.partition(" ")
    if word not in ("on", "off"):
        raise UsageError("on or off?", "as in: record on run.jsonl")
    if console.in_startup:
        raise UsageError("a startup file may not write files", "type it, or put it into a file for `source`")
    # Absolute: the server may have been started elsewhere.
    where = await asyncio.to_thread(os.path.abspath, unquoted(file)) if file.strip() else ""
    body = await console.ask("record", on=word == "on", file=where)
    now = body.get("recording")
    console.out.answer("record", body, lambda: [f"records into {now}" if now else "does not record"])
