from __future__ import annotations

import json

from brains.messages import AgentsAck, Pong, Rejection, SessionInfo, Wake, Welcome
from brains.session.outbox import Outbox, size_of
from tests.fakes.session import Json


def small() -> Outbox:
    outbox = Outbox()
    outbox.max_bytes = 4096
    return outbox


def sent(outbox: Outbox) -> list[Json]:
    frames = outbox.take()
    assert all(size_of(frame) <= outbox.max_bytes for frame in frames)
    return [json.loads(frame) for frame in frames]


def test_limits_count_bytes() -> None:
    assert (size_of("abc"), size_of("ñandú")) == (3, 7)


def test_frames_keep_their_order() -> None:
    outbox = small()
    outbox.put(Pong(t=1))
    outbox.put(Wake(agents=["a" * 100 + str(number) for number in range(200)]))
    outbox.put(Pong(t=2))
    messages = sent(outbox)
    assert [messages[0]["t"], messages[-1]["t"]] == [1.0, 2.0]
    assert [agent[100:] for message in messages[1:-1] for agent in message["agents"]] == [
        str(number) for number in range(200)
    ]
    assert sent(outbox) == []


def test_a_welcome_names_as_many_brains_as_fit() -> None:
    outbox = small()
    names = [f"brain {number:04}" for number in range(2000)]
    session = SessionInfo(id="s", resumed=False, ttl_s=0)
    welcome = Welcome(
        protocol=1, server={}, session=session, tick={}, limits={}, heartbeat_s=20.0, features=[], brains=names
    )
    outbox.put(welcome)
    (message,) = sent(outbox)
    assert message["brains"] == names[: len(message["brains"])]
    assert message["brains"]


def test_a_rejection_is_cut_short() -> None:
    outbox = small()
    rejection = Rejection(id="a", code="agent_fault", message="é" * 5000)
    outbox.put(AgentsAck(epoch=1, ok=["b"], rejected=[rejection]))
    first, second = sent(outbox)
    assert (first["ok"], first["rejected"]) == (["b"], [])
    assert second["rejected"][0]["message"].endswith("...")


def test_an_error_is_cut_short() -> None:
    outbox = small()
    outbox.error("internal", "é" * 5000, {"agent": "x" * 4000}, hint="h" * 5000)
    (message,) = sent(outbox)
    assert message["code"] == "internal"
    assert message["message"].startswith("ééé")
