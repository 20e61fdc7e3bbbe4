"""The feature `insight`: a game that asks for it hears of decisions and of one tree, and no other game does."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import py_trees
import pytest

from brains import Action as Do
from brains import Condition, GameAction, LLMCondition, ReactiveSelector, ReactiveSequence
from brains.agent import Agent
from brains.library import Brain
from brains.questions import NoAnswer
from brains.session import GameSession
from brains.testing import ScriptedAsker, load_prompts
from tests.fakes.session import FakeBrains, agents, entry, frame, hello, messages, of_type

PROMPTS = load_prompts(Path(__file__).parent.parent / "prompts")
STRANGER = {"looks": "a masked man", "does": "climbs over the wall", "says": ""}


class Walk(GameAction):
    """Walk."""


def tree() -> py_trees.behaviour.Behaviour:
    return ReactiveSelector("Guard", [
        ReactiveSequence("Deal with a stranger", [
            Condition("Is there one?", lambda agent: agent.me["stranger"]),
            LLMCondition("Hostile?", prompt="guard/is_hostile", inputs={"stranger": lambda agent: agent.me["stranger"]},
                         default=False),
        ]),
        Do("Walk", Walk()),
    ])  # fmt: skip


class Brains(FakeBrains):
    """Offers a brain that is really a tree."""

    def get(self, name: str) -> Any:
        return Brain(name=name, factory=tree)


def session_of(answers: dict[str, Any], features: list[str]) -> GameSession:
    factory = functools.partial(Agent, prompts=PROMPTS, asker=ScriptedAsker(answers))
    session = GameSession(Brains(), factory, new_id=lambda: "s1", now=lambda: 0.0)
    session.receive(hello(features=features))
    session.receive(agents("g"))
    return session


def play(session: GameSession, *ticks: int, stranger: Any = STRANGER) -> list[dict[str, Any]]:
    """Tick the agent `g`, and return what the session sent."""
    for seq in ticks:
        session.receive(frame("snapshot", seq=seq, time_ms=seq * 100, agents={"g": {"me": {"stranger": stranger}}}))
        session.tick()
    return messages(session)


@pytest.fixture
def session() -> GameSession:
    session = session_of({"guard/is_hostile": {"danger": 0.8, "safe": 0.2}}, ["insight"])
    assert messages(session)[0]["features"] == ["insight"]
    return session


def test_a_decision_is_told_with_its_question(session: GameSession) -> None:
    (decided,) = of_type("decided", play(session, 1, 2, 3))
    assert decided["agent"] == "g"
    assert decided["leaf"] == "Guard/Deal with a stranger/Hostile?"
    assert decided["question"] == "A masked man climbs over the wall"
    assert decided["answer"] == "danger"
    assert decided["probabilities"] == {"danger": 0.8, "safe": 0.2}
    assert "reason" not in decided


def test_a_question_without_an_answer_is_told_with_the_reason() -> None:
    session = session_of({"guard/is_hostile": NoAnswer(reason="unavailable")}, ["insight"])
    decided = of_type("decided", play(session, 1, 2, 3))[0]
    assert decided["reason"] == "unavailable"
    assert "answer" not in decided


def test_the_tracked_tree_is_told_once_and_then_its_changes(session: GameSession) -> None:
    assert of_type("mind", play(session, 1, stranger=None)) == []
    session.receive(frame("track", agent="g"))
    (first,) = of_type("mind", play(session, 2, 3, stranger=None))
    assert [(node["name"], node["kind"], node["depth"]) for node in first["nodes"]] == [
        ("Guard", "Selector", 0),
        ("Deal with a stranger", "Sequence", 1),
        ("Is there one?", "Condition", 2),
        ("Hostile?", "LLMCondition", 2),
        ("Walk", "Action", 1),
    ]
    assert first["states"] == "rff.r"
    changes = of_type("mind", play(session, 4, 5, 6))
    assert [set(change) for change in changes] == [{"type", "agent", "states"}] * len(changes)
    # Its default is no; then the model said yes.
    assert [change["states"] for change in changes] == ["rfsfr", "ssss."]


def test_nobody_is_tracked_any_more(session: GameSession) -> None:
    session.receive(frame("track", agent="g"))
    assert of_type("mind", play(session, 1))
    session.receive(frame("track"))
    assert of_type("mind", play(session, 2, 3)) == []


def test_who_is_not_there_is_tracked_once_they_are(session: GameSession) -> None:
    session.receive(frame("track", agent="h"))
    assert of_type("mind", play(session, 1)) == []
    session.receive(agents("h"))
    session.receive(frame("snapshot", seq=2, agents={"h": {"me": {"stranger": None}}}, time_ms=200))
    session.tick()
    (mind,) = of_type("mind", messages(session))
    assert mind["agent"] == "h"


def test_an_agent_that_comes_back_is_told_from_its_nodes_on(session: GameSession) -> None:
    session.receive(frame("track", agent="g"))
    assert of_type("mind", play(session, 1))
    session.receive(frame("agents", epoch=0, add=[entry("g")], remove=["g"]))
    assert "nodes" in of_type("mind", play(session, 2))[0]


def test_who_has_not_asked_for_it_hears_nothing() -> None:
    session = session_of({"guard/is_hostile": "danger"}, [])
    session.receive(frame("track", agent="g"))
    sent = play(session, 1, 2, 3)
    assert {message["type"] for message in sent} <= {"welcome", "agents_ack", "actions", "wake"}


def test_a_track_that_means_nothing_is_refused(session: GameSession) -> None:
    session.receive(json.dumps({"type": "track", "agent": 5}))
    (error,) = of_type("error", messages(session))
    assert error["code"] == "bad_field"
