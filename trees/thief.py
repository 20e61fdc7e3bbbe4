"""The thief."""

from __future__ import annotations

from py_trees.behaviour import Behaviour

from brains import Action, Condition, LLMCondition, MemorySequence, ReactiveSelector, ReactiveSequence, Wait, brain

from .actions import Flee, HideLoot, Sneak, Steal
from .memory import Forget, Happened
from .senses import Sees, scene


@brain("thief")
def thief() -> Behaviour:
    """Looks about by day; creeps to the stall in the dark, steals when nobody looks, and runs when somebody did."""
    return ReactiveSelector("Thief", [
        get_away("challenge"),
        get_away("hurt"),
        ReactiveSequence("Bring it home", [
            Condition("Carries loot?", lambda agent: agent.me.get("loot")),
            Action("Hide the loot", HideLoot()),
        ]),
        ReactiveSequence("Scout", [
            # Where the game does not say how dark it is, it is dark enough.
            Condition("Is it too light?", lambda agent: not agent.me.get("dark", True)),
            MemorySequence("Look about", [
                Action("Stroll to the well", Sneak(to="well")),
                Wait("Watch the guards", seconds=4.0),
                Action("Stroll to the keep", Sneak(to="keep")),
                Wait("Count the windows", seconds=4.0),
            ]),
        ]),
        ReactiveSequence("Steal something", [
            Sees("stall", within=4.0),
            # Cautious: fairly sure to begin, and off at the first doubt.
            LLMCondition("Is this the moment?", prompt="thief/is_chance", inputs={"scene": scene},
                         threshold=0.6, release=0.5, ttl=1.0, default=False, deadline=3.0),
            Action("Steal", Steal(what="cash box")),
        ]),
        Action("Sneak to the stall", Sneak(to="stall")),
    ])


def get_away(event: str) -> Behaviour:
    """Run from what has happened."""
    return ReactiveSequence(f"Get away ({event})", [
        Happened(event, keep=4.0),
        Action("Run", Flee()),
        Forget(event),
    ])
