"""`brains watch` from the inside: agents that come and go, and two games at once."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from brains import Action, ReactiveSelector
from brains.cli._debug.out import OutputClosed
from brains.cli._debug.watching import LineView, Rates, watch
from brains.control import ControlServer
from tests.debugging import Json, Stage
from tests.leaf_games import Walk


def guard() -> Any:
    return ReactiveSelector("Guard", [Action("Patrol", Walk())])


@pytest.fixture
def folder() -> Iterator[Path]:
    """A private folder whose name is short: a Unix socket's path is."""
    with tempfile.TemporaryDirectory(prefix="brains-") as name:
        yield Path(name)


class Kept(LineView):
    """Keeps what it is to show."""

    def __init__(self) -> None:
        super().__init__()
        self.looks: asyncio.Queue[Json] = asyncio.Queue()
        self.ticks: asyncio.Queue[Json] = asyncio.Queue()

    def one_agent(self, info: Any, tree: Any, rates: Rates, decisions: Sequence[Any]) -> None:
        self.looks.put_nowait(dict(info))

    def tick(self, body: Any) -> None:
        self.ticks.put_nowait(dict(body))


@pytest.mark.parametrize("name", ["guard_1", "game/guard_1"])
async def test_an_agent_that_comes_back_between_two_looks_is_followed_again(folder: Path, name: str) -> None:
    game, view = Stage({"guard": guard}, actions=("Walk",)), Kept()
    game.add("guard_1")
    async with ControlServer(game.debugger, folder=folder) as server, asyncio.timeout(30):
        assert server.entry is not None
        # So slow that only the first look is of its own accord.
        watching = asyncio.create_task(watch(server.entry, name, view, rate=0.001, seconds=None))
        try:
            assert (await view.looks.get())["brain"] == "guard"
            game.tick()
            game.tick()
            assert [(await view.ticks.get())["tick"] for _ in range(2)] == [1, 2]
            game.remove("guard_1")
            game.add("guard_1")
            assert (await view.looks.get())["tick"] == 0
            game.tick()
            assert (await view.ticks.get())["tick"] == 1
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)


class Closed(Kept):
    """Shows its ticks to nobody: whoever read them is gone."""

    def tick(self, body: Any) -> None:
        raise OutputClosed


async def test_it_ends_when_nobody_reads_what_it_prints(folder: Path) -> None:
    game, view = Stage({"guard": guard}, actions=("Walk",)), Closed()
    game.add("guard_1")
    async with ControlServer(game.debugger, folder=folder) as server, asyncio.timeout(30):
        assert server.entry is not None
        watching = asyncio.create_task(watch(server.entry, "guard_1", view, rate=20, seconds=None))
        await view.looks.get()
        game.tick()
        with pytest.raises(OutputClosed):
            await watching


def agent(session: str, tick: int, running: str = "Guard/Patrol") -> Json:
    return {"agent": "g", "session": session, "brain": "guard", "tick": tick, "state": "running", "running": [running]}


def test_agents_of_two_games_with_one_name_are_two(capsys: pytest.CaptureFixture[str]) -> None:
    view, rates = LineView(), Rates()
    both = [agent("a", 10), agent("b", 50, "Guard/Attack")]
    for _ in range(3):
        view.all_agents({"agents": both}, rates, "")
    assert len(capsys.readouterr().out.splitlines()) == 2, "once each: nothing has changed"
    rates.look(both, 0.0)
    rates.look([agent("a", 30), agent("b", 60)], 2.0)
    assert [rates.per_second(one) for one in both] == [10, 5]


def test_who_is_gone_is_forgotten(capsys: pytest.CaptureFixture[str]) -> None:
    view, rates = LineView(), Rates()
    for seconds, there in enumerate([[agent("a", 10)], [], [agent("a", 500)]]):
        rates.look(there, float(seconds))
        view.all_agents({"agents": there}, rates, "")
    assert rates.per_second(agent("a", 500)) == 0, "it is not known how many of them were lately"
    assert len(capsys.readouterr().out.splitlines()) == 2, "it is there again"
