"""The guard at the gate, and what he has in common with the other guard."""

from __future__ import annotations

from py_trees.behaviour import Behaviour
from py_trees.decorators import FailureIsSuccess, SuccessIsFailure

from brains import (
    Action,
    AgentContext,
    Condition,
    LLMAction,
    LLMCondition,
    MemorySequence,
    ReactiveSelector,
    ReactiveSequence,
    brain,
)

from .actions import Attack, CallForHelp, Challenge, Flee, Hurry, Ignore, Patrol
from .memory import Forget, Happened, memories, whose
from .senses import Sees, id_of, in_sight, is_badly_hurt, stranger


@brain("guard")
def guard() -> Behaviour:
    """Patrols the wall; asks the model what to make of a stranger, and deals with one that is hostile."""
    return ReactiveSelector("Guard", [
        hear_the_alarm(),
        save_your_skin(),
        deal_with_a_stranger(within=8.0),
        answer_the_alarm(),
        Action("Patrol", Patrol(route="wall")),
    ])


def save_your_skin() -> Behaviour:
    """Run when badly hurt. It stands above all else, so no answer of the model keeps a guard in a lost fight."""
    return ReactiveSequence("Save your skin", [
        Condition("Badly hurt?", is_badly_hurt),
        Action("Run", Flee()),
    ])


def deal_with_a_stranger(within: float) -> Behaviour:
    """Let the model judge a stranger who is so near, in metres, and choose among four answers if he is hostile."""
    return ReactiveSequence("Deal with a stranger", [
        Sees("stranger", within=within),
        LLMCondition("Is the stranger hostile?", prompt="guard/is_hostile", inputs={"stranger": stranger},
                     about=id_of(stranger), threshold=0.6, release=0.4, ttl=3.0, default=False, deadline=4.0,
                     priority=2),
        # Without an answer he asks for a name: that is never wrong, and a hostile stranger shows himself.
        LLMAction("Respond", prompt="guard/respond", inputs={"stranger": stranger},
                  choices={"suspicious": Challenge, "violent": Attack, "war": CallForHelp, "peaceful": Ignore},
                  arguments={"target": id_of(stranger)}, still=in_sight("stranger"), fallback=Challenge,
                  deadline=3.0, priority=3),
    ])


def hear_the_alarm() -> Behaviour:
    """Keep alarms in mind: it fails whatever comes, so that a selector ticks it, and goes on, in every tick."""
    return SuccessIsFailure("Hear the alarm", Happened("alarm", keep=10.0))


def answer_the_alarm() -> Behaviour:
    """Run to whomever somebody has called the guard for; what to make of them is for his own eyes."""
    return ReactiveSequence("Answer the alarm", [
        Condition("Is there an alarm?", lambda agent: memories(agent, "alarm")),
        MemorySequence("See what it is", [
            # He has done his duty even if nobody is there any more.
            FailureIsSuccess("Try to get there", Action("Run there", to_the_alarm)),
            Forget("alarm"),
        ]),
    ])


def to_the_alarm(agent: AgentContext) -> Hurry:
    """Run to whom the alarm is about, or to the gate if it is about nobody."""
    return Hurry(to=whose(agent, "alarm", otherwise="gate"))
