"""The leaves that ask a model: conditions, actions, speech."""

from __future__ import annotations

import inspect
from typing import Any, ClassVar

import pytest

from brains import (
    Action,
    Condition,
    GameAction,
    LLMAction,
    LLMCondition,
    LLMSelector,
    MemorySequence,
    ReactiveSelector,
    ReactiveSequence,
    Say,
    brain,
)
from brains.errors import ActionError, TreeError
from brains.nodes import LLMNode
from brains.prompts import PromptLibrary
from brains.questions import Decision, NoAnswer
from brains.testing import FakeGame

HOSTILE = """---
answer: {danger: true, safe: false}
inputs: {stranger: [looks]}
---
user:
{{ stranger.looks }}
"""
RESPOND = """---
answer: action
inputs: {stranger: [looks]}
---
user:
{{ stranger.looks }}
"""
SHOUT = """---
answer: text
inputs: {me: [name]}
---
user:
What does {{ me.name }} say?
"""


class Challenge(GameAction):
    label: ClassVar[str] = "talk"
    target: str
    words: str = "Halt!"


class Attack(GameAction):
    label: ClassVar[str] = "fight"


class Ignore(GameAction):
    label: ClassVar[str] = "ignore"


class Walk(GameAction):
    pass


def prompts() -> PromptLibrary:
    """Make the library that these tests ask from."""
    library = PromptLibrary()
    library.put("is_hostile", HOSTILE)
    library.put("respond", RESPOND)
    library.put("shout", SHOUT)
    return library


def game(root: Any, **options: Any) -> FakeGame:
    """Make a game of one agent whose tree `root()` builds."""
    return FakeGame(brain("test")(root), **{"prompts": prompts(), "allow_faults": True, **options})


def stranger(agent: Any) -> Any:
    """Look at who is there."""
    return agent.me.get("stranger")


def hostile(**options: Any) -> LLMCondition:
    """Make the condition of these tests."""
    return LLMCondition("hostile?", prompt="is_hostile", inputs={"stranger": stranger}, **{"every": 0.0, **options})


A, B = {"looks": "a bandit"}, {"looks": "a girl"}


class TestCondition:
    def test_before_the_first_answer_the_default_counts_and_it_is_never_running(self) -> None:
        """One question is asked and waited for, however many ticks go by."""
        for default in (False, True):
            g = game(lambda default=default: hostile(default=default))
            statuses = [g.tick(stranger=A).status for _ in range(4)]
            assert statuses == ["SUCCESS" if default else "FAILURE"] * 4
            assert len(g.asker.tickets) == 1

    def test_an_answer_counts_from_the_tick_after_it_came(self) -> None:
        """An answer that comes during a tick waits for the next one."""
        g = game(hostile, answers={"is_hostile": "danger"})
        assert [g.tick(stranger=A).status for _ in range(2)] == ["FAILURE", "SUCCESS"]

    def test_an_unchanged_prompt_is_not_asked_again(self) -> None:
        """Nothing has changed, so the answer would not."""
        g = game(hostile, answers={"is_hostile": "danger"})
        for _ in range(20):
            g.tick(stranger=A, distance=1)
        assert len(g.asker.tickets) == 1

    def test_the_last_verdict_stands_while_the_next_answer_is_on_its_way(self) -> None:
        """A reactive tree keeps the branch that the condition guards: no thrashing."""
        g = game(
            lambda: ReactiveSelector(
                "Root", [ReactiveSequence("Fight", [hostile(), Action("Attack", Attack())]), Action("Walk", Walk())]
            )
        )
        g.tick(stranger=A)
        g.asker.tickets[0].answer("danger")
        first = g.tick(stranger=A)
        assert first.order is not None
        assert first.order.action == Attack()
        for _ in range(5):
            report = g.tick(stranger=B)
            assert (report.order, report.cancels) == (None, ()), "asked again, and still at it"
        g.asker.tickets[1].answer("safe")
        report = g.tick(stranger=B)
        assert report.cancels == (first.order.id,)
        assert report.order is not None
        assert report.order.action == Walk()

    def test_hysteresis(self) -> None:
        """True from the threshold on, and then until below the release."""
        g = game(lambda: hostile(threshold=0.6, release=0.4))
        seen = []
        for number, p in enumerate((0.5, 0.6, 0.5, 0.4, 0.39, 0.5)):
            g.tick(stranger={"looks": f"stranger {number}"})
            g.asker.tickets[-1].answer({"danger": p, "safe": 1 - p})
            seen.append(g.tick(stranger={"looks": f"stranger {number}"}).status == "SUCCESS")
        assert seen == [False, True, True, True, False, False]

    def test_a_verdict_on_another_world_is_dropped_after_its_ttl_and_that_is_counted(self) -> None:
        """The age counts from when the world last looked as it did when the question was asked."""
        g = game(lambda: hostile(ttl=0.35), answers=lambda q: "danger" if "bandit" in q.prompt.user else None)
        for _ in range(10):
            g.tick(stranger=A)
        statuses, reasons = [], []
        for _ in range(6):
            report = g.tick(stranger=B)
            statuses.append(report.status)
            reasons += [leaf.reason for leaf in report.leaves if leaf.kind == "expired"]
        assert statuses == ["SUCCESS"] * 3 + ["FAILURE"] * 3
        assert reasons == ["stale"]

    def test_a_verdict_on_somebody_else_is_dropped_at_once(self) -> None:
        """So is a question about somebody who is not there any more."""
        g = game(lambda: hostile(about=lambda a: a.me["stranger"]["id"]))
        bandit, girl = {**A, "id": 1}, {**B, "id": 2}
        g.tick(stranger=bandit)
        g.asker.tickets[0].answer("danger")
        assert g.tick(stranger=bandit).status == "SUCCESS"
        assert g.tick(stranger=girl).status == "FAILURE"
        assert g.asker.tickets[1].question.prompt.user == "a girl"
        assert g.tick(stranger=bandit).status == "FAILURE"
        assert g.asker.tickets[1].cancelled

    def test_questions_keep_their_distance(self) -> None:
        """`every` limits the rate, whatever changes."""
        g = game(lambda: hostile(every=0.5), answers={"is_hostile": "safe"})
        for number in range(20):
            g.tick(stranger={"looks": f"stranger {number}"})
        assert len(g.asker.tickets) == 4

    def test_past_its_deadline_a_question_is_stopped_and_the_last_verdict_stands(self) -> None:
        """Counted as a fallback, and asked again."""
        g = game(
            lambda: hostile(deadline=0.25, every=0.3), answers=lambda q: "danger" if "bandit" in q.prompt.user else None
        )
        g.tick(stranger=A), g.tick(stranger=A), g.tick(stranger=A)
        reports = [g.tick(stranger=B) for _ in range(5)]
        assert [r.status for r in reports] == ["SUCCESS"] * 5
        fallbacks = [leaf for r in reports for leaf in r.leaves if leaf.kind == "fallback"]
        assert [f.reason for f in fallbacks] == ["deadline"]
        assert g.asker.tickets[1].cancelled
        assert len(g.asker.tickets) == 3

    def test_time_that_stands_still_does_not_run_into_the_deadline(self) -> None:
        """A paused game waits for its model as long as it likes."""
        g = game(lambda: hostile(deadline=0.25))
        g.tick(stranger=A)
        g.seconds = 0
        for _ in range(50):
            g.tick(stranger=A)
        assert not g.asker.tickets[0].cancelled

    def test_a_model_that_is_away_is_a_counted_fallback_and_is_asked_again_later(self) -> None:
        """The reason is the model's."""
        g = game(lambda: hostile(retry=0.25), answers=lambda q: NoAnswer(reason="unavailable", message="nobody there"))
        reports = [g.tick(stranger=A) for _ in range(7)]
        reasons = [leaf.reason for r in reports for leaf in r.leaves if leaf.kind == "fallback"]
        assert reasons == ["unavailable"] * 2
        assert len(g.asker.tickets) == 2
        assert {r.status for r in reports} == {"FAILURE"}

    def test_a_question_that_the_tree_left_behind_is_cancelled(self) -> None:
        """The tree no longer comes by, so nobody waits: the model stops."""
        g = game(lambda: ReactiveSequence("S", [Condition("near?", lambda a: a.me["near"]), hostile()]))
        g.tick(near=True, stranger=A)
        report = g.tick(near=False, stranger=A)
        assert g.asker.tickets[0].cancelled
        assert [leaf.kind for leaf in report.leaves] == ["cancelled"]

    def test_with_nothing_to_ask_about_it_says_its_default_and_forgets(self) -> None:
        """An input that is None: no question, and no verdict on somebody who has gone."""
        g = game(hostile, answers={"is_hostile": "danger"})
        g.tick(stranger=A), g.tick(stranger=A)
        assert g.tick().status == "FAILURE"
        assert g.agent.root.feedback_message == "nothing to ask about: no stranger"
        assert g.tick(stranger=A).status == "FAILURE", "asked anew"
        assert len(g.asker.tickets) == 2

    def test_a_late_answer_of_a_cancelled_question_is_dropped(self) -> None:
        """What comes after the tree went elsewhere changes nothing."""
        g = game(lambda: ReactiveSequence("S", [Condition("near?", lambda a: a.me["near"]), hostile()]))
        g.tick(near=True, stranger=A)
        late = g.asker.tickets[0]
        g.tick(near=False, stranger=A)
        late.outcome = Decision(answer="danger", probabilities={"danger": 1.0, "safe": 0.0})
        assert g.tick(near=True, stranger=B).status == "FAILURE"
        assert g.tick(near=True, stranger=B).status == "FAILURE"

    def test_an_answer_is_read_by_the_labels_that_were_asked(self) -> None:
        """An edit of the prompt in the meantime changes the next question, not this one."""
        library = prompts()
        g = game(hostile, prompts=library)
        g.tick(stranger=A)
        library.put("is_hostile", HOSTILE.replace("{danger: true, safe: false}", "{foe: true, friend: false}"))
        g.tick(stranger=A)
        g.asker.tickets[0].answer("danger")
        assert g.tick(stranger=A).status == "SUCCESS"
        assert g.asker.tickets[1].question.labels == ("foe", "friend")

    def test_a_broken_prompt_is_a_reported_fault_and_the_last_verdict_stands(self) -> None:
        """An input without what the template needs: file and line in the report, once."""
        g = game(hostile, answers={"is_hostile": "danger"})
        g.tick(stranger=A), g.tick(stranger=A)
        report = g.tick(stranger={"smells": "bad"})
        assert report.status == "SUCCESS"
        assert "looks" in report.faults[0].error
        assert report.faults[0].first
        assert not g.tick(stranger={"smells": "bad"}).faults[0].first

    @pytest.mark.parametrize("wrong", [{"threshold": 0.4, "release": 0.6}, {"threshold": 1.1}, {"deadline": 0.0}])
    def test_settings_that_cannot_work_are_refused(self, wrong: dict[str, float]) -> None:
        """At build time, by name."""
        with pytest.raises(TreeError, match="hostile"):
            hostile(**wrong)


def respond(**options: Any) -> LLMAction:
    """Make the action leaf of these tests."""
    return LLMAction(
        "respond",
        prompt="respond",
        inputs={"stranger": stranger},
        **{"choices": [Challenge, Attack, Ignore], "arguments": {"target": "bandit_1"}, **options},
    )


class TestAction:
    def test_it_runs_while_the_model_thinks_and_while_the_game_acts(self) -> None:
        """One leaf from the question to the end of the action."""
        g = game(respond)
        assert g.tick(stranger=A).status == "RUNNING"
        ticket = g.asker.tickets[0]
        assert ticket.question.labels == ("talk", "fight", "ignore")
        ticket.answer({"talk": 0.7, "fight": 0.2, "ignore": 0.1})
        report = g.tick(stranger=A)
        assert report.order is not None
        assert report.order.action == Challenge(target="bandit_1")
        assert (report.order.source, report.order.reason) == ("llm", "talk 0.70")
        g.report(report.order, "success")
        assert g.tick(stranger=A).status == "SUCCESS"

    def test_values_that_nobody_gave_are_asked_of_the_model_by_schema(self) -> None:
        """Only the missing ones, and what comes back is checked."""
        g = game(lambda: respond(arguments={}))
        g.tick(stranger=A)
        g.asker.tickets[0].answer("talk")
        assert g.tick(stranger=A).order is None
        question = g.asker.tickets[1].question
        assert question.labels == ()
        assert question.schema is not None
        assert question.schema["required"] == ["target"]
        assert question.schema["additionalProperties"] is False
        g.asker.tickets[1].answer({"target": "bandit_7"})
        report = g.tick(stranger=A)
        assert report.order is not None
        assert report.order.action == Challenge(target="bandit_7")
        assert report.order.reason == "talk 1.00"

    def test_values_that_do_not_fit_end_in_the_fallback(self) -> None:
        """Whatever the model writes, only valid actions leave."""
        g = game(lambda: respond(arguments={}, fallback=Attack()))
        g.tick(stranger=A)
        g.asker.tickets[0].answer("talk")
        g.tick(stranger=A)
        g.asker.tickets[1].answer({"target": 7})
        report = g.tick(stranger=A)
        assert report.order is not None
        assert (report.order.action, report.order.source) == (Attack(), "fallback")
        assert [leaf.reason for leaf in report.leaves if leaf.kind == "fallback"] == ["bad_arguments"]

    def test_an_answer_outside_the_choices_ends_in_the_fallback(self) -> None:
        """Even if an asker lets one through."""
        g = game(lambda: respond(fallback=Attack()), answers=lambda q: Decision(answer="open the gate"))
        g.tick(stranger=A)
        report = g.tick(stranger=A)
        assert report.order is not None
        assert report.order.source == "fallback"

    def test_without_an_answer_in_time_the_fallback_acts_or_the_leaf_fails(self) -> None:
        """And the model is stopped."""
        for fallback, status in ((Ignore(), "RUNNING"), (None, "FAILURE")):
            g = game(lambda fallback=fallback: respond(deadline=0.15, fallback=fallback))
            reports = [g.tick(stranger=A) for _ in range(3)]
            assert reports[-1].status == status
            assert g.asker.tickets[0].cancelled
            assert [leaf.reason for leaf in reports[-1].leaves] == ["deadline"]

    def test_a_fallback_class_takes_its_values_from_the_arguments(self) -> None:
        """And a callable may make one."""
        for fallback in (Challenge, lambda agent: Challenge(target="bandit_1")):
            g = game(
                lambda fallback=fallback: respond(fallback=fallback, emits=[Challenge]),
                answers=lambda q: NoAnswer(reason="unavailable"),
            )
            g.tick(stranger=A)
            report = g.tick(stranger=A)
            assert report.order is not None
            assert report.order.action == Challenge(target="bandit_1")

    def test_a_lost_branch_stops_the_model(self) -> None:
        """Cancelled means cancelled, and the late answer is dropped."""
        g = game(
            lambda: ReactiveSelector(
                "R",
                [
                    ReactiveSequence("S", [Condition("near?", lambda a: a.me["near"]), respond()]),
                    Action("Walk", Walk()),
                ],
            )
        )
        g.tick(near=True, stranger=A)
        report = g.tick(near=False, stranger=A)
        assert g.asker.tickets[0].cancelled
        assert report.order is not None
        assert report.order.action == Walk()
        g.tick(near=True, stranger=A)
        assert len(g.asker.tickets) == 2

    def test_a_lost_branch_stops_the_action(self) -> None:
        """The game is told to."""
        g = game(
            lambda: ReactiveSequence("S", [Condition("near?", lambda a: a.me["near"]), respond()]),
            answers={"respond": "fight"},
        )
        g.tick(near=True, stranger=A)
        order = g.tick(near=True, stranger=A).order
        assert order is not None
        assert g.tick(near=False, stranger=A).cancels == (order.id,)

    def test_what_is_not_possible_now_is_not_offered(self) -> None:
        """None left: fails. One left: taken without asking."""
        g = game(respond)
        assert g.tick(stranger=A, available=[]).status == "FAILURE"
        report = g.tick(stranger=A, available=["Attack"])
        assert report.order is not None
        assert (report.order.action, report.order.source) == (Attack(), "tree")
        assert g.asker.tickets == []
        g = game(respond)
        g.tick(stranger=A, available=["Attack", "Ignore"])
        assert g.asker.tickets[0].question.labels == ("fight", "ignore")

    def test_what_became_impossible_while_the_model_thought_is_not_done(self) -> None:
        """The answer is checked against the newest snapshot."""
        g = game(lambda: respond(fallback=Ignore()))
        g.tick(stranger=A)
        g.asker.tickets[0].answer("fight")
        report = g.tick(stranger=A, available=["Ignore"])
        assert report.order is not None
        assert report.order.action == Ignore()
        assert [leaf.reason for leaf in report.leaves if leaf.kind == "fallback"] == ["not_possible"]

    def test_choices_need_labels_of_their_own(self) -> None:
        """Two actions by one word could not be told apart."""

        class Also(GameAction):
            label: ClassVar[str] = "fight"

        with pytest.raises(TreeError, match="label"):
            LLMAction("x", prompt="p", choices=[Attack, Also])
        with pytest.raises(TreeError, match="not an action"):
            LLMAction("x", prompt="p", choices=["fight"])  # type: ignore[list-item]
        with pytest.raises(TreeError, match="at least one"):
            LLMAction("x", prompt="p", choices=[])

    def test_a_leaf_may_give_its_choices_words_of_its_own(self) -> None:
        """Labels that say what is seen often decide better than labels that say what is done."""
        g = game(lambda: respond(choices={"violent": Attack, "peaceful": Ignore}))
        g.tick(stranger=A)
        assert g.asker.tickets[0].question.labels == ("violent", "peaceful")
        g.asker.tickets[0].answer("violent")
        report = g.tick(stranger=A)
        assert report.order is not None
        assert report.order.action == Attack()

    def test_its_choices_and_its_fallback_must_be_declared(self) -> None:
        """Refused when the agent registers."""
        with pytest.raises(ActionError, match="Ignore"):
            game(respond, declared=["Challenge", "Attack"])
        with pytest.raises(ActionError, match="Walk"):
            game(lambda: respond(fallback=Walk()), declared=["Challenge", "Attack", "Ignore"])

    def test_a_prompt_that_does_not_exist_is_a_fault_with_the_nearest_name(self) -> None:
        """And the fallback acts."""
        g = game(lambda: LLMAction("r", prompt="repsond", choices=[Attack, Ignore], fallback=Ignore()))
        report = g.tick(stranger=A)
        assert "'respond'" in report.faults[0].error
        assert report.order is not None
        assert report.order.source == "fallback"

    def test_while_the_model_is_away_the_branch_below_is_left_in_peace(self) -> None:
        """A leaf that failed for want of an answer rests, instead of stopping the patrol in every other tick."""
        g = game(
            lambda: ReactiveSelector("R", [respond(retry=1.0), Action("Walk", Walk())]),
            answers=lambda q: NoAnswer(reason="unavailable"),
        )
        reports = [g.tick(stranger=A) for _ in range(12)]
        assert sum(len(r.cancels) for r in reports) == 1, "asked again once, after a second"
        assert len(g.asker.tickets) == 2


def test_memory_sequence_gives_up_the_question_of_a_condition_that_is_behind_it() -> None:
    """The condition said yes by an old verdict and asked anew; the sequence went on, so nobody waits."""
    g = game(lambda: MemorySequence("S", [hostile(default=True), Action("Walk", Walk())]))
    g.tick(stranger=A)
    assert not g.asker.tickets[0].cancelled
    g.tick(stranger=A)
    assert g.asker.tickets[0].cancelled


class TestRareTicks:
    """An agent far from the player may be ticked every few seconds; deadlines and ages hold all the same."""

    def test_an_answer_that_came_long_ago_is_late(self) -> None:
        """Its world has gone."""
        g = game(lambda: respond(deadline=1.0, fallback=Ignore()), answers={"respond": "fight"}, seconds=100.0)
        g.tick(stranger=A)
        report = g.tick(stranger=B)
        assert report.order is not None
        assert (report.order.action, report.order.reason) == (Ignore(), "deadline")

    def test_a_verdict_is_as_old_as_its_question(self) -> None:
        """Not as young as the tick in which it was taken."""
        g = game(
            lambda: hostile(ttl=3.0, deadline=99.0), answers=lambda q: "danger" if "bandit" in q.prompt.user else None
        )
        g.tick(stranger=A)
        g.seconds = 50.0
        assert g.tick(stranger=B).status == "FAILURE"

    def test_two_questions_of_one_decision_share_its_deadline(self) -> None:
        """The one for the values does not start it anew."""
        g = game(lambda: respond(arguments={}, deadline=1.0, fallback=Ignore()))
        g.tick(stranger=A)
        for _ in range(8):
            g.tick(stranger=A)
        g.asker.tickets[0].answer("talk")
        g.tick(stranger=A)
        assert len(g.asker.tickets) == 2
        assert g.asker.tickets[1].question.timeout == pytest.approx(0.1)
        g.seconds = 0.11
        report = g.tick(stranger=A)
        assert report.order is not None
        assert report.order.reason == "deadline"


def test_an_answer_about_one_stranger_never_meets_another() -> None:
    """The action's values are those of the moment in which the model was asked."""
    g = game(lambda: respond(arguments={"target": lambda a: a.me["stranger"]["id"]}))
    g.tick(stranger={**A, "id": "bandit"})
    g.asker.tickets[0].answer("talk")
    report = g.tick(stranger={**B, "id": "girl"})
    assert report.order is not None
    assert report.order.action == Challenge(target="bandit")


def test_an_edit_of_what_the_labels_mean_is_asked_again() -> None:
    """Nothing else of the prompt has changed."""
    library = prompts()
    g = game(hostile, prompts=library, answers={"is_hostile": "danger"})
    assert [g.tick(stranger=A).status for _ in range(2)] == ["FAILURE", "SUCCESS"]
    library.put("is_hostile", HOSTILE.replace("{danger: true, safe: false}", "{danger: false, safe: true}"))
    g.tick(stranger=A)
    assert g.tick(stranger=A).status == "FAILURE"
    assert len(g.asker.tickets) == 2


def test_a_new_calibration_is_asked_again() -> None:
    """`brains prompt calibrate` counts at once, too."""
    library = prompts()
    g = game(hostile, prompts=library, answers={"is_hostile": "danger"})
    g.tick(stranger=A)
    g.tick(stranger=A)
    library.put_calibrations("is_hostile", '{"digest": {"scale": 2.0}}')
    g.tick(stranger=A)
    assert len(g.asker.tickets) == 2


def test_a_condition_whose_model_is_away_rests() -> None:
    """However often it may ask otherwise."""
    g = game(lambda: hostile(every=0.0, retry=1.0), answers=lambda q: NoAnswer(reason="unavailable"))
    for number in range(20):
        g.tick(stranger={"looks": f"stranger {number}"})
    assert len(g.asker.tickets) == 2


def test_what_a_callable_fallback_makes_must_be_declared_too() -> None:
    """Or it would fail at the very moment it is needed."""

    def walk(agent: Any) -> Walk:
        return Walk()

    assert Walk in respond(fallback=walk).actions
    with pytest.raises(TreeError, match="emits"):
        respond(fallback=lambda agent: Walk())


@pytest.mark.parametrize("kind", [LLMCondition, LLMAction, LLMSelector, Say])
def test_the_docstring_explains_every_argument(kind: type[LLMNode]) -> None:
    """Those that all such nodes share, too: an editor shows the class's own docstring and nothing of its bases."""
    text = inspect.getdoc(kind) or ""
    parameters = [one for one in inspect.signature(kind.__init__).parameters.values() if one.name != "self"]
    for one in parameters:
        assert f"\n    {one.name}: " in text, one.name
    defaults = {one.name: one.default for one in parameters}
    for name in ("deadline", "retry"):
        assert f"{name}: seconds of agent time ({defaults[name]:g} if not given" in text
    assert f"{defaults['priority']} if not given; questions with a higher one are asked first" in text
    assert "\nRaises:\n    TreeError: " in text
