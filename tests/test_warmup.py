"""Having the model read the prompts before it matters."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from brains import LLMAction, LLMCondition, Say, brain
from brains.gateway import Gateway
from brains.library import BrainLibrary
from brains.loading import load_trees
from brains.models.scripted import ScriptedModel
from brains.prompts import PromptLibrary
from brains.questions import Question
from brains.reload import load_prompts
from brains.warmup import warm_up, warm_up_questions

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def questions() -> list[Question]:
    """Make the questions for the trees and prompts of the repository."""
    me = {"merchant": {"name": "Maud", "sees": []}}
    return list(warm_up_questions(load_trees(ROOT / "trees"), load_prompts(ROOT / "prompts"), me))


def test_every_prompt_of_the_trees_is_asked_once_with_the_labels_of_its_leaf(questions: list[Question]) -> None:
    """So that the slot that reads it is the one that is asked later."""
    by_name = {question.prompt.name: question for question in questions}
    assert sorted(by_name) == sorted(load_prompts(ROOT / "prompts").names())
    assert len(by_name) == len(questions)
    assert by_name["guard/respond"].labels == ("suspicious", "violent", "war", "peaceful")
    assert by_name["guard/is_hostile"].labels == ("danger", "safe")
    assert by_name["merchant/praise"].labels == ()


def test_what_cannot_be_built_or_filled_is_left_out() -> None:
    """Whoever really asks it says what is wrong."""

    @brain("broken")
    def broken() -> Say:
        raise RuntimeError

    @brain("guard")
    def guard() -> LLMCondition:
        return LLMCondition("c", prompt="no/such")

    @brain("speaker")
    def speaker() -> Say:
        return Say("s", prompt="say")

    prompts = PromptLibrary()
    prompts.put("say", "---\nanswer: text\ninputs: {me: [name]}\n---\nuser:\n{{ me.name }}\n")
    library = BrainLibrary.of([broken, guard, speaker])
    assert list(warm_up_questions(library, prompts)) == []
    assert len(list(warm_up_questions(library, prompts, {"speaker": {"name": "Ann"}}))) == 1


def test_labels_of_choices_are_those_of_the_leaf() -> None:
    """An action prompt has none of its own."""
    from brains import GameAction

    class Go(GameAction):
        pass

    class Stay(GameAction):
        pass

    @brain("walker")
    def walker() -> LLMAction:
        return LLMAction("w", prompt="p", choices=[Go, Stay])

    prompts = PromptLibrary()
    prompts.put("p", "---\nanswer: action\n---\nuser:\nwhat now?\n")
    (question,) = warm_up_questions(BrainLibrary.of([walker]), prompts)
    assert question.labels == ("go", "stay")


async def test_they_are_asked_one_after_the_other(questions: list[Question]) -> None:
    """A game that has begun already goes first, and never waits for more than one of them."""
    model = ScriptedModel()
    gateway = Gateway(model)
    await gateway.start()
    told: list[int] = []
    await warm_up(gateway, questions, lambda number, question: told.append(number))
    assert told == list(range(1, len(questions) + 1))
    assert len(model.requests) == len(questions)
    assert all(question.priority < 0 for question in questions)
    await gateway.close()


async def test_who_stops_it_stops_the_model(questions: list[Question]) -> None:
    """Its question is cancelled."""
    model = ScriptedModel()
    model.gate = asyncio.Event()
    gateway = Gateway(model)
    await gateway.start()
    task = asyncio.create_task(warm_up(gateway, questions))
    await model.asked(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert gateway.stats.cancelled == 1
    await gateway.close()
