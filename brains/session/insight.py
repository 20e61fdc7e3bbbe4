"""What a game that asks for the feature `insight` hears of its agents' minds: decisions, and one tracked tree.

Only the tracked tree is looked at, and only what has changed is told: a game of a thousand agents pays for one.
"""

from __future__ import annotations

from py_trees.behaviour import Behaviour
from py_trees.common import Status

from brains.messages import Decided, Mind, MindNode
from brains.session.outbox import Outbox
from brains.snapshot import LeafReport, TickReport

__all__ = ["Insight"]

STATES = {Status.SUCCESS: "s", Status.FAILURE: "f", Status.RUNNING: "r", Status.INVALID: "."}
LONGEST_QUESTION = 300
"""Characters of a question that are told."""


class Insight:
    """Tells one game of its agents' minds.

    Attributes:
        on: the game has asked for the feature.
        tracked: the agent whose tree is told of; empty: nobody's.
    """

    def __init__(self, outbox: Outbox) -> None:
        self.on = False
        self.tracked = ""
        self._outbox = outbox
        self._asked: dict[tuple[str, str], str] = {}
        self._tree: Behaviour | None = None
        self._told = ""

    def track(self, agent: str) -> None:
        """Begin to tell of an agent's tree, from its nodes on; of nobody's if `agent` is empty."""
        self.tracked = agent
        self._tree = None
        self._told = ""

    def forget(self, agent: str) -> None:
        """Drop what is known of an agent that is gone."""
        for key in [key for key in self._asked if key[0] == agent]:
            del self._asked[key]
        if agent == self.tracked:
            self.track(agent)

    def tell(self, reports: list[TickReport], root: object) -> None:
        """Queue what the ticks of `reports` brought; `root` is that of the tracked agent's tree, if it has one."""
        if not self.on:
            return
        for report in reports:
            for leaf in report.leaves:
                self._leaf(report.agent, leaf)
        if isinstance(root, Behaviour):
            self._mind(root)

    def _leaf(self, agent: str, leaf: LeafReport) -> None:
        key = agent, leaf.leaf
        if leaf.kind == "asked":
            self._asked[key] = leaf.text[:LONGEST_QUESTION]
        elif leaf.kind in ("answered", "fallback"):
            decision = leaf.decision
            self._outbox.put(
                Decided(
                    agent=agent,
                    leaf=leaf.leaf,
                    question=self._asked.get(key, ""),
                    # Free text is told by `say`.
                    answer=decision.answer if decision and decision.probabilities else "",
                    probabilities=dict(decision.probabilities) if decision else {},
                    latency_ms=round(decision.latency.total * 1000, 1) if decision else 0.0,
                    model=decision.model if decision else "",
                    reason=leaf.reason if leaf.kind == "fallback" else "",
                )
            )

    def _mind(self, root: Behaviour) -> None:
        nodes = _by_depth(root)
        states = "".join(STATES[node.status] for node, _ in nodes)
        if root is self._tree:
            if states != self._told:
                self._outbox.put(Mind(agent=self.tracked, states=states))
        else:
            self._tree = root
            told = [MindNode(name=node.name, kind=type(node).__name__, depth=depth) for node, depth in nodes]
            self._outbox.put(Mind(agent=self.tracked, states=states, nodes=told))
        self._told = states


def _by_depth(root: Behaviour) -> list[tuple[Behaviour, int]]:
    """Return all nodes from the root down, as the tree is written, with how deep they stand."""
    found, waiting = [], [(root, 0)]
    while waiting:
        node, depth = waiting.pop()
        found.append((node, depth))
        waiting += [(child, depth + 1) for child in reversed(node.children)]
    return found
