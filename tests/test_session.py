from __future__ import annotations

import asyncio
import json

import pytest

from brains.errors import TreeError
from brains.session import GameSession, SessionLimits
from brains.session.complaints import MOST_REFUSED
from brains.snapshot import Event, Fault, Order, TickReport
from tests.fakes.session import (
    FakeAgent,
    FakeBrains,
    Json,
    Walk,
    Wave,
    agents,
    entry,
    frame,
    hello,
    messages,
    of_type,
    result,
    snapshot,
)


@pytest.fixture
def brains() -> FakeBrains:
    return FakeBrains()


def session_of(brains: FakeBrains, **options: object) -> GameSession:
    return GameSession(
        brains,
        brains.make,
        new_id=lambda: "s1",
        now=lambda: 0.0,
        **options,  # type: ignore[arg-type]
    )


@pytest.fixture
def session(brains: FakeBrains) -> GameSession:
    """An open session with the agents `a` and `b`."""
    session = session_of(brains)
    session.receive(hello())
    session.receive(agents("a", "b"))
    session.outgoing()
    return session


def errors(sent: list[Json]) -> list[str]:
    return [message["code"] for message in of_type("error", sent)]


def tick(session: GameSession) -> list[Json]:
    session.tick()
    return messages(session)


def actions(sent: list[Json]) -> Json:
    (message,) = of_type("actions", sent)
    return message


# Hello


def test_hello_is_answered_with_a_welcome(brains: FakeBrains) -> None:
    session = session_of(brains, server=("brains", "0.1"))
    session.receive(hello(client={"name": "castle"}, features=["delta"], limits={"max_message_bytes": 65535}))
    (welcome,) = messages(session)
    assert welcome["type"] == "welcome"
    assert welcome["protocol"] == 1
    assert welcome["server"] == {"name": "brains", "version": "0.1"}
    assert welcome["session"] == {"id": "s1", "resumed": False, "ttl_s": 0}
    assert welcome["limits"]["max_message_bytes"] == 4 * 1024 * 1024
    assert welcome["features"] == []
    assert welcome["brains"] == ["guard", "merchant"]
    assert session.open
    assert session.client == {"name": "castle"}
    assert session.closing is None


def test_whole_numbers_may_come_as_floats(brains: FakeBrains) -> None:
    session = session_of(brains)
    session.receive('{"type":"hello","protocol":1.0,"min_protocol":1.0}')
    session.receive('{"type":"snapshot","seq":3.0,"time_ms":5.0,"epoch":0.0,"frame":10.0}')
    sent = tick(session)
    assert actions(sent)["snapshot"] == 3


def test_anything_before_hello_is_refused_and_hello_may_still_come(brains: FakeBrains) -> None:
    session = session_of(brains)
    session.receive(snapshot(1, "a"))
    session.receive(agents("a"))
    session.receive("rubbish")
    assert errors(messages(session)) == ["bad_message", "bad_message", "bad_message"]
    assert not session.due
    session.receive(hello())
    assert session.open


def test_a_second_hello_is_an_error_and_changes_nothing(session: GameSession) -> None:
    session.receive(hello(limits={"max_message_bytes": 5000}))
    assert errors(messages(session)) == ["bad_message"]
    assert session.open


@pytest.mark.parametrize("versions", [{"protocol": 2, "min_protocol": 2}, {"protocol": 0, "min_protocol": 0}])
def test_another_protocol_is_closed_with_4406(brains: FakeBrains, versions: Json) -> None:
    session = session_of(brains)
    session.receive(hello(**versions))
    assert session.closing == (4406, "unsupported_protocol: server speaks 1")


@pytest.mark.parametrize("protocol", [2, 3])
def test_a_newer_game_that_still_speaks_1_is_welcomed_with_1(brains: FakeBrains, protocol: int) -> None:
    session = session_of(brains)
    session.receive(hello(protocol=protocol, min_protocol=1))
    (welcome,) = messages(session)
    assert (welcome["type"], welcome["protocol"]) == ("welcome", 1)
    assert session.open


@pytest.mark.parametrize("token", [None, "", "wrong", "sécret"])
def test_a_wrong_token_is_closed_with_4401(brains: FakeBrains, token: str | None) -> None:
    session = session_of(brains, token="secret")
    session.receive(hello() if token is None else hello(token=token))
    assert session.closing is not None
    code, reason = session.closing
    assert code == 4401
    assert reason.startswith("unauthorized: ")
    assert "secret" not in "".join(session.outgoing())


def test_the_right_token_is_welcome(brains: FakeBrains) -> None:
    session = session_of(brains, token="secret")
    session.receive(hello(token="secret"))
    assert session.open


def test_a_client_that_takes_next_to_nothing_is_closed_with_4413(brains: FakeBrains) -> None:
    session = session_of(brains)
    session.receive(hello(limits={"max_message_bytes": 100}))
    assert session.closing is not None
    assert session.closing[0] == 4413


def test_no_hello_in_time_is_closed_with_4408(brains: FakeBrains) -> None:
    session = session_of(brains)
    session.hello_timeout()
    assert session.closing == (4408, "hello_timeout: no hello came in time")


def test_the_timeout_means_nothing_after_hello(session: GameSession) -> None:
    session.hello_timeout()
    assert session.closing is None


# Agents


def test_agents_are_acknowledged_or_refused_by_id_and_reason(brains: FakeBrains) -> None:
    session = session_of(brains, limits=SessionLimits(max_agents=2, max_actions=3))
    session.receive(hello())
    session.outgoing()
    many = ("Walk", "A", "B", "C")
    add = [
        entry("a"),
        entry("a"),
        entry("b", brain="gard"),
        entry("c", actions=("Wave",)),
        entry("d", actions=many),
        entry("e"),
        entry("f"),
    ]
    session.receive(frame("agents", epoch=4, add=add))
    (ack,) = messages(session)
    assert ack["type"] == "agents_ack"
    assert ack["epoch"] == 4
    assert ack["ok"] == ["a", "e"]
    refused = {one["id"]: (one["code"], one["message"]) for one in ack["rejected"]}
    assert {name: code for name, (code, _) in refused.items()} == {
        "a": "duplicate_agent",
        "b": "unknown_brain",
        "c": "unknown_action",
        "d": "limit_exceeded",
        "f": "too_many_agents",
    }
    assert "did you mean 'guard'" in refused["b"][1]
    assert "Walk" in refused["c"][1]


def test_a_tree_that_cannot_be_built_refuses_only_its_agent(brains: FakeBrains) -> None:
    session = session_of(brains)
    session.receive(hello())
    brains.broken = ZeroDivisionError("in a tree")
    session.receive(agents("a"))
    brains.broken = None
    session.receive(agents("b"))
    first, second = of_type("agents_ack", messages(session))
    assert [one["code"] for one in first["rejected"]] == ["agent_fault"]
    assert second["ok"] == ["b"]


def test_registering_again_keeps_the_tree_and_names_its_orders_again(brains: FakeBrains, session: GameSession) -> None:
    brains.agents["a"].todo = [{"order": Walk(to="gate")}]
    session.receive(snapshot(1, "a"))
    first = actions(tick(session))["actions"]
    session.receive(agents("a"))
    session.receive(snapshot(2, "b"))
    sent = tick(session)
    assert of_type("agents_ack", sent)[0]["ok"] == ["a"]
    assert actions(sent)["actions"] == first
    assert len(brains.made) == 2


def test_another_brain_for_the_same_id_is_refused(brains: FakeBrains, session: GameSession) -> None:
    session.receive(frame("agents", add=[entry("a", brain="merchant")]))
    (ack,) = messages(session)
    assert ack["rejected"][0]["code"] == "duplicate_agent"
    assert not brains.agents["a"].closed


def test_removing_and_adding_in_one_message_makes_a_new_agent(brains: FakeBrains, session: GameSession) -> None:
    old = brains.agents["a"]
    old.todo = [{"order": Walk()}]
    session.receive(snapshot(1, "a"))
    (order,) = actions(tick(session))["actions"]
    session.receive(agents("a", remove=("a",)))
    assert old.closed
    assert brains.agents["a"] is not old
    brains.agents["a"].todo = [{"order": Walk()}]
    session.receive(snapshot(2, "a"))
    message = actions(tick(session))
    assert message["cancel"] == [order["id"]]
    assert message["actions"][0]["id"] != order["id"]


def test_registering_with_too_few_actions_is_refused_and_keeps_the_agent(
    brains: FakeBrains, session: GameSession
) -> None:
    session.receive(frame("agents", add=[entry("a", actions=("Wave",))]))
    (ack,) = messages(session)
    assert ack["rejected"][0]["code"] == "unknown_action"
    session.receive(frame("agents", add=[entry("a", actions=("Walk",))]))
    (ack,) = messages(session)
    assert ack["ok"] == ["a"]
    assert not brains.agents["a"].closed
    assert brains.made[-1].closed, "the agent that was built to try it out is left behind"


def test_what_a_removed_agent_leaves_behind_is_no_error(brains: FakeBrains, session: GameSession) -> None:
    brains.agents["a"].todo = [{"order": Walk()}]
    session.receive(snapshot(1, "a"))
    (order,) = actions(tick(session))["actions"]
    session.receive(agents(remove=("a", "never there")))
    session.receive(frame("action_result", **result("a", order["id"], "cancelled")))
    assert errors(messages(session)) == []


@pytest.mark.parametrize("epoch", [0, 1])
@pytest.mark.parametrize("status", ["success", "failure", "cancelled", "expired"])
def test_an_order_whose_end_its_agent_has_yet_to_hear_of_is_not_named_again(
    brains: FakeBrains, session: GameSession, ordered: str, epoch: int, status: str
) -> None:
    session.receive(frame("action_result", **result("a", ordered, status)))
    session.receive(agents("a", epoch=epoch))
    session.receive(snapshot(2, "b", epoch=epoch))
    assert actions(tick(session))["actions"] == []
    session.receive(snapshot(3, "a", epoch=epoch))
    assert actions(tick(session))["actions"] == []
    assert [one.status for one in brains.agents["a"].seen[-1].results] == [status]


def test_an_order_that_was_not_allowed_to_leave_is_not_named_again(brains: FakeBrains, session: GameSession) -> None:
    brains.agents["a"].todo = [{"order": Wave()}]
    session.receive(frame("snapshot", seq=1, agents={"a": {"me": {}, "available": ["Walk"]}}))
    session.tick()
    session.outgoing()
    session.receive(agents("a"))
    session.receive(snapshot(2, "b"))
    assert actions(tick(session))["actions"] == []


def test_an_order_that_is_only_said_to_be_running_is_named_again(session: GameSession, ordered: str) -> None:
    session.receive(frame("action_result", **result("a", ordered, "running")))
    session.receive(agents("a"))
    session.receive(snapshot(2, "b"))
    assert [one["id"] for one in actions(tick(session))["actions"]] == [ordered]


def test_an_old_epoch_is_refused_as_stale(session: GameSession) -> None:
    session.receive(agents("c", epoch=2))
    session.outgoing()
    session.receive(agents("d", epoch=1))
    sent = messages(session)
    assert errors(sent) == ["stale"]
    assert of_type("agents_ack", sent)[0]["rejected"][0]["code"] == "stale"


def test_a_new_epoch_voids_snapshots_but_not_events_and_names_orders_again(
    brains: FakeBrains, session: GameSession
) -> None:
    brains.agents["a"].todo = [{"order": Walk()}]
    session.receive(snapshot(1, "a"))
    (order,) = actions(tick(session))["actions"]
    session.receive(snapshot(2, "a", events=[{"name": "bell"}]))
    session.receive(agents("c", epoch=1))
    assert not session.due
    assert [one["snapshot"] for one in of_type("actions", messages(session))] == [2]
    session.receive(snapshot(3, "a", epoch=1))
    message = actions(tick(session))
    assert message["epoch"] == 1
    assert [one["id"] for one in message["actions"]] == [order["id"]]
    assert brains.agents["a"].seen[-1].events == (Event("bell", {}),)


# Snapshots


def test_a_snapshot_ticks_its_agents_and_is_answered(brains: FakeBrains, session: GameSession) -> None:
    brains.agents["a"].todo = [{"order": Walk(to="gate")}]
    part = {"me": {"hp": 3}, "available": ["Walk", "Fly"]}
    session.receive(frame("snapshot", seq=7, time_ms=1500, world={"day": 1}, agents={"a": part}))
    assert session.due
    reports = session.tick()
    assert [report.agent for report in reports] == ["a"]
    (seen,) = brains.agents["a"].seen
    assert (seen.seq, seen.time, seen.me, seen.world) == (7, 1.5, {"hp": 3}, {"day": 1})
    assert seen.available == frozenset({"Walk", "Fly"})
    assert brains.agents["b"].seen == []
    (message,) = messages(session)
    assert message == {
        "type": "actions",
        "seq": 1,
        "snapshot": 7,
        "epoch": 0,
        "cancel": [],
        "actions": [
            {
                "agent": "a",
                "id": "a#1",
                "name": "Walk",
                "params": {"to": "gate"},
                "source": "tree",
                "ttl_ms": 1000,
            }
        ],
        "busy": [],
        "server_ms": 0.0,
    }
    assert not session.due
    assert session.tick() == []
    assert session.outgoing() == []


def test_only_the_newest_snapshot_is_ticked_and_every_one_is_answered(brains: FakeBrains, session: GameSession) -> None:
    brains.agents["b"].todo = [{"order": Wave()}]
    session.receive(snapshot(1, "a", "b"))
    session.receive(snapshot(2, "a"))
    session.receive(snapshot(3, "a"))
    sent = of_type("actions", tick(session))
    assert [message["snapshot"] for message in sent] == [1, 2, 3]
    assert [message["seq"] for message in sent] == [1, 2, 3]
    assert [len(message["actions"]) for message in sent] == [0, 0, 1]
    assert [seen.me["seq"] for seen in brains.agents["a"].seen] == [3]
    assert [seen.me["seq"] for seen in brains.agents["b"].seen] == [1]
    assert brains.agents["b"].seen[0].seq == 3


def test_a_snapshot_of_another_epoch_is_stale_and_still_answered(brains: FakeBrains, session: GameSession) -> None:
    session.receive(snapshot(1, "a", epoch=9, events=[{"name": "x"}]))
    assert not session.due
    sent = messages(session)
    assert errors(sent) == ["stale"]
    assert "1 events" in of_type("error", sent)[0]["message"]
    assert actions(sent)["snapshot"] == 1


def test_a_snapshot_out_of_order_is_stale_but_its_events_are_not_lost(brains: FakeBrains, session: GameSession) -> None:
    session.receive(snapshot(5, "a"))
    session.receive(snapshot(4, "b", events=[{"name": "bell"}]))
    session.receive(snapshot(5, "b"))
    sent = tick(session)
    assert errors(sent) == ["stale", "stale"]
    assert [message["snapshot"] for message in of_type("actions", sent)] == [5, 4, 5]
    assert brains.agents["b"].seen == []
    assert [event.name for event in brains.agents["a"].seen[0].events] == ["bell"]


def test_a_snapshot_with_a_bad_field_is_answered_so_that_the_game_goes_on(session: GameSession) -> None:
    session.receive('{"type":"snapshot","seq":3,"agents":[]}')
    sent = messages(session)
    assert errors(sent) == ["bad_field"]
    assert sent[0]["ref"] == {"type": "snapshot", "seq": 3}
    assert actions(sent)["snapshot"] == 3


WRONG = [
    '{"agents":{"a":{"me":{"seq":1,"type":"x","speed":nan}}},"seq":3.0,"time_ms":5.0,"type":"snapshot"}',
    '{"agents":{"a":{"me":{"speed":-inf}}},"seq":3.0,"type":"snapshot","time_ms":5.0}',
    '{"type":"snapshot","seq":3,"time_ms":5,"agents":{"a":{"me":{"speed":1e99999}}}}',
    '{"type" : "snapshot", "seq" : 3.0e0 , "time_ms":5,"world":{"said":"a\\vb"}}',
    '{"type":"snapshot","seq":3,"time_ms":5,"world":{"said":"a\x07b"}}',
    '{"world":{"said":"\\ud800"},"type":"snapshot","seq":3,"time_ms":5}',
    '{"world":{"said":"}, \\"seq\\":9,\\\\"},"type":"snapshot","seq":3,"time_ms":nan}',
    '{"world":' + "[" * 9000 + "]" * 9000 + ',"type":"snapshot","seq":3,"time_ms":5}',
    '{"type":"snapshot","seq":3,"time_ms":5,"world":{"seq":4',
]


@pytest.mark.parametrize("text", WRONG, ids=range(len(WRONG)))
def test_a_snapshot_that_is_no_json_is_answered_so_that_the_game_goes_on(session: GameSession, text: str) -> None:
    session.receive(text)
    sent = messages(session)
    assert errors(sent) == ["bad_message"]
    assert sent[0]["ref"] == {"type": "snapshot", "seq": 3}
    assert actions(sent)["snapshot"] == 3


@pytest.mark.parametrize(
    "text",
    [
        '{"agents":{"type":"snapshot","seq":3},"x":nan}',
        '[{"type":"snapshot","seq":3,"x":nan}]',
        '{"type":"snapshot","seq":nan,"time_ms":5}',
        '{"type":"snapshot","seq":-3,"x":nan}',
        '{"type":"snapshot","seq":9999999999999999,"x":nan}',
        '{"type":"pong","seq":3,"x":nan}',
        "[" * 4_000_000,
        '{"type":"snapshot",' + '"type":' * 500_000,
    ],
    ids=range(8),
)
def test_what_cannot_be_told_of_a_frame_is_not_made_up(session: GameSession, text: str) -> None:
    session.receive(text)
    sent = messages(session)
    assert errors(sent) == ["bad_message"]
    assert of_type("actions", sent) == []


def test_an_unknown_agent_is_reported_once(session: GameSession) -> None:
    for seq in (1, 2, 3):
        session.receive(snapshot(seq, "a", "ghost", events=[{"name": "x", "agent": "ghost"}]))
    sent = tick(session)
    assert errors(sent) == ["unknown_agent"]
    assert of_type("error", sent)[0]["ref"] == {"type": "event", "agent": "ghost", "seq": 1}


def test_what_waits_is_counted_so_that_a_server_can_stop_reading(session: GameSession) -> None:
    for seq in range(10):
        session.receive(snapshot(seq, "a"))
    session.receive(snapshot(3, "a"))
    assert session.backlog == 12, "eleven answers and an error"
    session.tick()
    assert session.backlog == len(session.outgoing()) == 12
    assert session.backlog == 0


def test_an_agent_removed_before_the_tick_is_left_out(brains: FakeBrains, session: GameSession) -> None:
    session.receive(snapshot(1, "a", "b"))
    session.receive(agents(remove=("a",)))
    sent = tick(session)
    assert actions(sent)["snapshot"] == 1
    assert brains.agents["a"].seen == []
    assert len(brains.agents["b"].seen) == 1


# Events and results


def test_events_reach_those_they_are_for(brains: FakeBrains, session: GameSession) -> None:
    heard = [{"name": "bell", "time_ms": 5}, {"name": "hit", "agent": "b", "data": {"hp": 1}}]
    session.receive(snapshot(1, "a", events=heard))
    session.receive(snapshot(2, "a"))
    session.tick()
    assert brains.agents["a"].seen[0].events == (Event("bell", {}, 5.0),)
    session.receive(snapshot(3, "a", "b"))
    session.tick()
    assert brains.agents["a"].seen[1].events == ()
    assert brains.agents["b"].seen[0].events == (Event("bell", {}, 5.0), Event("hit", {"hp": 1}))


def test_an_event_with_an_empty_agent_is_for_all(brains: FakeBrains, session: GameSession) -> None:
    session.receive(snapshot(1, "a", "b", events=[{"name": "bell", "agent": ""}]))
    assert errors(tick(session)) == []
    for name in "ab":
        assert brains.agents[name].seen[0].events == (Event("bell", {}),)


class Watch:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


def test_every_event_for_an_unknown_agent_is_told_by_count_but_not_at_once(brains: FakeBrains) -> None:
    watch = Watch()
    session = GameSession(brains, brains.make, now=watch)
    session.receive(hello())
    session.receive(agents("a"))
    session.outgoing()
    told = []
    for seq in range(1, 201):
        watch.time += 0.0625
        session.receive(snapshot(seq, "a", events=[{"name": "x", "agent": "ghost"}]))
        told += [error["message"] for error in of_type("error", tick(session))]
    assert told == [
        "no such agent: 'ghost'; events dropped: 1",
        "80 more events for unknown agents were dropped (81 in this session)",
        "80 more events for unknown agents were dropped (161 in this session)",
    ]


def test_what_an_absent_agent_forgets_is_all_told_by_count(brains: FakeBrains) -> None:
    watch = Watch()
    session = GameSession(brains, brains.make, now=watch, limits=SessionLimits(max_events=3))
    session.receive(hello())
    session.receive(agents("a", "b"))
    session.outgoing()
    told = []
    for seq in range(1, 21):
        watch.time += 1
        session.receive(snapshot(seq, "a", events=[{"name": "bell"}]))
        told += [error["message"] for error in of_type("error", tick(session))]
    assert told == [
        f"{lost} events were dropped ({total} in this session)" for lost, total in [(1, 1), (5, 6), (5, 11), (5, 16)]
    ]


def test_losses_that_a_game_tells_of_are_in_the_log_once_and_at_the_end(
    session: GameSession, caplog: pytest.LogCaptureFixture
) -> None:
    for seq in (1, 2, 3):
        session.receive(snapshot(seq, "a", events_dropped=5))
    assert caplog.messages == ["session s1: the game has dropped 5 events before they were sent"]
    session.receive(snapshot(4, "a", events=[{"name": "x", "agent": "ghost"}]))
    session.close("bye")
    session.close("again")
    text = "events dropped: 0 were too many, 1 were for unknown agents, 15 by the game itself"
    assert caplog.messages[1:] == [f"session s1: {text}"]


def test_too_many_events_are_dropped_counted_and_reported(brains: FakeBrains) -> None:
    session = session_of(brains, limits=SessionLimits(max_events=3))
    session.receive(hello())
    session.receive(agents("a"))
    session.outgoing()
    session.receive(snapshot(1, "a", events=[{"name": f"e{number}"} for number in range(5)]))
    sent = tick(session)
    assert errors(sent) == ["too_many_events"]
    assert "2 events were dropped" in of_type("error", sent)[0]["message"]
    assert [event.name for event in brains.agents["a"].seen[0].events] == ["e0", "e1", "e2"]
    session.receive(snapshot(2, "a", events=[{"name": "again"}]))
    assert errors(tick(session)) == []


def test_an_absent_agent_forgets_the_oldest_events_and_that_is_reported_once(brains: FakeBrains) -> None:
    session = session_of(brains, limits=SessionLimits(max_events=3))
    session.receive(hello())
    session.receive(agents("a", "b"))
    session.outgoing()
    complaints = []
    for number in range(6):
        session.receive(snapshot(number, "a", events=[{"name": f"e{number}"}]))
        complaints += errors(tick(session))
    assert complaints == ["too_many_events"]
    session.receive(snapshot(9, "b"))
    session.tick()
    assert [event.name for event in brains.agents["b"].seen[0].events] == ["e3", "e4", "e5"]


@pytest.fixture
def ordered(brains: FakeBrains, session: GameSession) -> str:
    """The id of an order that the agent `a` was given and the game knows."""
    brains.agents["a"].todo = [{"order": Walk()}]
    session.receive(snapshot(1, "a"))
    (order,) = actions(tick(session))["actions"]
    return str(order["id"])


@pytest.mark.parametrize("way", ["message", "in a snapshot"])
def test_results_reach_the_agents_next_tick(brains: FakeBrains, session: GameSession, ordered: str, way: str) -> None:
    said = result("a", ordered, "failure") | {"code": "blocked", "message": "a wall", "data": {"x": 1}}
    if way == "message":
        session.receive(frame("action_result", **said))
        session.receive(snapshot(2, "b"))
    else:
        session.receive(snapshot(2, "b", results=[said]))
    session.tick()
    session.receive(snapshot(3, "a"))
    session.receive(snapshot(4, "b"))
    session.tick()
    ((got,),) = [seen.results for seen in brains.agents["a"].seen[1:]]
    assert (got.id, got.status, got.code, got.message, got.data) == (
        ordered,
        "failure",
        "blocked",
        "a wall",
        {"x": 1},
    )


def test_a_result_of_an_order_that_is_not_running_is_stale(session: GameSession, ordered: str) -> None:
    session.receive(frame("action_result", **result("a", "never")))
    session.receive(frame("action_result", **result("a", ordered)))
    session.receive(frame("action_result", **result("a", ordered)))
    session.receive(frame("action_result", **result("b", ordered)))
    session.receive(frame("action_result", **result("ghost", ordered)))
    assert errors(messages(session)) == ["stale", "stale", "stale", "unknown_agent"]
    assert session.closing is None


def test_bad_results_of_one_message_make_one_error(session: GameSession) -> None:
    session.receive(snapshot(1, "a", results=[result("a", f"x{number}") for number in range(50)]))
    assert errors(tick(session)) == ["stale"]


def test_running_results_do_not_pile_up(brains: FakeBrains, session: GameSession, ordered: str) -> None:
    for _ in range(1000):
        session.receive(frame("action_result", **result("a", ordered, "running")))
    session.receive(frame("action_result", **result("a", ordered)))
    session.receive(snapshot(2, "a"))
    session.tick()
    got = brains.agents["a"].seen[-1].results
    assert len(got) <= 256
    assert got[-1].status == "success"


# Orders


def test_cancels_stand_in_the_message_of_the_order_that_follows(
    brains: FakeBrains, session: GameSession, ordered: str
) -> None:
    brains.agents["a"].todo = [{"cancels": [ordered], "order": Wave()}]
    session.receive(snapshot(2, "a"))
    message = actions(tick(session))
    assert message["cancel"] == [ordered]
    assert [one["name"] for one in message["actions"]] == ["Wave"]


def test_an_order_that_ended_is_not_cancelled_any_more(brains: FakeBrains, session: GameSession, ordered: str) -> None:
    session.receive(frame("action_result", **result("a", ordered)))
    brains.agents["a"].todo = [{"cancels": [ordered]}]
    session.receive(snapshot(2, "a"))
    assert actions(tick(session))["cancel"] == []


def test_an_agent_with_two_orders_to_name_again_gets_one_per_message(
    brains: FakeBrains, session: GameSession, ordered: str
) -> None:
    brains.agents["a"].todo = [{"order": Wave()}]
    session.receive(snapshot(2, "a"))
    session.tick()
    session.receive(agents("a"))
    session.outgoing()
    named = []
    for seq in (3, 4, 5):
        session.receive(snapshot(seq, "b"))
        named.append([one["id"] for one in actions(tick(session))["actions"]])
    assert named == [[ordered], ["a#2"], []]


def test_what_the_game_cannot_do_does_not_leave(brains: FakeBrains, session: GameSession) -> None:
    class Fly(Walk):
        pass

    brains.agents["a"].todo = [{"order": Fly()}, {"order": Wave()}, {"order": Fly()}]
    complaints = []
    for seq in (1, 2, 3, 4):
        session.receive(frame("snapshot", seq=seq, agents={"a": {"me": {}, "available": ["Walk"]}}))
        sent = tick(session)
        assert actions(sent)["actions"] == []
        complaints += errors(sent)
    assert complaints == ["unknown_action", "action_not_available"], "once each"
    told = [[(one.status, one.code) for one in seen.results] for seen in brains.agents["a"].seen]
    assert told == [
        [],
        [("rejected", "unknown_action")],
        [("rejected", "action_not_available")],
        [("rejected", "unknown_action")],
    ]


def test_orders_that_do_not_fit_ride_in_the_next_messages(brains: FakeBrains) -> None:
    session = session_of(brains)
    session.receive(hello(limits={"max_message_bytes": 4096}))
    names = [f"n{number}" for number in range(10)]
    session.receive(agents(*names))
    session.outgoing()
    for name in names:
        brains.agents[name].todo = [{"order": Walk(to="é" * 500)}]
    got = []
    for seq in range(1, 8):
        session.receive(snapshot(seq, *names))
        session.tick()
        (sent,) = session.outgoing()
        assert len(sent.encode()) <= 4096
        got += [one["agent"] for one in json.loads(sent)["actions"]]
    assert got == names


def test_an_order_that_is_no_json_is_rejected_to_its_agent(brains: FakeBrains, session: GameSession) -> None:
    brains.agents["a"].todo = [{"order": Walk(to=object())}]  # type: ignore[arg-type]
    session.receive(snapshot(1, "a"))
    sent = tick(session)
    assert errors(sent) == ["bad_params"]
    session.receive(snapshot(2, "a"))
    session.tick()
    assert [one.code for one in brains.agents["a"].seen[-1].results] == ["bad_params"]


def test_an_agent_that_cannot_name_its_orders_again_is_reported(brains: FakeBrains, session: GameSession) -> None:
    class Forgetful(FakeAgent):
        def resume(self) -> tuple[Order, ...]:
            raise LookupError("gone")

    brains.agents["a"].__class__ = Forgetful
    session.receive(agents("a", "b"))
    sent = messages(session)
    assert errors(sent) == ["agent_fault"]
    assert of_type("agents_ack", sent)[0]["ok"] == ["a", "b"]


def test_an_order_that_never_fits_is_rejected_to_its_agent(brains: FakeBrains) -> None:
    session = session_of(brains)
    session.receive(hello(limits={"max_message_bytes": 4096}))
    session.receive(agents("a"))
    session.outgoing()
    brains.agents["a"].todo = [{"order": Walk(to="x" * 5000)}]
    session.receive(snapshot(1, "a"))
    sent = tick(session)
    assert errors(sent) == ["limit_exceeded"]
    assert actions(sent)["actions"] == []
    session.receive(snapshot(2, "a"))
    session.tick()
    assert [one.status for one in brains.agents["a"].seen[-1].results] == ["rejected"]


def test_an_order_cancelled_before_it_was_sent_is_never_sent(brains: FakeBrains) -> None:
    session = session_of(brains)
    session.receive(hello(limits={"max_message_bytes": 4096}))
    session.receive(agents("a", "b"))
    session.outgoing()
    brains.agents["a"].todo = [{"order": Walk(to="x" * 3000)}]
    brains.agents["b"].todo = [{"order": Walk(to="x" * 3000)}, {"cancels": ["b#2"]}]
    session.receive(snapshot(1, "a", "b"))
    assert [one["agent"] for one in actions(tick(session))["actions"]] == ["a"]
    session.receive(snapshot(2, "b"))
    message = actions(tick(session))
    assert (message["cancel"], message["actions"]) == ([], [])


# Speech, faults, wake


def test_speech_is_sent_after_the_actions(brains: FakeBrains, session: GameSession) -> None:
    brains.agents["a"].todo = [{"speech": [("l1", "Halt!", False), ("l1", " Who goes there?", True)]}]
    session.receive(snapshot(1, "a"))
    sent = tick(session)
    assert [message["type"] for message in sent] == ["actions", "say", "say"]
    assert sent[2] == {"type": "say", "agent": "a", "id": "l1", "text": " Who goes there?", "done": True}


def test_long_speech_is_sent_in_pieces(brains: FakeBrains) -> None:
    session = session_of(brains)
    session.receive(hello(limits={"max_message_bytes": 4096}))
    session.receive(agents("a"))
    session.outgoing()
    line = "Hear ye, hear ye! " * 1000
    brains.agents["a"].todo = [{"speech": [("l1", line, True)]}]
    session.receive(snapshot(1, "a"))
    pieces = of_type("say", tick(session))
    assert "".join(piece["text"] for piece in pieces) == line
    assert [piece["done"] for piece in pieces] == [False] * (len(pieces) - 1) + [True]


def test_a_fault_is_reported_when_it_is_new(brains: FakeBrains, session: GameSession) -> None:
    fault = Fault(leaf="Guard/Patrol", error="KeyError: 'hp'", traceback="...")
    again = Fault(leaf="Guard/Patrol", error="KeyError: 'hp'", traceback="...", first=False)
    brains.agents["a"].todo = [{"faults": [fault]}, {"faults": [again]}]
    session.receive(snapshot(1, "a"))
    (error,) = of_type("error", tick(session))
    assert error["code"] == "agent_fault"
    assert error["message"] == "Guard/Patrol: KeyError: 'hp'"
    assert error["ref"] == {"agent": "a"}
    session.receive(snapshot(2, "a"))
    assert errors(tick(session)) == []


def test_an_agent_that_raises_does_not_hurt_the_others(brains: FakeBrains, session: GameSession) -> None:
    brains.agents["a"].todo = [ValueError("boom")] * 3
    brains.agents["b"].todo = [{"order": Walk()}]
    session.receive(snapshot(1, "a", "b"))
    sent = tick(session)
    assert [one["agent"] for one in actions(sent)["actions"]] == ["b"]
    assert errors(sent) == ["agent_fault"]
    session.receive(snapshot(2, "a"))
    assert errors(tick(session)) == []


NO_FAULT_OF_OURS = [SystemExit(3), asyncio.CancelledError(), GeneratorExit(), BaseException("odd")]


@pytest.mark.parametrize("error", NO_FAULT_OF_OURS, ids=repr)
def test_no_exception_of_an_agent_gets_out_of_its_session(
    brains: FakeBrains, session: GameSession, error: BaseException
) -> None:
    class Leaving(FakeAgent):
        def resume(self) -> tuple[Order, ...]:
            raise error

        def close(self) -> tuple[str, ...]:
            raise error

    brains.agents["a"].todo = [error]
    session.receive(snapshot(1, "a", "b"))
    sent = tick(session)
    assert errors(sent) == ["agent_fault"]
    assert type(error).__name__ in of_type("error", sent)[0]["message"]
    assert len(brains.agents["b"].seen) == 1
    brains.broken = error
    session.receive(agents("c"))
    (ack,) = messages(session)
    assert [one["code"] for one in ack["rejected"]] == ["agent_fault"]
    brains.agents["a"].__class__ = Leaving
    session.receive(agents("a", epoch=1))
    session.receive(agents(remove=("a",), epoch=1))
    session.close("x")
    assert brains.agents["b"].closed


def test_ctrl_c_in_a_tick_gets_through(brains: FakeBrains, session: GameSession) -> None:
    brains.agents["a"].todo = [KeyboardInterrupt()]
    session.receive(snapshot(1, "a"))
    with pytest.raises(KeyboardInterrupt):
        session.tick()


def test_an_exception_that_cannot_say_what_it_is_does_no_harm(brains: FakeBrains, session: GameSession) -> None:
    class Mute(ValueError):
        def __str__(self) -> str:
            raise LookupError

    brains.broken = Mute()
    session.receive(agents("c"))
    assert [one["code"] for one in messages(session)[0]["rejected"]] == ["agent_fault"]
    brains.agents["a"].todo = [Mute()]
    session.receive(snapshot(1, "a"))
    assert errors(tick(session)) == ["agent_fault"]


def test_a_game_cannot_forge_lines_of_the_log(
    brains: FakeBrains, session: GameSession, caplog: pytest.LogCaptureFixture
) -> None:
    nasty = "hi\n12:00:00 ERROR brains.server: forged\x1b[31m\x9b\u2028\u202e\r"
    session.receive(frame("error", code=nasty, message=nasty))
    session.receive(frame("agents", add=[entry(nasty, brain=nasty)]))
    brains.broken = TreeError(nasty)
    session.receive(frame("agents", add=[entry(nasty)]))
    brains.broken = ValueError(nasty)
    session.receive(frame("agents", add=[entry(nasty)]))
    brains.agents["a"].todo = [ValueError(nasty)]
    session.receive(snapshot(1, "a"))
    session.tick()
    brains.agents["b"].todo = [{"order": Walk()}]
    session.receive(snapshot(2, "b"))
    session.tick()
    session.receive(frame("action_result", **{**result("b", "b#1", "rejected"), "code": nasty, "message": nasty}))
    schema = {"properties": {}, "required": [nasty]}
    brains.broken = None
    session.receive(frame("agents", add=[{**entry(nasty), "actions": [{"name": "Walk", "params": schema}]}]))
    assert len(caplog.records) == 7
    for record in caplog.records:
        lines = record.getMessage().split("\n")
        assert all(line.isprintable() for line in lines)
        assert all(line.startswith("    ") for line in lines[1:])
    assert "hi\\n12:00:00" in caplog.messages[0]


def test_each_agent_that_is_refused_is_in_the_log_once(session: GameSession, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        session.receive(frame("agents", add=[entry("Cat", brain="gard"), entry("Dog", brain="gard"), entry("c")]))
    text = "unknown_brain: there is no brain called 'gard'; did you mean 'guard'?"
    assert caplog.messages == [f"agent 'Cat' refused: {text}", f"agent 'Dog' refused: {text}"]
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 2


def test_agents_of_a_scene_that_is_over_are_refused_in_the_log(
    session: GameSession, caplog: pytest.LogCaptureFixture
) -> None:
    session.receive(agents("a", epoch=2))
    session.receive(agents("late", epoch=1))
    assert caplog.messages == ["agent 'late' refused: stale: epoch 1 is over, this is 2"]


def test_of_very_many_refused_agents_not_all_are_in_the_log(
    session: GameSession, caplog: pytest.LogCaptureFixture
) -> None:
    session.receive(frame("agents", add=[entry(f"cat_{number}", brain="gard") for number in range(200)]))
    assert len(caplog.messages) == MOST_REFUSED


def turned_down(session: GameSession, brains: FakeBrains, seq: int, **fields: str) -> None:
    """Have `a` walk, and the game report what became of it."""
    brains.agents["a"].todo = [{"order": Walk()}]
    session.receive(snapshot(seq, "a"))
    (order,) = actions(tick(session))["actions"]
    session.receive(frame("action_result", **{**result("a", order["id"]), **fields}))


def test_an_action_that_the_game_rejects_is_in_the_log_once_per_reason(
    brains: FakeBrains, session: GameSession, caplog: pytest.LogCaptureFixture
) -> None:
    turned_down(session, brains, 1, status="rejected", code="bad_params", message="to is missing")
    turned_down(session, brains, 2, status="rejected", code="bad_params", message="to is missing still")
    turned_down(session, brains, 3, status="expired", code="stale")
    turned_down(session, brains, 4, status="rejected")
    assert caplog.messages == [
        "agent 'a': the game rejected Walk (bad_params): to is missing",
        "agent 'a': the game rejected Walk (no reason given)",
    ]
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 2


def test_an_action_that_fails_or_is_cancelled_is_nothing_special(
    brains: FakeBrains, session: GameSession, caplog: pytest.LogCaptureFixture
) -> None:
    for seq, status in enumerate(("running", "failure", "cancelled", "success"), start=1):
        turned_down(session, brains, seq, status=status, message="the way is blocked")
    assert not caplog.messages


def declaring(*names: str, params: Json) -> str:
    """Add agents that declare `Walk` with these params."""
    walk = [{"name": "Walk", "params": params}]
    return frame("agents", add=[{"id": name, "brain": "guard", "actions": walk} for name in names])


def test_a_value_that_the_game_does_not_declare_is_in_the_log_once_per_brain(
    session: GameSession, caplog: pytest.LogCaptureFixture
) -> None:
    session.receive(declaring("Cat", "Dog", params={"type": "object", "properties": {}, "required": []}))
    assert messages(session)[0]["ok"] == ["Cat", "Dog"]
    assert caplog.messages == [
        "brain 'guard': Walk has the value 'to', which the game does not declare for agent 'Cat', so it is left out"
    ]
    assert caplog.records[0].levelname == "WARNING"


def test_a_value_that_the_game_requires_and_no_tree_gives_is_in_the_log(
    session: GameSession, caplog: pytest.LogCaptureFixture
) -> None:
    properties = {"to": {"type": "string"}, "speed": {"type": "number"}, "style": {"type": "string"}}
    session.receive(declaring("Cat", params={"properties": properties, "required": ["to", "speed"]}))
    assert caplog.messages == [
        "brain 'guard': Walk has no value 'speed', which the game requires for agent 'Cat', so the game may reject it"
    ]


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"type": "object"},
        {"type": "object", "properties": {"to": {"type": "string"}}, "required": ["to"]},
        {"properties": {"speed": {"type": "number"}}, "additionalProperties": True},
        {"properties": [], "required": "to"},
    ],
)
def test_params_that_fit_or_say_nothing_are_not_in_the_log(
    session: GameSession, caplog: pytest.LogCaptureFixture, params: Json
) -> None:
    session.receive(declaring("Cat", params=params))
    assert messages(session)[0]["ok"] == ["Cat"]
    assert not caplog.messages


def test_an_answer_wakes_its_agent_once(session: GameSession) -> None:
    session.answered("a")
    session.answered("b")
    session.answered("a")
    session.answered("nobody")
    assert messages(session) == [{"type": "wake", "agents": ["a", "b"]}]
    session.answered("a")
    assert messages(session) == [], "its snapshot is on its way"
    session.receive(snapshot(1, "a"))
    session.answered("a")
    assert messages(session) == [], "its snapshot is here"
    session.tick()
    session.outgoing()
    session.answered("a")
    assert messages(session) == [{"type": "wake", "agents": ["a"]}]


def test_a_snapshot_that_comes_first_makes_the_wake_needless(session: GameSession) -> None:
    session.answered("a")
    session.receive(snapshot(1, "a"))
    assert of_type("wake", tick(session)) == []


def test_the_observer_sees_every_report_and_may_fail(brains: FakeBrains) -> None:
    seen: list[TickReport] = []

    def observer(report: TickReport) -> None:
        seen.append(report)
        raise OSError("disk full")

    session = session_of(brains, observer=observer)
    session.receive(hello())
    session.receive(agents("a", "b"))
    session.outgoing()
    session.receive(snapshot(1, "a", "b"))
    assert actions(tick(session))["snapshot"] == 1
    assert [report.agent for report in seen] == ["a"]


# The rest


def test_ping_is_answered_with_pong(session: GameSession) -> None:
    session.receive(frame("ping", t=12.5))
    assert messages(session) == [{"type": "pong", "t": 12.5}]


def test_errors_and_pongs_of_the_game_are_taken(session: GameSession) -> None:
    session.receive(frame("error", code="x", message="y"))
    session.receive(frame("pong", t=1))
    assert session.outgoing() == []


def test_bye_closes_and_stops_the_agents(brains: FakeBrains, session: GameSession) -> None:
    session.receive(frame("bye", reason="quit"))
    assert session.closing == (1000, "bye")
    assert all(agent.closed for agent in brains.made)
    session.receive(snapshot(1, "a"))
    assert not session.due
    assert session.outgoing() == []


def test_chat_after_hello_is_an_error(session: GameSession) -> None:
    session.receive('{"message": "Hola"}')
    assert errors(messages(session)) == ["unknown_type"]


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (b"\x00", "bad_message"),
        ("", "bad_message"),
        ("[1]", "bad_message"),
        ('{"type":"dance"}', "unknown_type"),
        ('{"type":"agents","add":[{"id":"x"}]}', "bad_field"),
        ('{"type":"agents","add":[{"id":"","brain":"guard"}]}', "bad_field"),
    ],
)
def test_bad_frames_are_answered_and_the_session_goes_on(session: GameSession, bad: str | bytes, code: str) -> None:
    session.receive(bad)
    (error,) = messages(session)
    assert (error["code"], error.get("fatal", False)) == (code, False)
    session.receive(snapshot(1, "a"))
    assert session.due


def test_a_flood_of_bad_frames_is_closed_with_4429(session: GameSession) -> None:
    for _ in range(100):
        session.receive("rubbish")
    assert session.closing is None
    session.receive(frame("ping"))
    for _ in range(100):
        session.receive("rubbish")
    assert session.closing is None
    session.receive("rubbish")
    assert session.closing is not None
    assert session.closing[0] == 4429
    assert len(session.closing[1].encode()) <= 123
    assert of_type("error", messages(session))[-1]["fatal"] is True


def test_too_long_a_frame_is_closed_with_4413(brains: FakeBrains) -> None:
    session = session_of(brains, limits=SessionLimits(max_message_bytes=4096))
    session.receive(hello())
    session.receive(" " * 5000)
    assert session.closing is not None
    assert session.closing[0] == 4413


def test_close_may_be_called_again(brains: FakeBrains, session: GameSession) -> None:
    session.close("connection lost")
    session.close("again", 1001)
    assert session.closing == (1000, "connection lost")


def test_a_tree_that_fails_to_stop_does_not_keep_the_others_running(brains: FakeBrains, session: GameSession) -> None:
    class Stubborn(FakeAgent):
        def close(self) -> tuple[str, ...]:
            raise RuntimeError("no")

    brains.agents["a"].__class__ = Stubborn
    session.close("x")
    assert brains.agents["b"].closed


def test_an_acknowledgement_of_many_agents_is_sent_in_pieces(brains: FakeBrains) -> None:
    session = session_of(brains)
    session.receive(hello(limits={"max_message_bytes": 4096}))
    session.outgoing()
    names = [f"agent-with-a-long-name-{number:04}" for number in range(500)]
    bad = [entry(f"x{number}", brain="ü" * 190) for number in range(50)]
    session.receive(frame("agents", add=[*map(entry, names), *bad]))
    frames = session.outgoing()
    assert all(len(one.encode()) <= 4096 for one in frames)
    acks = [json.loads(one) for one in frames]
    assert [name for ack in acks for name in ack["ok"]] == names
    assert sum(len(ack["rejected"]) for ack in acks) == 50


def test_orders_may_be_given_with_their_own_ids(brains: FakeBrains, session: GameSession) -> None:
    order = Order(id="mine", action=Walk(), source="llm", reason="because")
    brains.agents["a"].todo = [{"order": order}]
    session.receive(snapshot(1, "a"))
    (sent,) = actions(tick(session))["actions"]
    assert (sent["id"], sent["source"], sent["reason"]) == ("mine", "llm", "because")


def test_an_agent_whose_part_has_no_me_is_ticked_and_the_game_is_told_once(session: GameSession) -> None:
    for seq in (1, 2):
        session.receive(frame("snapshot", seq=seq, agents={"a": {"sees": []}}))
        sent = tick(session)
        assert actions(sent)["snapshot"] == seq
        complaints = of_type("error", sent)
        assert [error["code"] for error in complaints] == (["bad_field"] if seq == 1 else [])
        if complaints:
            assert "`me`" in complaints[0]["message"]


@pytest.mark.parametrize(
    "plan",
    [
        {"order": Walk(to="\ud83d")},
        {"speech": (("a~1", "half \ud83d", True),)},
        {"faults": (Fault(leaf="Guard", error="ValueError: \ud83d", traceback="", first=True),)},
    ],
    ids=["order", "speech", "fault"],
)
def test_half_a_surrogate_pair_of_one_agent_keeps_nobody_from_being_answered(
    session: GameSession, brains: FakeBrains, plan: Json
) -> None:
    brains.agents["a"].todo = [plan]
    brains.agents["b"].todo = [{"order": Walk(to="gate")}]
    session.receive(snapshot(1, "a", "b"))
    sent = tick(session)
    assert [one["params"]["to"] for one in actions(sent)["actions"] if one["agent"] == "b"] == ["gate"]
    assert "\ufffd" in json.dumps(sent, ensure_ascii=False)
