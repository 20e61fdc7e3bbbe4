"""Several who hear of one agent: a recording, and a debugger that remembers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from py_trees.behaviour import Behaviour

from brains.questions import Ticket
from brains.snapshot import AgentSnapshot, TickReport, Witness

if TYPE_CHECKING:
    from brains.agent import Agent

__all__ = ["add_witness", "change_witnesses"]


class _Several:
    """Tells each of several witnesses all that it hears."""

    def __init__(self, witnesses: tuple[Witness, ...]) -> None:
        self.witnesses = witnesses

    @property
    def hears_nodes(self) -> bool:
        """Whether one of them wants to hear of nodes."""
        return any(one.hears_nodes for one in self.witnesses)

    def begins(self, snapshot: AgentSnapshot) -> None:
        """Tell it."""
        for one in self.witnesses:
            one.begins(snapshot)

    def drew(self, number: int) -> None:
        """Tell it."""
        for one in self.witnesses:
            one.drew(number)

    def asked(self, ticket: Ticket) -> None:
        """Tell it."""
        for one in self.witnesses:
            one.asked(ticket)

    def left(self, node: Behaviour) -> None:
        """Tell it those who want to hear of nodes."""
        for one in self.witnesses:
            if one.hears_nodes:
                one.left(node)

    def went_on(self, boundary: int) -> None:
        """Tell it."""
        for one in self.witnesses:
            one.went_on(boundary)

    def cancelled(self, node: Behaviour) -> None:
        """Tell it."""
        for one in self.witnesses:
            one.cancelled(node)

    def ended(self, report: TickReport) -> None:
        """Tell it."""
        for one in self.witnesses:
            one.ended(report)

    def held(self, reason: str) -> None:
        """Tell it."""
        for one in self.witnesses:
            one.held(reason)

    def released(self) -> None:
        """Tell it."""
        for one in self.witnesses:
            one.released()

    def touched(self, kind: str, place: str, value: Any, boundary: int) -> None:
        """Tell it."""
        for one in self.witnesses:
            one.touched(kind, place, value, boundary)

    def closed(self) -> None:
        """Tell it."""
        for one in self.witnesses:
            one.closed()


def change_witnesses(agent: Agent, change: Callable[[Witness], Witness | None]) -> None:
    """Put what `change` returns in place of each of an agent's witnesses; None: it hears no more."""
    _set(agent, tuple(after for after in map(change, _present(agent)) if after is not None))


def add_witness(agent: Agent, witness: Witness) -> None:
    """Have one more hear of an agent."""
    _set(agent, (*_present(agent), witness))


def _present(agent: Agent) -> tuple[Witness, ...]:
    now = agent.witness
    return now.witnesses if isinstance(now, _Several) else () if now is None else (now,)


def _set(agent: Agent, witnesses: tuple[Witness, ...]) -> None:
    # Most have one, and its calls come once per node.
    agent.witness = _Several(witnesses) if len(witnesses) > 1 else witnesses[0] if witnesses else None
