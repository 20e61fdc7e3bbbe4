"""What a recording costs: ticks of agents that are recorded against ticks of those that are not."""

from __future__ import annotations

import itertools
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from brains.agent import Agent
from brains.cli._bench.stepping import BRAIN, NODES
from brains.debugger.local import NoModel
from brains.library import BrainLibrary
from brains.prompts import PromptLibrary
from brains.recording import FileRecorder
from brains.session import GameSession
from brains.trace import Recorder

__all__ = ["recording_costs"]

AGENTS = 20
RATE = 30.0
"""Snapshots of the game per second of its time."""
LEAST = 3
"""Rounds, however little time there is."""
SEES = [
    {"id": f"stranger_{number}", "kind": "stranger", "looks": "a masked man with a club", "distance": 3.5 + number}
    for number in range(6)
]
WORLD = {"time_of_day": 0.4, "weather": "rain", "gates": [{"id": f"gate_{n}", "open": n % 2 == 0} for n in range(8)]}


class _Game:
    """A session whose agents perceive something in each snapshot, some 800 bytes each."""

    def __init__(self, recorder: Recorder | None = None) -> None:
        factory: Callable[..., Agent] = partial(Agent, prompts=PromptLibrary(), asker=NoModel())
        if recorder is not None:
            factory = recorder.factory(factory)
        self._session = GameSession(BrainLibrary(brains={"bench": BRAIN}), factory)
        self._names = [f"agent_{number}" for number in range(AGENTS)]
        self._numbers = itertools.count(1)
        self._send(type="hello", protocol=1)
        entries = [{"id": name, "brain": "bench", "actions": []} for name in self._names]
        self._send(type="agents", epoch=0, add=entries, remove=[])

    def _send(self, **message: Any) -> None:
        self._session.receive(msgspec.json.encode(message).decode())
        self._session.outgoing()

    def tick(self) -> float:
        """Send a snapshot; return how long the tick of all agents took, in seconds."""
        seq = next(self._numbers)
        me = {"n": seq, "name": "Odo", "hp": 80, "position": [seq * 0.1, 2.25], "sees": SEES}
        parts = {name: {"me": me} for name in self._names}
        time_ms = seq * 1000 / RATE
        self._send(type="snapshot", seq=seq, epoch=0, frame=0, time_ms=time_ms, world={**WORLD, "n": seq}, agents=parts)
        begin = time.perf_counter()
        self._session.tick()
        end = time.perf_counter()
        self._session.outgoing()
        return end - begin


def recording_costs(seconds: float = 3.0) -> dict[str, Any]:
    """Measure by turns, so that whatever else the machine does hits all alike.

    Returns:
        Medians in microseconds for one tick of one agent, `on_ratio` of a recorded one against one that is not, the
        same for a compressed file, and how many bytes a tick takes on the disk.
    """
    with tempfile.TemporaryDirectory() as folder:
        plain, pressed = (FileRecorder(Path(folder) / name) for name in ("run.jsonl", "run.jsonl.gz"))
        games = {"off": _Game(), "on": _Game(plain), "compressed": _Game(pressed)}
        times: dict[str, list[float]] = {name: [] for name in games}
        end = time.perf_counter() + seconds
        while time.perf_counter() < end or len(times["off"]) < LEAST:
            for name, game in games.items():
                times[name].append(game.tick())
        for recorder in (plain, pressed):
            recorder.close()
        rounds = len(times["off"])
        sizes = {name: recorder.path.stat().st_size for name, recorder in (("plain", plain), ("compressed", pressed))}
        dropped = plain.sink.dropped + pressed.sink.dropped
    median = {name: statistics.median(found) / AGENTS * 1e6 for name, found in times.items()}
    p99 = {name: statistics.quantiles(found, n=100)[98] / AGENTS * 1e6 for name, found in times.items()}
    return {
        "agents": AGENTS,
        "nodes": NODES,
        "rounds": rounds,
        **{f"{name}_us": round(us, 1) for name, us in median.items()},
        **{f"{name}_p99_us": round(us, 1) for name, us in p99.items()},
        **{f"{name}_bytes_per_tick": round(size / rounds / AGENTS) for name, size in sizes.items()},
        "dropped": dropped,
        "ratios": {
            "on_ratio": round(median["on"] / median["off"], 2),
            "compressed_ratio": round(median["compressed"] / median["off"], 2),
        },
    }
