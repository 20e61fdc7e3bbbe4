"""How long a tick takes while questions are in flight, against the same ticks with none."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import py_trees

from brains.cli._bench.crowd import AGENTS, Crowd, by_gateway, quantile
from brains.gateway import Gateway

__all__ = ["tick_times"]

RATE = 60.0
"""Ticks per second of each agent."""
NODES = 40
"""Leaves of a tree, all of which a tick visits."""
TURNS = 4
"""How often the two take turns, so that whatever else the machine does meets both."""


def _tree(name: str) -> py_trees.behaviour.Behaviour:
    root = py_trees.composites.Selector(name, memory=False)
    root.add_children([py_trees.behaviours.Failure(f"leaf {number}") for number in range(NODES)])
    return root


async def _tick(seconds: float) -> list[float]:
    """Tick all agents at their rate; return how long each round took, in seconds."""
    trees = [_tree(f"agent {number}") for number in range(AGENTS)]
    found = []
    due = end = time.perf_counter()
    end += seconds
    while due < end:
        await asyncio.sleep(max(due - time.perf_counter(), 0.0))
        begin = time.perf_counter()
        for tree in trees:
            tree.tick_once()
        found.append(time.perf_counter() - begin)
        # A round that came late is not made up for, as a game skips frames.
        due = max(due + 1 / RATE, time.perf_counter())
    return found


async def tick_times(gateway: Gateway, seconds: float, *, agents: int = AGENTS) -> dict[str, Any]:
    """Measure rounds of ticks of all agents, by turns alone and with questions of so many agents in flight."""
    alone: list[float] = []
    busy: list[float] = []
    asking: Crowd | None = None
    for _ in range(TURNS):
        alone += await _tick(seconds / TURNS)
        found, crowd = await asyncio.gather(_tick(seconds / TURNS), by_gateway(gateway, seconds / TURNS, agents=agents))
        busy += found
        asking = crowd if asking is None else asking.and_then(crowd)
    assert asking is not None
    report = {
        f"{what}_p{share:.0f}_ms": round(quantile(tuple(times), share / 100) * 1e3, 3)
        for what, times in (("idle", alone), ("asking", busy))
        for share in (50.0, 99.0)
    }
    ratio = quantile(tuple(busy), 0.99) / quantile(tuple(alone), 0.99)
    return {**report, "p99_ratio": round(ratio, 2), "rounds": len(busy), "per_second": round(asking.per_second, 1)}
