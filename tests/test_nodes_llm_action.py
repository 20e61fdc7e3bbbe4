"""The leaf in which the model chooses what to do: computed choices, limited arguments, answers that came too late."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from brains import LLMAction, one_of
from brains.checking import check_brain
from brains.errors import ActionError, TreeError
from brains.library import Brain
from brains.nodes.tree import actions_of
from brains.questions import Decision, NoAnswer
from tests.leaf_games import Attack, Challenge, Flee, Walk, done, ended, game, library, looks, stranger

A = looks("a bandit")


def ids(agent: Any) -> list[str]:
    """Return the ids of who is in sight."""
    return list(agent.me.get("sees", ()))


def respond(**options: Any) -> LLMAction:
    """Make the leaf of these tests."""
    return LLMAction(
        "respond", prompt="respond", inputs={"stranger": stranger}, **{"choices": [Attack, Challenge, Flee], **options}
    )


def armed(agent: Any) -> list[type[Attack] | type[Challenge] | type[Flee]]:
    """Say what is possible now."""
    kinds: dict[str, Any] = {"attack": Attack, "challenge": Challenge, "flee": Flee}
    return [kinds[word] for word in agent.me["can"]]


class TestComputedChoices:
    def test_only_what_is_possible_now_is_offered(self) -> None:
        g = game(lambda: respond(choices=armed, arguments={"target": "b1"}))
        g.tick(stranger=A, can=["attack", "flee"])
        assert g.asker.tickets[0].question.labels == ("fight", "run")
        g.asker.tickets[0].answer("fight")
        assert done(g.tick(stranger=A, can=["attack", "flee"])) == Attack(target="b1")

    def test_nothing_possible_fails_and_one_is_taken_without_asking(self) -> None:
        g = game(lambda: respond(choices=armed, arguments={"target": "b1"}))
        assert g.tick(stranger=A, can=[]).status == "FAILURE"
        report = g.tick(stranger=A, can=["flee"])
        assert report.order is not None
        assert (report.order.action, report.order.source) == (Flee(), "tree")
        assert g.asker.tickets == []

    def test_what_became_impossible_meanwhile_is_refused(self) -> None:
        """The game would have let it through: it is the tree that knows."""
        g = game(lambda: respond(choices=armed, arguments={"target": "b1"}, fallback=Flee()))
        g.tick(stranger=A, can=["attack", "flee"])
        g.asker.tickets[0].answer("fight")
        report = g.tick(stranger=A, can=["flee", "challenge"])
        assert (done(report), ended(report)) == (Flee(), [("fallback", "not_possible")])

    def test_words_may_come_from_the_world(self) -> None:
        """Each for one whole action; the words are checked as labels are."""
        g = game(
            lambda: respond(
                choices=lambda agent: {word: Attack(target=word) for word in agent.me["sees"]}, emits=[Attack]
            )
        )
        g.tick(stranger=A, sees=["troll", "wolf"])
        assert g.asker.tickets[0].question.labels == ("troll", "wolf")
        g.asker.tickets[0].answer("wolf")
        assert done(g.tick(stranger=A, sees=["troll", "wolf"])) == Attack(target="wolf")

    def test_words_that_cannot_be_labels_are_a_fault_that_says_what_to_do(self) -> None:
        g = game(
            lambda: respond(choices=lambda agent: {w: Attack(target=w) for w in agent.me["sees"]}, emits=[Attack]),
            allow_faults=True,
        )
        report = g.tick(stranger=A, sees=["<|im_start|>", "wolf"])
        assert report.status == "FAILURE"
        assert "one_of" in report.faults[0].error
        assert g.asker.tickets == []

    def test_words_may_be_declared_with_what_they_stand_for(self) -> None:
        """So that `brains check` can compare them with the prompt."""
        g = game(lambda: respond(choices=lambda agent: [Flee, Attack], emits={"violent": Attack, "armed": Flee}))
        assert respond(choices=lambda a: [], emits={"violent": Attack}).labels == ("violent",)
        g.tick(stranger=A)
        assert g.asker.tickets[0].question.labels == ("armed", "violent")

    @pytest.mark.parametrize("words", [("flee", "flee at once"), ("Flee", "fleeing"), ("flee", "<s>"), ("flee", "")])
    def test_words_that_one_token_cannot_tell_apart_are_refused_at_once(self, words: tuple[str, str]) -> None:
        """Else every answer would count for neither, and the fallback would play the game."""
        with pytest.raises(TreeError, match=r"begin alike|cannot be a label"):
            respond(choices=dict(zip(words, (Flee, Attack), strict=True)))

    def test_what_can_come_of_it_is_known_beforehand(self) -> None:
        """By the annotation or by `emits`; the game must have declared it."""
        assert set(actions_of(respond(choices=armed))) == {"Attack", "Challenge", "Flee"}

        def unsaid(agent: Any) -> Sequence[Any]:
            return [Attack]

        for maker in (unsaid, lambda agent: [Attack]):
            with pytest.raises(TreeError, match="emits"):
                respond(choices=maker)
        with pytest.raises(ActionError, match="Challenge"):
            game(lambda: respond(choices=armed), declared=["Attack", "Flee"])

    def test_a_choice_that_was_not_declared_is_a_fault(self) -> None:
        g = game(lambda: respond(choices=lambda a: [Attack, Walk], emits=[Attack]), allow_faults=True)
        report = g.tick(stranger=A)
        assert report.status == "FAILURE"
        assert "Walk, which is not declared" in report.faults[0].error

    def test_brains_check_takes_computed_choices(self) -> None:
        """Their words are not known, so they are not compared."""
        made = Brain(name="b", factory=lambda: respond(choices=armed, arguments={"target": "b1"}))
        assert [finding.rule for finding in check_brain(made, library())] == []


class TestOneOf:
    def leaf(self, **options: Any) -> LLMAction:
        """Make a leaf whose target is one of those in sight."""
        return respond(**{"arguments": {"target": one_of(ids)}, **options})

    def test_of_several_the_model_picks_one_by_an_enum(self) -> None:
        g = game(self.leaf)
        g.tick(stranger=A, sees=["b1", "b2"])
        g.asker.tickets[0].answer("fight")
        assert done(g.tick(stranger=A, sees=["b1", "b2"])) is None
        question = g.asker.tickets[1].question
        assert question.schema == {
            "type": "object",
            "properties": {"target": {"type": "string", "enum": ["b1", "b2"]}},
            "required": ["target"],
            "additionalProperties": False,
        }
        assert question.prompt.user.endswith("target is one of: b1, b2.")
        g.asker.tickets[1].answer({"target": "b2"})
        report = g.tick(stranger=A, sees=["b1", "b2"])
        assert report.order is not None
        assert (report.order.action, report.order.source) == (Attack(target="b2"), "llm")

    def test_the_only_one_is_taken_without_asking(self) -> None:
        g = game(self.leaf)
        g.tick(stranger=A, sees=["b1"])
        g.asker.tickets[0].answer("talk")
        assert done(g.tick(stranger=A, sees=["b1"])) == Challenge(target="b1")
        assert len(g.asker.tickets) == 1

    def test_with_nobody_there_an_action_on_somebody_is_not_offered(self) -> None:
        """Flee is left, and taken; without it the leaf fails, and nobody is asked."""
        g = game(self.leaf)
        report = g.tick(stranger=A, sees=[])
        assert report.order is not None
        assert (report.order.action, report.order.source) == (Flee(), "tree")
        g = game(lambda: self.leaf(choices=[Attack, Challenge]))
        assert g.tick(stranger=A, sees=[]).status == "FAILURE"
        assert g.asker.tickets == []

    def test_an_id_that_was_not_offered_ends_in_the_fallback(self) -> None:
        """Even if an asker lets one through."""
        g = game(lambda: self.leaf(fallback=Flee()))
        for said in ({"target": "king"}, {"target": 1}, {}, {"target": "b1", "more": 1}):
            g.tick(stranger=A, sees=["b1", "b2"])
            g.asker.tickets[-1].answer("fight")
            g.tick(stranger=A, sees=["b1", "b2"])
            g.asker.tickets[-1].answer(said)
            report = g.tick(stranger=A, sees=["b1", "b2"])
            assert (done(report), ended(report)) == (Flee(), [("fallback", "bad_arguments")])
            assert report.order is not None
            g.report(report.order, "success")
            g.tick(stranger=A, sees=["b1", "b2"])

    @pytest.mark.parametrize("sees", [["b2"], []])
    def test_one_that_has_gone_by_then_is_stale(self, sees: list[str]) -> None:
        """Whether it was the only one, or the model picked it."""
        g = game(lambda: self.leaf(fallback=Flee()))
        g.tick(stranger=A, sees=["b1"])
        g.asker.tickets[0].answer("fight")
        report = g.tick(stranger=A, sees=sees)
        assert (done(report), ended(report)) == (Flee(), [("fallback", "stale")])
        g = game(lambda: self.leaf(fallback=Flee()))
        g.tick(stranger=A, sees=["b1", "b2"])
        g.asker.tickets[0].answer("fight")
        g.tick(stranger=A, sees=["b1", "b2"])
        g.asker.tickets[1].answer({"target": "b1"})
        report = g.tick(stranger=A, sees=sees)
        assert (done(report), ended(report)) == (Flee(), [("fallback", "stale")])
        (leaf,) = report.leaves
        assert leaf.decision is not None
        assert leaf.decision.fallback == "stale"

    def test_one_who_came_meanwhile_was_not_asked_about(self) -> None:
        """The answer is about the one that was there, and goes to that one."""
        g = game(self.leaf)
        g.tick(stranger=A, sees=["b1"])
        g.asker.tickets[0].answer("fight")
        assert done(g.tick(stranger=A, sees=["b0", "b1"])) == Attack(target="b1")

    def test_a_fallback_takes_the_first_who_is_there_now(self) -> None:
        """It is no answer about who was there, but what to do now."""
        g = game(lambda: self.leaf(fallback=Challenge), answers={"respond": NoAnswer(reason="unavailable")})
        g.tick(stranger=A, sees=["b1", "b2"])
        assert done(g.tick(stranger=A, sees=["b3", "b1"])) == Challenge(target="b3")

    def test_a_fallback_that_finds_nobody_fails(self) -> None:
        g = game(lambda: self.leaf(fallback=Challenge), answers={"respond": NoAnswer(reason="unavailable")})
        g.tick(stranger=A, sees=["b1", "b2"])
        report = g.tick(stranger=A, sees=[])
        assert (report.status, report.faults) == ("FAILURE", ())
        assert g.agent.root.feedback_message == "unavailable; and no target for Challenge"

    def test_names_that_could_do_harm_in_a_prompt_are_not_offered(self) -> None:
        """Players choose names: those that are no plain text are as good as not there."""
        hostile = ["<|im_start|>system", "[INST]", "a\nb", "x" * 65, "", "b1", "b2"]
        g = game(self.leaf)
        g.tick(stranger=A, sees=hostile)
        g.asker.tickets[0].answer("fight")
        g.tick(stranger=A, sees=hostile)
        schema = g.asker.tickets[1].question.schema
        assert schema is not None
        assert schema["properties"]["target"]["enum"] == ["b1", "b2"]
        assert "INST" not in g.asker.tickets[1].question.prompt.user

    def test_the_question_for_the_values_is_about_the_same_one(self) -> None:
        """Somebody else who stands there by now is somebody else."""
        g = game(self.leaf)
        g.tick(stranger=A, sees=["b1", "b2"])
        g.asker.tickets[0].answer("fight")
        g.tick(stranger=looks("a girl"), sees=["b1", "b2"])
        assert g.asker.tickets[1].question.prompt.user.startswith("a bandit\n")

    @pytest.mark.parametrize("wrong", ["b1", 7, None])
    def test_it_takes_ids_or_a_callable(self, wrong: Any) -> None:
        with pytest.raises(TreeError, match="one_of takes"):
            one_of(wrong)

    def test_a_list_is_as_good_as_a_callable(self) -> None:
        g = game(lambda: self.leaf(arguments={"target": one_of(["gate"])}), answers={"respond": "fight"})
        g.tick(stranger=A)
        assert done(g.tick(stranger=A)) == Attack(target="gate")


class TestStill:
    def leaf(self, **options: Any) -> LLMAction:
        """Make a leaf whose answer holds only for the stranger it was about."""
        return respond(
            **{
                "arguments": {"target": lambda agent: agent.me["stranger"]["looks"]},
                "still": lambda agent, asked: asked["stranger"]["looks"] == agent.me["stranger"]["looks"],
                "fallback": Flee(),
                **options,
            }
        )

    def test_an_answer_whose_premise_is_gone_is_refused_as_stale(self) -> None:
        g = game(self.leaf, answers={"respond": "fight"})
        g.tick(stranger=A)
        report = g.tick(stranger=looks("a girl"))
        assert (done(report), ended(report)) == (Flee(), [("fallback", "stale")])
        (leaf,) = report.leaves
        assert leaf.decision is not None
        assert (leaf.decision.answer, leaf.decision.fallback) == ("fight", "stale")
        assert (leaf.decision.tick_asked, leaf.decision.tick_answered) == (1, 2)

    def test_an_answer_whose_premise_holds_is_acted_on(self) -> None:
        g = game(self.leaf, answers={"respond": "fight"})
        g.tick(stranger=A)
        assert done(g.tick(stranger=A)) == Attack(target="a bandit")

    def test_it_is_told_all_that_was_asked_about(self) -> None:
        seen: list[Any] = []

        def still(agent: Any, asked: Any) -> bool:
            seen.append(asked)
            return True

        g = game(lambda: self.leaf(still=still))
        g.tick(stranger=A)
        g.asker.tickets[0].answer("fight")
        g.tick(stranger=A)
        assert seen == [{"stranger": A, "target": "a bandit"}]

    def test_a_premise_that_cannot_be_told_is_a_fault_and_the_question_still_ends(self) -> None:
        """In the fallback, since nobody knows."""
        g = game(lambda: self.leaf(still=lambda agent, asked: asked["nobody"]), answers={"respond": "fight"})
        g.allow_faults = True
        g.tick(stranger=A)
        report = g.tick(stranger=A)
        assert (done(report), ended(report)) == (Flee(), [("fallback", "error")])
        assert "KeyError" in report.faults[0].error


def test_a_fallback_that_raises_does_not_have_the_model_asked_again_and_again() -> None:
    """It fails, is reported, and rests for `retry` as one without a fallback does."""

    def broken(agent: Any) -> Flee:
        raise KeyError("home")

    g = game(lambda: respond(fallback=broken, retry=2.0), answers={"respond": NoAnswer(reason="unavailable")})
    g.allow_faults = True
    reports = [g.tick(stranger=A) for _ in range(19)]
    assert len(g.asker.tickets) == 1
    assert [fault.error for report in reports for fault in report.faults] == ["KeyError: 'home'"]
    assert [report.status for report in reports[:3]] == ["RUNNING", "FAILURE", "FAILURE"]


def test_a_whole_action_whose_values_do_not_fit_ends_in_the_fallback() -> None:
    """Constructors do not check them; the answer could not be used, and is counted so."""
    wrong = Attack(target=5)  # type: ignore[arg-type]
    g = game(lambda: respond(choices=[wrong, Flee], fallback=Walk()), answers={"respond": "fight"})
    g.tick(stranger=A)
    report = g.tick(stranger=A)
    assert (done(report), ended(report)) == (Walk(), [("fallback", "bad_arguments")])
    assert report.faults == ()


def test_fallbacks_are_counted_per_leaf_by_reason() -> None:
    """For whoever asks the agent; the reports have them one by one."""
    g = game(lambda: respond(fallback=Flee()), answers={"respond": NoAnswer(reason="queue_full")})
    for _ in range(3):
        g.tick(stranger=A)
        order = g.tick(stranger=A).order
        assert order is not None
        g.report(order, "success")
        g.tick(stranger=A)
    g.asker.answers = {"respond": Decision(answer="dance")}
    g.tick(stranger=A), g.tick(stranger=A)
    assert {leaf: dict(reasons) for leaf, reasons in g.agent.fallbacks.items()} == {
        "respond": {"queue_full": 3, "malformed": 1}
    }


def test_the_model_of_a_leaf_answers_both_of_its_questions() -> None:
    g = game(lambda: respond(arguments={"target": one_of(ids)}, model="large"))
    g.tick(stranger=A, sees=["b1", "b2"])
    g.asker.tickets[0].answer("fight")
    g.tick(stranger=A, sees=["b1", "b2"])
    assert [ticket.question.model for ticket in g.asker.tickets] == ["large", "large"]
