"""What `brains watch` costs the server: nobody can watch, nobody does, and somebody does."""

from __future__ import annotations

import asyncio
import contextlib
import operator
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from brains.cli._bench.stepping import AGENTS, NODES, Game
from brains.control import ControlServer
from brains.errors import BrainsError

__all__ = ["watching_costs"]

STARTS_WITHIN = 30.0
"""Seconds that the watcher may take to start."""
LOOKS = 3
"""Times that the event loop goes round after each tick: so often until what the tick has to tell is sent."""


def watching_costs(seconds: float = 2.0) -> dict[str, Any]:
    """Measure by turns, so that whatever else the machine does hits all alike; the watcher is a process of its own.

    Returns:
        Medians in microseconds of a tick of all agents with what is sent after it, and medians of the ratios in each
        round: `listening_ratio` of a session with a control socket that nobody watches against one without,
        `watched_ratio` of one of whose agents somebody watches the tree.

    Raises:
        BrainsError: the watcher does not start.
    """
    return asyncio.run(_measure(seconds))


async def _measure(seconds: float) -> dict[str, Any]:
    games = {"alone": Game(AGENTS, debugger=False)} | {
        name: Game(AGENTS, debugger=True) for name in ("listening", "watched")
    }
    # A control socket's path is short.
    with tempfile.TemporaryDirectory(prefix="brains-") as one, tempfile.TemporaryDirectory(prefix="brains-") as other:
        async with (
            ControlServer(games["listening"].debugger, folder=Path(one)),
            ControlServer(games["watched"].debugger, folder=Path(other)) as server,
        ):
            assert server.entry is not None
            # Where there is no Unix socket, the file says how to get in.
            socket = server.entry.socket or await asyncio.to_thread(_file_in, other)
            async with _watcher(games["watched"], socket):
                times = await _by_turns(seconds, games)
    median = {name: statistics.median(found) * 1e6 for name, found in times.items()}
    return {
        "agents": AGENTS,
        "nodes": NODES,
        "rounds": len(times["alone"]),
        **{f"{name}_us": round(us, 1) for name, us in median.items()},
        "ratios": {
            name + "_ratio": round(statistics.median(map(operator.truediv, times[name], times["alone"])), 3)
            for name in ("listening", "watched")
        },
    }


def _file_in(folder: str) -> str:
    return str(next(Path(folder).glob("*.json")))


async def _by_turns(seconds: float, games: dict[str, Game]) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in games}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times["alone"]) < 3:
        for name, game in games.items():
            taken = game.tick()
            begin = time.perf_counter()
            for _ in range(LOOKS):
                await asyncio.sleep(0)
            times[name].append(taken + time.perf_counter() - begin)
    return times


@contextlib.asynccontextmanager
async def _watcher(game: Game, socket: str) -> AsyncIterator[None]:
    """Have somebody watch an agent's tree until the block ends."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "brains", "watch", "agent_0", "--json", "--socket", socket,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(STARTS_WITHIN):
            while not any(control.followers for control in game.debugger.controls()):
                if process.returncode is not None:
                    assert process.stderr is not None
                    raise BrainsError(f"`brains watch` does not start: {(await process.stderr.read()).decode()}")
                await asyncio.sleep(0.01)
        yield
    except TimeoutError as error:
        raise BrainsError(f"`brains watch` does not start within {STARTS_WITHIN:g} s") from error
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.communicate()
