"""What the trees look at: callables on the agent for inputs and arguments, and conditions over them.

The game sends `me.sees`, a list of `{id, kind, distance, looks, does, says}`, and events with a `text`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from py_trees.common import Status

from brains import AgentContext, Condition, Leaf

Seen = Mapping[str, Any]
"""Somebody or something in sight."""


def nearest(agent: AgentContext, kind: str) -> Seen | None:
    """Return the nearest thing of a kind that the agent sees, None if it sees none."""
    seen = [one for one in agent.me.get("sees", ()) if one["kind"] == kind]
    return min(seen, key=lambda one: (one["distance"], one["id"]), default=None)


def stranger(agent: AgentContext) -> Seen | None:
    """Return the nearest stranger."""
    return nearest(agent, "stranger")


def customer(agent: AgentContext) -> Seen | None:
    """Return the nearest customer."""
    return nearest(agent, "customer")


def scene(agent: AgentContext) -> Seen | None:
    """Return how the yard looks to somebody who is up to no good."""
    found: Seen | None = agent.me.get("scene")
    return found


def id_of(sense: Callable[[AgentContext], Seen | None]) -> Callable[[AgentContext], str | None]:
    """Make a sense that gives only the id, as the target of an action."""

    def identify(agent: AgentContext) -> str | None:
        found = sense(agent)
        return None if found is None else found["id"]

    return identify


def in_sight(name: str) -> Callable[[AgentContext, Mapping[str, Any]], bool]:
    """Make a premise for an answer: whoever was asked about as the input `name` is still there when it comes."""

    def check(agent: AgentContext, asked: Mapping[str, Any]) -> bool:
        return any(one["id"] == asked[name]["id"] for one in agent.me.get("sees", ()))

    return check


class Sees(Condition):
    """True while something of a kind is near enough."""

    def __init__(self, kind: str, within: float) -> None:
        super().__init__(f"Sees a {kind}")
        self.kind = kind
        self.within = within

    def check(self) -> object:
        found = nearest(self.agent, self.kind)
        return found is not None and found["distance"] <= self.within


class Happened(Condition):
    """True from an event of this name on, until a `Forget` comes by or the event is `keep` seconds old.

    An event is told in one tick only, but to deal with it takes longer: so it is kept on the agent's blackboard.
    """

    def __init__(self, event: str, *, keep: float) -> None:
        super().__init__(f"Was there a {event}?")
        self.event = event
        self.keep = keep

    def check(self) -> object:
        now = self.agent.clock.now()
        known = self.agent.blackboard.get(self.event, [])
        new = [(now, event.data.get("text", "")) for event in self.agent.events if event.name == self.event]
        kept = [(time, text) for time, text in [*known, *new] if now - time <= self.keep]
        self.agent.blackboard[self.event] = kept
        return kept


def first(event: str) -> Callable[[AgentContext], str | None]:
    """Make a sense that gives the text of the oldest event that `Happened` keeps."""

    def recall(agent: AgentContext) -> str | None:
        kept = agent.blackboard.get(event)
        return kept[0][1] if kept else None

    return recall


class Forget(Leaf):
    """Drop the oldest event that `Happened` keeps: it has been dealt with."""

    def __init__(self, event: str) -> None:
        super().__init__(f"Forget the {event}")
        self.event = event

    def update(self) -> Status:
        self.agent.blackboard[self.event] = self.agent.blackboard.get(self.event, [])[1:]
        return Status.SUCCESS
