"""What is shown of its own accord after each stop: where the agent stands, its tree if wanted, and what has changed."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from brains.cli._debug import show_stop, show_tree
from brains.cli._debug.text import Line, dim, line, value
from brains.control import RequestFailed

if TYPE_CHECKING:
    from brains.cli._debug.console import Console

__all__ = ["display", "show"]

CLEAR = "\x1b[H\x1b[2J"


async def show(console: Console, stop: dict[str, Any]) -> None:
    """Show a stop, after the tree if that is sticky, and before the displays that have changed."""
    if console.sticky and console.interactive and not console.out.as_json:
        with contextlib.suppress(RequestFailed):
            tree = await console.ask("tree", agent=console.address)
            if console.out.colour:
                console.out.write(CLEAR)
            console.out.lines([*show_tree.tree(tree), ""])
    console.out.event("stopped", stop, lambda: show_stop.stop(stop))
    for expression, before in list(console.displays.items()):
        await display(console, expression, before)


async def display(console: Console, expression: str, before: Any = None) -> None:
    """Show an expression's value, if it is another than before."""
    try:
        now = (await console.ask("evaluate", agent=console.address, expression=expression)).get("value")
    except RequestFailed as error:
        now = {"error": error.message}
    if now == before:
        return
    console.displays[expression] = now
    shown: list[Line | str] = [line(dim(f"  {expression} = "), value(now))]
    console.out.event("display", {"expression": expression, "value": now}, lambda: shown)
