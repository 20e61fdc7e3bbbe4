"""Stepping one agent while the others play on."""

from __future__ import annotations

from typing import Any

import py_trees
import pytest
from py_trees.common import Status

from brains import Action, Condition, ReactiveSelector, ReactiveSequence, Wait
from tests.debugging import Refused, Stage
from tests.leaf_games import Flee, Walk


def guard() -> Any:
    return ReactiveSelector(
        "Guard",
        [
            ReactiveSequence(
                "Danger", [Condition("Hurt?", lambda agent: agent.me.get("hp", 9) < 3), Action("Flee", Flee())]
            ),
            Action("Patrol", Walk()),
        ],
    )


def stage(**options: Any) -> Stage:
    made = Stage({"guard": guard}, actions=("Flee", "Walk"), **options)
    made.add("guard_1", "guard_2")
    return made


def test_a_held_agent_is_busy_and_the_others_tick_on() -> None:
    game = stage()
    front = game.front("guard_1")
    front.ask("pause")
    first = game.tick()
    assert (first["busy"], [one["agent"] for one in first["actions"]]) == (["guard_1"], ["guard_2"])
    assert front.stop()["path"] == "Guard"
    for _ in range(5):
        assert game.tick()["busy"] == ["guard_1"]
    assert game.agent("guard_2").tick_number == 6
    assert game.agent("guard_1").tick_number == 1


def test_each_step_enters_the_next_node() -> None:
    game = stage()
    front = game.front("guard_1")
    front.ask("pause")
    game.tick(guard_1={"hp": 1})
    paths = [front.stop()["path"]]
    while len(paths) < 4:
        front.ask("step")
        paths.append(front.stop()["path"])
    assert paths == ["Guard", "Guard/Danger", "Guard/Danger/Hurt?", "Guard/Danger/Flee"]


def test_a_stop_tells_what_has_ended_so_far() -> None:
    game = stage()
    front = game.front("guard_1")
    front.ask("break", where="Patrol")
    game.tick()
    stop = front.stop()
    assert stop["reason"] == "breakpoint"
    assert stop["so_far"] == [
        {"path": "Guard/Danger/Hurt?", "status": "FAILURE"},
        {"path": "Guard/Danger", "status": "FAILURE"},
    ]
    assert (stop["tick"], stop["phase"], stop["node"], stop["kind"]) == (1, "enter", "Patrol", "Action")


def test_next_goes_over_a_subtree_and_then_to_what_follows() -> None:
    game = stage()
    front = game.front("guard_1")
    front.ask("break", where="Danger", once=True)
    game.tick()
    front.stop()
    seen = []
    for _ in range(3):
        front.ask("next")
        stop = front.stop()
        seen.append((stop["path"], stop["phase"]))
    assert seen == [("Guard/Danger", "exit"), ("Guard/Patrol", "enter"), ("Guard/Patrol", "exit")]


def test_finish_runs_until_the_parent_ends() -> None:
    game = stage()
    front = game.front("guard_1")
    front.ask("break", where="Hurt?", once=True)
    game.tick()
    front.stop()
    front.ask("finish")
    stop = front.stop()
    assert (stop["path"], stop["phase"], stop["status"]) == ("Guard/Danger", "exit", "FAILURE")


def test_a_tick_can_be_finished_and_the_agent_stands_between_two() -> None:
    game = stage()
    front = game.front("guard_1")
    front.ask("pause")
    game.tick()
    front.stop()
    front.ask("tick")
    stop = front.stop()
    assert (stop["reason"], stop["phase"], stop["tick"]) == ("tick", "tick", 1)
    answer = game.tick()
    assert answer["busy"] == ["guard_1"]
    assert [one["name"] for one in answer["actions"] if one["agent"] == "guard_1"] == ["Walk"]


def test_several_ticks_go_by_before_it_stops() -> None:
    game = stage()
    front = game.front("guard_1")
    front.ask("pause")
    game.tick()
    front.ask("tick", count=3)
    front.stops()
    game.tick()
    assert not front.stops()
    game.tick()
    assert front.stop()["tick"] == 3


def test_until_a_node_or_until_something_is_true() -> None:
    game = stage()
    front = game.front("guard_1")
    front.ask("until", expression="me.hp < 3 and node.path == 'Guard/Danger/Flee'")
    game.tick(guard_1={"hp": 5})
    assert not front.stops()
    game.tick(guard_1={"hp": 2})
    stop = front.stop()
    assert (stop["reason"], stop["path"], stop["phase"]) == ("until", "Guard/Danger/Flee", "enter")
    front.ask("until", node="*/Patrol")
    game.tick(guard_1={"hp": 2})
    game.tick(guard_1={"hp": 9})
    assert front.stop()["path"] == "Guard/Patrol"


def test_the_order_of_a_held_tick_goes_out_after_release_with_the_next_actions() -> None:
    game = stage()
    front = game.front("guard_1")
    front.ask("pause")
    frames = game.round()
    assert [frame["type"] for frame in frames] == ["actions", "hold"]
    assert frames[1]["agent"] == "guard_1"
    game.round()
    front.ask("continue")
    frames = game.frames()
    assert next(frame["type"] for frame in frames) == "release"
    later = game.round()
    (answer,) = [frame for frame in later if frame["type"] == "actions"]
    assert answer["snapshot"] == game.seq
    assert [one["name"] for one in answer["actions"] if one["agent"] == "guard_1"] == ["Walk"]
    assert answer["busy"] == []


def test_a_hold_is_told_after_the_action_that_was_ordered_before_it() -> None:
    game = stage()
    front = game.front("guard_1")
    front.ask("pause")
    game.round()
    front.ask("tick")
    assert [frame["type"] for frame in game.frames() if frame["type"] != "wake"] == ["release"]
    assert [frame["type"] for frame in game.round()] == ["actions", "hold"]


def test_snapshots_that_come_meanwhile_coalesce_to_the_newest_and_mail_is_kept() -> None:
    game = stage()
    front = game.front("guard_1")
    front.ask("pause")
    game.tick(guard_1={"hp": 9})
    for number in range(4):
        game.tick(guard_1={"hp": number}, events=[{"name": f"bang {number}", "agent": "guard_1", "data": {}}])
    front.stop()
    latest = front.ask("snapshot")["latest"]
    assert (latest["seq"], latest["dropped"]) == (5, 3)
    assert front.ask("evaluate", expression="me.hp")["value"] == 9
    front.ask("tick")
    front.stop()
    front.ask("step")
    assert front.stop()["tick"] == 2
    assert front.ask("evaluate", expression="me.hp")["value"] == 3
    assert front.ask("evaluate", expression="events | map(attribute='name') | list")["value"] == [
        "bang 0", "bang 1", "bang 2", "bang 3",
    ]  # fmt: skip


def test_the_clock_of_a_held_agent_stands_still() -> None:
    game = Stage({"guard": lambda: Wait("Wait", 1.0)})
    game.add("guard_1")
    front = game.front("guard_1")
    game.tick(seconds=0.1)
    front.ask("pause")
    game.tick(seconds=0.1)
    for _ in range(100):
        game.tick(seconds=0.1)
    front.ask("continue")
    game.tick(seconds=0.1)
    agent = game.agent("guard_1")
    assert agent.clock.now() == pytest.approx(0.3)
    assert agent.root.status is Status.RUNNING


def test_the_clock_stands_still_when_the_game_leaves_a_held_agent_out() -> None:
    game = Stage({"guard": lambda: Wait("Wait", 1.0)})
    game.add("guard_1", "guard_2")
    front = game.front("guard_1")
    front.ask("pause")
    game.tick()
    for _ in range(100):
        game.tick(guard_2={})
    front.ask("continue")
    game.tick()
    game.tick()
    assert game.agent("guard_1").clock.now() == pytest.approx(0.2)
    assert game.agent("guard_2").clock.now() == pytest.approx(10.2)


def test_ticking_by_hand_lets_a_little_time_pass_each_time() -> None:
    game = Stage({"guard": lambda: Wait("Wait", 0.25)})
    game.add("guard_1")
    front = game.front("guard_1")
    front.ask("pause")
    game.tick()
    for _ in range(3):
        for _ in range(5):
            game.tick()
        front.ask("tick")
    assert game.agent("guard_1").clock.now() == pytest.approx(0.2)


def test_who_leaves_lets_the_agent_finish_its_tick_and_go_on() -> None:
    game = stage()
    front = game.front("guard_1")
    front.ask("pause")
    game.tick()
    front.ask("detach")
    assert game.agent("guard_1").root.status is Status.RUNNING
    assert game.tick()["busy"] == []
    assert game.debugger.controls() == []
    assert "tick" not in vars(game.agent("guard_1").root)


def test_an_agent_can_be_left_held_and_taken_up_by_another_front_end() -> None:
    game = stage()
    front = game.front("guard_1")
    front.ask("pause")
    game.tick()
    front.ask("detach", hold=True)
    front.session.close()
    assert game.tick()["busy"] == ["guard_1"]
    other = game.front(name="other")
    (info, _) = other.ask("agents")["agents"]
    assert (info["state"], info.get("controller", "")) == ("held", "")
    assert other.ask("attach", agent="guard_1")["stop"]["path"] == "Guard"
    other.ask("continue")
    assert game.tick()["busy"] == []


def test_a_debugger_that_falls_silent_loses_its_agent_and_its_breakpoints() -> None:
    game = stage()
    front = game.front("guard_1")
    front.ask("break", where="*/Patrol")
    game.tick()
    assert front.stop()["path"] == "Guard/Patrol"
    game.clock.advance(4.9)
    assert front.session.beat(game.clock.now())
    front.ask("beat")
    game.clock.advance(5.0)
    assert front.session.beat(game.clock.now())
    game.clock.advance(0.1)
    assert not front.session.beat(game.clock.now())
    assert game.tick()["busy"] == []
    assert not game.debugger.rules.breakpoints


def test_a_second_controller_is_refused_by_name_and_a_watcher_hears_of_stops() -> None:
    game = stage()
    front = game.front("guard_1", name="ann")
    other = game.front(name="bob")
    with pytest.raises(Refused, match="guard_1 is debugged by ann"):
        other.ask("attach", agent="guard_1")
    other.ask("attach", agent="guard_1", mode="watch")
    front.ask("pause")
    game.tick()
    assert other.stop()["path"] == front.stop()["path"] == "Guard"
    with pytest.raises(Refused, match="held_by_other"):
        other.ask("step")
    other.ask("attach", agent="guard_1", take=True)
    assert front.heard("output")[0]["text"] == "bob has taken guard_1"
    other.ask("step")


def test_an_agent_that_despawns_while_it_is_held_is_told_of_and_theirs_again_when_it_is_back() -> None:
    game = stage()
    front = game.front("guard_1")
    front.ask("break", where="guard:*/Patrol")
    game.tick()
    front.stops()
    game.remove("guard_1")
    assert front.heard("terminated")[0]["agent"] == "guard_1"
    with pytest.raises(Refused, match="terminated: guard_1 is gone"):
        front.ask("where")
    assert "Guard/Patrol" not in str(game.tick()["actions"])
    game.add("guard_1")
    game.tick()
    assert [stop["agent"] for stop in front.stops()][-1] == "guard_1"
    assert front.ask("where")["stop"]["path"] == "Guard/Patrol"


def test_a_game_that_goes_while_an_agent_is_held_ends_all_of_it() -> None:
    game = stage()
    front = game.front("guard_1")
    front.ask("pause")
    game.tick()
    game.session.close("bye")
    assert front.heard("terminated")[0]["agent"] == "guard_1"
    assert game.debugger.controls() == []


def test_agents_can_be_made_to_wait_for_a_debugger_before_their_first_tick() -> None:
    game = Stage({"guard": guard, "cook": lambda: Wait("Cook", 9)}, actions=("Flee", "Walk"), wait=("guard:*/Patrol",))
    frames = game.add("guard_1", "cook_1")
    assert [frame["type"] for frame in frames] == ["agents_ack", "hold"]
    assert game.tick()["busy"] == ["guard_1"]
    front = game.front()
    stop = front.ask("attach", agent="guard_1")["stop"]
    assert (stop["reason"], stop["phase"]) == ("entry", "tick")
    front.ask("continue")
    assert front.stop()["path"] == "Guard/Patrol"


def test_a_tick_can_be_given_up_and_the_tree_starts_afresh() -> None:
    game = stage()
    front = game.front("guard_1")
    front.ask("break", where="Patrol", on="exit", once=True)
    game.tick()
    front.stop()
    front.ask("restart")
    stop = front.stop()
    assert stop["phase"] == "tick"
    agent = game.agent("guard_1")
    assert all(node.status is Status.INVALID for node in agent.root.iterate())
    assert agent.orders == {}
    front.ask("continue")
    assert [one["name"] for one in game.tick()["actions"] if one["agent"] == "guard_1"] == ["Walk"]


def test_a_leaf_that_raises_while_it_is_stepped_fails_visibly() -> None:
    class Broken(py_trees.behaviour.Behaviour):
        def update(self) -> Status:
            raise ValueError("boom")

    game = Stage({"guard": lambda: ReactiveSelector("Root", [Broken("Broken"), Wait("Wait", 9)])})
    game.add("guard_1")
    front = game.front("guard_1")
    front.ask("break", where="error")
    game.tick()
    stop = front.stop()
    assert (stop["reason"], stop["path"], stop["phase"]) == ("exception", "Root/Broken", "exit")
    assert stop["text"] == "Root/Broken: ValueError: boom"
    front.ask("step")
    assert front.stop()["path"] == "Root/Wait"


def test_a_composite_that_breaks_while_it_is_stepped_ends_the_tick_and_not_the_agent() -> None:
    class Torn(py_trees.composites.Sequence):
        def tick(self) -> Any:
            yield from super().tick()
            raise ValueError("torn")

    game = Stage({"guard": lambda: Torn("Torn", memory=False, children=[Wait("Wait", 9)])})
    game.add("guard_1")
    front = game.front("guard_1")
    front.ask("break", where="Torn", on="error")
    front.ask("pause")
    game.tick()
    front.stop()
    front.ask("continue")
    stop = front.stop()
    assert (stop["reason"], stop["phase"], stop["text"]) == ("exception", "tick", "Torn: ValueError: torn")
    front.ask("continue")
    game.tick()
    assert front.stop()["tick"] == 2


def test_names_that_are_not_there_name_the_nearest() -> None:
    game = stage()
    front = game.front("guard_1")
    for command, arguments, hint in (
        ("attach", {"agent": "gard_1"}, "did you mean 'guard_1'?"),
        ("until", {"node": "Guard/Patrl"}, "did you mean 'Guard/Patrol'?"),
        ("break", {"where": "Patrl"}, "did you mean 'Guard/Patrol'?"),
        ("stepp", {}, "did you mean 'step'?"),
    ):
        with pytest.raises(Refused) as refused:
            front.ask(command, **arguments)
        assert refused.value.hint == hint
    with pytest.raises(Refused, match=r"bad_arguments: step: Object contains unknown field `times`"):
        front.ask("step", times=3)


def test_a_front_end_of_another_version_is_refused() -> None:
    game = stage()
    front = game.front()
    with pytest.raises(Refused, match="version: this is version 1"):
        front.ask("hello", version=2)


def test_what_is_no_request_is_answered_all_the_same() -> None:
    game = stage()
    front = game.front()
    for bad in (b"{", b"[]", b'{"id": "x"}', b"\xff", b'{"id": 4}'):
        front.session.receive(bad)
    kinds = [message["error"]["kind"] for message in front.session.outgoing()]
    assert kinds == ["bad_request"] * 5


def test_a_game_that_says_its_agents_again_is_told_again_who_stands() -> None:
    game = stage()
    front = game.front("guard_1")
    front.ask("pause")
    game.round()
    assert [frame["type"] for frame in game.add("guard_1", "guard_2")] == ["hold", "agents_ack"]
    front.ask("continue")
    assert "hold" not in [frame["type"] for frame in game.add("guard_1", "guard_2")]


def test_a_game_that_comes_back_finds_its_agent_held_and_gets_its_action() -> None:
    game = stage()
    front = game.front("guard_1")
    front.ask("pause")
    game.round()
    game.session.suspend()
    front.ask("continue")
    game.session.suspend()
    answer = game.tick()
    assert [one["name"] for one in answer["actions"] if one["agent"] == "guard_1"] == ["Walk"]


def test_agents_of_one_id_in_two_games_are_told_apart() -> None:
    game = stage()
    other = stage()
    sessions = [*game.host._server.sessions, *other.host._server.sessions]
    for agent in other.session.agents:
        agent.session = "other"  # type: ignore[attr-defined]  # they are agents
    game.host._server.sessions[:] = sessions
    front = game.front()
    with pytest.raises(Refused) as refused:
        front.ask("attach", agent="guard_1")
    assert (refused.value.kind, refused.value.hint) == ("ambiguous_agent", "name one: game/guard_1, other/guard_1")
    assert front.ask("attach", agent="other/guard_1")["session"] == "other"


def test_a_bug_in_the_debugger_is_an_answer_and_not_the_end(caplog: pytest.LogCaptureFixture) -> None:
    game = stage()
    front = game.front("guard_1")
    game.agent("guard_1").blackboard["odd"] = _Odd()
    assert front.ask("blackboard")["blackboard"]["odd"] == "<_Odd: ValueError in its repr>"
    game.host.models = lambda: 1 / 0  # type: ignore[assignment, return-value]  # what a broken host might do
    with pytest.raises(Refused, match="internal: ZeroDivisionError"):
        front.ask("complete", what="models")
    assert "the debugger failed on a request" in caplog.text
    front.ask("pause")
    game.tick()
    assert front.stop()["path"] == "Guard"


class _Odd:
    def __repr__(self) -> str:
        raise ValueError


def test_agents_that_are_none_of_ours_are_left_alone() -> None:
    debugger = stage().debugger
    debugger.joined(object())
    debugger.left(object())
    assert debugger.controls() == []
