"""Who is there, and letting one agent run, or not."""

from __future__ import annotations

from typing import Any

from brains.cli._debug import show_stop
from brains.cli._debug.commands.table import command
from brains.cli._debug.console import Console
from brains.cli._debug.parsing import UsageError, number, options, unquoted
from brains.cli._debug.text import Line
from brains.control import RequestFailed

__all__ = ["begin"]

GROUP = "Agents and running"
BACKGROUND = "&"


@command("agents", "[GLOB]", group=GROUP, completes="agents")
async def agents(console: Console, rest: str) -> None:
    """List agents: who runs, who is held, what each is at."""
    body = await console.ask("agents", match=unquoted(rest))
    console.out.answer("agents", body, lambda: show_stop.agents({**body, "selected": console.agent}))


@command("agent", "NAME [--watch] [--take]", group=GROUP, completes="agents")
async def agent(console: Console, rest: str) -> None:
    """Attach to an agent: the commands that name none mean this one.

    --watch   only look: another may control it
    --take    take it from whoever controls it

    It runs on until `pause`, a breakpoint or Ctrl-C.
    """
    name, given = options(rest, {"--watch": bool, "--take": bool})
    mode = "watch" if given.get("--watch") else "control"
    extra = {"take": True} if given.get("--take") else {}
    body = await console.ask("attach", agent=unquoted(name), mode=mode, **extra)
    console.select(body)
    begins = console.stop is None and console.link.about.get("kind") != "live"
    console.out.answer("agent", body, lambda: [] if begins else _standing(console, body))
    if begins:
        await begin(console)


def _standing(console: Console, body: dict[str, Any]) -> list[Line]:
    return show_stop.stop(body["stop"]) if console.stop else show_stop.one_agent(body)


async def begin(console: Console) -> None:
    """Have an agent that no game drives stand before its first node."""
    await console.go("agent", "pause", wait=True, quiet=True)


@command("pause", "[AGENT]", group=GROUP, completes="agents")
async def pause(console: Console, rest: str) -> None:
    """Hold the agent before or after the next node; the others play on."""
    name = unquoted(rest)
    if name and name != console.agent:
        await agent(console, name)
    await console.go("pause", "pause", wait=True)


@command("continue", "[&]", group=GROUP, short="c")
async def continue_(console: Console, rest: str) -> None:
    """Let the agent run until something stops it; Ctrl-C does.

    With `&` the next command does not wait for that stop. A script does not wait for what nothing can stop.
    """
    if rest not in ("", BACKGROUND):
        raise UsageError(f"{rest!r} is no argument of continue", "as in: continue  or: continue &")
    await console.go("continue", "continue", wait=False if rest else None)


@command("step", "[N] [--any]", group=GROUP, short="s")
async def step(console: Console, rest: str) -> None:
    """Run to the next node that is entered.

    N       so many times
    --any   stop after nodes, too, when their status is there
    """
    left, given = options(rest, {"--any": bool})
    extra: dict[str, Any] = {"boundary": "any"} if given.get("--any") else {}
    await console.go("step", "step", count=_count(left), **extra)


@command("next", "[N]", group=GROUP, short="n")
async def next_(console: Console, rest: str) -> None:
    """Run over this subtree, to what comes after it."""
    await console.go("next", "next", count=_count(rest))


@command("finish", group=GROUP, short="r out")
async def finish(console: Console, rest: str) -> None:
    """Run until the parent of this node has ended."""
    await console.go("finish", "finish")


@command("tick", "[N]", group=GROUP, short="t")
async def tick(console: Console, rest: str) -> None:
    """Run to the end of this tick; with N, of so many."""
    await console.go("tick", "tick", count=_count(rest))


@command("until", "NODE | if EXPR", group=GROUP, completes="nodes")
async def until(console: Console, rest: str) -> None:
    """Run until a node is entered, or an expression is true.

    as in: until Respond        until if me.hp < 10
    """
    if not rest:
        raise UsageError("until what? a node, or `if` and an expression", "as in: until if me.hp < 10")
    if rest.startswith("if "):
        await console.go("until", "until", expression=rest[3:].strip())
        return
    try:
        await console.go("until", "until", node=unquoted(rest))
    except RequestFailed as error:
        if error.kind != "unknown_node":
            raise
        hint = f"{error.hint}; an expression stands after `if`: until if {rest}".removeprefix("; ")
        raise UsageError(error.message, hint) from None


@command("restart", group=GROUP)
async def restart(console: Console, rest: str) -> None:
    """Give up this tick: the tree is stopped, and starts afresh in the next."""
    await console.go("restart", "restart")


@command("detach", "[--hold]", group=GROUP)
async def detach(console: Console, rest: str) -> None:
    """Leave the agent, which goes on; with --hold it stays held until somebody lets it go (`brains ctl resume`)."""
    _, given = options(rest, {"--hold": bool})
    body = await console.ask("detach", **({"hold": True} if given.get("--hold") else {}))
    console.leave()
    left = ", ".join(body.get("agents", ())) or "nobody"
    console.out.answer("detach", body, lambda: [f"left {left}{', held' if given else ''}"])


def _count(text: str) -> int:
    return number(text, "how often", least=1) if text.strip() else 1
