"""A debugger in a running server, with a game on a real socket."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

from brains import Action, LLMCondition, ReactiveSelector, ReactiveSequence
from brains.agent import Agent
from brains.debugger import Debugger
from brains.gateway import Gateway
from brains.library import Brain, BrainLibrary
from brains.models.scripted import ScriptedModel
from brains.server import Server
from brains.server.debugging import ServerHost
from tests.debugging import Front, Refused
from tests.game_client import GameClient
from tests.leaf_games import Flee, Walk, library, stranger


def guard() -> Any:
    return ReactiveSelector(
        "Guard",
        [
            ReactiveSequence(
                "Stranger",
                [
                    LLMCondition("hostile?", prompt="is_hostile", inputs={"stranger": stranger}, every=0),
                    Action("Flee", Flee()),
                ],
            ),
            Action("Patrol", Walk()),
        ],
    )


@contextlib.asynccontextmanager
async def _closing(gateway: Gateway) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await gateway.close()


@contextlib.asynccontextmanager
async def playing() -> AsyncIterator[tuple[GameClient, Front, Debugger, asyncio.Event]]:
    """Serve a game of two guards, and connect a front end."""
    something = asyncio.Event()
    prompts = library()
    brains = BrainLibrary(brains={"guard": Brain(name="guard", factory=guard)})
    gateway = Gateway(ScriptedModel({"is_hostile": "danger"}))
    await gateway.start()
    async with _closing(gateway):
        factory = partial(Agent, prompts=prompts, asker=gateway)
        server = Server(brains, factory, gateway, port=0)
        debugger = Debugger(ServerHost(server, gateway, prompts=prompts))
        server.gate = debugger
        async with server, GameClient(server.url, {"guard_1": "guard", "guard_2": "guard"}, ["Walk", "Flee"]) as game:
            front = Front(debugger.connect("tester", something.set, lease=None))
            front.ask("hello", version=1)
            yield game, front, debugger, something


async def test_one_agent_stands_while_the_other_plays_on_and_its_action_comes_after_release() -> None:
    async with playing() as (game, front, debugger, _):
        front.ask("attach", agent="guard_1")
        front.ask("pause")
        answer = await game.tick()
        assert answer["busy"] == ["guard_1"]
        assert (await game.receive("hold"))["agent"] == "guard_1"
        for _ in range(10):
            assert (await game.tick())["busy"] == ["guard_1"]
        ticks = {one["agent"]: one["tick"] for one in front.ask("agents")["agents"]}
        assert ticks == {"guard_1": 1, "guard_2": 11}
        front.ask("continue")
        # Nobody else says anything: the release is sent by itself.
        assert (await asyncio.wait_for(game.receive("release"), 5))["agent"] == "guard_1"
        answer = await game.tick()
        assert answer["busy"] == []
        assert [one["name"] for one in answer["actions"] if one["agent"] == "guard_1"] == ["Walk"]
        front.ask("detach")
        assert debugger.controls() == []


async def test_a_rerun_is_answered_by_the_model_while_the_agent_stands() -> None:
    async with playing() as (game, front, _, something):
        game.world["guard_1"] = {"stranger": {"looks": "a bandit"}}
        front.ask("break", where="guard_1:Guard/Patrol")
        await game.tick()
        front.stop()
        number = front.send("rerun", node="hostile?", times=2)
        async with asyncio.timeout(10):
            while (body := front.answer(number)) is None:
                something.clear()
                await something.wait()
        assert [run["answer"] for run in body["runs"]] == ["danger", "danger"]


async def test_of_two_agents_of_one_name_the_one_is_meant_whose_game_is_there() -> None:
    """A game that was killed and started again; what it has left is kept for a minute."""
    async with playing() as (game, front, _, _):
        assert game._socket is not None
        game._socket.transport.abort()
        async with GameClient(game.url, {"guard_1": "guard"}, ["Walk", "Flee"]) as again, asyncio.timeout(10):
            session = ""
            while not session:
                # It is ambiguous until the loss has been noticed.
                with contextlib.suppress(Refused):
                    session = front.ask("attach", agent="guard_1")["session"]
                await asyncio.sleep(0)
            front.ask("pause")
            assert (await again.tick())["busy"] == ["guard_1"]
            assert front.stop()["session"] == session


async def test_a_game_that_goes_while_its_agent_stands_hurts_nobody() -> None:
    async with playing() as (game, front, debugger, something):
        front.ask("attach", agent="guard_1")
        front.ask("pause")
        await game.tick()
        await game.send(type="bye")
        async with asyncio.timeout(10):
            while not front.heard("terminated"):
                something.clear()
                await something.wait()
        assert debugger.controls() == []
        assert front.ask("agents")["agents"] == []
