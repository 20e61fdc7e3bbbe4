"""Composites by the names that authors choose by: what happens to a RUNNING child when a higher one changes its mind.

The four plain ones are py_trees' own Selector and Sequence; only the choice of `memory` gets a name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from py_trees import composites
from py_trees.behaviour import Behaviour
from py_trees.common import Status

from brains.errors import TreeError
from brains.nodes.context import AgentContext

__all__ = ["MemorySelector", "MemorySequence", "RandomSelector", "ReactiveSelector", "ReactiveSequence"]


def ReactiveSelector(name: str, children: Sequence[Behaviour]) -> composites.Selector:
    """Try children in order, from the first one in every tick; a higher one that succeeds or runs stops a lower one."""
    return composites.Selector(name, memory=False, children=list(children))


def MemorySelector(name: str, children: Sequence[Behaviour]) -> composites.Selector:
    """Try children in order; stay with the RUNNING one until it ends, without looking at higher ones."""
    return composites.Selector(name, memory=True, children=list(children))


def ReactiveSequence(name: str, children: Sequence[Behaviour]) -> composites.Sequence:
    """Run children in order, from the first one in every tick; an earlier one that fails stops a later one."""
    return composites.Sequence(name, memory=False, children=list(children))


def MemorySequence(name: str, children: Sequence[Behaviour]) -> composites.Sequence:
    """Run children in order; go on with the RUNNING one without looking at earlier ones again."""
    return composites.Sequence(name, memory=True, children=list(children))


class RandomSelector(composites.Composite):
    """Try children in an order drawn from the agent's random numbers, which holds until the selector ends.

    The draw is seeded per agent, so a replay draws the same. An empty selector fails.
    """

    def __init__(self, name: str, children: Sequence[Behaviour]) -> None:
        super().__init__(name, list(children))
        self._agent: AgentContext | None = None
        self._order: list[Behaviour] = []

    def setup(self, **kwargs: Any) -> None:
        """Take the agent, whose random numbers decide."""
        self._agent = kwargs.get("agent")
        if self._agent is None:
            raise TreeError(f"{self.name!r} needs `setup(agent=...)`: it draws from the agent's random numbers")

    def tick(self) -> Iterator[Behaviour]:
        """Tick the drawn children in turn until one does not fail."""
        if self.status != Status.RUNNING:
            if self._agent is None:
                raise TreeError(f"{self.name!r} has no agent yet: set the tree up with `setup(agent=...)`")
            for child in self.children:
                if child.status != Status.INVALID:
                    child.stop(Status.INVALID)
            self._order = list(self.children)
            self._agent.rng.shuffle(self._order)
            self.current_child = self._order[0] if self._order else None
            self.initialise()
        start = self._order.index(self.current_child) if self.current_child in self._order else 0
        for child in self._order[start:]:
            for node in child.tick():
                yield node
                if node is child and node.status in (Status.RUNNING, Status.SUCCESS):
                    self.current_child = child
                    if node.status == Status.SUCCESS:
                        self.stop(Status.SUCCESS)
                    else:
                        self.status = Status.RUNNING
                    yield self
                    return
        self.stop(Status.FAILURE)
        yield self
