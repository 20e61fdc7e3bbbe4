"""Runs a whole conversation: a script to its end, or a person until they leave; says with which exit code."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from brains.cli._debug.console import Console
from brains.cli._debug.failing import CommandFailed, Quit
from brains.cli._debug.lines import Lines, Piped, Typed, interrupts
from brains.cli._debug.text import dim, line

__all__ = ["STARTUP_FILE", "run_script", "run_typed", "startup"]

STARTUP_FILE = ".brainsrc"
USAGE = 2


async def run_script(console: Console, commands: Sequence[str], piped: Lines | None, *, keep_going: bool) -> int:
    """Run commands, then those that are piped in; return the exit code.

    0: all were done; 1: one could not be done; 2: one could not be understood. The first that fails ends it, unless
    `keep_going`.
    """
    interrupted = asyncio.Event()
    with interrupts(interrupted.set):
        work = asyncio.create_task(_script(console, commands, piped, keep_going))
        stop = asyncio.create_task(interrupted.wait())
        await asyncio.wait([work, stop], return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if not work.done():
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            raise KeyboardInterrupt
        return work.result()


async def _script(console: Console, commands: Sequence[str], piped: Lines | None, keep_going: bool) -> int:
    worst = 0
    waiting = list(commands)
    while True:
        text = waiting.pop(0) if waiting else (await piped.read("") if piped is not None else None)
        if text is None:
            return worst
        try:
            await console.run(text)
        except Quit:
            return worst
        except CommandFailed as error:
            worst = max(worst, USAGE if error.kind == "usage" else 1)
            if not keep_going or console.closed:
                return worst


async def run_typed(console: Console, commands: Sequence[str]) -> int:
    """Run commands, then what a person types, until they leave; return the exit code."""
    lines = _lines_of(console)
    console.out.lines([line(dim("`help` lists the commands; Ctrl-C pauses the agent, Ctrl-D leaves"))])
    tasks: set[asyncio.Task[object]] = set()

    def interrupt() -> None:
        task: asyncio.Task[object] = asyncio.create_task(console.interrupt())
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    waiting = list(commands)
    with interrupts(interrupt):
        while not console.closed:
            try:
                text = waiting.pop(0) if waiting else await lines.read(console.prompt)
                if text is None:
                    break
                await console.run(text)
            except CommandFailed:
                continue
            except KeyboardInterrupt:
                if not await console.interrupt():
                    console.out.lines(["Ctrl-D or `quit` leaves"])
            except Quit:
                break
    if console.agent and not console.closed:
        console.out.lines([f"{console.agent} goes on"])
    return 1 if console.closed else 0


def _lines_of(console: Console) -> Lines:
    """Return the best way to read lines that this terminal has."""
    if os.environ.get("TERM") in (None, "", "dumb") and sys.platform != "win32":
        return Piped(prompt=True)
    return Typed(console)


def _startup_files() -> list[tuple[Path, str, bool]]:
    """Return the startup files that are there, with their text, and whether it is the user's own."""
    home, here = Path.home() / STARTUP_FILE, Path.cwd() / STARTUP_FILE
    found = []
    for file in dict.fromkeys([home, here]):
        with contextlib.suppress(OSError, UnicodeDecodeError):
            found.append((file, file.read_text(encoding="utf-8"), file == home))
    return found


async def startup(console: Console) -> None:
    """Run the startup files: the user's own, and the current folder's, which may not write files."""
    for file, text, is_own in await asyncio.to_thread(_startup_files):
        console.in_startup = not is_own
        try:
            await console.run_lines(text.splitlines())
        except CommandFailed:
            console.out.lines([f"that was in {file}; the rest of it was not run"])
        finally:
            console.in_startup = False
