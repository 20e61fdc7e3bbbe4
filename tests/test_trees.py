"""The brains in `trees/`, which people copy: they build, they use every prompt, and they do what they say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import py_trees
import pytest

from brains.actions import label_of
from brains.checking import check_all
from brains.cli._demo.client import declared_for
from brains.library import BrainLibrary
from brains.loading import load_trees
from brains.nodes import LLMAction
from brains.nodes.tree import actions_of, llm_leaves_of
from brains.prompts import PromptLibrary
from brains.questions import NoAnswer
from brains.reload import load_prompts
from brains.snapshot import Event, TickReport
from brains.testing import FakeGame

ROOT = Path(__file__).parent.parent
NAMES = ["guard", "merchant", "thief", "villager"]

BRUTE = {"id": "s1", "kind": "stranger", "distance": 3.0, "looks": "a brute", "does": "spits", "says": ""}
LADY = {"id": "c1", "kind": "customer", "distance": 1.5, "looks": "a lady", "does": "nods", "says": "Hello"}
STALL = {"id": "stall", "kind": "stall", "distance": 2.0, "looks": "a stall", "does": "", "says": ""}
SCENE = {"light": "at noon", "guard": "sleeps", "merchant": "is away"}


@pytest.fixture(scope="module")
def library() -> BrainLibrary:
    return load_trees(ROOT / "trees")


@pytest.fixture(scope="module")
def prompts() -> PromptLibrary:
    return load_prompts(ROOT / "prompts")


def action(report: TickReport) -> str:
    """Return the name of what was ordered, and of whom."""
    if report.order is None:
        return ""
    made = report.order.action
    return " ".join(filter(None, (type(made).__name__, getattr(made, "target", ""), getattr(made, "customer", ""))))


def play(game: FakeGame, ticks: int, **perceived: Any) -> list[str]:
    """Tick on the same world and return what was ordered, in order."""
    return [name for name in (action(game.tick(**perceived)) for _ in range(ticks)) if name]


def started(library: BrainLibrary, prompts: PromptLibrary, name: str, answers: Mapping[str, Any]) -> FakeGame:
    return FakeGame(library.get(name), prompts=prompts, answers=answers, agent_id=f"{name}_1")


def test_there_are_four_brains(library: BrainLibrary) -> None:
    assert library.names() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_brain_can_be_drawn_and_says_what_it_does(library: BrainLibrary, name: str) -> None:
    brain = library.get(name)
    drawing = py_trees.display.unicode_tree(brain.build())
    assert drawing.count("\n") >= 4
    assert brain.description.endswith(".")


@pytest.mark.parametrize("name", NAMES)
def test_the_yard_declares_all_that_a_brain_may_do(library: BrainLibrary, name: str) -> None:
    declared = {one.name for one in declared_for(name, library.actions)}
    assert set(actions_of(library.get(name).build())) <= declared


@pytest.mark.parametrize("name", NAMES)
def test_choices_of_a_leaf_have_labels_of_their_own(library: BrainLibrary, name: str) -> None:
    for leaf in llm_leaves_of(library.get(name).build()):
        if isinstance(leaf, LLMAction):
            labels = [label_of(made) for made in leaf.actions]
            assert len(set(labels)) == len(labels)


def test_trees_and_prompts_fit_together(library: BrainLibrary, prompts: PromptLibrary) -> None:
    assert check_all(library, prompts) == []


def test_the_guard_patrols_while_nobody_is_there(library: BrainLibrary, prompts: PromptLibrary) -> None:
    assert play(started(library, prompts, "guard", {}), 3, sees=[]) == ["Patrol"]


def test_the_guard_deals_with_somebody_hostile(library: BrainLibrary, prompts: PromptLibrary) -> None:
    game = started(library, prompts, "guard", {"guard/is_hostile": "danger", "guard/respond": {"violent": 1.0}})
    assert play(game, 4, sees=[BRUTE]) == ["Patrol", "Attack s1"]


def test_the_guard_leaves_the_harmless_alone(library: BrainLibrary, prompts: PromptLibrary) -> None:
    game = started(library, prompts, "guard", {"guard/is_hostile": "safe"})
    assert play(game, 5, sees=[BRUTE]) == ["Patrol"]


def test_the_guard_does_not_ask_about_those_far_away(library: BrainLibrary, prompts: PromptLibrary) -> None:
    game = started(library, prompts, "guard", {"guard/is_hostile": "danger"})
    play(game, 5, sees=[{**BRUTE, "distance": 20.0}])
    assert game.asker.tickets == []


def test_without_an_answer_the_guard_asks_for_a_name(library: BrainLibrary, prompts: PromptLibrary) -> None:
    dead = NoAnswer(reason="timeout")
    game = started(library, prompts, "guard", {"guard/is_hostile": "danger", "guard/respond": dead})
    assert play(game, 4, sees=[BRUTE]) == ["Patrol", "Challenge s1"]


@pytest.mark.parametrize(
    ("label", "expected"), [("polite", "Serve c1"), ("rude", "Refuse c1"), ("crime", "CallGuard c1")]
)
def test_the_merchant_treats_customers_as_they_deserve(
    library: BrainLibrary, prompts: PromptLibrary, label: str, expected: str
) -> None:
    game = started(library, prompts, "merchant", {"merchant/treat_customer": label})
    assert play(game, 3, sees=[LADY], name="Berta") == [expected]


def test_the_merchant_sells_nothing_on_a_guess(library: BrainLibrary, prompts: PromptLibrary) -> None:
    game = started(library, prompts, "merchant", {"merchant/treat_customer": NoAnswer(reason="timeout")})
    assert play(game, 3, sees=[LADY], name="Berta") == ["Refuse c1"]


@pytest.mark.parametrize(("label", "expected"), [("run", "Flee"), ("greet", "Greet"), ("work", "Work")])
def test_a_villager_reacts_once_to_what_happens(
    library: BrainLibrary, prompts: PromptLibrary, label: str, expected: str
) -> None:
    game = started(library, prompts, "villager", {"villager/react": label})
    game.tick(events=[Event("happening", {"text": "somebody waves"})])
    order = game.tick().order
    assert order is not None
    assert type(order.action).__name__ == expected
    game.report(order, "success")
    for _ in range(12):  # one who ran gets her breath back first
        game.tick()
    assert len(game.asker.tickets) == 1
    assert game.agent.blackboard["happening"] == []


def test_without_an_answer_a_villager_runs(library: BrainLibrary, prompts: PromptLibrary) -> None:
    game = started(library, prompts, "villager", {"villager/react": NoAnswer(reason="timeout")})
    game.tick(events=[Event("happening", {"text": "somebody waves"})])
    report = game.tick()
    assert action(report) == "Flee"
    assert report.order is not None
    assert (report.order.source, report.order.reason) == ("fallback", "timeout")


def test_an_answer_about_a_customer_who_has_gone_is_not_acted_on(library: BrainLibrary, prompts: PromptLibrary) -> None:
    """Not on her, and not on the one who stands there now: the fallback deals with that one."""
    game = started(library, prompts, "merchant", {})
    assert play(game, 3, sees=[LADY], name="Berta") == []
    game.asker.open[0].answer("crime")
    assert play(game, 1, sees=[{**LADY, "id": "c2"}], name="Berta") == ["Refuse c2"]
    assert game.agent.fallbacks["Merchant/Serve a customer/Treat the customer"] == {"stale": 1}


def test_a_villager_cheers_at_good_news_only(library: BrainLibrary, prompts: PromptLibrary) -> None:
    for label, expected in (("good", ["Listen", "Cheer"]), ("bad", ["Listen"])):
        game = started(library, prompts, "villager", {"villager/is_good_news": label})
        heard = action(game.tick(events=[Event("rumour", {"text": "the well is full"})]))
        assert [heard, *play(game, 3)] == expected


def test_a_villager_takes_two_events_in_their_order(library: BrainLibrary, prompts: PromptLibrary) -> None:
    game = started(library, prompts, "villager", {"villager/react": "greet"})
    game.tick(events=[Event("happening", {"text": "one waves"}), Event("happening", {"text": "two waves"})])
    for _ in range(6):
        order = game.tick().order
        if order is not None:
            game.report(order, "success")
    assert ["one" in t.question.prompt.user.lower() for t in game.asker.tickets] == [True, False]


@pytest.mark.parametrize(("chance", "expected"), [("alone", ["Sneak", "Steal"]), ("watched", ["Sneak"])])
def test_the_thief_steals_when_nobody_looks(
    library: BrainLibrary, prompts: PromptLibrary, chance: str, expected: list[str]
) -> None:
    game = started(library, prompts, "thief", {"thief/is_chance": chance})
    assert play(game, 4, sees=[STALL], scene=SCENE, loot=0) == expected


def test_the_thief_does_not_steal_on_a_guess(library: BrainLibrary, prompts: PromptLibrary) -> None:
    game = started(library, prompts, "thief", {"thief/is_chance": NoAnswer(reason="timeout")})
    assert play(game, 30, sees=[STALL], scene=SCENE, loot=0) == ["Sneak"]


def test_the_thief_runs_when_challenged_and_hides_what_he_has(library: BrainLibrary, prompts: PromptLibrary) -> None:
    game = started(library, prompts, "thief", {})
    assert play(game, 2, sees=[], scene=SCENE, loot=1) == ["HideLoot"]
    report = game.tick(sees=[], scene=SCENE, loot=1, events=[Event("challenge", {"text": "halt"})])
    assert action(report) == "Flee"
    assert len(report.cancels) == 1
