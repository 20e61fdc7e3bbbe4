"""`brains watch`: a live view of a running server, or of one agent, in the terminal."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from brains.cli._debug.watching import View

__all__ = ["command"]

EXAMPLES = """\b
Examples:
  brains watch                                    all agents: what each is at, and how often it is ticked
  brains watch guard_1                            its tree with statuses, and the model's last words
  brains watch guard_1 --plain | grep FALLBACK    a line for each tick in which something happened
  brains watch guard_1 --json >> ticks.jsonl      each tick as an object
  brains watch --seconds 10

It only looks, and takes no agent from anybody who debugs it. While nobody watches, it costs the server nothing.
Ctrl-C ends it.
"""


@click.command(epilog=EXAMPLES)
@click.argument("agent", required=False)
@click.option("--pid", type=int, help="The server with this process id.")
@click.option("--socket", "socket_file", type=click.Path(), help="The server at this control socket.")
@click.option("--rate", type=click.FloatRange(0.1, 20), default=4.0, show_default=True, help="Looks per second.")
@click.option("--seconds", type=click.FloatRange(min=0, min_open=True), help="End after so long.")
@click.option("--plain", is_flag=True, help="Print lines instead of drawing a screen.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per tick, or per look at all agents.")
def command(
    agent: str | None,
    pid: int | None,
    socket_file: str | None,
    rate: float,
    seconds: float | None,
    plain: bool,
    as_json: bool,
) -> None:
    """Watch agents live: trees with statuses, decisions, rates."""
    from brains.cli._debug.out import OutputClosed
    from brains.cli._debug.starting import server_of
    from brains.cli._debug.watching import LineView, ScreenView, watch

    entry = server_of(pid, socket_file)
    on_screen = sys.stdout.isatty() and not plain and not as_json
    view: View = ScreenView() if on_screen else LineView(as_json=as_json)
    try:
        with view:
            asyncio.run(watch(entry, agent or "", view, rate=rate, seconds=seconds))
    except KeyboardInterrupt:
        return
    except (OutputClosed, BrokenPipeError):
        _hush()


def _hush() -> None:
    import os

    # Python would complain once more when it flushes at exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
