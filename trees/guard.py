"""The guard at the gate."""

from __future__ import annotations

from py_trees.behaviour import Behaviour

from brains import Action, LLMAction, LLMCondition, ReactiveSelector, ReactiveSequence, brain

from .actions import Attack, CallForHelp, Challenge, Ignore, Patrol
from .senses import Sees, id_of, in_sight, stranger


@brain("guard")
def guard() -> Behaviour:
    """Patrols the wall; asks the model what to make of a stranger, and deals with one that is hostile."""
    return ReactiveSelector("Guard", [
        ReactiveSequence("Deal with a stranger", [
            Sees("stranger", within=8.0),
            LLMCondition("Is the stranger hostile?", prompt="guard/is_hostile", inputs={"stranger": stranger},
                         about=id_of(stranger), threshold=0.6, release=0.4, ttl=3.0, default=False, deadline=4.0,
                         priority=2),
            # Without an answer he asks for a name: that is never wrong, and a hostile stranger shows himself.
            LLMAction("Respond", prompt="guard/respond", inputs={"stranger": stranger},
                      choices={"suspicious": Challenge, "violent": Attack, "war": CallForHelp, "peaceful": Ignore},
                      arguments={"target": id_of(stranger)}, still=in_sight("stranger"), fallback=Challenge,
                      deadline=3.0, priority=3),
        ]),
        Action("Patrol", Patrol(route="wall")),
    ])
