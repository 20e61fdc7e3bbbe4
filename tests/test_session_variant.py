"""Messages as Variants: only once they were agreed on, and then as good as JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brains.messages import Hello
from brains.session import GameSession
from brains.variant import to_bytes
from tests.fakes.session import FakeBrains, agents, hello, messages, of_type, snapshot


def session_of(brains: FakeBrains) -> GameSession:
    return GameSession(brains, brains.make, new_id=lambda: "s1", now=lambda: 0.0)


@pytest.fixture
def brains() -> FakeBrains:
    return FakeBrains()


@pytest.fixture
def session(brains: FakeBrains) -> GameSession:
    """An open session with the agent `a`, in which Variants are welcome."""
    session = session_of(brains)
    session.receive(hello(features=["telepathy", "variant"]))
    session.receive(agents("a"))
    welcome = messages(session)[0]
    assert welcome["features"] == ["variant"]
    return session


def as_variant(frame: str) -> bytes:
    return to_bytes(json.loads(frame))


def codes(sent: list[dict[str, Any]]) -> list[str]:
    return [message["code"] for message in of_type("error", sent)]


def test_a_snapshot_may_be_a_variant(session: GameSession, brains: FakeBrains) -> None:
    session.receive(as_variant(snapshot(1, "a", time_ms=1500, world={"sun": 0.5})))
    session.tick()
    (answer,) = messages(session)
    assert (answer["type"], answer["snapshot"]) == ("actions", 1)
    (seen,) = brains.agents["a"].seen
    assert (seen.me, seen.world, seen.time) == ({"seq": 1}, {"sun": 0.5}, 1.5)


def test_all_other_messages_may_be_variants_too(session: GameSession, brains: FakeBrains) -> None:
    session.receive(to_bytes({"type": "ping", "t": 3}))
    session.receive(as_variant(agents("b")))
    pong, ack = messages(session)
    assert (pong["t"], ack["ok"]) == (3, ["b"])


def test_text_is_as_good_as_before(session: GameSession) -> None:
    session.receive(as_variant(snapshot(1, "a")))
    session.receive(snapshot(2, "a"))
    session.tick()
    assert [message["snapshot"] for message in messages(session)] == [1, 2]


@pytest.mark.parametrize("features", [[], ["Variant"], ["delta"]])
def test_who_does_not_ask_for_it_may_not_send_them(brains: FakeBrains, features: list[str]) -> None:
    session = session_of(brains)
    session.receive(as_variant(hello(features=["variant"])))
    assert codes(messages(session)) == ["bad_message"]
    session.receive(hello(features=features))
    session.receive(agents("a"))
    session.receive(as_variant(snapshot(1, "a")))
    welcome, _, error, answer = messages(session)
    assert welcome["features"] == []
    assert error["code"] == "bad_message"
    assert "variant" in error["hint"]
    assert answer["snapshot"] == 1, "or the game would wait for ever"


@pytest.mark.parametrize(
    ("frame", "code", "word"),
    [
        (b"", "bad_message", "cut off"),
        (b"abc", "bad_message", "words of four"),
        (to_bytes([1, 2]), "bad_message", "object"),
        (to_bytes({}), "unknown_type", "null"),
        (to_bytes({"type": "dance"}), "unknown_type", "dance"),
        (to_bytes({"type": "snapshot", "seq": 1}), "bad_field", "time_ms"),
        (to_bytes({"type": "snapshot", "seq": 1, "time_ms": 2**60}), "bad_field", "time_ms"),
        (to_bytes({"type": "ping", "t": float("nan")}), "bad_field", "t"),
        (to_bytes({"message": "Hola"}), "unknown_type", "chat"),
    ],
)
def test_what_is_no_message_is_answered_and_the_session_goes_on(
    session: GameSession, frame: bytes, code: str, word: str
) -> None:
    session.receive(frame)
    error = messages(session)[0]
    assert (error["code"], error.get("fatal", False)) == (code, False)
    assert word in error["message"]
    session.receive(as_variant(snapshot(2, "a")))
    assert session.due


def test_a_snapshot_that_is_cut_off_is_answered(session: GameSession) -> None:
    whole = as_variant(snapshot(1, "a", world={"text": "x" * 100}))
    session.receive(whole[:-80])
    error, answer = messages(session)
    assert (error["code"], error["ref"]) == ("bad_message", {"type": "snapshot", "seq": 1})
    assert (answer["type"], answer["snapshot"]) == ("actions", 1)


def test_a_snapshot_without_end_is_answered(session: GameSession) -> None:
    deep: Any = []
    head = to_bytes({"type": "snapshot", "seq": 1, "deep": None})[:-4]
    for _ in range(500):
        deep = [deep]
    session.receive(head + to_bytes([0])[:8] * 50_000 + to_bytes(deep))
    error, answer = messages(session)
    assert "nested too deeply" in error["message"]
    assert answer["snapshot"] == 1


def test_it_holds_for_one_connection(brains: FakeBrains) -> None:
    """A game that comes back to its session with another addon has to ask again."""
    session = session_of(brains)
    session.receive(hello(features=["variant"]))
    session.receive(agents("a"))
    messages(session)
    session.resume(Hello(protocol=1))
    session.receive(as_variant(snapshot(1, "a")))
    assert codes(messages(session)) == ["bad_message"]


@given(
    st.lists(st.binary(max_size=40) | st.binary(max_size=40).map(lambda raw: raw + bytes(-len(raw) % 4)), max_size=8)
)
def test_no_bytes_break_a_session(frames: list[bytes]) -> None:
    brains = FakeBrains()
    session = session_of(brains)
    session.receive(hello(features=["variant"]))
    session.receive(agents("a"))
    for frame in frames:
        session.receive(frame)
    session.receive(as_variant(snapshot(1, "a")))
    session.tick()
    assert of_type("actions", messages(session))
