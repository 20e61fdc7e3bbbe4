"""The guard at the keep's door, who may be talked round: but only into opening that door, and not at any time."""

from __future__ import annotations

from py_trees.behaviour import Behaviour

from brains import (
    Action,
    AgentContext,
    Condition,
    Cooldown,
    LLMAction,
    MemorySequence,
    ReactiveSelector,
    ReactiveSequence,
    brain,
)

from .actions import Challenge, LetPass, Patrol, TurnAway
from .guard import answer_the_alarm, deal_with_a_stranger, hear_the_alarm, save_your_skin
from .memory import HearsNewWords
from .senses import Sees, id_of, in_sight, stranger


@brain("doorkeeper")
def doorkeeper() -> Behaviour:
    """Guards the keep; hears visitors out, and lets those pass who have an errand inside."""
    return ReactiveSelector("Doorkeeper", [
        hear_the_alarm(),
        save_your_skin(),
        deal_with_a_stranger(within=5.0),
        ReactiveSequence("Mind the door", [
            Sees("stranger", within=3.0),
            # What no words can change: these conditions are the tree's, and the model is not asked about them.
            Condition("May anybody pass now?", may_pass),
            ReactiveSelector("Speak with the visitor", [
                MemorySequence("Hear the visitor out", [
                    HearsNewWords("stranger"),
                    # Without an answer the door stays shut.
                    LLMAction("Errand or excuse?", prompt="doorkeeper/hear_out", inputs={"visitor": stranger},
                              choices={"errand": LetPass, "excuse": TurnAway}, arguments={"target": id_of(stranger)},
                              still=in_sight("visitor"), fallback=TurnAway, deadline=4.0, priority=3),
                ]),
                Cooldown("Now and then", Action("Ask what they want", challenge), seconds=12.0),
            ]),
        ]),
        # Below the door: who stands before it is not left alone with it because a dog barks.
        answer_the_alarm(),
        Action("Walk to and fro", Patrol(route="keep")),
    ])


def may_pass(agent: AgentContext) -> bool:
    """Tell whether the tree allows it at all: not during an alarm, and never somebody with a weapon in the hand."""
    visitor = stranger(agent)
    return not agent.world.get("alarm") and visitor is not None and not visitor.get("armed")


def challenge(agent: AgentContext) -> Challenge:
    """Ask the nearest stranger what they want."""
    visitor = stranger(agent)
    assert visitor is not None  # `Sees` stands before it
    return Challenge(target=visitor["id"])
