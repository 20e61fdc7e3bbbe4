"""What nodes did, counted: how often each was come out of with which status, and what was never reached."""

from __future__ import annotations

from collections import Counter

import msgspec

from brains.trace.events import NodeRecord
from brains.trace.window import Window

__all__ = ["NodeCounts", "TreeCounts", "tree_counts"]


class NodeCounts(msgspec.Struct, kw_only=True):
    """One node, over all agents that have it."""

    path: str
    kind: str
    parent: int
    success: int = 0
    failure: int = 0
    running: int = 0
    cancelled: int = 0
    last: str = ""
    """The status of its last visit: `S`, `F`, `R`, `I`, or `X` for cancelled."""

    @property
    def visits(self) -> int:
        """How often a tick came out of it."""
        return self.success + self.failure + self.running


class TreeCounts(msgspec.Struct, kw_only=True):
    """One brain's tree, over all agents that have it."""

    brain: str
    tree: str
    """Hash of its shape."""
    agents: list[str] = []
    ticks: int = 0
    unknown: int = 0
    """Ticks whose nodes were left out of the recording."""
    nodes: list[NodeCounts] = []

    @property
    def visited(self) -> int:
        """How many nodes were visited."""
        return sum(node.visits > 0 for node in self.nodes)

    @property
    def coverage(self) -> float:
        """Share of the nodes that were visited, 0 to 1."""
        return self.visited / len(self.nodes) if self.nodes else 1.0


def tree_counts(window: Window) -> list[TreeCounts]:
    """Count what the nodes of each tree did in the window; in each tree the nodes that are meant."""
    recording = window.recording
    trees: dict[str, TreeCounts] = {}
    for life in window.lives:
        tree = recording.trees.get(life.agent.tree)
        if tree is None:
            continue
        counts = trees.get(tree.hash)
        if counts is None:
            counts = trees[tree.hash] = TreeCounts(brain=tree.brain, tree=tree.hash, nodes=_empty(tree.nodes))
        if life.id not in counts.agents:
            counts.agents.append(life.id)
        seen: Counter[tuple[int, str]] = Counter()
        for tick in window.ticks(life):
            counts.ticks += 1
            if tick.nodes is None:
                counts.unknown += 1
                continue
            for place, status in tick.nodes.ran:
                if place < len(counts.nodes):
                    seen[place, status] += 1
                    counts.nodes[place].last = status
        for (place, letter), times in seen.items():
            _add(counts.nodes[place], letter, times)
    return list(trees.values())


def _empty(nodes: tuple[NodeRecord, ...]) -> list[NodeCounts]:
    return [NodeCounts(path=node.path, kind=node.kind, parent=node.parent) for node in nodes]


def _add(node: NodeCounts, status: str, times: int) -> None:
    match status:
        case "S":
            node.success += times
        case "F":
            node.failure += times
        case "R":
            node.running += times
        case "X":
            node.cancelled += times
