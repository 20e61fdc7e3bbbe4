"""What the trees look at: callables on the agent for inputs and arguments, and conditions over them.

The game sends `me.sees`, a list of `{id, kind, distance, looks, does, says}`, with `armed` where somebody has a weapon
in the hand. `memory` has what the trees keep of events and of what they have seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from brains import AgentContext, Condition

Seen = Mapping[str, Any]
"""Somebody or something in sight."""
Sense = Callable[[AgentContext], Seen | None]
"""Picks one of what is in sight."""

BADLY_HURT = 0.3
"""Health, 0 to 1, below which the bravest run."""


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


def food(agent: AgentContext) -> Seen | None:
    """Return the nearest thing to eat."""
    return nearest(agent, "food")


def scene(agent: AgentContext) -> Seen | None:
    """Return how the yard looks to somebody who is up to no good."""
    found: Seen | None = agent.me.get("scene")
    return found


def id_of(sense: Sense) -> Callable[[AgentContext], str | None]:
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


def is_badly_hurt(agent: AgentContext) -> bool:
    """Tell whether the agent has had enough; one whose game counts no health never has."""
    return bool(agent.me.get("health", 1.0) < BADLY_HURT)


def is_between(start: float, end: float) -> Callable[[AgentContext], bool]:
    """Make a predicate on the hour of the day, from `start` until `end`, over midnight if `end` is the smaller one.

    Where the world has no `hour`, it is never true.
    """

    def check(agent: AgentContext) -> bool:
        hour = agent.world.get("hour")
        if hour is None:
            return False
        return bool(start <= hour < end if start <= end else hour >= start or hour < end)

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
