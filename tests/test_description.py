"""The protocol's description says what the library does, and what both sides really send is what it says."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import jsonschema  # type: ignore[import-untyped]
import msgspec
import pytest
from ruamel.yaml import YAML
from websockets.asyncio.server import ServerConnection, serve

from brains import __version__
from brains.cli._demo.client import GameClient
from brains.cli._demo.yard import Yard
from brains.description import (
    CHAT,
    CLOSES,
    ERRORS,
    FIELDS,
    INVALID_EXAMPLES,
    KINDS,
    Example,
    asyncapi,
    components,
    examples,
    files,
    fill_in,
    json_schema,
    to_yaml,
)
from brains.errors import ProtocolError
from brains.messages import CLOSE_CODES, ERROR_CODES, ChatMessage, ChatResponse, ClientMessage, ServerMessage, decode
from brains.session import GameSession, SessionLimits
from brains.session.hello import HEARTBEAT_S
from brains.session.limits import MIN_MESSAGE_BYTES
from brains.session.parking import TTL_S
from brains.snapshot import Fault
from tests.fakes.session import FakeBrains, Json, Walk, agents, frame, hello, result, snapshot

DOCS = Path(__file__).parent.parent / "docs" / "protocol"
REGENERATE = "run `brains protocol --write docs/protocol`"

SCHEMA = json_schema()
_server_decoder: msgspec.json.Decoder[ServerMessage] = msgspec.json.Decoder(ServerMessage)


def validator(name: str) -> Any:
    return jsonschema.Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": SCHEMA["$defs"]})


FROM = {"client": validator("ClientMessage"), "server": validator("ServerMessage")}


def from_server(text: str) -> Any:
    return _server_decoder.decode(text)


def with_integers(value: Any) -> Any:
    """Return a message with 3 instead of 3.0, as msgspec wants it where a field is an `int`."""
    if isinstance(value, dict):
        return {key: with_integers(part) for key, part in value.items()}
    if isinstance(value, list):
        return [with_integers(part) for part in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


# Completeness


def test_every_message_is_described_once_with_who_sends_it() -> None:
    by_class = {kind.cls: set(kind.senders) for kind in KINDS}
    assert len(by_class) == len(KINDS)
    both = {"client": get_args(ClientMessage), "server": get_args(ServerMessage)}
    for sender, classes in both.items():
        assert {cls for cls, senders in by_class.items() if sender in senders} == set(classes)


def test_every_field_of_every_object_is_described() -> None:
    """A new field needs a text in `brains.description.kinds`, and one that is gone needs none any more."""
    schemas = components("{name}")
    schemas.pop("ActionResultInSnapshot")
    fields = {name: {field for field in one["properties"] if field != "type"} for name, one in schemas.items()}
    assert {name: set(texts) for name, texts in FIELDS.items()} == fields


def test_every_code_has_a_meaning() -> None:
    assert set(ERRORS) == set(ERROR_CODES)
    assert {close.name: close.code for close in CLOSES if close.code >= 4000} == CLOSE_CODES


def test_a_client_tries_again_except_after_these() -> None:
    assert {close.code for close in CLOSES if not close.retry} == {1000, 4401, 4406, 4413}


# The schema


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("count", [3, 3.0])
def test_a_count_is_an_integer_however_it_is_written(count: float) -> None:
    FROM["client"].validate({"type": "snapshot", "seq": count, "time_ms": 1.5})
    assert not FROM["client"].is_valid({"type": "snapshot", "seq": count + 0.5, "time_ms": 1.5})


def test_a_result_needs_its_type_except_in_a_snapshot() -> None:
    one = {"agent": "a", "id": "a#1", "status": "success"}
    FROM["client"].validate({"type": "snapshot", "seq": 1, "time_ms": 1, "results": [one]})
    assert not FROM["client"].is_valid(one)


# Examples


@pytest.mark.parametrize("example", list(examples()), ids=lambda one: f"{one.sender}/{one.type}.{one.case}")
def test_an_example_is_a_message(example: Example) -> None:
    text = json.dumps(example.message)
    if example.sender == "chat":
        kind = ChatMessage if example.type == "chat_message" else ChatResponse
        assert isinstance(msgspec.json.decode(text, type=kind), kind)
        validator(kind.__name__).validate(example.message)
        return
    if example.sender == "client":
        message: Any = decode(text)
    else:
        message = from_server(json.dumps(with_integers(example.message)))
    assert example.message["type"] == type(message).__struct_config__.tag == example.type
    FROM[example.sender].validate(example.message)


def test_each_message_has_a_minimal_and_a_full_example() -> None:
    found = {(one.sender, one.type, one.case) for one in examples()}
    for kind in KINDS:
        for sender in kind.senders:
            assert (sender, kind.name, "minimal") in found
            optional = set(kind.cls.__struct_fields__) != {"agent"}
            assert not optional or (sender, kind.name, "full") in found
            assert (sender, kind.name, "unknown_fields") in found


def test_full_examples_have_every_field() -> None:
    for one in examples():
        if one.case == "full" and one.sender != "chat":
            kind = next(kind for kind in KINDS if kind.name == one.type)
            assert set(one.message) == {"type", *kind.cls.__struct_fields__}, f"{one.sender}/{one.type}"


INVALID = [(sender, case, *what) for sender, cases in INVALID_EXAMPLES.items() for case, what in cases.items()]


@pytest.mark.parametrize(("sender", "case", "text", "code"), INVALID, ids=lambda value: str(value)[:40])
def test_a_frame_that_is_no_message_is_refused(sender: str, case: str, text: str, code: str) -> None:
    if sender == "client":
        with pytest.raises(ProtocolError) as caught:
            decode(text)
        assert caught.value.code == code
    else:
        with pytest.raises(msgspec.MsgspecError):
            from_server(text)
    if code != "bad_message" and case != "chat_of_a_number":
        assert not FROM[sender].is_valid(json.loads(text))


# AsyncAPI


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        for key, value in part.items():
            if key == "$ref" and isinstance(value, str):
                yield value
            else:
                yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


def resolved(document: Any, ref: str) -> Any:
    for key in ref.removeprefix("#/").split("/"):
        document = document[key]
    return document


def test_every_reference_leads_somewhere() -> None:
    document = asyncapi("0")
    refs = set(references(document))
    assert refs
    for ref in refs:
        assert resolved(document, ref)


def test_every_message_is_received_or_sent_by_the_server() -> None:
    document = asyncapi("0")
    did: dict[str, set[str]] = {"receive": set(), "send": set()}
    for operation in document["operations"].values():
        did[operation["action"]] |= {ref["$ref"].rpartition("/")[2] for ref in operation["messages"]}
        did["send"] |= {ref["$ref"].rpartition("/")[2] for ref in operation.get("reply", {}).get("messages", [])}
    assert did["receive"] == {kind.name for kind in (*KINDS, *CHAT) if "client" in kind.senders}
    assert did["send"] == {kind.name for kind in (*KINDS, *CHAT) if "server" in kind.senders}


def test_the_examples_of_a_message_are_valid_for_it() -> None:
    document = asyncapi("0")
    for name, message in document["components"]["messages"].items():
        checked = jsonschema.Draft202012Validator({**message["payload"], "components": document["components"]})
        assert message["examples"], name
        for example in message["examples"]:
            checked.validate(example["payload"])


def test_the_yaml_says_the_same() -> None:
    document = asyncapi("0")
    assert YAML(typ="safe", pure=True).load(to_yaml(document)) == document


# Files


def test_the_checked_in_files_are_the_generated_ones() -> None:
    made = files(__version__)
    for path, text in made.items():
        file = DOCS / path
        assert file.is_file(), f"{path} is missing: {REGENERATE}"
        assert file.read_text(encoding="utf-8") == text, f"{path} is out of date: {REGENERATE}"
    extra = {file.relative_to(DOCS).as_posix() for file in (DOCS / "examples").rglob("*.json")} - set(made)
    assert not extra, REGENERATE


def test_the_tables_of_the_readme_are_the_generated_ones() -> None:
    text = (DOCS / "README.md").read_text(encoding="utf-8")
    assert text == fill_in(text), REGENERATE


def test_the_readme_has_all_tables_and_the_limits_that_there_are() -> None:
    text = (DOCS / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"<!-- generated: (\w+) -->", text)) == {"overview", "messages", "closes", "errors"}
    limits = SessionLimits()
    assert limits.max_message_bytes == 4 * 1024 * 1024
    rows = {
        "`welcome.limits.max_message_bytes`, 4 MiB",
        f"`welcome.limits.max_agents`, {limits.max_agents}",
        f"| actions that an agent declares | {limits.max_actions} |",
        f"| events between two answers | {limits.max_events} |",
        f"| unusable messages in a row | {limits.max_bad_frames} |",
        f"`welcome.heartbeat_s`, {HEARTBEAT_S:g} s",
        f"`welcome.session.ttl_s`, {TTL_S:g} s",
        f"`hello.limits.max_message_bytes`: {MIN_MESSAGE_BYTES} or more",
    }
    assert [row for row in rows if row not in text] == []


def test_the_conversation_in_the_readme_is_valid() -> None:
    block = re.search(
        r"## A conversation\n\n```\n(.*?)```", (DOCS / "README.md").read_text(encoding="utf-8"), re.DOTALL
    )
    assert block is not None
    lines = re.sub(r"\n {9}", " ", block[1]).splitlines()
    whole = [line.partition(" ") for line in lines if "..." not in line]
    assert len(whole) >= 8
    for who, _, text in whole:
        FROM["client" if who == "game" else "server"].validate(json.loads(text))


# What is really sent


def sent_by_a_session() -> list[str]:
    """Play a session in which everything happens that a server has something to say about."""
    brains = FakeBrains()
    session = GameSession(brains, brains.make)
    frames: list[str] = []

    def play(*texts: str | bytes) -> None:
        for text in texts:
            session.receive(text)
        session.tick()
        frames.extend(session.outgoing())

    play(frame("ping", t=1.5), snapshot(1), hello(), hello())
    play(agents("a", "a", epoch=1), frame("agents", epoch=1, add=[{"id": "b", "brain": "nonsense"}]))
    fault = Fault(leaf="Guard/Walk", error="KeyError: 'me'", traceback="", first=True)
    brains.agents["a"].todo = [
        {"order": Walk(to="gate"), "speech": [("line", "Halt!", False), ("line", "", True)]},
        {"cancels": ["a#1"], "faults": [fault]},
        {"order": Walk(to="here")},
        RuntimeError("a bug"),
    ]
    for seq in (1, 2, 3, 4):
        play(snapshot(seq, "a", epoch=1))
        session.answered("a")
        frames.extend(session.outgoing())
    play(snapshot(5, "stranger", epoch=1), snapshot(5, "a", epoch=1), snapshot(6, "a", epoch=0))
    play(frame("action_result", **result("a", "nobody#1", "running")), frame("action_result", **result("a", "a#9")))
    play(snapshot(7, epoch=1, events=[{"name": "bell"}] * 300), '{"type":"snapshot","seq":8,"x":"\x01"}', b"", "[]")
    play('{"type":"dance"}', '{"type":"snapshot","seq":"9"}')
    session.close()
    frames += session.outgoing()
    refused = GameSession(brains, brains.make, token="secret")
    refused.receive(hello())
    return frames + refused.outgoing()


def test_all_that_a_session_sends_is_valid() -> None:
    messages = [json.loads(text) for text in sent_by_a_session()]
    for message in messages:
        FROM["server"].validate(message)
    assert {message["type"] for message in messages} == {
        "welcome",
        "agents_ack",
        "actions",
        "say",
        "wake",
        "error",
        "pong",
    }
    codes = {message["code"] for message in messages if message["type"] == "error"}
    assert len(codes) >= 8


class Kinds(FakeBrains):
    """Takes every kind of the yard."""

    def names(self) -> list[str]:
        return ["guard", "merchant", "villager", "thief"]

    def get(self, name: str) -> str:
        return name


class Quiet:
    def news(self, who: str, text: str) -> None: ...

    def speech(self, agent: str, text: str, done: bool) -> None: ...

    def problem(self, text: str) -> None: ...


async def test_all_that_the_demo_and_its_server_say_over_a_socket_is_valid() -> None:
    brains = Kinds()
    said: dict[str, list[Json]] = {"client": [], "server": []}

    async def handle(socket: ServerConnection) -> None:
        session = GameSession(brains, brains.make)
        async for text in socket:
            said["client"].append(json.loads(text))
            session.receive(text)
            for agent in brains.agents.values():
                agent.todo = agent.todo or [{"order": Walk(to="gate")}, {}, {}]
            session.tick()
            for answer in session.outgoing():
                said["server"].append(json.loads(answer))
                await socket.send(answer)

    async with serve(handle, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        client = GameClient(f"ws://127.0.0.1:{port}", Yard(), {"Walk": Walk}, rate=10, speed=20, watcher=Quiet())
        await client.play(5, asyncio.Event())
    for sender, messages in said.items():
        for message in messages:
            FROM[sender].validate(message)
    assert {"hello", "agents", "snapshot", "bye"} <= {message["type"] for message in said["client"]}
    assert any(message["results"] for message in said["client"] if message.get("results"))
    assert any(message.get("events") for message in said["client"])
    with contextlib.suppress(StopIteration):
        assert next(message for message in said["server"] if message["type"] == "actions")
