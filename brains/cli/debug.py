"""`brains debug`: stop one agent in the middle of a tick, look, step, go back, ask the model again, let it run on."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING, Any

import click

from brains.errors import BrainsError

if TYPE_CHECKING:
    from brains.cli._debug.out import Out
    from brains.cli._debug.starting import Target

__all__ = ["command"]

EXAMPLES = """\b
Examples:
  brains debug                                    the running server; `agents` lists who is there
  brains debug guard_1                            attach to guard_1; Ctrl-C pauses it, Ctrl-D leaves
  brains debug guard_1 -c 'break */Respond' -c continue -c where -c prompt
  brains debug guard_1 --json < commands.txt      one JSON object per stop and answer
  brains debug guard_1 --replay run.jsonl --at 50 no server: a recording, just before tick 50
  brains debug --tree py_trees.demos.selector:create_root            any py_trees tree
  brains serve --break 'guard_*:*/Respond' --wait stop before the first tick, until somebody debugs

`help` lists the commands of the debugger. Other agents play on; one that is held goes on when you leave, or when
this program vanishes.

Exit code 0 if all was done; 1 if something could not be done, or did not happen within --timeout; 2 for wrong usage;
130 for a Ctrl-C in a script.
"""


@click.command(epilog=EXAMPLES)
@click.argument("agent", required=False)
@click.option("--pid", type=int, help="The server with this process id.")
@click.option(
    "--socket", "socket_file", type=click.Path(), help="The server at this control socket, or of this .json file."
)
@click.option("--replay", type=click.Path(), help="Debug a recording instead, without a server.")
@click.option("--at", type=click.IntRange(min=1), help="With --replay: begin just before this tick.")
@click.option(
    "--life", type=click.IntRange(min=1),
    help="With --replay: of an agent that lived several times, as after a restart of the game, the life with this "
    "number; by default the last.",
)  # fmt: skip
@click.option(
    "--tree", metavar="MODULE:FUNCTION", help="Debug the py_trees tree that a function returns, without a server."
)
@click.option("-c", "commands", multiple=True, metavar="COMMAND", help="Run a command; repeatable. Then leave.")
@click.option("-i", "stay", is_flag=True, help="After -c, go on with what is typed.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per stop, answer and error.")
@click.option(
    "--timeout", type=click.FloatRange(min=0, min_open=True), default=30.0, show_default=True,
    help="Seconds that a script waits for a stop or an answer.",
)  # fmt: skip
@click.option("--keep-going", is_flag=True, help="Go on after a command of a script that fails.")
@click.option("--sticky", is_flag=True, help="Draw the tree anew after each stop.")
@click.option("--watch", is_flag=True, help="Only look: somebody else may control the agent.")
@click.option("--no-startup", is_flag=True, help="Do not read .brainsrc.")
@click.option("--trees", type=click.Path(), help="With --replay: folder of the brains.")
@click.option("--prompts", type=click.Path(), help="With --replay: folder of their templates.")
@click.option("--model", help="With --replay: what `rerun` asks.")
@click.option("--config", "config_file", type=click.Path(), help="With --replay: settings file instead of the nearest.")
def command(
    agent: str | None,
    commands: tuple[str, ...],
    stay: bool,
    as_json: bool,
    timeout: float,
    keep_going: bool,
    sticky: bool,
    watch: bool,
    no_startup: bool,
    **where: Any,
) -> None:
    """Step-debug one agent: live, backwards, and from a recording."""
    from brains.cli._debug.out import Out, OutputClosed
    from brains.cli._debug.starting import Target, told_of

    typed = (stay or not commands) and not as_json and sys.stdin.isatty()
    target = Target(agent=agent or "", watch=watch, ask=typed, **where)
    out = Out(as_json=as_json)
    if timeout <= 0:
        raise click.UsageError("--timeout has to be more than 0")
    options = {"interactive": typed, "timeout": timeout, "sticky": sticky}
    try:
        code = asyncio.run(_debug(target, out, options, list(commands), stay, keep_going, use_startup=not no_startup))
    except OutputClosed:
        # Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except BrainsError as error:
        if not as_json:
            raise
        out.failure("start", *told_of(error, target))
        code = 1
    raise click.exceptions.Exit(code)


async def _debug(
    target: Target, out: Out, options: dict[str, Any], commands: list[str], stay: bool, keep_going: bool, *,
    use_startup: bool,
) -> int:  # fmt: skip
    """Hold the conversation; return the exit code."""
    from brains.cli._debug.console import Console
    from brains.cli._debug.failing import CommandFailed
    from brains.cli._debug.lines import Piped
    from brains.cli._debug.running import run_script, run_typed, startup
    from brains.cli._debug.starting import attach, opened

    async with opened(target) as link:
        console = Console(link, out, **options)
        await console.start()
        try:
            await link.start(events=console.interactive)
            try:
                await attach(console, target)
            except CommandFailed:
                return 1
            if console.interactive:
                if use_startup:
                    await startup(console)
                return await run_typed(console, commands)
            piped = Piped() if stay or not commands else None
            return await run_script(console, commands, piped, keep_going=keep_going)
        finally:
            await console.close()
