"""What users ask of leaves that a model decides, and no other system has: one test or more for each such wish.

The numbers are those of the project's list of ten; the wishes that concern the gateway, the prompts or the debugger are
tested there.
"""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from py_trees.behaviour import Behaviour

from brains import Action, LLMAction, LLMSelector, ReactiveSelector, ReactiveSequence, Say, one_of
from brains.checking import check_brain
from brains.errors import PromptError
from brains.library import Brain
from brains.prompts import PromptLibrary
from brains.questions import Decision
from tests.leaf_games import ACTION, Attack, Flee, Walk, done, ended, game, hostile, library, looks, stranger

A, B = looks("a bandit"), looks("a girl")
TEXT = "---\nanswer: text\ninputs: {stranger: [looks]}\n---\nuser:\n{{ stranger.looks }}\n"


def with_text() -> PromptLibrary:
    """Make the library, with a prompt for speech."""
    made = library()
    made.put("speak", TEXT)
    return made


def action(**options: Any) -> LLMAction:
    """Make an action leaf."""
    given = {"choices": [Attack, Flee], "arguments": {"target": "b1"}, **options}
    return LLMAction("leaf", prompt="respond", inputs={"stranger": stranger}, **given)


def selector(**options: Any) -> LLMSelector:
    """Make a selector over two actions."""
    children = {"fight": Action("Attack", Attack(target="b1")), "run": Action("Flee", Flee())}
    return LLMSelector("leaf", children, prompt="respond", inputs={"stranger": stranger}, **options)


# 1. A hard deadline, and a declared answer when it has passed; the request is stopped.


def speech(**options: Any) -> Say:
    """Make a leaf that speaks."""
    return Say("leaf", prompt="speak", inputs={"stranger": stranger}, **options)


DECLARED: list[tuple[str, Any, str, Any]] = [
    ("condition: the default", lambda: hostile(deadline=0.25, fallback="default", default=True), "SUCCESS", None),
    ("condition: success", lambda: hostile(deadline=0.25, fallback="success"), "SUCCESS", None),
    ("condition: failure", lambda: hostile(deadline=0.25, fallback="failure", default=True), "FAILURE", None),
    ("action: an action", lambda: action(deadline=0.25, fallback=Flee()), "RUNNING", Flee()),
    ("action: a class", lambda: action(deadline=0.25, fallback=Attack), "RUNNING", Attack(target="b1")),
    ("action: fail", lambda: action(deadline=0.25), "FAILURE", None),
    ("selector: a child", lambda: selector(deadline=0.25, fallback="run"), "RUNNING", Flee()),
    ("selector: fail", lambda: selector(deadline=0.25), "FAILURE", None),
    ("speech: a line", lambda: speech(deadline=0.25, fallback="Hm."), "SUCCESS", None),
    ("speech: fail", lambda: speech(deadline=0.25), "FAILURE", None),
]


@pytest.mark.parametrize(("root", "status", "order"), [pytest.param(*d[1:], id=d[0]) for d in DECLARED])
def test_b1_after_the_deadline_the_declared_answer_counts_and_the_model_is_stopped(
    root: Any, status: str, order: Any
) -> None:
    """In the very tick in which the time is over, by the agent's clock; with the reason, and counted."""
    g = game(root, prompts=with_text())
    for _ in range(3):
        g.tick(stranger=A)
        assert not g.asker.tickets[0].cancelled
    report = g.tick(stranger=A)
    assert (report.status, done(report)) == (status, order)
    assert ended(report) == [("fallback", "deadline")]
    assert g.asker.tickets[0].cancelled
    assert [dict(reasons) for reasons in g.agent.fallbacks.values()] == [{"deadline": 1}]


def test_b1_an_answer_after_the_deadline_changes_nothing() -> None:
    """Not even if the model was not to be stopped."""
    g = game(lambda: action(deadline=0.25, retry=9.0))
    for _ in range(4):
        g.tick(stranger=A)
    g.asker.tickets[0].outcome = Decision(answer="fight", probabilities={"fight": 1.0})
    reports = [g.tick(stranger=A) for _ in range(5)]
    assert [(report.status, report.order, report.leaves) for report in reports] == [("FAILURE", None, ())] * 5


def test_b1_the_last_answer_stands_where_that_is_what_was_declared() -> None:
    g = game(lambda: hostile(deadline=0.25, fallback="keep"))
    g.tick(stranger=A)
    g.asker.tickets[0].answer("danger")
    g.tick(stranger=A)
    assert [g.tick(stranger=B).status for _ in range(8)] == ["SUCCESS"] * 8
    assert g.agent.fallbacks["hostile?"]["deadline"] >= 2


def test_b1_the_model_hears_how_long_it_has() -> None:
    """So that the gateway can leave out what would come too late."""
    g = game(lambda: action(deadline=0.75, priority=2))
    g.tick(stranger=A)
    question = g.asker.tickets[0].question
    assert (question.timeout, question.priority) == (0.75, 2)


@pytest.mark.parametrize("root", [action, selector])
def test_b1_cancelled_means_cancelled(root: Any) -> None:
    """A leaf that loses its branch stops its request at once."""
    g = game(lambda: ReactiveSelector("R", [ReactiveSequence("S", [hostile(default=True), root()]), Walking()]))
    g.tick(stranger=A)
    assert len(g.asker.open) == 2
    g.asker.tickets[0].answer("safe")
    report = g.tick(stranger=A)
    assert ("cancelled", "the branch was lost") in ended(report)
    assert g.asker.tickets[1].cancelled
    assert done(report) == Walk()


def Walking() -> Action:
    """Make what the agent does otherwise."""
    return Action("Walk", Walk())


# 2. Freshness: an answer is stamped with the tick of its question, and dropped when what it was about has gone.


def test_b2_an_answer_carries_the_tick_it_was_asked_on_and_a_hash_of_what_was_asked() -> None:
    g = game(action)
    for number in range(4):
        report = g.tick(stranger=A)
        if number == 2:
            g.asker.tickets[0].answer("run")
    (leaf,) = report.leaves
    assert leaf.decision is not None
    assert (leaf.decision.tick_asked, leaf.decision.tick_answered) == (1, 4)
    assert leaf.decision.prompt == "respond"
    assert leaf.decision.prompt_hash == g.agent.render("respond", {"stranger": A}, ["fight", "run"]).digest


@pytest.mark.parametrize(
    ("options", "later", "reason"),
    [
        ({"still": lambda agent, asked: asked["stranger"] == agent.me["stranger"]}, {"stranger": B}, "stale"),
        ({"arguments": {"target": one_of(lambda agent: agent.me["sees"])}}, {"sees": ["b2"]}, "stale"),
        ({"choices": lambda agent: [Attack, Flee][: agent.me["hands"]], "emits": [Attack, Flee]}, {"hands": 0},
         "not_possible"),
        ({}, {"available": ["Flee"]}, "not_possible"),
    ],
)  # fmt: skip
def test_b2_an_answer_is_checked_against_the_newest_snapshot(
    options: dict[str, Any], later: dict[str, Any], reason: str
) -> None:
    """Its premise, its target, the tree's choices and the game's: gone is gone."""
    world: dict[str, Any] = {"stranger": A, "sees": ["b1"], "hands": 2}
    g = game(lambda: action(fallback=Flee(), **options))
    g.tick(**world)
    g.asker.tickets[0].answer("fight")
    report = g.tick(**{**world, **later})
    assert (done(report), ended(report)) == (Flee(), [("fallback", reason)])
    (leaf,) = report.leaves
    assert leaf.decision is not None
    assert (leaf.decision.answer, leaf.decision.fallback) == ("fight", reason)


def test_b2_a_verdict_on_another_world_does_not_outlive_its_ttl() -> None:
    g = game(lambda: hostile(ttl=0.25), answers=lambda q: "danger" if "bandit" in q.prompt.user else None)
    g.tick(stranger=A), g.tick(stranger=A)
    assert [g.tick(stranger=B).status for _ in range(4)] == ["SUCCESS", "SUCCESS", "FAILURE", "FAILURE"]


# 7. What a leaf may know: the template sees a declared part of the state, and nothing else.


def test_b7_a_template_sees_only_what_it_declares() -> None:
    """A snapshot full of secrets changes nothing in the prompt, and a template that reaches for them is refused."""
    g = game(action)
    g.tick(stranger={**A, "secret": "is the king"}, secret="the king is out")
    assert "king" not in str(g.asker.tickets[0].question)
    made = library()
    with pytest.raises(PromptError, match=r"stranger\.secret is not declared in `inputs:`"):
        made.put("respond", ACTION.replace("{{ stranger.looks }}", "{{ stranger.secret }}"))
    g = game(action, prompts=made)
    g.tick(stranger=A)
    assert g.asker.tickets[0].question.prompt.user == "a bandit"


def test_b7_what_is_not_declared_is_no_reason_to_ask_again() -> None:
    g = game(hostile, answers={"is_hostile": "safe"})
    for number in range(10):
        g.tick(stranger={**A, "distance": number})
    assert len(g.asker.tickets) == 1


def test_b7_an_input_that_the_prompt_does_not_declare_is_found_before_the_game_starts() -> None:
    def build() -> Behaviour:
        inputs = {"stranger": stranger, "king": stranger}
        return LLMAction("x", prompt="respond", choices=[Flee, Attack], inputs=inputs)

    made = Brain(name="b", factory=build)
    assert [finding.rule for finding in check_brain(made, library())] == ["undeclared-input"]


# 9. Calibrated confidence, with a threshold and hysteresis: agents do not flicker.


def test_b9_a_probability_that_wavers_about_the_threshold_does_not_flicker() -> None:
    """Forty answers just above and below it: one turn."""
    g = game(lambda: hostile(threshold=0.6, release=0.4))
    statuses = []
    for number in range(40):
        g.tick(stranger=looks(f"stranger {number}"))
        lean = 0.62 if number % 2 == 0 else 0.58
        g.asker.tickets[-1].answer({"danger": lean, "safe": 1 - lean})
        statuses.append(g.tick(stranger=looks(f"stranger {number}")).status)
    assert statuses == ["SUCCESS"] * 40


def test_b9_even_answers_from_end_to_end_turn_a_verdict_once_per_dwell() -> None:
    g = game(lambda: hostile(dwell=1.0), answers=lambda q: "danger" if "bandit" in q.prompt.user else "safe")
    statuses = [g.tick(stranger=(A, B)[number % 2]).status for number in range(60)]
    turns = sum(one != other for one, other in itertools.pairwise(statuses))
    assert turns <= 6, "six seconds"


def test_b9_while_the_model_thinks_the_action_that_a_verdict_guards_goes_on() -> None:
    """A reactive tree neither cancels nor orders anything."""
    g = game(lambda: ReactiveSelector("R", [ReactiveSequence("S", [hostile(), Action("Flee", Flee())]), Walking()]))
    g.tick(stranger=A)
    g.asker.tickets[0].answer("danger")
    g.tick(stranger=A)
    reports = [g.tick(stranger=B) for _ in range(20)]
    assert {(report.order, report.cancels) for report in reports} == {(None, ())}


def test_b9_the_confidence_of_every_decision_is_in_the_report() -> None:
    g = game(action)
    g.tick(stranger=A)
    g.asker.tickets[0].answer({"fight": 0.3, "run": 0.7})
    (leaf,) = g.tick(stranger=A).leaves
    assert leaf.decision is not None
    assert (leaf.decision.confidence, leaf.text) == (0.7, "run, 0.70")
