"""How long a tick takes while a model inside the same process works, by the model's number of threads."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import py_trees

from brains.cli._bench.crowd import AGENTS, by_gateway, quantile
from brains.gateway import Gateway

__all__ = ["tick_times"]

RATE = 60.0
"""Ticks per second of each agent."""
NODES = 40
"""Leaves of a tree, all of which a tick visits."""


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


async def tick_times(gateway: Gateway, seconds: float) -> dict[str, Any]:
    """Measure rounds of ticks of all agents, first alone, then with questions in flight all the time."""
    alone = await _tick(seconds)
    busy, crowd = await asyncio.gather(_tick(seconds), by_gateway(gateway, seconds))
    report = {
        f"{what}_p{share:.0f}_ms": round(quantile(tuple(times), share / 100) * 1e3, 3)
        for what, times in (("idle", alone), ("asking", busy))
        for share in (50.0, 99.0)
    }
    ratio = quantile(tuple(busy), 0.99) / quantile(tuple(alone), 0.99)
    return {**report, "p99_ratio": round(ratio, 2), "rounds": len(busy), "per_second": round(crowd.per_second, 1)}
