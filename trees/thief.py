"""The thief."""

from __future__ import annotations

from py_trees.behaviour import Behaviour

from brains import Action, Condition, LLMCondition, ReactiveSelector, ReactiveSequence, brain

from .actions import Flee, HideLoot, Sneak, Steal
from .senses import Forget, Happened, Sees, scene


@brain("thief")
def thief() -> Behaviour:
    """Creeps to the stall and steals when nobody looks; runs when somebody did."""
    return ReactiveSelector("Thief", [
        ReactiveSequence("Get away", [
            Happened("challenge", keep=4.0),
            Action("Run", Flee()),
            Forget("challenge"),
        ]),
        ReactiveSequence("Bring it home", [
            Condition("Carries loot?", lambda agent: agent.me.get("loot")),
            Action("Hide the loot", HideLoot()),
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
