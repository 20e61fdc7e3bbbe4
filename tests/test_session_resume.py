"""Sessions that lose their connection, and games that come back to them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from brains.session import GameSession, Parking, SessionCounts, SessionLimits
from brains.testing import ManualClock
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


class House:
    """What a server has around its sessions, without the sockets."""

    def __init__(self, **parking: Any) -> None:
        self.brains = FakeBrains()
        self.clock = ManualClock()
        self.replaced: list[GameSession] = []
        self.closed: list[GameSession] = []
        options: dict[str, Any] = {"ttl_s": 60.0, **parking}
        self.parking = Parking(
            now=self.clock.now, on_replaced=self.replaced.append, on_closed=self.closed.append, **options
        )
        self._made = 0

    def fresh(self, **options: Any) -> GameSession:
        """Make the session of a new connection."""
        self._made += 1
        return GameSession(
            self.brains,
            self.brains.make,
            parking=self.parking,
            new_id=lambda: f"s{self._made}",
            now=self.clock.now,
            **options,
        )

    def play(self, *names: str) -> tuple[GameSession, Json]:
        """Return an open session with these agents, and what brings a game back to it."""
        session = self.fresh()
        session.receive(hello())
        (welcome,) = messages(session)
        if names:
            session.receive(agents(*names))
            session.outgoing()
        return session, welcome["session"]

    def come_back(self, info: Json, **fields: Any) -> tuple[GameSession, Json]:
        """Say hello on a new connection; return the session that it has then, and the welcome's `session`."""
        session = self.fresh()
        session.receive(hello(session={"id": info["id"], "resume": info["resume"]}, **fields))
        session = session.successor or session
        (welcome, *_) = messages(session)
        assert welcome["type"] == "welcome"
        return session, welcome["session"]


@pytest.fixture
def house() -> House:
    return House()


def errors(sent: list[Json]) -> list[str]:
    return [message["code"] for message in of_type("error", sent)]


def tick(session: GameSession) -> list[Json]:
    session.tick()
    return messages(session)


def actions(sent: list[Json]) -> Json:
    (message,) = of_type("actions", sent)
    return message


def order_for(house: House, session: GameSession, agent: str, seq: int, **plan: Any) -> str:
    """Have an agent give an order in a tick, and the game read it; return its id."""
    house.brains.agents[agent].todo = [{"order": Walk(), **plan}]
    session.receive(snapshot(seq, agent))
    (order,) = actions(tick(session))["actions"]
    return str(order["id"])


# Who comes back


def test_a_welcome_says_how_to_come_back(house: House) -> None:
    _, info = house.play()
    assert info == {"id": "s1", "resume": info["resume"], "resumed": False, "ttl_s": 60}
    assert len(info["resume"]) >= 24


def test_a_lost_session_is_resumed_with_its_agents_and_gets_a_new_secret(house: House) -> None:
    session, info = house.play("a")
    assert house.parking.lost(session)
    back, again = house.come_back(info)
    assert back is session
    assert again == {"id": "s1", "resume": again["resume"], "resumed": True, "ttl_s": 60}
    assert again["resume"] != info["resume"]
    assert not house.brains.agents["a"].closed
    session.receive(agents("a"))
    session.receive(snapshot(1, "a"))
    sent = tick(session)
    assert of_type("agents_ack", sent)[0]["ok"] == ["a"]
    assert actions(sent)["snapshot"] == 1
    assert len(house.brains.made) == 1


def test_a_session_can_be_lost_and_resumed_many_times(house: House) -> None:
    session, info = house.play("a")
    for _ in range(20):
        assert house.parking.lost(session)
        back, info = house.come_back(info)
        assert back is session
    assert session.counts.resumes == 20
    assert house.parking.parked == 0


@pytest.mark.parametrize(
    "wish",
    [
        {"id": "s1", "resume": "a guess"},
        {"id": "s1", "resume": "sécret"},
        {"id": "s1", "resume": ""},
        {"id": "s1", "resume": None},
        {"id": "s1"},
        {},
        {"id": "nobody", "resume": "RIGHT"},
        {"resume": "RIGHT"},
    ],
    ids=str,
)
@pytest.mark.parametrize("lost", [True, False])
def test_whoever_does_not_know_the_secret_gets_a_session_of_his_own(house: House, wish: Json, lost: bool) -> None:
    session, info = house.play("a")
    if lost:
        house.parking.lost(session)
    other = house.fresh()
    other.receive(hello(session={key: info["resume"] if value == "RIGHT" else value for key, value in wish.items()}))
    (welcome,) = messages(other)
    assert (welcome["session"]["id"], welcome["session"]["resumed"]) == ("s2", False)
    assert (other.successor, other.closing, session.closing) == (None, None, None)
    assert house.come_back(info)[0] is session


@pytest.mark.parametrize("stands", [False, True])
def test_a_connection_may_be_lost_again_before_the_welcome_has_arrived(house: House, stands: bool) -> None:
    session, info = house.play("a")
    order = order_for(house, session, "a", 1)
    house.parking.lost(session)
    for _ in range(3):
        # The game never learns of the new secret.
        back, _ = house.come_back(info)
        assert back is session
        assert stands or house.parking.lost(session)
    _, again = house.come_back(info)
    session.receive(agents("a"))
    session.receive(snapshot(2, "a"))
    assert [one["id"] for one in actions(tick(session))["actions"]] == [order]
    house.parking.lost(session)
    assert house.come_back(again)[0] is session


@pytest.mark.parametrize(
    "frames", [[agents("a")], [snapshot(1)], [frame("action_result", **result("a", "a#1", "running"))]]
)
def test_an_old_secret_is_worth_nothing_once_the_game_has_the_new_one(house: House, frames: list[str]) -> None:
    session, info = house.play()
    house.parking.lost(session)
    house.come_back(info)
    for one in frames:
        session.receive(one)
    house.parking.lost(session)
    back, again = house.come_back(info)
    assert back is not session
    assert again["resumed"] is False


@pytest.mark.parametrize(
    ("fields", "code"),
    [({}, 4401), ({"token": "wrong"}, 4401), ({"token": "t", "protocol": 7, "min_protocol": 7}, 4406)],
)
def test_whoever_comes_back_is_checked_like_everybody_else(house: House, fields: Json, code: int) -> None:
    session = house.fresh(token="t")
    session.receive(hello(token="t"))
    (welcome,) = messages(session)
    house.parking.lost(session)
    other = house.fresh(token="t")
    wish = {"id": "s1", "resume": welcome["session"]["resume"]}
    other.receive(hello(session=wish, **fields))
    assert other.closing is not None
    assert other.closing[0] == code
    assert other.successor is None
    assert house.parking.parked == 1


def test_what_comes_after_the_hello_goes_to_the_session_that_was_resumed(house: House) -> None:
    session, info = house.play("a")
    house.parking.lost(session)
    other = house.fresh()
    other.receive(hello(session={"id": "s1", "resume": info["resume"]}))
    assert other.successor is session
    other.receive(snapshot(1, "a"))
    assert not other.due
    assert other.outgoing() == []


def test_a_session_is_taken_over_from_a_connection_that_still_stands(house: House) -> None:
    session, info = house.play("a")
    session.receive(frame("ping"))
    back, again = house.come_back(info)
    assert back is session
    assert again["resumed"] is True
    assert house.replaced == [session]
    assert session.outgoing() == [], "the pong was for the old connection"


def test_a_session_that_ended_cannot_be_resumed(house: House) -> None:
    session, info = house.play("a")
    session.receive(frame("bye"))
    assert house.come_back(info)[1]["resumed"] is False
    assert not house.parking.lost(session)
    session, info = house.play("b")
    for _ in range(200):
        session.receive("rubbish")
    assert house.come_back(info)[1]["resumed"] is False
    assert not house.parking.lost(session)


def test_a_session_that_has_left_is_forgotten(house: House) -> None:
    session, info = house.play()
    house.parking.leave(session)
    assert house.come_back(info)[1]["resumed"] is False


def test_nobody_is_kept_before_hello(house: House) -> None:
    assert not house.parking.lost(house.fresh())


def test_without_parking_a_welcome_has_no_secret() -> None:
    brains = FakeBrains()
    session = GameSession(brains, brains.make, new_id=lambda: "s1")
    session.receive(hello(session={"id": "s0", "resume": "x"}))
    (welcome,) = messages(session)
    assert welcome["session"] == {"id": "s1", "resumed": False, "ttl_s": 0}
    assert not session.is_secret("")


# How long


def test_a_lost_session_is_closed_when_nobody_comes_back(house: House) -> None:
    session, info = house.play("a")
    house.parking.lost(session)
    house.clock.advance(59.9)
    assert house.parking.expire() == pytest.approx(0.1)
    assert not house.brains.agents["a"].closed
    house.clock.advance(0.2)
    assert house.parking.expire() is None
    assert house.brains.agents["a"].closed
    assert house.closed == [session]
    assert house.come_back(info)[1]["resumed"] is False


def test_whoever_comes_too_late_gets_a_new_session_even_if_nobody_has_looked(house: House) -> None:
    _, info = house.play("a")
    session, late = house.play("b")
    house.parking.lost(session)
    house.clock.advance(61)
    assert house.come_back(late)[1]["resumed"] is False
    assert house.brains.agents["b"].closed
    assert not house.brains.agents["a"].closed, "it is not lost at all"
    assert house.come_back(info)[1]["resumed"] is True


def test_the_time_begins_anew_with_each_loss(house: House) -> None:
    session, info = house.play("a")
    house.parking.lost(session)
    house.clock.advance(50)
    house.come_back(info)
    house.clock.advance(50)
    house.parking.lost(session)
    house.clock.advance(50)
    assert house.parking.expire() == pytest.approx(10)


def test_only_so_many_are_kept_and_the_oldest_goes_first() -> None:
    house = House(most=2)
    games = [house.play(name) for name in "abc"]
    for session, _ in games:
        assert house.parking.lost(session)
        house.clock.advance(1)
    assert house.parking.parked == 2
    assert house.closed == [games[0][0]]
    assert [house.brains.agents[name].closed for name in "abc"] == [True, False, False]
    assert [house.come_back(info)[1]["resumed"] for _, info in games] == [False, True, True]


def test_where_nothing_is_kept_there_is_no_secret() -> None:
    house = House(ttl_s=0)
    session, info = house.play("a")
    assert info == {"id": "s1", "resumed": False, "ttl_s": 0}
    assert not house.parking.lost(session)


def test_the_end_of_the_server_closes_what_is_kept_and_nothing_is_kept_any_more(house: House) -> None:
    session, _ = house.play("a")
    other, _ = house.play("b")
    house.parking.lost(session)
    house.parking.close()
    house.parking.close()
    assert house.closed == [session]
    assert house.brains.agents["a"].closed
    assert not house.parking.lost(other)
    assert house.parking.expire() is None


# What goes on, and what is forgotten


def test_numbers_go_on_both_ways(house: House) -> None:
    session, info = house.play("a")
    for seq in (1, 2):
        session.receive(snapshot(seq, "a"))
        tick(session)
    house.parking.lost(session)
    house.come_back(info)
    session.receive(snapshot(2, "a"))
    sent = messages(session)
    assert errors(sent) == ["stale"]
    assert (actions(sent)["snapshot"], actions(sent)["seq"]) == (2, 3)
    session.receive(snapshot(3, "a"))
    assert actions(tick(session))["seq"] == 4


def test_the_limits_are_those_of_the_new_hello(house: House) -> None:
    session, info = house.play("a")
    house.parking.lost(session)
    house.come_back(info, limits={"max_message_bytes": 4096})
    house.brains.agents["a"].todo = [{"speech": [("l", "x" * 10_000, True)]}]
    session.receive(snapshot(1, "a"))
    session.tick()
    frames = session.outgoing()
    assert len(frames) > 3
    assert all(len(one) <= 4096 for one in frames)


def test_an_order_that_the_new_limits_do_not_let_through_is_taken_back(house: House) -> None:
    session, info = house.play("a")
    order = order_for(house, session, "a", 1, order=Walk(to="x" * 5000))
    house.parking.lost(session)
    house.come_back(info, limits={"max_message_bytes": 4096})
    session.receive(agents("a"))
    session.receive(snapshot(2, "a"))
    sent = tick(session)
    assert errors(sent) == ["limit_exceeded"]
    session.receive(snapshot(3, "a"))
    assert actions(tick(session))["cancel"] == [order]
    assert [one.status for one in house.brains.agents["a"].seen[-1].results] == ["rejected"]


def test_who_it_is_is_told_by_the_new_hello(house: House) -> None:
    session, info = house.play()
    house.parking.lost(session)
    house.come_back(info, client={"name": "castle"})
    assert session.client == {"name": "castle"}


def test_unanswered_snapshots_are_never_answered_and_unsent_frames_are_dropped(house: House) -> None:
    session, info = house.play("a", "b")
    session.receive(snapshot(1, "a"))
    session.tick()
    session.receive(frame("ping"))
    session.receive(snapshot(2, "a"))
    session.receive(snapshot(3, "b"))
    house.parking.lost(session)
    assert session.backlog == 0
    assert not session.due
    house.come_back(info)
    assert session.tick() == []
    assert messages(session) == [], "the wake came with the welcome"
    session.receive(snapshot(4, "a"))
    assert actions(tick(session))["snapshot"] == 4


def test_events_and_results_that_came_are_heard_of_although_their_snapshot_is_forgotten(house: House) -> None:
    session, info = house.play("a")
    order = order_for(house, session, "a", 1)
    session.receive(snapshot(2, "a", events=[{"name": "bell"}], results=[result("a", order)]))
    house.parking.lost(session)
    house.come_back(info)
    session.receive(agents("a"))
    session.receive(snapshot(3, "a"))
    assert actions(tick(session))["actions"] == [], "what has ended is not named again"
    seen = house.brains.agents["a"].seen[-1]
    assert [event.name for event in seen.events] == ["bell"]
    assert [(one.id, one.status) for one in seen.results] == [(order, "success")]


def test_events_are_counted_from_the_start_again() -> None:
    house = House()
    session = house.fresh(limits=SessionLimits(max_events=3))
    session.receive(hello())
    (welcome,) = messages(session)
    session.receive(agents("a", "b"))
    session.receive(snapshot(1, "a", events=[{"name": "x", "agent": "a"}] * 3))
    house.parking.lost(session)
    house.come_back(welcome["session"])
    session.receive(snapshot(2, "a", "b", events=[{"name": "y", "agent": "b"}] * 3))
    assert errors(tick(session)) == []
    assert [len(house.brains.agents[name].seen[-1].events) for name in "ab"] == [3, 3]


def test_bad_frames_are_counted_from_the_start_again(house: House) -> None:
    session, info = house.play()
    for _ in range(100):
        session.receive("rubbish")
    house.parking.lost(session)
    house.come_back(info)
    session.receive("rubbish")
    assert session.closing is None


# Orders


@pytest.mark.parametrize("arrived", [True, False])
def test_running_orders_are_named_again_whether_they_arrived_or_not(house: House, arrived: bool) -> None:
    session, info = house.play("a", "b")
    house.brains.agents["a"].todo = [{"order": Walk(to="gate")}]
    session.receive(snapshot(1, "a"))
    session.tick()
    (first,) = actions(messages(session))["actions"] if arrived else [None]
    house.parking.lost(session)
    house.come_back(info)
    session.receive(agents("a", "b"))
    session.receive(snapshot(2, "b"))
    (again,) = actions(tick(session))["actions"]
    assert again["params"] == {"to": "gate"}
    assert first is None or again == first
    session.receive(frame("action_result", **result("a", again["id"])))
    session.receive(snapshot(3, "a"))
    assert errors(tick(session)) == []
    assert [one.status for one in house.brains.agents["a"].seen[-1].results] == ["success"]


def test_orders_that_are_running_are_known(house: House) -> None:
    session, info = house.play("a")
    order = order_for(house, session, "a", 1)
    house.parking.lost(session)
    house.come_back(info)
    session.receive(agents("a"))
    session.receive(frame("action_result", **result("a", order, "running")))
    session.receive(snapshot(2, "a"))
    message = actions(tick(session))
    assert message["cancel"] == []
    assert [one["id"] for one in message["actions"]] == [order]


def test_an_end_that_is_told_twice_because_of_the_loss_is_stale_and_does_no_harm(house: House) -> None:
    session, info = house.play("a")
    order = order_for(house, session, "a", 1)
    session.receive(frame("action_result", **result("a", order)))
    house.parking.lost(session)
    house.come_back(info)
    session.receive(agents("a"))
    session.receive(frame("action_result", **result("a", order)))
    session.receive(snapshot(2, "a"))
    sent = tick(session)
    assert errors(sent) == ["stale"]
    assert actions(sent)["cancel"] == []
    assert len(house.brains.agents["a"].seen[-1].results) == 1


def test_an_end_may_be_told_twice_of_an_order_that_was_named_again_meanwhile(house: House) -> None:
    """The end was on its way when the order was named again, which the game answers with the end."""
    session, info = house.play("a")
    order = order_for(house, session, "a", 1)
    house.parking.lost(session)
    house.come_back(info)
    session.receive(agents("a"))
    session.receive(snapshot(2, "a"))
    assert [one["id"] for one in actions(tick(session))["actions"]] == [order]
    session.receive(frame("action_result", **result("a", order)))
    session.receive(frame("action_result", **result("a", order)))
    session.receive(snapshot(3, "a"))
    sent = tick(session)
    assert errors(sent) == []
    assert actions(sent)["cancel"] == []
    assert len(house.brains.agents["a"].seen[-1].results) == 1


def lose_nothing(house: House, session: GameSession, info: Json) -> None:
    pass


def lose_connection(house: House, session: GameSession, info: Json) -> None:
    house.parking.lost(session)
    house.come_back(info)
    session.receive(agents("a"))


@pytest.mark.parametrize(("then", "cancels"), [(lose_nothing, 0), (lose_connection, 1)])
def test_a_cancel_that_may_not_have_arrived_is_said_again_if_the_order_still_runs(
    house: House, then: Callable[[House, GameSession, Json], None], cancels: int
) -> None:
    session, info = house.play("a")
    order = order_for(house, session, "a", 1)
    house.brains.agents["a"].todo = [{"cancels": [order]}]
    session.receive(snapshot(2, "a"))
    assert actions(tick(session))["cancel"] == [order]
    then(house, session, info)
    said = []
    for seq in (3, 4, 5):
        session.receive(frame("action_result", **result("a", order, "running")))
        session.receive(snapshot(seq, "a"))
        sent = tick(session)
        assert errors(sent) == []
        said += actions(sent)["cancel"]
    assert said == [order] * cancels, "once on each connection"
    session.receive(frame("action_result", **result("a", order, "cancelled")))
    assert errors(messages(session)) == []


def test_a_cancel_that_waits_survives_the_loss(house: House) -> None:
    session, info = house.play("a")
    order = order_for(house, session, "a", 1)
    session.receive(agents(remove=("a",)))
    house.parking.lost(session)
    house.come_back(info)
    session.receive(snapshot(2))
    assert actions(tick(session))["cancel"] == [order]


def test_an_end_makes_a_cancel_that_waits_needless(house: House) -> None:
    session, _ = house.play("a")
    order = order_for(house, session, "a", 1)
    session.receive(agents(remove=("a",)))
    session.receive(frame("action_result", **result("a", order)))
    session.receive(snapshot(2))
    assert actions(tick(session))["cancel"] == []


@pytest.mark.parametrize("agent", ["a", "gone", "never there"])
def test_a_running_order_that_nobody_knows_is_cancelled_and_no_error(house: House, agent: str) -> None:
    session, _ = house.play("a", "gone")
    session.receive(agents(remove=("gone",)))
    for _ in range(3):
        session.receive(frame("action_result", **result(agent, "x#9", "running")))
    session.receive(snapshot(1, "a", results=[result(agent, "x#8", "running")]))
    sent = tick(session)
    assert errors(sent) == []
    assert actions(sent)["cancel"] == ["x#9", "x#8"]
    session.receive(frame("action_result", **result(agent, "x#9", "cancelled")))
    session.receive(snapshot(2, "a"))
    sent = tick(session)
    assert errors(sent) == []
    assert actions(sent)["cancel"] == []


def test_the_order_of_another_agent_is_not_cancelled_by_a_mistake(house: House) -> None:
    session, _ = house.play("a", "b")
    order = order_for(house, session, "a", 1)
    session.receive(frame("action_result", **result("b", order, "running")))
    session.receive(frame("action_result", **result("ghost", order, "running")))
    session.receive(snapshot(2, "a"))
    sent = tick(session)
    assert errors(sent) == ["stale", "unknown_agent"]
    assert actions(sent)["cancel"] == []


def test_an_agent_that_did_not_stop_cleanly_leaves_orders_that_are_cancelled_when_they_are_heard_of(
    house: House,
) -> None:
    class Stubborn(FakeAgent):
        def close(self) -> tuple[str, ...]:
            raise RuntimeError("no")

    session, _ = house.play("a")
    order = order_for(house, session, "a", 1)
    house.brains.agents["a"].__class__ = Stubborn
    session.receive(agents(remove=("a",)))
    session.receive(frame("action_result", **result("a", order, "running")))
    session.receive(snapshot(2))
    assert actions(tick(session))["cancel"] == [order]


def test_a_flood_of_running_orders_does_not_pile_up(house: House) -> None:
    session, _ = house.play("a")
    for number in range(0, 20_000, 100):
        said = [result("a", f"x{one}", "running") for one in range(number, number + 100)]
        session.receive(snapshot(1, "a", results=said))
    assert set(errors(messages(session))) == {"stale"}
    session.tick()
    session.outgoing()
    cancelled = 0
    for seq in range(2, 12):
        session.receive(snapshot(seq, "a"))
        cancelled += len(actions(tick(session))["cancel"])
    assert cancelled <= 1024


# Wakes


def test_an_answer_that_comes_meanwhile_wakes_its_agent_after_the_resume(house: House) -> None:
    session, info = house.play("a", "b")
    house.parking.lost(session)
    assert house.parking.get("s1") is session
    session.answered("b")
    assert session.backlog == 0
    back = house.fresh()
    back.receive(hello(session={"id": "s1", "resume": info["resume"]}))
    welcome, wake = messages(session)
    assert welcome["session"]["resumed"] is True
    assert wake == {"type": "wake", "agents": ["b"]}


def test_a_wake_that_may_not_have_arrived_is_said_again(house: House) -> None:
    session, info = house.play("a", "b")
    session.answered("a")
    assert messages(session) == [{"type": "wake", "agents": ["a"]}]
    house.parking.lost(session)
    back = house.fresh()
    back.receive(hello(session={"id": "s1", "resume": info["resume"]}))
    assert messages(session)[1:] == [{"type": "wake", "agents": ["a"]}]


def test_whoever_was_about_to_be_ticked_is_woken(house: House) -> None:
    session, info = house.play("a", "b")
    session.receive(snapshot(1, "a"))
    session.answered("a")
    house.parking.lost(session)
    back = house.fresh()
    back.receive(hello(session={"id": "s1", "resume": info["resume"]}))
    assert messages(session)[1:] == [{"type": "wake", "agents": ["a"]}]


def test_an_agent_that_does_not_come_back_is_not_woken(house: House) -> None:
    session, info = house.play("a")
    session.receive(snapshot(1, "a"))
    house.parking.lost(session)
    other = house.fresh()
    other.receive(hello(session={"id": "s1", "resume": info["resume"]}))
    session.receive(agents(remove=("a",)))
    assert [message["type"] for message in messages(session)] == ["welcome", "agents_ack"]


# Counts and the log


def test_what_came_and_was_sent_is_counted(house: House) -> None:
    session, info = house.play("a")
    assert session.counts == SessionCounts()
    order = order_for(house, session, "a", 1)
    session.receive(frame("action_result", **result("a", order, "running")))
    session.receive(snapshot(2, "a", events=[{"name": "x"}, {"name": "y", "agent": "ghost"}]))
    session.receive("rubbish")
    session.receive('{"type":"snapshot","seq":3}')
    house.parking.lost(session)
    house.come_back(info)
    session.receive(agents("a"))
    session.receive(snapshot(4, "a"))
    tick(session)
    house.brains.agents["a"].todo = [{"cancels": [order], "order": Wave()}]
    session.receive(snapshot(5, "a", results=[result("a", order, "running")]))
    tick(session)
    session.receive(frame("action_result", **result("a", order, "cancelled")))
    assert session.counts == SessionCounts(
        snapshots=5,
        answered=3,
        orders=2,
        repeated=1,
        cancels=1,
        results={"running": 2, "cancelled": 1},
        events=2,
        resumes=1,
    )
    assert str(session.counts) == (
        "snapshots 5, answered 3, orders 2, named again 1, cancels 1, results 1 cancelled, 2 running, events 2, "
        "resumes 1"
    )
    assert str(SessionCounts()).count(" 0") == 8


def test_what_happens_to_a_session_is_in_the_log_and_its_secret_is_not(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    session, info = house.play("a")
    house.parking.lost(session)
    house.clock.advance(2.5)
    _, again = house.come_back(info)
    house.come_back({"id": "s1\nERROR forged", "resume": "a guess"})
    _, third = house.come_back(again)
    house.parking.lost(session)
    house.clock.advance(61)
    house.parking.expire()
    assert caplog.messages == [
        "session s1: connection lost, kept for 60 s",
        "session s1: resumed after 2.5 s",
        "there is no session s1\\nERROR forged to go on with, or not for this secret",
        "session s1: taken over from a connection that still stood",
        "session s1: connection lost, kept for 60 s",
        f"session s1: closed, nobody came back within 60 s; {session.counts}",
    ]
    for secret in (info["resume"], again["resume"], third["resume"], "a guess"):
        assert secret not in caplog.text


def test_a_secret_is_in_no_error_and_no_text_of_a_session(house: House) -> None:
    session, info = house.play("a")
    session.receive(hello(session={"id": "s1", "resume": info["resume"]}))
    other = house.fresh()
    other.receive(hello(session={"id": "s1", "resume": info["resume"]}, protocol=9, min_protocol=9))
    other.receive(hello(session={"id": 5, "resume": info["resume"]}))
    texts = [*session.outgoing(), *other.outgoing(), repr(session), str(other.closing)]
    assert not any(info["resume"] in text for text in texts)


def test_agents_that_are_gone_when_the_game_comes_back_are_stopped(house: House) -> None:
    session, info = house.play("a", "b")
    order = order_for(house, session, "a", 1)
    house.parking.lost(session)
    house.come_back(info)
    session.receive(frame("agents", epoch=1, add=[entry("b"), entry("c")], remove=["a"]))
    session.receive(snapshot(2, "b", epoch=1))
    sent = tick(session)
    assert of_type("agents_ack", sent)[0]["ok"] == ["b", "c"]
    assert actions(sent)["cancel"] == [order]
    assert house.brains.agents["a"].closed


# A debugger meanwhile


def test_the_welcome_comes_first_and_then_what_happened_while_the_game_was_away(house: House) -> None:
    session, info = house.play("a", "b")
    session.hold("a", "pause")
    session.outgoing()
    house.parking.lost(session)
    session.release("a")
    session.hold("b", "breakpoint")
    session = house.fresh()
    session.receive(hello(session={"id": info["id"], "resume": info["resume"]}))
    assert session.successor is not None
    sent = messages(session.successor)
    assert [one["type"] for one in sent[:3]] == ["welcome", "release", "hold"]
    assert [one["agent"] for one in sent[1:3]] == ["a", "b"]


def test_a_release_that_may_not_have_arrived_is_said_again(house: House) -> None:
    """A game that was told to hold an agent lets it stand until it hears the contrary."""
    session, info = house.play("a", "b")
    session.hold("a", "pause")
    session.outgoing()
    session.release("a")
    session.outgoing()  # which is lost with the connection
    house.parking.lost(session)
    session, _ = house.come_back(info)
    session.receive(agents("a", "b"))
    assert [(one["type"], one["agent"]) for one in messages(session) if one["type"] in ("hold", "release")] == [
        ("release", "a")
    ]
    session.receive(agents("a", "b"))
    assert of_type("release", messages(session)) == [], "once it is said on this connection, that is that"
