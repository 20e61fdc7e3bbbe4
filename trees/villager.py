"""The villagers."""

from __future__ import annotations

from py_trees.behaviour import Behaviour

from brains import Action, LLMCondition, LLMSelector, MemorySequence, ReactiveSelector, ReactiveSequence, Wait, brain

from .actions import Cheer, Flee, Greet, Listen, Work
from .senses import Forget, Happened, first


@brain("villager")
def villager() -> Behaviour:
    """Works; reacts to what happens in the yard, and listens to rumours in the hope of good news."""
    return ReactiveSelector("Villager", [
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
        Action("Work", Work()),
    ])
