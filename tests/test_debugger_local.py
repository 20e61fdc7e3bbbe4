"""Debugging without a server: trees of py_trees, and recordings."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import py_trees
import pytest
from py_trees.common import Status

from brains import Action, LLMCondition, ReactiveSelector, ReactiveSequence, Wait
from brains.agent import Agent
from brains.debugger import Debugger
from brains.debugger.host import Place
from brains.debugger.local import ReplayHost
from brains.debugger.past import RecordedPast
from brains.errors import RecordingError, TreeError
from brains.library import Brain, BrainLibrary
from brains.snapshot import AgentSnapshot
from brains.testing import ScriptedAsker
from brains.trace import MemorySink, Recorder, Recording
from brains.trace.window import Window, exported
from tests.debugging import Asker, Front, Refused, Stage, tree_front
from tests.leaf_games import Flee, Walk, library, stranger

DEMOS = [
    ("action", "Action"),
    ("blackboard", "create_root"),
    ("context_switching", "create_root"),
    ("display_modes", "create_root"),
    ("either_or", "create_root"),
    ("eternal_guard", "create_root"),
    ("lifecycle", "Counter"),
    ("logging", "create_tree"),
    ("pick_up_where_you_left_off", "create_root"),
    ("selector", "create_root"),
    ("sequence", "create_root"),
    ("stewardship", "create_tree"),
]


@pytest.fixture(autouse=True)
def clean_blackboard() -> Any:
    yield
    py_trees.blackboard.Blackboard.clear()
    py_trees.blackboard.Blackboard.clients.clear()
    py_trees.blackboard.Blackboard.metadata.clear()


def demo(module: str, function: str) -> Any:
    made = getattr(importlib.import_module(f"py_trees.demos.{module}"), function)
    return made if function.startswith("create") else lambda: made(name=function)


@pytest.mark.parametrize(("module", "function"), DEMOS)
def test_demos_of_py_trees_are_stepped_broken_and_forced(module: str, function: str) -> None:
    py_trees.blackboard.Blackboard.set("/parameters/default_speed", 30.0)
    front, debugger, host = tree_front(demo(module, function), name=module)
    try:
        front.ask("attach", agent=module)
        front.ask("step")
        debugger.pump()
        root = host.agent.root
        stop = front.stop()
        assert (stop["path"], stop["phase"]) == (root.name.replace("/", "|"), "enter")
        for _ in range(30):
            front.ask("step", boundary="any")
            debugger.pump(3)
        assert front.stops()
        last = next(iter(root.iterate()))
        front.ask("break", where=host.agent.path_of(last), on="exit")
        front.ask("continue")
        debugger.pump()
        stop = front.stops()[-1]
        assert (stop["reason"], stop["path"]) == ("breakpoint", host.agent.path_of(last))
        front.ask("force", status="failure" if last.status is Status.SUCCESS else "success")
        front.ask("tick")
        front.stops()
        front.ask("force", node=host.agent.path_of(root), status="running")
        front.ask("step", boundary="any", count=2)
        debugger.pump()
        assert root.status is Status.RUNNING
        front.ask("delete")
        front.ask("tick", count=5)
        debugger.pump()
        assert front.stops()[-1]["reason"] == "tick"
        assert not [fault for report in host.reports for fault in report.faults]
    finally:
        host.agent.close()


def test_the_blackboard_of_a_stock_tree_is_that_of_py_trees() -> None:
    py_trees.blackboard.Blackboard.set("/parameters/default_speed", 30.0)
    front, debugger, host = tree_front(demo("blackboard", "create_root"))
    front.ask("attach", agent="tree")
    front.ask("break", where="blackboard['/state/current_speed']", kind="data")
    front.ask("set", key="/parameters/default_speed", value=12.5)
    front.ask("continue")
    debugger.pump()
    assert front.stop()["text"] == "blackboard['/state/current_speed']: unset -> 13.5"
    assert front.ask("blackboard", key="/parameters/default_speed")["blackboard"] == {"/parameters/default_speed": 12.5}
    host.agent.close()


def test_a_tree_with_leaves_of_ours_has_an_agent_and_no_model() -> None:
    inputs = {"stranger": {"looks": "x"}}
    front, debugger, host = tree_front(
        lambda: ReactiveSelector(
            "Root", [LLMCondition("hostile?", prompt="is_hostile", inputs=inputs), Action("Walk", Walk())]
        ),
        prompts=library(),
    )
    front.ask("attach", agent="tree")
    front.ask("tick", count=2)
    debugger.pump()
    assert [report.order and type(report.order.action) for report in host.reports] == [Walk, None]
    assert front.ask("reply", node="hostile?")["decision"]["reason"] == "unavailable"
    with pytest.raises(Refused, match="unsupported: there is no model here"):
        front.ask("rerun", node="hostile?")


def test_a_tree_that_runs_can_be_paused_and_has_no_past_to_go_to() -> None:
    front, debugger, host = tree_front(lambda: Wait("Wait", 999))
    front.ask("attach", agent="tree")
    front.ask("continue")
    assert debugger.pump(50)
    assert host.agent.tick_number == 50
    front.ask("pause")
    assert not debugger.pump()
    assert front.stop()["tick"] == 51
    front.ask("goto", by=-1)
    assert front.ask("where")["view"] == 50
    with pytest.raises(Refused, match="no_recording"):
        front.ask("fork", tick=3)


@pytest.mark.parametrize("made", [lambda: None, lambda: 3])
def test_a_function_that_makes_no_tree_is_refused(made: Any) -> None:
    with pytest.raises(TreeError, match="the function must return the root of a tree"):
        tree_front(made)


def test_a_behaviour_tree_counts_as_its_root() -> None:
    front, _, host = tree_front(lambda: py_trees.trees.BehaviourTree(Wait("Wait", 1)))
    assert host.agent.root.name == "Wait"
    assert front.ask("agents")["agents"][0]["agent"] == "tree"


# --- recordings --------------------------------------------------------------------------------------------------


def guard() -> Any:
    return ReactiveSelector(
        "Guard",
        [
            ReactiveSequence(
                "Stranger",
                [
                    LLMCondition(
                        "hostile?", prompt="is_hostile", inputs={"stranger": stranger}, every=0, default=False
                    ),
                    Action("Flee", Flee()),
                ],
            ),
            Action("Patrol", Walk()),
        ],
    )


BRAIN = Brain(name="guard", factory=guard)
LIBRARY = BrainLibrary(brains={"guard": BRAIN})
LOOKS = ["a cook", "a cook", "a bandit", "a bandit", "a bandit", "a girl"]


def recorded(
    *lives: int, ticks: int = 20, places: Sequence[Place] = (("s", "guard_1"), ("s", "guard_2"))
) -> MemorySink:
    """Record two agents, each of which lives for so many ticks, and once more; the model finds bandits dangerous."""
    sink = MemorySink()
    prompts = library()
    recorder = Recorder(sink, prompts=prompts)
    asker = ScriptedAsker(lambda question: "danger" if "bandit" in question.prompt.user else "safe")
    for ticks_of_life in lives or (ticks,):
        agents = [
            Agent(id, BRAIN, prompts=prompts, asker=asker, declared=["Flee", "Walk"], session=session)
            for session, id in places
        ]
        for agent in agents:
            recorder.watch(agent)
        for tick in range(ticks_of_life):
            for agent in agents:
                me = {"stranger": {"looks": LOOKS[tick % len(LOOKS)]}, "n": tick + 1}
                agent.tick(AgentSnapshot(seq=tick + 1, time=tick / 10, me=me))
        for agent in agents:
            agent.close()
    recorder.end()
    return sink


def replaying(sink: MemorySink | None = None, **options: Any) -> tuple[Front, Debugger, ReplayHost]:
    host = ReplayHost(Recording.of((sink or recorded()).lines), LIBRARY, prompts=library(), **options)
    debugger = Debugger(host)
    front = Front(debugger.connect("tester", lease=None))
    front.ask("hello", version=1)
    return front, debugger, host


def test_a_recording_is_gone_through_without_a_game_or_a_model() -> None:
    front, debugger, host = replaying()
    assert [one["agent"] for one in front.ask("agents")["agents"]] == ["guard_1", "guard_2"]
    front.ask("attach", agent="guard_1")
    front.ask("break", where="Flee")
    front.ask("continue")
    debugger.pump()
    stop = front.stop()
    assert (stop["path"], stop["tick"]) == ("Guard/Stranger/Flee", 4)
    assert stop["decision"]["probabilities"]["danger"] == 1.0
    front.ask("delete")
    front.ask("continue")
    debugger.pump()
    stop = front.stop()
    assert (stop["tick"], stop["phase"]) == (20, "tick")
    assert "the end" in stop["text"]
    assert host.differences == []


def test_a_watch_compares_with_where_one_has_gone_to_and_not_with_where_one_was() -> None:
    front, debugger, _ = replaying()
    front.ask("attach", agent="guard_1")
    front.ask("goto", tick=10)
    front.ask("break", where="me.n", kind="data")
    front.ask("goto", tick=5)
    front.stops()
    front.ask("continue")
    debugger.pump()
    stop = front.stop()
    assert (stop["tick"], stop["text"]) == (6, "me.n: 5 -> 6")


def test_goto_and_back_run_the_agent_again() -> None:
    front, debugger, _ = replaying()
    front.ask("attach", agent="guard_1")
    front.ask("goto", tick=10)
    stop = front.stop()
    assert (stop["reason"], stop["tick"], stop["path"], stop["phase"]) == ("goto", 10, "Guard", "enter")
    assert front.ask("evaluate", expression="me.n")["value"] == 10
    front.ask("goto", by=-3)
    assert front.stop()["tick"] == 7
    front.ask("goto", by=1)
    assert front.stop()["tick"] == 8
    front.ask("step")
    assert front.stop()["path"] == "Guard/Stranger"
    front.ask("tick", count=2)
    debugger.pump()
    assert front.stop()["tick"] == 9
    for tick in (0, 21):
        with pytest.raises(Refused, match=rf"unknown_tick: tick {tick} is not in the recording"):
            front.ask("goto", tick=tick)
    body = front.ask("history")
    assert (body["first"], body["last"]) == (1, 20)


def test_stepping_back_goes_through_every_boundary_in_the_other_direction() -> None:
    front, debugger, _ = replaying()
    front.ask("attach", agent="guard_1")
    front.ask("goto", tick=4)
    places = [front.stop()]
    for _ in range(25):
        front.ask("step", boundary="any")
        debugger.pump()
        places.append(front.stop())
    for there in places[-2::-1]:
        front.ask("step_back")
        back = front.stop()
        assert [back[key] for key in ("tick", "path", "phase", "status")] == [
            there[key] for key in ("tick", "path", "phase", "status")
        ]
        assert back["reason"] == "goto"
    front.ask("step_back", count=10)
    assert front.stop()["tick"] == 2
    with pytest.raises(Refused, match="unknown_tick: this is the beginning"):
        front.ask("step_back", count=1000)


def test_breakpoints_do_not_stop_who_goes_back() -> None:
    front, debugger, _ = replaying()
    front.ask("attach", agent="guard_1")
    front.ask("break", where="*")
    front.ask("goto", tick=4)
    assert front.stop()["reason"] == "goto"
    front.ask("step_back", count=3)
    assert front.stop()["reason"] == "goto"
    front.ask("continue")
    debugger.pump()
    assert front.stop()["reason"] == "breakpoint"


def test_what_is_forced_in_a_replay_leads_away_from_the_recording_and_says_so() -> None:
    front, debugger, host = replaying()
    front.ask("attach", agent="guard_1")
    front.ask("goto", tick=5)
    front.ask("force", node="hostile?", status="failure")
    front.ask("tick", count=3)
    debugger.pump()
    assert len(host.differences) == 1
    assert "guard_1" in host.differences[0]


def test_a_replay_of_one_tick_says_whether_it_is_still_the_same() -> None:
    front, _, _ = replaying()
    front.ask("attach", agent="guard_1")
    body = front.ask("replay", tick=6)
    assert (body["ticks"], body["differences"], body["snapshot"]["me"]["n"]) == (5, [], 6)


def test_a_fork_is_a_shadow_that_goes_its_own_way() -> None:
    asker = Asker(lambda question: "danger")
    front, _, host = replaying(asker=asker)
    front.ask("attach", agent="guard_1")
    front.ask("goto", tick=3)
    info = front.ask("fork", tick=8)
    assert (info["session"], info["agent"], info["tick"], info["state"]) == ("fork1", "guard_1", 7, "held")
    front.ask("step")
    assert front.ask("evaluate", expression="[me.n, tick]")["value"] == [8, 8]
    front.ask("tick", count=3)
    assert front.stops()[-1]["tick"] == 10
    assert [info["tick"] for info in front.heard("tick")] == [8, 9, 10]
    assert asker.tickets
    assert front.ask("where", agent="guard_1")["stop"]["tick"] == 3
    assert host.differences == []
    front.ask("detach", agent="fork1/guard_1")
    assert [one["session"] for one in front.ask("agents")["agents"]] == ["s", "s"]


def test_agents_of_the_same_name_in_two_games_are_told_apart_by_their_games() -> None:
    sink = recorded(places=[("game_a", "guard_1"), ("game_b", "guard_1")])
    front, _, _ = replaying(sink)
    with pytest.raises(Refused, match=r"ambiguous_agent: .*name one: game_a/guard_1, game_b/guard_1"):
        front.ask("attach", agent="guard_1")
    assert front.ask("attach", agent="game_b/guard_1")["session"] == "game_b"
    front.ask("goto", tick=5)
    stop = front.stop()
    assert (stop["session"], stop["agent"], stop["tick"]) == ("game_b", "guard_1", 5)
    assert {one["session"] for one in front.ask("history")["ticks"]} == {"game_b"}
    states = {one["session"]: one["tick"] for one in front.ask("agents")["agents"]}
    assert states == {"game_a": 0, "game_b": 5}


@pytest.mark.parametrize(("life", "ticks"), [(None, 5), (1, 9), (2, 7), (3, 5)])
def test_an_agent_that_lived_several_times_is_debugged_in_one_of_its_lives(life: int | None, ticks: int) -> None:
    recording = Recording.of(recorded(9, 7, 5).lines)
    if life is not None:
        recording.leave_lives(life)
    host = ReplayHost(recording, LIBRARY, prompts=library())
    front = Front(Debugger(host).connect("tester", lease=None))
    front.ask("hello", version=1)
    front.ask("attach", agent="guard_1")
    front.ask("goto", tick=ticks)
    assert front.stop()["tick"] == ticks
    with pytest.raises(Refused, match="unknown_tick"):
        front.ask("goto", tick=ticks + 1)
    front.ask("goto", tick=3)
    assert len(front.ask("history")["ticks"]) == 2
    assert host.differences == []


def test_a_window_shows_one_game_of_several() -> None:
    recording = Recording.of(recorded(places=[("game_a", "guard_1"), ("game_b", "guard_1")]).lines)
    assert [life.agent.session for life in Window(recording, session="game_b").lives] == ["game_b"]
    assert len(Window(recording, ["guard_1"]).lives) == 2
    with pytest.raises(RecordingError, match="there is no game 'game_c' in here; there are: game_a, game_b"):
        Window(recording, session="game_c")
    again = Recording.of(exported(Window(recording, session="game_a")))
    assert [life.agent.session for life in again.lives.values()] == ["game_a"]


def test_a_live_agent_can_be_replayed_and_forked_from_what_is_recorded_of_it() -> None:
    game = Stage({"guard": guard}, actions=("Flee", "Walk"), prompts=library(), answers={"is_hostile": "safe"})
    sink = MemorySink()
    recorder = Recorder(sink, prompts=game.prompts)
    brains = BrainLibrary(brains={"guard": Brain(name="guard", factory=guard)})
    game.host.past = RecordedPast(lambda: Recording.of(list(sink.lines)), brains, game.prompts, game.asker)
    game.add("guard_1")
    recorder.watch(game.agent("guard_1"))
    for _ in range(6):
        game.tick(guard_1={"stranger": {"looks": "a cook"}})
    front = game.front("guard_1")
    assert front.ask("replay", tick=4)["differences"] == []
    game.asker.answers = {"is_hostile": "danger"}
    front.ask("fork", tick=1, live=True)
    front.ask("tick", count=6)
    shadow = front.stops()[-1]
    assert shadow["tick"] == 6
    assert shadow["session"] == "fork1"
    front.ask("continue")
    assert game.tick(guard_1={"stranger": {"looks": "a cook"}})["actions"] == []
    assert front.ask("agents", match="guard_1")["agents"][1]["tick"] == 7
    assert game.agent("guard_1").root.children[0].status is Status.FAILURE
    shadows = [one for one in game.debugger.agents() if one.session == "fork1"]
    assert shadows[0].root.children[0].status is Status.RUNNING
    front.ask("detach")
    assert game.debugger.controls() == []


def test_what_a_debugger_does_is_in_the_recording() -> None:
    game = Stage({"guard": guard}, actions=("Flee", "Walk"), prompts=library())
    sink = MemorySink()
    recorder = Recorder(sink, prompts=game.prompts)
    game.add("guard_1")
    recorder.watch(game.agent("guard_1"))
    front = game.front("guard_1")
    game.tick()
    front.ask("pause")
    game.tick()
    front.ask("set", key="alarm", value=1)
    front.ask("force", node="hostile?", status="success")
    front.ask("continue")
    game.tick()
    recorder.end()
    text = b"\n".join(sink.lines).decode()
    for word in ('"type":"held"', '"type":"released"', '"kind":"set"', '"kind":"force"'):
        assert text.count(word) == 1, word
