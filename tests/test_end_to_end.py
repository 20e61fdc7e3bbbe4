"""The whole loop on real sockets: a game, the server, the repository's trees and prompts, and a fake Ollama."""

from __future__ import annotations

import asyncio
import functools
import json
import logging
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import connect

from brains.agent import Agent
from brains.gateway import Gateway
from brains.library import BrainLibrary
from brains.loading import load_trees
from brains.models.ollama import OllamaModel
from brains.prompts import PromptLibrary
from brains.reload import PromptWatcher, load_prompts
from brains.server import Server
from brains.snapshot import TickReport
from tests.fake_ollama import CRASHED, Ask, FakeOllama, Fault, Gate, Piece, Reply
from tests.game_client import GameClient

ROOT = Path(__file__).parent.parent
BANDIT = {"id": "b1", "kind": "stranger", "distance": 3.0, "looks": "a bandit", "does": "draws a knife", "says": ""}
GIRL = {"id": "g1", "kind": "stranger", "distance": 3.0, "looks": "a girl", "does": "picks flowers", "says": ""}
GUARD_ACTIONS = ["Patrol", "Challenge", "Attack", "CallForHelp", "Ignore", "Flee", "Hurry"]


@pytest.fixture(scope="module")
def library() -> BrainLibrary:
    """Load the repository's trees."""
    return load_trees(ROOT / "trees")


BAD = {"danger", "violent", "fight"}


def hostile(ask: Ask) -> Any:
    """Find bandits dangerous, and everybody else not; speak when there are no labels."""
    if not ask.labels:
        return "Halt! Who goes there?"
    bad = "bandit" in ask.question.lower()
    return {f" {label}": 0.9 if bad == (label in BAD) else 0.01 for label in ask.labels}


class Yard:
    """A server with everything behind it."""

    def __init__(
        self, ollama: FakeOllama, gateway: Gateway, server: Server, prompts: Path, watcher: PromptWatcher
    ) -> None:
        self.ollama = ollama
        self.gateway = gateway
        self.server = server
        self.prompts = prompts
        self.watcher = watcher
        self.reports: list[TickReport] = []

    def guard(self) -> GameClient:
        """Make a game with one guard."""
        return GameClient(self.server.url, {"guard_1": "guard"}, GUARD_ACTIONS)

    def leaves(self, kind: str) -> list[Any]:
        """Return what leaves reported."""
        return [leaf for report in self.reports for leaf in report.leaves if leaf.kind == kind]


@asynccontextmanager
async def a_yard(
    library: BrainLibrary, folder: Path, templates: PromptLibrary, ollama: FakeOllama
) -> AsyncIterator[Yard]:
    """Start everything."""
    gateway = Gateway(OllamaModel("tiny", host=ollama.url), pauses=lambda: iter(lambda: 0.01, None))
    yard: Yard
    server = Server(
        library,
        functools.partial(Agent, prompts=templates, asker=gateway),
        gateway,
        port=0,
        observer=lambda report: yard.reports.append(report),
    )
    yard = Yard(ollama, gateway, server, folder, PromptWatcher(folder, templates))
    async with server:
        await gateway.start()
        try:
            yield yard
        finally:
            await gateway.close()


@pytest.fixture
def prompts(tmp_path: Path) -> tuple[Path, PromptLibrary]:
    """Copy the repository's prompts, and load the copy."""
    shutil.copytree(ROOT / "prompts", tmp_path / "prompts")
    return tmp_path / "prompts", load_prompts(tmp_path / "prompts")


@pytest.fixture
async def yard(library: BrainLibrary, prompts: tuple[Path, PromptLibrary]) -> AsyncIterator[Yard]:
    """Give a server whose model finds bandits hostile."""
    async with FakeOllama(brain=hostile) as ollama, a_yard(library, *prompts, ollama) as made:
        yield made


def chosen(name: str) -> Any:
    """Tell whether an answer orders this action."""
    return lambda answer: any(action["name"] == name for action in answer["actions"])


async def test_a_decision_goes_all_the_way_round(yard: Yard) -> None:
    """Patrol, a bandit, two questions, an order by the model, the patrol cancelled first; and back to the patrol."""
    async with yard.guard() as game:
        first = await game.tick()
        assert [a["name"] for a in first["actions"]] == ["Patrol"]
        patrol = first["actions"][0]["id"]
        game.world["guard_1"] = {"name": "Ann", "sees": [BANDIT]}
        answer = await game.until(lambda a: a["actions"])
        while answer["actions"][0]["source"] != "llm":
            answer = await game.until(lambda a: a["actions"])
        (order,) = answer["actions"]
        assert (order["name"], order["params"]) == ("Attack", {"target": "b1"})
        assert order["reason"].startswith("violent")
        assert patrol in [c for m in game.said("actions") for c in m["cancel"]]
        await game.finish()
        game.world["guard_1"] = {"name": "Ann", "sees": []}
        await game.until(chosen("Patrol"))
    asked = yard.ollama.asked
    assert len(asked) >= 2
    assert all(record.body["think"] is False for record in asked)
    assert all(record.body["truncate"] is False for record in asked)


async def test_an_answer_wakes_its_agent(yard: Yard) -> None:
    """A decision waits one frame, not one decision period."""
    yard.ollama.gate = gate = Gate()
    async with yard.guard() as game:
        game.world["guard_1"] = {"sees": [BANDIT]}
        await game.tick()
        await yard.ollama.until(lambda: yard.ollama.asked)
        assert game.said("wake") == []
        gate.open()
        wake = await game.receive("wake")
        assert wake["agents"] == ["guard_1"]
        await game.tick("guard_1")
        assert yard.leaves("answered")


async def test_a_leaf_that_loses_its_branch_disconnects_from_the_model(yard: Yard) -> None:
    """Cancelled means cancelled: the model server sees its client go."""
    yard.ollama.gate = Gate()
    async with yard.guard() as game:
        game.world["guard_1"] = {"sees": [BANDIT]}
        await game.tick()
        await yard.ollama.until(lambda: yard.ollama.asked)
        game.world["guard_1"] = {"sees": []}
        await game.tick()
        await yard.ollama.until(lambda: yard.ollama.cancelled)
        assert [leaf.reason for leaf in yard.leaves("cancelled")] == ["the tree went elsewhere"]


async def test_a_game_that_leaves_takes_its_questions_along(yard: Yard) -> None:
    """Nobody waits for the answer any more."""
    yard.ollama.gate = Gate()
    async with yard.guard() as game:
        game.world["guard_1"] = {"sees": [BANDIT]}
        await game.tick()
        await yard.ollama.until(lambda: yard.ollama.asked)
    await yard.ollama.until(lambda: yard.ollama.cancelled)


async def test_an_edit_is_live_at_the_next_question_and_a_broken_one_changes_nothing(
    yard: Yard, caplog: pytest.LogCaptureFixture
) -> None:
    """While the game runs; the message names file and line."""
    file = yard.prompts / "guard" / "is_hostile.j2"
    good = file.read_text()

    async def ask_about(who: dict[str, Any], number: int) -> str:
        game.world["guard_1"] = {"sees": [{**who, "looks": f"{who['looks']} number {number}"}]}
        before = len(yard.ollama.asked)
        await game.until(lambda answer: len(yard.ollama.asked) > before)
        return json.dumps(yard.ollama.asked[-1].body)

    async def look_twice() -> None:
        for _ in range(2):
            await yard.watcher.look()

    async with yard.guard() as game:
        assert "ONE EYE OPEN" not in await ask_about(GIRL, 1)
        file.write_text(good.replace("system:\n", "system:\nONE EYE OPEN. "))
        await look_twice()
        assert "ONE EYE OPEN" in await ask_about(GIRL, 2)
        file.write_text(good + "{{ broken")
        with caplog.at_level(logging.WARNING):
            await look_twice()
        line = good.count("\n") + 1
        assert f"{file}:{line}: " in caplog.text
        assert "the last good version stays in use" in caplog.text
        assert "ONE EYE OPEN" in await ask_about(GIRL, 3)
        assert game.said("error") == []


async def test_a_model_that_dies_and_comes_back_needs_no_restart(yard: Yard) -> None:
    """Agents fall back visibly, and ask again when it is there."""
    async with yard.guard() as game:
        game.world["guard_1"] = {"sees": [BANDIT]}
        await game.until(lambda a: a["actions"] and a["actions"][0]["source"] == "llm")
        await game.finish()
        await yard.ollama.stop()
        game.world["guard_1"] = {"sees": [{**BANDIT, "looks": "a bandit with a torch"}]}
        fallback = await game.until(lambda a: a["actions"] and a["actions"][0]["source"] == "fallback")
        assert fallback["actions"][0]["reason"] == "unavailable"
        assert str(yard.gateway.state) == "away"
        assert "unavailable" in {leaf.reason for leaf in yard.leaves("fallback")}
        await game.finish()
        await yard.ollama.start()
        for number in range(2000):
            game.world["guard_1"] = {"sees": [{**BANDIT, "looks": f"a bandit with {number} torches"}]}
            answer = await game.tick()
            if answer["actions"] and answer["actions"][0]["source"] == "llm":
                break
            await game.finish()
        else:
            raise AssertionError("the model was not asked again")
        assert yard.gateway.state == "ready"


async def test_two_games_do_not_mix(yard: Yard) -> None:
    """The same agent ids in both; each hears of its own only."""
    async with yard.guard() as one, yard.guard() as other:
        one.world["guard_1"] = {"sees": [BANDIT]}
        await one.until(lambda a: a["actions"] and a["actions"][0]["source"] == "llm")
        answer = await other.tick()
        assert [a["name"] for a in answer["actions"]] == ["Patrol"]
        assert other.said("wake") == []


async def test_the_first_sketchs_chat_client_gets_its_answer(yard: Yard) -> None:
    """No hello, no type: a message and its response."""
    yard.ollama.next("Hola, viajero.")
    async with connect(yard.server.url, proxy=None) as socket:
        await socket.send(json.dumps({"message": "Hola"}))
        assert json.loads(await socket.recv()) == {"response": "Hola, viajero."}


garbage = st.one_of(
    st.text(max_size=40),
    st.dictionaries(st.text(min_size=1, max_size=8), st.floats(0.01, 1.0), min_size=1, max_size=6),
    st.sampled_from(["open the gate", '{"name": "Kill", "params": {}}', "", "danger", "fight"]),
    st.sampled_from([Reply((Piece("danger"),), end="silent"), Reply((Piece("fi"),), done_reason="length"), Reply()]),
    st.sampled_from([Fault(500, CRASHED), Fault(drop=True), Reply(end="line", line=b"\x00{")]),
)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(garbage, min_size=1, max_size=6),
    st.lists(st.lists(st.sampled_from(GUARD_ACTIONS), max_size=4), min_size=1, max_size=5),
)
def test_whatever_the_model_answers_only_possible_actions_reach_the_wire(
    library: BrainLibrary, answers: list[Any], masks: list[list[str]]
) -> None:
    """One at the most per agent and tick, declared and possible now, with valid values, cancels first."""

    async def play() -> None:
        replies = iter(answers * 200)
        async with (
            FakeOllama(brain=lambda ask: next(replies)) as ollama,
            a_yard(library, ROOT / "prompts", templates, ollama) as yard,
            yard.guard() as game,
        ):
            for number in range(40):
                game.world["guard_1"] = {"sees": [{**BANDIT, "looks": f"man {number}"}]}
                possible = ["Patrol", *masks[number % len(masks)]]
                answer = await game.tick(available=possible)
                assert len(answer["actions"]) <= 1
                for action in answer["actions"]:
                    library.actions.decode(action["name"], action["params"])
                    assert action["name"] in possible
                    assert action["agent"] == "guard_1"
                assert len(game.running) <= 1, "what went on was cancelled before the next one began"
            assert game.said("error") == []

    templates = load_prompts(ROOT / "prompts")
    asyncio.run(play())
