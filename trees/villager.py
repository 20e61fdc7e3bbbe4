"""The villagers."""

from __future__ import annotations

from py_trees.behaviour import Behaviour
from py_trees.behaviours import Success

from brains import (
    Action,
    AgentContext,
    Condition,
    Cooldown,
    LLMCondition,
    LLMSelector,
    MemorySelector,
    MemorySequence,
    ReactiveSelector,
    ReactiveSequence,
    Wait,
    brain,
)

from .actions import Cheer, Flee, Gather, Gossip, Greet, Listen, Rest, Work
from .memory import Forget, Happened, Saw, first
from .senses import Sees, is_between


@brain("villager")
def villager() -> Behaviour:
    """Goes through the day; reacts to what happens in the yard, hears rumours, and passes on what she saw."""
    return ReactiveSelector("Villager", [
        ReactiveSequence("Run for your life", [
            Happened("hurt", keep=6.0),
            Action("Run away", Flee()),
            Forget("hurt"),
        ]),
        ReactiveSequence("React to what happens", [
            Happened("happening", keep=8.0),
            # Without an answer she runs: a villager who runs from a guest is only funny.
            LLMSelector("Choose what to do", {
                "run": MemorySequence("Get away", [Action("Run", Flee()), Wait("Catch breath", seconds=1.0)]),
                "greet": Action("Greet", Greet()),
                "work": Action("Go on working", Work()),
            }, prompt="villager/react", inputs={"event": first("happening")}, fallback="run", deadline=4.0, priority=1),
            Forget("happening"),
        ]),
        ReactiveSequence("Hear a rumour", [
            Happened("rumour", keep=8.0),
            ReactiveSelector("Take the news", [
                ReactiveSequence("Be glad", [
                    LLMCondition("Is it good news?", prompt="villager/is_good_news", inputs={"rumour": first("rumour")},
                                 about=first("rumour"), threshold=0.6, default=False),
                    Action("Cheer", Cheer()),
                ]),
                Action("Listen", Listen()),
            ]),
            Forget("rumour"),
        ]),
        gossip(),
        ReactiveSequence("Sleep", [Condition("Is it night?", is_between(21, 5)), Action("Rest", Rest())]),
        ReactiveSequence("End of work", [Condition("Is it evening?", is_between(18, 21)), Action("Gather", Gather())]),
        Action("Work", Work()),
    ])


def gossip() -> Behaviour:
    """With a neighbour at hand, think over what strangers did, and tell the neighbour if it was trouble."""
    return ReactiveSequence("Gossip", [
        Saw("stranger", keep=60.0),
        Sees("villager", within=4.0),
        # Nobody gossips all day, and each sight is a question.
        Cooldown("Now and then", MemorySequence("Gossip over a sight", [
            MemorySelector("Tell it or not", [
                MemorySequence("Tell it", [
                    LLMCondition("Is it trouble?", prompt="villager/is_trouble", inputs={"sight": first("sights")},
                                 about=first("sights"), threshold=0.6, on_pending="running", fallback="default",
                                 default=False, deadline=4.0),
                    Action("Tell the neighbour", tell),
                ]),
                Success("Keep it to yourself"),
            ]),
            Forget("sights"),
        ]), seconds=12.0),
    ])


def tell(agent: AgentContext) -> Gossip:
    """Tell what was seen, in her own words."""
    sight = first("sights")(agent) or "nothing"
    return Gossip(text=f"I saw it myself: {sight}!"[:200])
