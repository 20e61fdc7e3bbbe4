"""The past of an agent: from a recording, or from what is remembered since it is debugged; and in slices."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from py_trees.common import Status

from brains import Action, Condition, Leaf, LLMCondition, ReactiveSelector, ReactiveSequence
from brains.control import ControlClient, ControlServer
from brains.debugger.memory import Memory
from brains.debugger.messages import DebugError
from brains.debugger.past import RecordedPast
from brains.debugger.work import SLICE, Work
from brains.library import Brain, BrainLibrary
from brains.trace import MemorySink, Recorder, Recording
from tests.debugging import Front, Question, Refused, Stage
from tests.leaf_games import Flee, Walk, library, stranger
from tests.test_debugger_local import replaying


class Steps(Leaf):
    """Counts its ticks, in itself and in the agent's memory."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.count = 0

    def update(self) -> Status:
        self.count += 1
        self.agent.blackboard["steps"] = self.count
        return Status.FAILURE


def guard() -> Any:
    return ReactiveSelector(
        "Guard",
        [
            Steps("Steps"),
            ReactiveSequence(
                "Stranger",
                [
                    Condition("Sees", lambda agent: "stranger" in agent.me),
                    LLMCondition("hostile?", prompt="is_hostile", inputs={"stranger": stranger}, every=0),
                    Action("Flee", Flee()),
                ],
            ),
            Action("Patrol", Walk()),
        ],
    )


LOOKS = ["a cook", "a cook", "a bandit", "a bandit", "a bandit", "a girl"]
BRAINS = BrainLibrary(brains={"guard": Brain(name="guard", factory=guard)})


def said(question: Question) -> str:
    return "danger" if "bandit" in question.prompt.user else "safe"


class Game:
    """Two guards, of whom one sees people come and go."""

    def __init__(self, factory: Callable[[], Any] = guard, *, recorded: bool = False) -> None:
        self.stage = Stage({"guard": factory}, actions=("Flee", "Walk"), prompts=library(), answers=said)
        self.stage.add("guard_1", "guard_2")
        self.debugger = self.stage.debugger
        self.agent = self.stage.agent("guard_1")
        self.other = self.stage.agent("guard_2")
        self.sink = MemorySink()
        if recorded:
            recorder = Recorder(self.sink, prompts=self.stage.prompts)
            recorder.watch(self.agent)
            past = RecordedPast(lambda: Recording.of(list(self.sink.lines)), BRAINS, self.stage.prompts)
            self.stage.host.past = past

    def play(self, ticks: int = 1) -> Game:
        for _ in range(ticks):
            looks = LOOKS[self.stage.seq % len(LOOKS)]
            self.stage.tick(guard_1={"stranger": {"looks": looks}, "n": self.stage.seq}, guard_2={})
        return self


def statuses(front: Front, **more: Any) -> dict[str, tuple[str, bool]]:
    """Return the status of each node of a tree, and whether it ran."""
    found: dict[str, tuple[str, bool]] = {}

    def walk(node: Any) -> None:
        found[node["path"]] = node.get("status", "INVALID"), node.get("visited", False)
        for child in node.get("children", ()):
            walk(child)

    walk(front.ask("tree", **more)["root"])
    return found


def seen(front: Front, tick: int) -> dict[str, Any]:
    """Look at a past tick, and return all that can be seen of it."""
    front.ask("goto", tick=tick)
    found = {
        "tree": statuses(front),
        "why": front.ask("why"),
        "me": front.ask("snapshot")["snapshot"]["me"],
        "blackboard": front.ask("blackboard"),
    }
    front.ask("goto")
    return found


# --- looking back --------------------------------------------------------------------------------------------------


def test_the_history_of_a_recording_goes_back_from_where_the_agent_was_brought_to() -> None:
    front, debugger, _ = replaying()
    front.ask("attach", agent="guard_1")
    assert front.ask("history")["ticks"] == []
    front.ask("goto", tick=10)
    body = front.ask("history", last=3)
    assert [one["tick"] for one in body["ticks"]] == [7, 8, 9]
    assert (body["first"], body["last"]) == (1, 20)
    before = body["ticks"]
    front.ask("goto", tick=7)
    front.ask("tick", count=3)
    debugger.pump()
    again = front.ask("history", last=3)["ticks"]
    assert [{**one, "held": False} for one in again] == [{**one, "held": False} for one in before]
    assert [one["tick"] for one in front.ask("history", last=100)["ticks"]] == list(range(1, 10))


def test_a_debugger_that_comes_late_sees_recorded_ticks_as_one_that_was_there() -> None:
    early, late = Game(), Game(recorded=True)
    there = early.stage.front("guard_1")
    for game in (early, late):
        game.play(14)
    came = late.stage.front("guard_1")
    told = [front.ask("history", last=14)["ticks"] for front in (there, came)]
    assert told[0] == told[1]
    assert [one["tick"] for one in told[1]] == list(range(1, 15))
    for tick in (1, 4, 5, 14):
        assert seen(came, tick) == seen(there, tick)
    assert came.ask("goto", by=-1)["view"] == 14
    with pytest.raises(Refused, match="unknown_tick: tick 15 is not recorded"):
        came.ask("goto", tick=15)
    assert late.agent.tick_number == 14


# --- what is remembered since an agent is debugged -----------------------------------------------------------------


def test_an_agent_without_a_recording_is_replayed_and_forked_from_where_it_was_first_debugged() -> None:
    game = Game().play(8)
    front = game.stage.front("guard_1")
    with pytest.raises(Refused, match="no_recording: guard_1 is remembered from when it is debugged, and it has not"):
        front.ask("replay", tick=8)
    game.play(9)
    body = front.ask("replay", tick=17)
    assert (body["first"], body["ticks"], body["differences"], body["problems"]) == (9, 8, [], [])
    assert body["blackboard"] == {"steps": 16}
    with pytest.raises(Refused, match=r"unknown_tick: tick 8 is not kept \(there are 9 to 17.*--record FILE"):
        front.ask("replay", tick=8)
    info = front.ask("fork", tick=11)
    assert (info["session"], info["tick"], info["state"]) == ("fork1", 10, "held")
    front.ask("tick", count=3)
    assert [one["body"]["tick"] for one in front.events if one["event"] == "tick"] == [11, 12, 13]
    assert game.agent.tick_number == 17
    assert game.agent.blackboard == {"steps": 17}
    shadow = next(one for one in game.debugger.agents() if one.session == "fork1")
    assert shadow.blackboard == {"steps": 13}


def test_what_a_debugger_changes_is_remembered_too() -> None:
    game = Game().play(3)
    front = game.stage.front("guard_1")
    game.play(2)
    front.ask("pause")
    game.play()
    front.ask("force", node="hostile?", status="success", keep=True)
    front.ask("set", key="steps", value=100)
    front.ask("continue")
    game.play(5)
    body = front.ask("replay", tick=game.agent.tick_number)
    assert body["differences"] == []
    assert body["ticks"] == game.agent.tick_number - 4


def test_an_agent_that_nobody_debugs_is_not_remembered() -> None:
    game = Game().play(3)
    assert game.agent.witness is game.other.witness is None
    front = game.stage.front("guard_1")
    assert game.agent.witness is not None
    assert not game.agent.witness.hears_nodes
    assert game.other.witness is None
    game.play(3)
    front.ask("detach")
    assert game.agent.witness is None
    with pytest.raises(Refused, match=r"no_recording: what guard_1 has seen is not recorded \(attach it"):
        front.ask("replay", agent="guard_1", tick=4)


def test_of_many_agents_that_a_breakpoint_is_about_one_is_copied_per_snapshot() -> None:
    game = Game()
    names = [f"guard_{n}" for n in range(3, 9)]
    game.stage.add(*names)
    front = game.stage.front()
    front.ask("break", where="guard_*:Steps", condition="tick > 1000")

    def remembered() -> list[str]:
        return [one.agent.id for one in game.debugger.controls() if one.memory is not None]

    counts = []
    for _ in range(10):
        game.stage.tick()
        counts.append(len(remembered()))
    assert counts == [1, 2, 3, 4, 5, 6, 7, 8, 8, 8]
    front.ask("attach", agent="guard_8")
    body = front.ask("replay", tick=10)
    assert (body["first"], body["differences"]) == (8, [])
    front.ask("delete")
    assert remembered() == ["guard_8"]


def test_a_recording_and_the_memory_of_a_debugger_hear_of_the_same_agent() -> None:
    game = Game().play(2)
    front = game.stage.front("guard_1")
    game.play(2)
    recorder = Recorder(game.sink, prompts=game.stage.prompts)
    recorder.watch(game.agent)
    game.play(4)
    recorder.unwatch(game.agent)
    game.play(2)
    assert front.ask("replay", tick=10)["differences"] == []
    life = Recording.of(game.sink.lines).find("guard_1")
    assert (life.agent.late, list(life.ticks)) == (4, [5, 6, 7, 8])
    assert all(tick.nodes is not None for tick in life.ticks.values())
    front.ask("detach")
    assert game.agent.witness is None


def test_the_memory_has_a_bound_and_says_from_which_tick_on_it_goes() -> None:
    game = Game().play(2)
    front = game.stage.front("guard_1")
    control = game.debugger.known(game.agent)
    assert control is not None
    assert control.memory is not None
    control.memory.end()
    control.memory = Memory(game.agent, game.stage.prompts, None, kept=4000)
    firsts = set()
    for _ in range(30):
        game.play(2)
        body = front.ask("replay", tick=game.agent.tick_number)
        assert body["differences"] == []
        firsts.add(body["first"])
    assert len(firsts) > 3
    history = front.ask("history", last=100)
    assert history["ticks"][-1]["tick"] == game.agent.tick_number == 62
    first = max(firsts)
    assert first > 40
    front.ask("fork", tick=first)
    front.ask("tick", count=62 - first)
    assert front.stops()[-1]["tick"] == 61
    shadow = next(one for one in game.debugger.agents() if one.session == "fork1")
    assert shadow.blackboard == {"steps": 61}


def test_an_agent_that_cannot_be_copied_can_be_debugged_all_the_same() -> None:
    names = iter(range(100))
    game = Game(lambda: Condition(f"Is it {next(names)}?", lambda agent: True)).play(2)
    front = game.stage.front("guard_1")
    front.ask("pause")
    game.play()
    front.ask("step")
    front.ask("continue")
    with pytest.raises(Refused, match=r"no_recording: guard_1 .* makes a tree of another shape each time"):
        front.ask("fork")


# --- in slices -----------------------------------------------------------------------------------------------------


def test_another_agent_ticks_on_while_one_is_run_again() -> None:
    game = Game().play(1)
    front = game.stage.front("guard_1")
    game.play(200)
    before = game.other.tick_number
    number = front.send("replay", tick=200)
    slices = 0
    while game.debugger.work():
        assert front.answer(number) is None
        slices += 1
        game.play()
    body = front.answer(number)
    assert body is not None
    assert (body["ticks"], body["differences"]) == (198, [])
    assert slices >= 198 // SLICE
    assert game.other.tick_number - before == slices
    assert game.agent.tick_number == 201 + slices


def test_a_shadow_runs_through_its_past_in_slices_and_can_be_paused_there() -> None:
    game = Game().play(1)
    front = game.stage.front("guard_1")
    game.play(100)
    front.ask("fork", tick=5)
    front.stops()
    before = game.other.tick_number
    front.send("continue")
    shadow = next(one for one in game.debugger.agents() if one.session == "fork1")
    for _ in range(3):
        assert game.debugger.work()
        game.play()
    assert 4 + SLICE <= shadow.tick_number <= 4 + 4 * SLICE
    assert game.other.tick_number == before + 3
    front.ask("pause")
    assert front.stop()["reason"] == "pause"
    assert shadow.tick_number < 101
    front.ask("continue")
    assert "all that was recorded" in front.stop()["text"]
    assert shadow.tick_number == 101


def test_a_live_shadow_sees_first_what_was_and_then_what_comes() -> None:
    game = Game().play(1)
    front = game.stage.front("guard_1")
    game.play(30)
    front.ask("fork", tick=5, live=True)
    shadow = next(one for one in game.debugger.agents() if one.session == "fork1")
    game.play()
    front.send("continue")
    game.play()
    numbers = []
    while game.debugger.work():
        numbers.append(shadow.me["n"])
    assert numbers == sorted(numbers)
    assert shadow.me["n"] == game.agent.me["n"]
    game.play()
    assert shadow.me["n"] == game.agent.me["n"] == game.stage.seq - 1


def test_what_nobody_waits_for_any_more_is_given_up() -> None:
    game = Game().play(1)
    front = game.stage.front("guard_1")
    game.play(100)
    front.send("replay", tick=100)
    assert game.debugger.bench.is_busy
    front.session.close()
    assert not game.debugger.work()
    assert not game.debugger.bench.is_busy


@pytest.mark.parametrize(
    ("error", "kind"), [(DebugError("unknown_tick", "no way"), "unknown_tick"), (RuntimeError("broken"), "internal")]
)
def test_what_goes_wrong_in_a_later_slice_is_answered(error: Exception, kind: str) -> None:
    def steps() -> Work[None]:
        for _ in range(2 * SLICE):
            yield
        raise error

    game = Game()
    front = game.stage.front("guard_1")
    settle = functools.partial(front.session.settle, 99)
    assert game.debugger.bench.begin(steps(), settle, lambda: True) is None
    while game.debugger.work():
        pass
    with pytest.raises(Refused) as found:
        front.answer(99)
    assert (found.value.kind, str(error) in found.value.message) == (kind, True)


async def test_over_the_socket_the_event_loop_goes_round_between_slices(tmp_path: Path) -> None:
    game = Game().play(1)
    server = ControlServer(game.debugger, folder=tmp_path)
    entry = await server.start()
    rounds = 0

    async def go_round() -> None:
        nonlocal rounds
        while True:
            rounds += 1
            await asyncio.sleep(0)

    client = ControlClient(entry, name="tester")
    try:
        await client.start()
        await client.request("attach", agent="guard_1")
        game.play(300)
        going = asyncio.create_task(go_round())
        body = await client.request("replay", tick=300)
        going.cancel()
        assert body["differences"] == []
        assert body["ticks"] == 298
        assert rounds >= 298 // SLICE
    finally:
        await client.close()
        await server.close()
