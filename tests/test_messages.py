from __future__ import annotations

import contextlib
import json
import math
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brains import messages
from brains.errors import ProtocolError
from brains.messages import (
    CLOSE_CODES,
    ERROR_CODES,
    Actions,
    ActionsEntry,
    AgentsMessage,
    ChatMessage,
    ChatResponse,
    Hello,
    Pong,
    Say,
    ServerMessage,
    SessionInfo,
    SessionWish,
    SnapshotMessage,
    Welcome,
    close_reason,
    decode,
    encode,
)


def refused(frame: str | bytes) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        decode(frame)
    assert not caught.value.fatal
    return caught.value


def test_a_hello_is_read_with_its_defaults() -> None:
    message = decode('{"type":"hello","protocol":1.0,"new_field":[1]}')
    assert isinstance(message, Hello)
    assert message.protocol == 1
    assert message.limits.max_message_bytes == 65_535
    assert message.token is None


def test_a_result_in_a_snapshot_needs_no_type() -> None:
    one = {"agent": "a", "id": "a#1", "status": "success"}
    for result in (one, {"type": "action_result", **one}):
        message = decode(json.dumps({"type": "snapshot", "seq": 1, "time_ms": 5, "results": [result]}))
        assert isinstance(message, SnapshotMessage)
        assert message.results[0].status == "success"


def test_null_means_absent_where_that_is_allowed() -> None:
    message = decode('{"type":"snapshot","seq":1,"time_ms":5,"agents":{"a":{"available":null}}}')
    assert isinstance(message, SnapshotMessage)
    assert message.agents["a"].available is None


def test_a_message_without_type_is_chat() -> None:
    assert decode('{"message":"Hola"}') == ChatMessage(message="Hola")
    assert encode(ChatResponse(response="¡Hola!")) == '{"response":"¡Hola!"}'


@pytest.mark.parametrize(
    ("frame", "code", "word"),
    [
        (b'{"type":"ping"}', "bad_message", "send_text"),
        ("", "bad_message", ""),
        ("nan", "bad_message", "control characters"),
        ('{"type":"ping","t":nan}', "bad_message", "control characters"),
        ('{"type":"ping","t":inf}', "bad_message", "control characters"),
        ('{"type":"ping","t":1e99999}', "bad_message", "1e99999"),
        ('{"type":"pong","x":"\\ud800 "}', "bad_message", "surrogate pair"),
        ('{"type":"pong","x":"\\ud800"}', "bad_message", "surrogate pair"),
        ('{"type":"pong","x":"\ud800"}', "bad_message", "surrogate pair"),
        ('{"type":"pong","x":"\\v"}', "bad_message", "control characters"),
        ('{"type":"pong","x":"\x01"}', "bad_message", "control characters"),
        ('{"type":"pong","x":[1,2,]}', "bad_message", ""),
        ("[" * 100_000, "bad_message", ""),
        ("[]", "bad_message", "hello"),
        ('"hello"', "bad_message", "hello"),
        ("{}", "unknown_type", "snapshot"),
        ('{"type":7}', "unknown_type", "snapshot"),
        ('{"type":["hello"]}', "unknown_type", "snapshot"),
        ('{"type":"welcome"}', "unknown_type", "snapshot"),
        ('{"message":5}', "bad_field", ""),
        ('{"type":"hello"}', "bad_field", "protocol"),
        ('{"type":"hello","protocol":"1"}', "bad_field", "protocol"),
        ('{"type":"snapshot","seq":1}', "bad_field", "time_ms"),
        ('{"type":"snapshot","seq":-1,"time_ms":5}', "bad_field", "seq"),
        ('{"type":"snapshot","seq":9e15,"time_ms":5}', "", ""),
        ('{"type":"snapshot","seq":9e16,"time_ms":5}', "bad_field", "seq"),
        ('{"type":"action_result","agent":"a","id":"1","status":"fine"}', "bad_field", "status"),
        ('{"type":"agents","remove":[""]}', "bad_field", "remove"),
    ],
)
def test_each_wrong_frame_has_a_code_and_a_hint(frame: str | bytes, code: str, word: str) -> None:
    if not code:
        decode(frame)
        return
    error = refused(frame)
    assert error.code == code
    assert word in error.hint + error.message


def test_ids_of_agents_have_a_length() -> None:
    assert isinstance(decode(json.dumps({"type": "agents", "remove": ["x" * 200]})), AgentsMessage)
    assert refused(json.dumps({"type": "agents", "remove": ["x" * 201]})).code == "bad_field"


def test_what_is_sent_says_what_it_is_and_leaves_nothing_out_that_games_rely_on() -> None:
    empty = Actions(seq=1, snapshot=1, epoch=0, cancel=[], actions=[], busy=[], server_ms=0.0)
    assert json.loads(encode(empty)) == {
        "type": "actions",
        "seq": 1,
        "snapshot": 1,
        "epoch": 0,
        "cancel": [],
        "actions": [],
        "busy": [],
        "server_ms": 0.0,
    }
    assert json.loads(encode(Say(agent="a", id="l", text="", done=False)))["done"] is False


@pytest.mark.parametrize("secret", [None, "q3J8vN0d"])
def test_a_welcome_says_whether_it_is_a_session_resumed_and_how_to_resume_it(secret: str | None) -> None:
    session = SessionInfo(id="s1", resume=secret, resumed=False, ttl_s=60)
    welcome = Welcome(
        protocol=1, server={}, session=session, tick={}, limits={}, heartbeat_s=20, features=[], brains=[]
    )
    said = {} if secret is None else {"resume": secret}
    assert json.loads(encode(welcome))["session"] == {"id": "s1", **said, "resumed": False, "ttl_s": 60}


def test_a_wish_to_resume_is_read() -> None:
    message = decode('{"type":"hello","protocol":1,"session":{"id":"s1","resume":null,"more":1}}')
    assert isinstance(message, Hello)
    assert message.session == SessionWish(id="s1", resume=None)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_no_frame_has_a_number_that_godot_refuses(value: float) -> None:
    entry = ActionsEntry(agent="a", id="1", name="Walk", params={"speed": value}, source="tree")
    message = Actions(seq=1, snapshot=1, epoch=0, cancel=[], actions=[entry], busy=[], server_ms=value)
    frame = json.loads(encode(message), parse_constant=lambda name: pytest.fail(name))
    assert frame["actions"][0]["params"] == {"speed": None}
    assert encode(Pong(t=value)) == '{"type":"pong","t":null}'


def test_every_message_to_the_game_has_its_own_type() -> None:
    tags = [msgspec.inspect.type_info(kind).tag for kind in ServerMessage.__args__]  # type: ignore[attr-defined]
    assert len(set(tags)) == len(tags)


def test_close_codes_are_errors_and_in_the_private_range() -> None:
    assert set(CLOSE_CODES) <= set(ERROR_CODES)
    assert all(4400 <= code < 4500 for code in CLOSE_CODES.values())
    assert len(set(ERROR_CODES)) == len(ERROR_CODES)


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8")))
def test_a_close_reason_fits_into_a_close_frame(text: str) -> None:
    reason = close_reason("bad_message", text)
    assert len(reason.encode()) <= 123
    assert f"bad_message: {text}".startswith(reason)


@settings(deadline=None)
@given(st.binary(max_size=60) | st.text().map(str.encode))
def test_any_bytes_as_text_are_read_or_refused(raw: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        decode(raw.decode(errors="replace"))


json_values: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@settings(deadline=None)
@given(st.dictionaries(st.text(st.characters(codec="utf-8")), json_values, max_size=4))
def test_free_form_data_comes_through_unchanged(world: dict[str, Any]) -> None:
    message = decode(json.dumps({"type": "snapshot", "seq": 1, "time_ms": 5, "world": world}))
    assert isinstance(message, SnapshotMessage)
    assert message.world == world


def test_all_names_are_there() -> None:
    assert all(hasattr(messages, name) for name in messages.__all__)


def test_half_a_surrogate_pair_in_a_text_does_not_keep_a_message_from_being_sent() -> None:
    """A model that breaks an emoji in two, or the name of a file, brings one."""
    order = ActionsEntry(agent="a", id="a#1", name="Shout", params={"to\ud83d": ["x\udc00y"]}, source="llm")
    sent = json.loads(encode(Actions(seq=1, snapshot=1, epoch=0, cancel=[], actions=[order], busy=[], server_ms=0.5)))
    assert sent["type"] == "actions"
    assert sent["actions"][0]["params"] == {"to\ufffd": ["x\ufffdy"]}
    assert sent["server_ms"] == 0.5
    assert json.loads(encode(ChatResponse(response="\ud83d"))) == {"response": "\ufffd"}
