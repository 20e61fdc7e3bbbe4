"""The public fakes do what their users count on."""

from __future__ import annotations

from typing import ClassVar

import py_trees
import pytest

from brains import Action, GameAction, LLMAction, Wait, brain
from brains.errors import ConfigError, PromptError
from brains.library import Brain
from brains.prompts import PromptLibrary
from brains.questions import Decision, NoAnswer, Question, RenderedPrompt
from brains.testing import FakeGame, ManualClock, ScriptedAsker


class Leap(GameAction):
    to: str


class Go(GameAction):
    label: ClassVar[str] = "go"
    to: str = ""


class Stay(GameAction):
    label: ClassVar[str] = "stay"


def question(**more: object) -> Question:
    """Make a question with two labels."""
    prompt = RenderedPrompt(name="p", version="1", user="?")
    return Question(session="s", agent="a", leaf="l", prompt=prompt, **{"labels": ("go", "stay"), **more})  # type: ignore[arg-type]


def test_a_manual_clock_moves_when_told() -> None:
    """And never back."""
    clock = ManualClock(5.0)
    clock.advance(1.5)
    assert clock.now() == 6.5
    with pytest.raises(ValueError, match="back"):
        clock.advance(-1)


def test_answers_may_be_written_in_every_form() -> None:
    """A label, probabilities, values, text, an outcome, an exception, nothing."""
    asker = ScriptedAsker({"p": "go"})
    outcome = asker.ask(question()).outcome
    assert isinstance(outcome, Decision)
    assert (outcome.answer, outcome.probabilities) == ("go", {"go": 1.0, "stay": 0.0})
    ticket = ScriptedAsker().ask(question())
    ticket.answer({"go": 0.2, "stay": 0.8})
    assert isinstance(ticket.outcome, Decision)
    assert ticket.outcome.confidence == 0.8
    ticket = ScriptedAsker().ask(question(labels=(), schema={}))
    ticket.answer({"to": "well"})
    assert isinstance(ticket.outcome, Decision)
    assert ticket.outcome.value == {"to": "well"}
    ticket = ScriptedAsker(lambda q: NoAnswer(reason="busy")).ask(question())
    assert ticket.outcome == NoAnswer(reason="busy")
    with pytest.raises(RuntimeError):
        ScriptedAsker(lambda q: RuntimeError()).ask(question())
    asker = ScriptedAsker()
    asker.ask(question())
    assert len(asker.open) == 1


def test_a_label_that_the_question_does_not_offer_is_the_tests_mistake() -> None:
    """It would otherwise pass for a model's."""
    with pytest.raises(ConfigError, match="none of the labels"):
        ScriptedAsker({"p": "fly"}).ask(question())


def test_the_first_outcome_stays() -> None:
    """A cancelled ticket takes no answer, an answered one no second."""
    ticket = ScriptedAsker().ask(question())
    ticket.cancel()
    ticket.answer("go")
    assert ticket.cancelled
    assert ticket.outcome == NoAnswer(reason="cancelled")


def test_a_fake_game_plays_one_agent() -> None:
    """As the docstring of the module shows."""
    library = PromptLibrary()
    library.put("choose", "---\nanswer: action\ninputs: {me: [goal]}\n---\nuser:\n{{ me.goal }}\n")

    @brain("walker")
    def walker() -> py_trees.behaviour.Behaviour:
        return LLMAction("choose", prompt="choose", choices=[Go, Stay], arguments={"to": lambda a: a.me["goal"]})

    game = FakeGame(walker, prompts=library, answers={"choose": "go"})
    game.tick(goal="well")
    order = game.tick(goal="well").order
    assert order is not None
    assert order.action == Go(to="well")
    game.report(order.id, "success")
    assert game.tick({"goal": "well"}).status == "SUCCESS"


def test_the_values_of_an_action_are_answered_by_its_class() -> None:
    library = PromptLibrary()
    library.put("choose", "---\nanswer: action\ninputs: {me: [goal]}\n---\nuser:\n{{ me.goal }}\n")
    found = Brain(name="b", factory=lambda: LLMAction("choose", prompt="choose", choices=[Leap, Stay]))
    game = FakeGame(found, prompts=library, answers={"choose": "leap", "choose#Leap": {"to": "gate"}})
    orders = [game.tick(goal="well").order for _ in range(3)]
    assert [order.action for order in orders if order is not None] == [Leap(to="gate")]


def test_a_fake_game_takes_a_brain_or_a_marked_factory_only() -> None:
    """And declares what the tree can choose, unless told otherwise."""
    game = FakeGame(Brain(name="b", factory=lambda: Action("Go", Go())))
    assert game.agent.declared == {"Go"}
    with pytest.raises(ConfigError, match="@brain"):
        FakeGame(lambda: Wait("w", 1))


class TestSlips:
    """Mistakes in a test must not look like a tree that does nothing."""

    def game(self, **options: object) -> FakeGame:
        """Make a game of one agent that asks one prompt."""
        library = PromptLibrary()
        library.put("choose", "---\nanswer: action\ninputs: {me: [goal]}\n---\nuser:\n{{ me.goal }}\n")
        found = Brain(name="b", factory=lambda: LLMAction("choose", prompt="choose", choices=[Go, Stay]))
        return FakeGame(found, **{"prompts": library, **options})  # type: ignore[arg-type]

    def test_an_answer_to_a_prompt_that_nobody_asks(self) -> None:
        with pytest.raises(ConfigError, match=r"no leaf of this tree asks 'chose'; it asks: choose"):
            self.game(answers={"chose": "go"})

    def test_prompts_that_were_not_given(self) -> None:
        with pytest.raises(PromptError, match="no prompt called 'choose'"):
            self.game(prompts=None)

    @pytest.mark.parametrize("answer", ["og", {"go": 0.5, "saty": 0.5}])
    def test_a_label_that_the_prompt_does_not_have(self, answer: object) -> None:
        with pytest.raises(ConfigError, match="none of the labels"):
            self.game(answers={"choose": answer}).tick(goal="well")

    def test_a_leaf_that_raises(self) -> None:
        """With its own exception; as a game sees it only if the test says so."""
        with pytest.raises(PromptError, match="goal"):
            self.game().tick()
        assert self.game(allow_faults=True).tick().faults[0].leaf == "choose"

    def test_what_goes_on_can_be_asked_for(self) -> None:
        game = self.game(answers={"choose": "stay"})
        for _ in range(3):
            game.tick(goal="well")
        assert game.doing == [Stay()]
