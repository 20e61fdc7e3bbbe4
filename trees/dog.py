"""The dog, who asks nobody: a tree of plain conditions beside trees that ask a model."""

from __future__ import annotations

from py_trees.behaviour import Behaviour
from py_trees.decorators import SuccessIsFailure

from brains import Action, AgentContext, Condition, Cooldown, RandomSelector, ReactiveSelector, ReactiveSequence, brain

from .actions import Bark, Chase, Eat, Fawn, Nap, Roam
from .memory import Happened, memories
from .senses import Seen, food

HUNGRY = 0.3
"""Hunger, 0 to 1, from which on it eats."""


@brain("dog")
def dog() -> Behaviour:
    """Eats, loves whoever feeds it, and barks at all other strangers; no model at all."""
    return ReactiveSelector("Dog", [
        # Fails whatever comes, so that it is ticked in every tick: an event is told only once.
        # A friend is who has fed it within two minutes; a dog does not remember longer.
        SuccessIsFailure("Remember a friend", Happened("fed", keep=120.0)),
        ReactiveSequence("Eat", [
            Condition("Hungry?", lambda agent: agent.me.get("hungry", 1.0) >= HUNGRY),
            Condition("Smells food?", lambda agent: food(agent) is not None),
            Action("Eat it", eat),
        ]),
        ReactiveSequence("Love a friend", [
            Condition("Is a friend near?", lambda agent: is_near(friend(agent), 4.0)),
            Cooldown("Not all the time", Action("Wag the tail", fawn), seconds=8.0),
        ]),
        ReactiveSequence("Drive off an intruder", [
            Condition("Is a stranger too near?", lambda agent: is_near(foe(agent), 2.5)),
            Action("Chase them", chase),
        ]),
        ReactiveSequence("Give warning", [
            Condition("Is a stranger about?", lambda agent: is_near(foe(agent), 5.0)),
            Cooldown("Not all the time", Action("Bark", bark), seconds=10.0),
        ]),
        RandomSelector("Pass the time", [Action("Nap", Nap()), Action("Roam", Roam())]),
    ])


def is_near(seen: Seen | None, within: float) -> bool:
    """Tell whether there is somebody, and near enough."""
    return seen is not None and bool(seen["distance"] <= within)


def friends(agent: AgentContext) -> set[str]:
    """Return the ids of those who have fed it."""
    return {memory.who for memory in memories(agent, "fed")}


def friend(agent: AgentContext) -> Seen | None:
    """Return the first in sight of those who have fed it."""
    known = friends(agent)
    return next((one for one in agent.me.get("sees", ()) if one["id"] in known), None)


def foe(agent: AgentContext) -> Seen | None:
    """Return the first stranger in sight who has not fed it."""
    known = friends(agent)
    return next((one for one in agent.me.get("sees", ()) if one["kind"] == "stranger" and one["id"] not in known), None)


def eat(agent: AgentContext) -> Eat:
    """Eat the nearest food."""
    return Eat(what=_id(food(agent)))


def fawn(agent: AgentContext) -> Fawn:
    """Wag at the friend."""
    return Fawn(target=_id(friend(agent)))


def chase(agent: AgentContext) -> Chase:
    """Chase the nearest stranger."""
    return Chase(target=_id(foe(agent)))


def bark(agent: AgentContext) -> Bark:
    """Bark at the nearest stranger."""
    return Bark(target=_id(foe(agent)))


def _id(seen: Seen | None) -> str:
    assert seen is not None  # a condition stands before each of the actions
    return str(seen["id"])
