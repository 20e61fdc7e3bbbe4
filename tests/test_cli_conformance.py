"""`brains conformance`: what follows the protocol passes, and what breaks a rule of it fails the check of that rule."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from py_trees.behaviour import Behaviour

from brains import Action, GameAction, ReactiveSelector, brain
from brains.agent import Agent
from brains.cli._conformance.checks import Pace
from brains.cli._conformance.checks import Result as Checked
from brains.cli._conformance.clients import check_client
from brains.cli._conformance.filling import Unfillable, fill, spoil
from brains.cli._conformance.game import Game, client_checks
from brains.cli._conformance.player import Visit, server_checks
from brains.cli._conformance.servers import check_server
from brains.cli.conformance import command
from brains.errors import BrainsError, ConfigError
from brains.gateway import Gateway
from brains.library import BrainLibrary
from brains.messages import DeclaredAction
from brains.models.scripted import ScriptedModel
from brains.prompts import PromptLibrary
from brains.server import Server
from tests.fakes.protocol_client import ProtocolClient
from tests.fakes.protocol_liar import Json, Lie, lying

QUICK = Pace(answer=5, hello=0.4, quiet=0.05, withhold=0.1, back=5, patience=0.2)
HASTY = Pace(answer=0.3, hello=0.2, quiet=0.05, withhold=0.1, back=0.3, patience=0.3)


class Patrol(GameAction):
    route: str = "wall"


class Rest(GameAction):
    pass


@brain("guard")
def guard() -> Behaviour:
    return ReactiveSelector("Guard", [Action("Patrol", Patrol()), Action("Rest", Rest())])


DECLARED = [DeclaredAction(name="Patrol"), DeclaredAction(name="Rest")]


@contextlib.asynccontextmanager
async def serving(**options: Any) -> AsyncIterator[str]:
    """Yield the URL of a real server with a guard who always wants to do something."""
    gateway = Gateway(ScriptedModel())
    factory = functools.partial(Agent, prompts=PromptLibrary(), asker=gateway)
    async with Server(BrainLibrary.of([guard]), factory, gateway, port=0, hello_timeout=0.4, **options) as server:
        try:
            yield server.url
        finally:
            await gateway.close()


def bad(results: list[Checked]) -> list[str]:
    return [f"{one.check}: {one.expected} -> {one.got}" for one in results if one.outcome == "failed"]


def names(results: list[Checked], outcome: str) -> list[str]:
    return [one.check for one in results if one.outcome == outcome]


# Servers


async def test_our_server_passes() -> None:
    async with serving(token="secret") as url:
        told: list[Checked] = []
        results = await check_server(Visit(url, token="secret", declared=DECLARED, pace=QUICK), told.append)
    assert bad(results) == []
    assert names(results, "skipped") == []
    assert told == results
    assert len(results) == len(list(server_checks))


async def test_what_cannot_be_checked_is_skipped_and_says_why() -> None:
    async with serving() as url:
        results = await check_server(
            Visit(url, pace=QUICK), print, lambda name: name in ("hello.token", "snapshot.seq")
        )
    assert [one.outcome for one in results] == ["skipped", "skipped"]
    assert "--token" in results[0].got
    assert "--declare" in results[1].got


@pytest.mark.parametrize("url", ["http://127.0.0.1:8799", "ws://", "ws://127.0.0.1:99999"])
async def test_what_is_no_address_is_an_error(url: str) -> None:
    with pytest.raises(BrainsError, match="no address of a WebSocket server, such as ws://"):
        await check_server(Visit(url, pace=QUICK), print)


async def test_a_server_that_is_not_there_is_an_error() -> None:
    with pytest.raises(BrainsError, match="cannot connect"):
        await check_server(Visit("ws://127.0.0.1:1", pace=QUICK), print)


@pytest.mark.parametrize("name", [check.name for check in server_checks if check.name.startswith("resume.")])
async def test_a_server_that_has_just_begun_keeps_sessions(name: str) -> None:
    async with serving() as url:
        results = await check_server(Visit(url, declared=DECLARED, pace=QUICK), print, lambda one: one == name)
    assert [one.outcome for one in results] == ["ok"], results


class NoWelcome(Lie):
    def tell(self, message: Json) -> Any:
        return None if message["type"] == "welcome" else message


class Nameless(Lie):
    def tell(self, message: Json) -> Any:
        return {**message, "session": {**message["session"], "id": ""}} if message["type"] == "welcome" else message


class Telepath(Lie):
    def tell(self, message: Json) -> Any:
        return {**message, "features": ["telepathy"]} if message["type"] == "welcome" else message


class Version2(Lie):
    def tell(self, message: Json) -> Any:
        return {**message, "protocol": 2} if message["type"] == "welcome" else message


class Numberless(Lie):
    """Does not like 1.0."""

    def to_server(self, frame: str | bytes) -> str | bytes | None:
        return None if isinstance(frame, str) and '"protocol":1.0' in frame else frame


class Generous(Lie):
    """Lets everybody in."""

    def ask(self, message: Json) -> Json | None:
        if message["type"] == "hello":
            return {**message, "protocol": 1, "min_protocol": 1, "token": "secret", "limits": {}}
        return message


class Wordless(Lie):
    """Sends no errors."""

    def tell(self, message: Json) -> Any:
        return None if message["type"] == "error" else message


class Nervous(Lie):
    """Closes when something is wrong."""

    def tell(self, message: Json) -> Any:
        return {**message, "fatal": True} if message["type"] == "error" else message


class Greedy(Lie):
    """Takes every agent."""

    def tell(self, message: Json) -> Any:
        if message["type"] != "agents_ack":
            return message
        return {**message, "ok": message["ok"] + [one["id"] for one in message["rejected"]], "rejected": []}


class Choosy(Lie):
    """Takes no agent."""

    def tell(self, message: Json) -> Any:
        if message["type"] != "agents_ack":
            return message
        refused = [{"id": id, "code": "unknown_brain", "message": ""} for id in message["ok"]]
        return {**message, "ok": [], "rejected": refused + message["rejected"]}


class OnlyOnce(Lie):
    """Refuses an agent that is in already."""

    def __init__(self) -> None:
        super().__init__()
        self.known = 0

    def tell(self, message: Json) -> Any:
        self.known += message["type"] == "agents_ack"
        return Choosy().tell(message) if self.known > 1 else message


class Forgetful(Lie):
    """Answers every second snapshot."""

    def tell(self, message: Json) -> Any:
        return None if message["type"] == "actions" and self.answers % 2 == 0 else message


class Unfair(Lie):
    """Answers only snapshots that it likes."""

    def to_server(self, frame: str | bytes) -> str | bytes | None:
        if not isinstance(frame, str) or "snapshot" not in frame:
            return frame
        odd = ("nan", "\x01", "1e99999", "\\v", "stranger", '"agents":{}')
        return None if any(one in frame for one in odd) or '"time_ms"' not in frame else frame


class Illiterate(Lie):
    """Answers no snapshots as Variants, or once it has offered to take those, none as text."""

    text = False

    def to_server(self, frame: str | bytes) -> str | bytes | None:
        if isinstance(frame, bytes):
            return frame if self.text else None
        return None if self.text and '"snapshot"' in frame else frame


class IlliterateInText(Illiterate):
    text = True


class NoRepeats(Lie):
    """Answers no snapshot that has no new number, or another epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[int] = set()
        self.epoch = 0

    def ask(self, message: Json) -> Json | None:
        self.epoch = max(self.epoch, int(message.get("epoch", 0)))
        if message["type"] == "snapshot" and (message["seq"] in self.seen or message["epoch"] < self.epoch):
            return None
        self.seen.add(message.get("seq", 0))
        return message


class Miscounting(Lie):
    def tell(self, message: Json) -> Any:
        return {**message, "seq": message["seq"] + 10} if message["type"] == "actions" else message


class OutOfTime(Lie):
    def tell(self, message: Json) -> Any:
        return {**message, "epoch": 99} if message["type"] == "actions" else message


class Backwards(Lie):
    """Turns every two answers around."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: Json | None = None

    def tell(self, message: Json) -> Any:
        if message["type"] != "actions":
            return message
        if self.kept is None:
            self.kept = message
            return None
        kept, self.kept = self.kept, None
        return {**message, "snapshot": kept["snapshot"]}


class Doubling(Lie):
    """Answers with the same number for all."""

    def tell(self, message: Json) -> Any:
        return {**message, "seq": 1} if message["type"] == "actions" else message


class DeafPing(Lie):
    def tell(self, message: Json) -> Any:
        return {**message, "t": message["t"] + 1} if message["type"] == "pong" else message


class Touchy(Lie):
    """Complains of complaints."""

    def tell(self, message: Json) -> Any:
        return {"type": "error", "code": "internal", "message": "?"} if message["type"] == "pong" else message


class Roomy(Lie):
    """Takes frames of any length."""

    def to_server(self, frame: str | bytes) -> str | bytes | None:
        return frame[:100] if len(frame) > 1_000_000 else frame


class Undeclared(Lie):
    def tell(self, message: Json) -> Any:
        if message["type"] == "actions":
            return {**message, "actions": [{**one, "name": "Fly"} for one in message["actions"]]}
        return message


class Unmasked(Lie):
    """Ignores what is available, and always wants a patrol."""

    def tell(self, message: Json) -> Any:
        if message["type"] != "actions":
            return message
        patrol = {"agent": "a", "id": f"a#{self.answers}", "name": "Patrol", "params": {}, "source": "tree"}
        return {**message, "actions": [patrol]}


class Denying(Lie):
    """Denies every result."""

    def tell(self, message: Json) -> Any:
        return message

    def ask(self, message: Json) -> Json | None:
        if message["type"] == "action_result":
            return {**message, "id": "another#1"}
        if message["type"] == "snapshot":
            return {**message, "results": [{**one, "id": "another#1"} for one in message.get("results", [])]}
        return message


class Clinging(Lie):
    """Hears no bye."""

    def ask(self, message: Json) -> Json | None:
        return None if message["type"] == "bye" else message


class Amnesiac(Lie):
    """Resumes nothing."""

    def ask(self, message: Json) -> Json | None:
        return {**message, "session": None} if message["type"] == "hello" else message


class Trusting(Lie):
    """Says of every session that it was resumed."""

    def tell(self, message: Json) -> Any:
        if message["type"] != "welcome":
            return message
        return {**message, "session": {**message["session"], "resumed": True}}


class OldSecret(Lie):
    """Gives the same secret again."""

    real: str

    def tell(self, message: Json) -> Any:
        if message["type"] != "welcome":
            return message
        type(self).real = message["session"]["resume"]
        return {**message, "session": {**message["session"], "resume": "always the same"}}

    def ask(self, message: Json) -> Json | None:
        if message["type"] == "hello" and message.get("session"):
            return {**message, "session": {**message["session"], "resume": self.real}}
        return message


class FromOne(Lie):
    """Counts answers from one in a resumed session."""

    def tell(self, message: Json) -> Any:
        return {**message, "seq": self.answers} if message["type"] == "actions" and self.resumed else message


class NeverAgain(Lie):
    """Names no action again, and cancels nothing, in a resumed session."""

    def tell(self, message: Json) -> Any:
        if message["type"] == "actions" and self.resumed:
            return {**message, "actions": [], "cancel": []}
        return message


class Polygamous(Lie):
    """Leaves the old connection open when another one takes its session."""

    def close(self, code: int, reason: str) -> tuple[int, str] | None:
        return None if code == 4409 else (code, reason)


class Pieces(Lie):
    def tell(self, message: Json) -> Any:
        text = json.dumps(message)
        return [text[:9], text[9:]]


class Bytes(Lie):
    def tell(self, message: Json) -> Any:
        return json.dumps(message).encode()


class Verbose(Lie):
    """Writes more than a client can take."""

    def tell(self, message: Json) -> Any:
        return {**message, "x": "x" * 70_000} if message["type"] in ("welcome", "agents_ack") else message


class Inventive(Lie):
    """Sends what is no message."""

    def tell(self, message: Json) -> Any:
        return {"type": "dance"} if message["type"] == "pong" else message


class Speechless(Lie):
    """Closes without a reason."""

    def close(self, code: int, reason: str) -> tuple[int, str] | None:
        return code, ""


class Vague(Lie):
    """Closes always with 1000."""

    def close(self, code: int, reason: str) -> tuple[int, str] | None:
        return 1000, reason


LIES = [
    (NoWelcome, "hello.welcome"),
    (Nameless, "hello.welcome"),
    (NoWelcome, "hello.minimal"),
    (Telepath, "hello.lenient"),
    (Numberless, "hello.lenient"),
    (Version2, "hello.newer"),
    (Vague, "hello.version"),
    (Generous, "hello.version"),
    (Generous, "hello.token"),
    (Generous, "hello.limit"),
    (Wordless, "hello.first"),
    (Nervous, "hello.twice"),
    (Choosy, "agents.ok"),
    (OnlyOnce, "agents.again"),
    (Greedy, "agents.unknown_brain"),
    (Greedy, "agents.duplicate"),
    (Wordless, "agents.removed"),
    (Greedy, "agents.old_epoch"),
    (Verbose, "agents.pieces, frame.limit"),
    (Forgetful, "snapshot.answered"),
    (OutOfTime, "snapshot.answered"),
    (Unfair, "snapshot.empty"),
    (Forgetful, "snapshot.burst"),
    (Backwards, "snapshot.burst"),
    (Miscounting, "snapshot.seq"),
    (Doubling, "snapshot.seq"),
    (NoRepeats, "snapshot.old"),
    (Wordless, "snapshot.old"),
    (NoRepeats, "snapshot.epoch"),
    (Unfair, "snapshot.stranger"),
    (Wordless, "snapshot.stranger"),
    (Unfair, "snapshot.bad_field"),
    (Unfair, "snapshot.control_character"),
    (Unfair, "snapshot.nan"),
    (Wordless, "snapshot.overflow"),
    (Unfair, "snapshot.vertical_tab"),
    (Wordless, "frame.unknown_type"),
    (Nervous, "frame.no_type"),
    (Wordless, "frame.binary"),
    (Illiterate, "variant.snapshot"),
    (Wordless, "variant.broken"),
    (IlliterateInText, "variant.text"),
    (DeafPing, "frame.ping"),
    (Touchy, "frame.error"),
    (Roomy, "frame.too_big"),
    (NeverAgain, "resume.orphan"),
    (Wordless, "result.stranger"),
    (Undeclared, "action.fields"),
    (Unmasked, "action.mask"),
    (Denying, "result.taken"),
    (Denying, "result.riding"),
    (Clinging, "bye.closed"),
    (Amnesiac, "resume.kept"),
    (OldSecret, "resume.kept"),
    (FromOne, "resume.seq"),
    (NeverAgain, "resume.action"),
    (Trusting, "resume.secret"),
    (Trusting, "resume.bye"),
    (Polygamous, "resume.takeover"),
    (Lie, "hello.timeout"),
    (Pieces, "hello.welcome, frame.whole"),
    (Bytes, "hello.welcome, frame.text"),
    (Inventive, "frame.ping, frame.valid"),
    (Speechless, "hello.version, close.reason"),
]


@pytest.mark.parametrize(("lie", "checks"), LIES, ids=lambda value: value if isinstance(value, str) else value.__name__)
async def test_a_server_that_breaks_a_rule_fails_its_check(lie: type[Lie], checks: str) -> None:
    """The last check named has to fail. Behind a lie, nobody is there before the first frame, so `Lie` never closes."""
    wanted = checks.split(", ")
    async with serving(token="secret") as url, lying(url, lie) as there:
        visit = Visit(there, token="secret", declared=DECLARED, pace=HASTY)
        results = await check_server(visit, print, wanted.__contains__)
    assert [one.check for one in results] == wanted
    assert results[-1].outcome == "failed", results
    assert results[-1].got


async def test_a_server_behind_nobody_s_lie_passes() -> None:
    """So that it is the lie that fails."""
    known = [check.name for check in server_checks if check.name not in ("hello.timeout", "resume.takeover")]
    async with serving(token="secret") as url, lying(url, Lie) as there:
        visit = Visit(there, token="secret", declared=DECLARED, pace=QUICK)
        results = await check_server(visit, print, known.__contains__)
    assert bad(results) == []


# Clients


@contextlib.asynccontextmanager
async def playing(pace: Pace, *faults: str, token: str | None = None) -> AsyncIterator[tuple[Game, ProtocolClient]]:
    """Yield the scripted server with a client that plays."""
    async with Game(pace=pace, token=token) as game:
        client = ProtocolClient(game.url, *faults, token=token)
        task = asyncio.create_task(client.play())
        try:
            yield game, client
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_a_client_that_follows_the_protocol_passes() -> None:
    async with playing(QUICK, token="secret") as (game, _):
        results = await check_client(game, print)
    assert bad(results) == []
    assert names(results, "skipped") == []
    assert len(results) == len(list(client_checks))


FAULTS = [
    ("says no hello", "hello.first"),
    ("speaks version 2", "hello.version"),
    ("has a small buffer", "hello.limit"),
    ("declares nothing", "agents.declared"),
    ("declares a list as params", "agents.params"),
    ("does not wait for answers", "flow.window"),
    ("does not wait for answers", "flow.window, snapshot.window"),
    ("sends old snapshots", "flow.latest"),
    ("sleeps on", "flow.wake"),
    ("reports nothing", "action.begun"),
    ("does not check name", "action.undeclared"),
    ("does not check params", "action.bad_params"),
    ("does not check mask", "action.unavailable"),
    ("does not check agent", "action.stranger"),
    ("does not check epoch", "action.epoch"),
    ("does not check age", "action.ttl"),
    ("does not check order", "action.overtaken"),
    ("ignores cancels", "action.cancel"),
    ("ignores cancels", "action.cancel_first"),
    ("is silent about what it knows", "action.again_running"),
    ("does things twice", "action.again_ended"),
    ("reports unknown cancels", "action.cancel_unknown"),
    ("closes at dance", "message.unknown_type"),
    ("answers no ping", "message.ping"),
    ("never comes back", "return.soon"),
    ("forgets its session", "return.session"),
    ("keeps an old secret", "return.session"),
    ("goes on counting", "return.new"),
    ("reports old orders", "return.old_actions"),
    ("sends Variants to everybody", "return.plain"),
    ("sends no agents after a resume", "resume.agents"),
    ("begins anew after a resume", "resume.seq"),
    ("reports nothing after a resume", "resume.action"),
    ("ignores a refusal", "agents.refused"),
    ("comes back after 4401", "close.refused"),
    ("skips numbers", "message.say, snapshot.seq"),
    ("forgets the epoch", "message.say, snapshot.epoch"),
    ("goes back in time", "message.say, snapshot.time"),
    ("invents agents", "message.say, snapshot.agents"),
    ("forgets me", "message.say, snapshot.me"),
    ("writes nan", "message.say, frame.valid"),
    ("sends pieces", "message.say, frame.whole"),
]


@pytest.mark.parametrize(("fault", "checks"), FAULTS)
async def test_a_client_that_breaks_a_rule_fails_its_check(fault: str, checks: str) -> None:
    wanted = checks.split(", ")
    async with playing(HASTY, fault) as (game, client):
        results = await check_client(game, print, wanted.__contains__)
    assert fault in client.used, "the test is wrong"
    assert [one.check for one in results] == wanted
    assert results[-1].outcome == "failed", results
    assert results[-1].got


async def test_a_client_that_says_nothing_fails_the_first_check() -> None:
    async with Game(pace=HASTY) as game:
        _, port = game.url.removeprefix("ws://").split(":")
        from websockets.asyncio.client import connect

        async with connect(f"ws://127.0.0.1:{port}", proxy=None):
            results = await check_client(game, print, lambda name: name in ("hello.first", "flow.window"))
    assert [one.outcome for one in results] == ["failed", "skipped"]


async def test_without_a_client_everything_is_skipped_when_the_time_is_over() -> None:
    async with Game(pace=HASTY) as game:
        results = await check_client(game, print, seconds=0.05)
    assert len(results) == len(list(client_checks))
    assert {one.got for one in results} == {"no client came"}


async def test_a_port_in_use_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ConfigError, match="cannot listen"):
        async with Game(port=taken.getsockname()[1]):
            pass


# Values for actions


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({}, {}),
        ({"type": "object", "properties": {"a": {"type": "string"}}}, {"a": "x"}),
        ({"type": "string", "enum": ["wall", "gate"]}, "wall"),
        ({"type": "string", "minLength": 3}, "xxx"),
        ({"type": "integer", "minimum": 2.0, "maximum": 5}, 2),
        ({"type": "integer", "exclusiveMinimum": 2}, 3),
        ({"type": "number", "maximum": 0.5}, 0.5),
        ({"type": "number", "exclusiveMinimum": 1, "exclusiveMaximum": 2}, 1.5),
        ({"type": "boolean"}, True),
        ({"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}, [1.0, 1.0]),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "x"),
        ({"type": ["integer", "null"]}, 1),
        ({"const": 7}, 7),
        ({"$ref": "#/$defs/A", "$defs": {"A": {"type": "null"}}}, None),
        ({"type": "string", "default": "wall"}, "wall"),
    ],
)
def test_a_schema_is_filled(schema: Json, value: Any) -> None:
    assert fill(schema) == value


@pytest.mark.parametrize("schema", [{"type": "colour"}, {"$ref": "#/$defs/A"}, {"$ref": "https://a.test/b"}])
def test_a_schema_that_is_not_known_is_not_filled(schema: Json) -> None:
    with pytest.raises(Unfillable):
        fill(schema)


@pytest.mark.parametrize(
    ("part", "wrong"),
    [
        ({"type": "string"}, {"no": "text"}),
        ({"type": "string", "default": "wall"}, {"no": "text"}),
        ({"type": "number"}, "many"),
        ({"type": "boolean"}, "perhaps"),
        ({"type": "array"}, "a list"),
        ({"type": "object"}, 7),
    ],
)
def test_a_value_is_spoilt(part: Json, wrong: Any) -> None:
    assert spoil({"type": "object", "properties": {"a": part}, "required": ["a"]}) == {"a": wrong}


def test_what_takes_no_values_cannot_be_spoilt() -> None:
    assert spoil({}) is None


# The command


async def run(*arguments: str, pace: Pace = QUICK) -> Result:
    """Run the command beside what the test has running."""
    return await asyncio.to_thread(CliRunner().invoke, command, list(arguments), obj=pace)


@pytest.fixture
def declared(tmp_path: Path) -> Path:
    file = tmp_path / "actions.json"
    file.write_text('[{"name": "Patrol"}, {"name": "Rest", "params": {}}]')
    return file


async def test_it_prints_a_line_per_check_and_the_counts(declared: Path) -> None:
    async with serving() as url:
        result = await run(url.removeprefix("ws://"), "--declare", str(declared), "--only", "agents.*")
    lines = result.output.splitlines()
    assert result.exit_code == 0, result.output
    assert lines[0].startswith("ok      agents.ok ")
    assert lines[-1].endswith(" ok, 0 failed, 0 skipped")


async def test_as_json_each_check_is_an_object(declared: Path) -> None:
    async with serving() as url:
        result = await run(url, "--declare", str(declared), "--only", "hello.w*", "--only", "action.fields", "--json")
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(one["check"], one["outcome"]) for one in lines] == [("hello.welcome", "ok"), ("action.fields", "ok")]
    assert set(lines[0]) == {"check", "outcome", "expected", "got", "seconds"}
    assert "2 ok" in result.stderr


async def test_a_failed_check_is_exit_code_1(declared: Path) -> None:
    async with serving() as url, lying(url, Nameless) as there:
        result = await run(there, "--declare", str(declared), "--only", "hello.welcome", pace=HASTY)
    assert result.exit_code == 1
    assert result.output.startswith("failed  hello.welcome")
    assert "a session.id" in result.output


async def test_the_actions_of_the_trees_folder_are_declared_if_there_is_one(tmp_path: Path) -> None:
    trees = tmp_path / "castle"
    trees.mkdir()
    text = "from brains import GameAction\n\nclass Patrol(GameAction): ...\n\nclass Rest(GameAction): ...\n"
    (trees / "actions.py").write_text(text)
    async with serving() as url:
        result = await run(url, "--trees", str(trees), "--only", "agents.ok")
    assert result.exit_code == 0, result.output


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


async def test_it_serves_a_client() -> None:
    port = free_port()
    client = asyncio.create_task(ProtocolClient(f"ws://127.0.0.1:{port}").play())
    try:
        result = await run("--serve", "--port", str(port), "--only", "hello.*", "--only", "flow.*", "--brain", "guard")
    finally:
        client.cancel()
        await asyncio.gather(client, return_exceptions=True)
    assert result.exit_code == 0, result.output
    assert result.output.splitlines()[0] == f"listening on ws://127.0.0.1:{port}"
    assert "ok      flow.window" in result.output


async def test_when_no_client_comes_that_is_exit_code_1() -> None:
    result = await run("--serve", "--seconds", "0.05", "--json")
    assert result.exit_code == 1
    assert "listening on ws://127.0.0.1:" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ((), "--serve"),
        (("ws://127.0.0.1:1", "--serve"), "--serve"),
        (("ws://127.0.0.1:1", "--me", "[]"), "--me"),
        (("--serve", "--seconds", "0.05", "--only", "nothing.*"), "--only"),
    ],
)
async def test_wrong_usage_is_exit_code_2(arguments: tuple[str, ...], word: str) -> None:
    result = await run(*arguments)
    assert result.exit_code == 2
    assert word in result.output


@pytest.mark.parametrize("text", ["{}", "rubbish", '[{"params": {}}]'])
async def test_a_file_that_declares_nothing_sensible_is_said(tmp_path: Path, text: str) -> None:
    file = tmp_path / "actions.json"
    file.write_text(text)
    result = await run("ws://127.0.0.1:1", "--declare", str(file))
    assert isinstance(result.exception, ConfigError)
    assert "actions.json" in str(result.exception)
