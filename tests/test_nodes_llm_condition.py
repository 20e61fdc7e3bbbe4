"""A condition that the model decides: when it asks, what it says meanwhile, and when its verdict may turn."""

from __future__ import annotations

import pytest
from py_trees.common import Status

from brains import Action, LLMCondition, MemorySequence
from brains.errors import TreeError
from brains.questions import NoAnswer
from tests.leaf_games import Walk, game, hostile, library, looks

A, B, C = looks("a bandit"), looks("a girl"), looks("a cook")


class TestDwell:
    def test_a_verdict_stands_for_its_dwell_and_then_follows_the_last_answer(self) -> None:
        """Not forgotten: it turns when the time is over, without a new question."""
        g = game(lambda: hostile(dwell=1.0), answers=lambda q: "danger" if "bandit" in q.prompt.user else "safe")
        g.tick(stranger=A)
        statuses = [g.tick(stranger=A).status]
        statuses += [g.tick(stranger=B).status for _ in range(12)]
        assert statuses.index("FAILURE") == 10, "the answer came after 0.2 s, and counts after 1"
        assert statuses[10:] == ["FAILURE"] * 3
        assert len(g.asker.tickets) == 2

    def test_an_answer_that_was_taken_back_within_the_dwell_turns_nothing(self) -> None:
        g = game(lambda: hostile(dwell=1.0), answers=lambda q: "danger" if "bandit" in q.prompt.user else "safe")
        worlds = [A, A, B, B, B, A, A, *[A] * 10]
        assert [g.tick(stranger=world).status for world in worlds][1:] == ["SUCCESS"] * 16

    def test_the_first_answer_counts_at_once(self) -> None:
        """The default was no verdict."""
        g = game(lambda: hostile(dwell=99.0, default=False), answers={"is_hostile": "danger"})
        assert [g.tick(stranger=A).status for _ in range(2)] == ["FAILURE", "SUCCESS"]

    def test_the_ttl_ends_a_verdict_within_its_dwell(self) -> None:
        g = game(lambda: hostile(dwell=99.0, ttl=0.25), answers={"is_hostile": "danger"})
        g.tick(stranger=A), g.tick(stranger=A)
        g.asker.answers = {}
        assert [g.tick(stranger=B).status for _ in range(4)] == ["SUCCESS", "SUCCESS", "FAILURE", "FAILURE"]


class TestPending:
    @pytest.mark.parametrize(
        ("on_pending", "first", "later"),
        [
            ("keep", "FAILURE", "SUCCESS"),
            ("default", "FAILURE", "FAILURE"),
            ("success", "SUCCESS", "SUCCESS"),
            ("failure", "FAILURE", "FAILURE"),
            ("running", "RUNNING", "RUNNING"),
        ],
    )
    def test_what_it_says_while_an_answer_is_on_its_way(self, on_pending: str, first: str, later: str) -> None:
        """Before the first answer, and while the world has changed since the last one (which was yes)."""
        g = game(lambda: hostile(on_pending=on_pending))
        assert g.tick(stranger=A).status == first
        g.asker.tickets[0].answer("danger")
        assert g.tick(stranger=A).status == "SUCCESS"
        assert [g.tick(stranger=B).status for _ in range(2)] == [later] * 2
        g.asker.tickets[1].answer("safe")
        assert g.tick(stranger=B).status == "FAILURE"

    def test_running_ends_with_the_fallback_and_is_asked_anew(self) -> None:
        """It must not run for ever while the model is dead: the sequence around it has to hear of it."""
        g = game(
            lambda: MemorySequence(
                "S", [hostile(on_pending="running", fallback="success", deadline=0.25), Action("Walk", Walk())]
            )
        )
        reports = [g.tick(stranger=A) for _ in range(4)]
        assert [report.status for report in reports] == ["RUNNING"] * 4
        assert reports[3].order is not None
        assert g.asker.tickets[0].cancelled

    def test_a_running_condition_that_loses_its_branch_stops_its_question(self) -> None:
        g = game(lambda: hostile(on_pending="running"))
        g.tick(stranger=A)
        g.agent.root.stop(Status.INVALID)
        assert g.asker.tickets[0].cancelled

    def test_other_words_are_refused(self) -> None:
        with pytest.raises(TreeError, match=r"on_pending must be one of keep, default, running, success, failure"):
            hostile(on_pending="wait")
        with pytest.raises(TreeError, match=r"fallback must be one of keep, default, success, failure"):
            hostile(fallback="running")
        with pytest.raises(TreeError, match="dwell must be 0 seconds or more"):
            hostile(dwell=-1.0)


class TestFallback:
    @pytest.mark.parametrize(
        ("fallback", "default", "expected"),
        [
            ("keep", False, "SUCCESS"),
            ("default", False, "FAILURE"),
            ("default", True, "SUCCESS"),
            ("success", False, "SUCCESS"),
            ("failure", True, "FAILURE"),
        ],
    )
    def test_what_it_says_without_an_answer(self, fallback: str, default: bool, expected: str) -> None:
        """Until there is one; the last verdict was yes."""
        g = game(lambda: hostile(fallback=fallback, default=default, retry=0.3), answers={"is_hostile": "danger"})
        g.tick(stranger=A), g.tick(stranger=A)
        g.asker.answers = {"is_hostile": NoAnswer(reason="unavailable")}
        g.tick(stranger=B)
        assert [g.tick(stranger=B).status for _ in range(2)] == [expected] * 2
        g.asker.answers = {"is_hostile": "safe"}
        assert [g.tick(stranger=B).status for _ in range(4)][-1] == "FAILURE"


class TestAsking:
    def test_jitter_that_the_template_rounds_away_is_not_asked(self) -> None:
        """What counts is the rendered prompt, and not the snapshot."""
        g = game(lambda: LLMCondition("near?", prompt="is_near", every=0.0), answers={"is_near": "danger"})
        for number in range(20):
            g.tick(distance=5.0 + 0.4 * (number % 2))
        assert len(g.asker.tickets) == 1
        g.tick(distance=7.0)
        assert [ticket.question.prompt.user for ticket in g.asker.tickets] == ["5 m away", "7 m away"]

    def test_an_answer_about_a_change_that_was_undone_is_not_used(self) -> None:
        """There is a verdict on the world as it is; one on how it was for a moment would be worse."""
        g = game(hostile)
        g.tick(stranger=A)
        g.asker.tickets[0].answer("danger")
        g.tick(stranger=A)
        g.tick(stranger=B)
        g.asker.tickets[1].answer("safe")
        report = g.tick(stranger=A)
        assert report.status == "SUCCESS"
        assert [(leaf.kind, leaf.text[:8]) for leaf in report.leaves] == [("answered", "not used")]
        assert g.tick(stranger=A).status == "SUCCESS"
        assert len(g.asker.tickets) == 2

    def test_an_answer_about_what_was_is_better_than_none(self) -> None:
        """The world moves on faster than the model: the newest verdict there is counts, and the next is asked for."""
        g = game(hostile)
        g.tick(stranger=A)
        g.tick(stranger=B)
        g.asker.tickets[0].answer("danger")
        assert g.tick(stranger=C).status == "SUCCESS"
        assert [ticket.question.prompt.user for ticket in g.asker.tickets] == ["a bandit", "a cook"]

    def test_which_model_is_asked_is_the_leafs_choice(self) -> None:
        """By its name in the configuration; without one the default answers."""
        for model in ("", "large"):
            g = game(lambda model=model: hostile(model=model, priority=3))
            g.tick(stranger=A)
            assert (g.asker.tickets[0].question.model, g.asker.tickets[0].question.priority) == (model, 3)

    @pytest.mark.parametrize("option", ["num_ctx", "num_gpu", "keep_alive", "options"])
    def test_what_a_model_is_loaded_with_is_no_setting_of_a_leaf(self, option: str) -> None:
        """It would load the model anew for everybody."""
        with pytest.raises(TreeError, match=rf"'hostile\?': '{option}' is no setting of a node.*configuration"):
            hostile(**{option: 1})

    def test_sampling_options_belong_into_the_prompt(self) -> None:
        with pytest.raises(TreeError, match=r"'temperature' belongs into the prompt's front matter"):
            hostile(temperature=0.5)
        with pytest.raises(TypeError, match="treshold"):
            hostile(treshold=0.5)
        with pytest.raises(TreeError, match="name of a model in the configuration"):
            hostile(model={"num_ctx": 8192})

    def test_a_subclass_may_call_its_own_settings_as_it_likes(self) -> None:
        """Only what nobody takes is refused."""

        class Seeded(LLMCondition):
            def __init__(self, name: str, *, seed: int) -> None:
                super().__init__(name, prompt="is_hostile")
                self.seed = seed

        assert Seeded("x", seed=3).seed == 3

    def test_the_answer_says_what_was_asked_and_when(self) -> None:
        g = game(hostile, prompts=library())
        g.tick(stranger=A), g.tick(stranger=A)
        g.asker.tickets[0].answer("danger")
        (leaf,) = g.tick(stranger=A).leaves
        assert leaf.decision is not None
        made = leaf.decision
        assert (made.prompt, made.tick_asked, made.tick_answered, made.fallback) == ("is_hostile", 1, 3, "")
        assert made.prompt_hash == g.asker.tickets[0].question.prompt.digest
