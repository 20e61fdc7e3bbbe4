"""The server with real sockets on a free port."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.http11 import Response

from brains.errors import ConfigError
from brains.questions import Decision, NoAnswer
from brains.server import Gate, Server, is_loopback
from brains.session import SessionLimits
from tests.fakes.session import FakeBrains, FakeGateway, Json, Walk, agents, frame, hello, snapshot


class Stage:
    """A server with everything that a test wants to get at."""

    def __init__(self, **options: Any) -> None:
        self.brains = FakeBrains()
        self.gateway = FakeGateway()
        self.server = Server(self.brains, self.brains.make, self.gateway, port=0, **options)

    def client(self, **options: Any) -> connect:
        return connect(self.server.url, proxy=None, compression=None, **options)


@contextlib.asynccontextmanager
async def serving(**options: Any) -> AsyncIterator[Stage]:
    stage = Stage(**options)
    async with stage.server:
        yield stage


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with serving() as stage:
        yield stage


async def receive(client: ClientConnection) -> Json:
    message: Json = json.loads(await client.recv())
    return message


async def opened(client: ClientConnection, *names: str) -> None:
    """Say hello and register agents."""
    await client.send(hello())
    assert (await receive(client))["type"] == "welcome"
    await client.send(agents(*names))
    assert (await receive(client))["ok"] == list(names)


async def closed(client: ClientConnection) -> tuple[int | None, str | None]:
    """Wait for the server to close."""
    with contextlib.suppress(ConnectionClosed):
        while True:
            await client.recv()
    await client.wait_closed()
    return client.close_code, client.close_reason


# Talking


async def test_a_game_says_hello_and_gets_actions_for_its_snapshots(stage: Stage) -> None:
    async with stage.client() as client:
        await opened(client, "a")
        stage.brains.agents["a"].todo = [{"order": Walk(to="gate")}]
        for seq in (1, 2):
            await client.send(snapshot(seq, "a"))
            answer = await receive(client)
            assert (answer["type"], answer["snapshot"]) == ("actions", seq)
            assert len(answer["actions"]) == (1 if seq == 1 else 0)


async def test_two_games_do_not_know_each_other(stage: Stage) -> None:
    async with stage.client() as one, stage.client() as two:
        await opened(one, "a")
        await opened(two, "a")
        assert len(stage.brains.made) == 2
        await two.close()
        await one.send(snapshot(1, "a"))
        assert (await receive(one))["snapshot"] == 1


async def test_the_subprotocol_is_echoed_if_offered_and_not_required(stage: Stage) -> None:
    async with stage.client(subprotocols=["other", "brains.v1"]) as client:
        assert client.subprotocol == "brains.v1"
    async with stage.client() as client:
        assert client.subprotocol is None


async def test_nothing_is_compressed_and_nothing_is_fragmented(stage: Stage) -> None:
    async with connect(stage.server.url, proxy=None, compression="deflate") as client:
        assert client.protocol.extensions == []
        await client.send(hello())
        pieces = [piece async for piece in client.recv_streaming()]
        assert len(pieces) == 1


async def test_a_fragmented_message_is_read(stage: Stage) -> None:
    text = hello()
    async with stage.client() as client:
        await client.send([text[:5], text[5:9], text[9:]])
        assert (await receive(client))["type"] == "welcome"


async def test_bad_frames_do_not_end_the_connection(stage: Stage) -> None:
    async with stage.client() as client:
        await opened(client, "a")
        await client.send(b"\x00\x01")
        await client.send("rubbish")
        assert [(await receive(client))["code"] for _ in range(2)] == ["bad_message"] * 2
        await client.send(snapshot(1, "a"))
        assert (await receive(client))["snapshot"] == 1


async def test_snapshots_sent_at_once_are_all_answered_in_order(stage: Stage) -> None:
    async with stage.client() as client:
        await opened(client, "a")
        for seq in range(1, 201):
            await client.send(snapshot(seq, "a"))
        assert [(await receive(client))["snapshot"] for _ in range(200)] == list(range(1, 201))
    assert stage.brains.agents["a"].seen[-1].seq == 200


async def test_an_answer_of_the_model_wakes_its_agent(stage: Stage) -> None:
    async with stage.client() as one, stage.client() as two:
        await opened(one, "a")
        await opened(two, "a")
        await one.send(snapshot(1, "a"))
        await receive(one)
        ticket = stage.gateway.ask(chat_question("nobody's session"))
        stage.gateway.answer(ticket, Decision(answer="danger"))
        session = stage.brains.sessions[0]
        stage.gateway.answer(stage.gateway.ask(chat_question(session, "a")), Decision(answer="danger"))
        assert await receive(one) == {"type": "wake", "agents": ["a"]}
        await two.send(frame("ping"))
        assert (await receive(two))["type"] == "pong"


def chat_question(session: str, agent: str = "x") -> Any:
    from brains.questions import Question, RenderedPrompt

    return Question(session=session, agent=agent, leaf="Root", prompt=RenderedPrompt(name="p", version="1"))


# The end of a connection


async def test_a_lost_connection_stops_its_agents_and_their_questions_where_nothing_is_kept() -> None:
    async with serving(resume_ttl=0) as stage:
        async with stage.client() as client:
            await opened(client, "a")
            client.transport.abort()
        await stage.gateway.closed.wait()
        assert stage.brains.agents["a"].closed
        assert stage.gateway.closed_sessions == stage.brains.sessions


async def test_bye_is_answered_with_1000(stage: Stage) -> None:
    async with stage.client() as client:
        await opened(client, "a")
        await client.send(frame("bye"))
        assert await closed(client) == (1000, "bye")


async def test_no_hello_in_time_is_closed_with_4408() -> None:
    async with serving(hello_timeout=0.05) as stage, stage.client() as client:
        await client.send(frame("ping"))
        code, reason = await closed(client)
        assert code == 4408
        assert (reason or "").startswith("hello_timeout: ")


async def test_a_wrong_token_is_closed_with_4401() -> None:
    async with serving(token="secret") as stage:
        async with stage.client() as client:
            await client.send(hello(token="wrong"))
            code, reason = await closed(client)
            assert code == 4401
            assert (reason or "").startswith("unauthorized: ")
        async with stage.client() as client:
            await client.send(hello(token="secret"))
            assert (await receive(client))["type"] == "welcome"


async def test_too_long_a_message_is_closed_with_1009_and_others_play_on() -> None:
    small = SessionLimits(max_message_bytes=5000)
    async with serving(limits=small) as stage, stage.client() as other, stage.client() as client:
        await opened(other, "a")
        await opened(client, "a")
        await client.send("x" * 6000)
        assert (await closed(client))[0] == 1009
        await other.send(snapshot(1, "a"))
        assert (await receive(other))["snapshot"] == 1


async def test_a_client_that_does_not_read_is_cut_off_and_others_play_on() -> None:
    options = {"send_timeout": 0.2, "resume_ttl": 0}
    async with serving(**options) as stage, stage.client() as other, stage.client(max_queue=1) as client:
        await opened(other, "o")
        await opened(client, "a")
        stage.brains.agents["a"].todo = [{"speech": [("l", "x" * 60_000, True)] * 50} for _ in range(100)]
        client.transport.pause_reading()
        for seq in range(1, 100):
            with contextlib.suppress(ConnectionClosed):  # that it is cut off may be seen at any of them
                await client.send(snapshot(seq, "a"))
            await other.send(snapshot(seq, "o"))
            assert (await receive(other))["snapshot"] == seq
        await stage.gateway.closed.wait()
        assert stage.brains.agents["a"].closed
        assert not stage.brains.agents["o"].closed
        client.transport.abort()


async def test_a_client_that_asks_for_much_and_does_not_read_is_cut_off() -> None:
    much = frame("agents", add=[{"id": f"x{number}", "brain": "no such brain"} for number in range(500)])
    async with serving(send_timeout=0.2, resume_ttl=0) as stage, stage.client(max_queue=1) as client:
        await opened(client, "a")
        client.transport.pause_reading()
        with contextlib.suppress(ConnectionClosed):
            while True:
                await client.send(much)
        await stage.gateway.closed.wait()


async def test_a_bug_in_a_session_closes_only_that_connection(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    async with stage.client() as other, stage.client() as client:
        await opened(other, "o")
        stage.brains.explode = True
        await client.send(hello())
        assert (await closed(client))[0] == 1011
        await other.send(snapshot(1, "o"))
        assert (await receive(other))["snapshot"] == 1
    assert "failed" in caplog.text


# The end of the server


async def stopped_in_time(server: Server) -> None:
    async with asyncio.timeout(2):
        await server.close()


async def test_clients_are_closed_with_1001_when_the_server_stops(stage: Stage) -> None:
    async with stage.client() as client:
        await opened(client, "a")
        waiting = asyncio.create_task(closed(client))
        await stopped_in_time(stage.server)
        assert await waiting == (1001, "server stops")
    assert stage.brains.agents["a"].closed
    await stage.server.close()


async def test_a_client_that_does_not_read_does_not_delay_the_end() -> None:
    ticked = asyncio.Event()
    async with serving(observer=lambda report: ticked.set()) as stage, stage.client(max_queue=1) as client:
        await opened(client, "a")
        client.transport.pause_reading()
        stage.brains.agents["a"].todo = [{"speech": [("l", "x" * 60_000, True)] * 200}]
        await client.send(snapshot(1, "a"))
        await ticked.wait()
        await stopped_in_time(stage.server)
        client.transport.abort()


async def test_a_connection_without_handshake_does_not_delay_the_end(stage: Stage) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.server.port)
    writer.write(b"GET / HTTP/1.1\r\n")
    await writer.drain()
    await asyncio.sleep(0)
    await stopped_in_time(stage.server)
    with contextlib.suppress(ConnectionError):
        assert await reader.read() == b""
    writer.close()


async def test_serve_forever_ends_with_close(stage: Stage) -> None:
    task = asyncio.create_task(stage.server.serve_forever())
    await asyncio.sleep(0)
    await stage.server.close()
    await task


async def test_a_port_in_use_is_said_so(stage: Stage) -> None:
    second = Server(stage.brains, stage.brains.make, stage.gateway, port=stage.server.port)
    with pytest.raises(ConfigError, match=f"port {stage.server.port} is in use"):
        await second.start()


async def test_an_address_of_another_machine_is_said_so(stage: Stage) -> None:
    second = Server(stage.brains, stage.brains.make, stage.gateway, host="192.0.2.1", port=0, token="t")
    with pytest.raises(ConfigError, match=r"cannot listen on 192\.0\.2\.1"):
        await second.start()


@pytest.mark.parametrize("host", ["0.0.0.0", "", "::", "192.0.2.1", "castle.example"])  # noqa: S104
def test_off_loopback_a_token_is_required(host: str) -> None:
    brains = FakeBrains()
    with pytest.raises(ConfigError, match="BRAINS_TOKEN"):
        Server(brains, brains.make, FakeGateway(), host=host)
    Server(brains, brains.make, FakeGateway(), host=host, token="secret")


async def test_one_line_is_logged_per_event_and_none_per_tick(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "brains")
    async with stage.client() as client:
        await client.send(hello(client={"name": "castle\nERROR", "version": "2"}))
        await receive(client)
        await client.send(agents("a"))
        await receive(client)
        for seq in range(20):
            await client.send(snapshot(seq, "a"))
            await receive(client)
        await client.send(frame("bye"))
        await closed(client)
    await stage.gateway.closed.wait()
    lines = [record.getMessage() for record in caplog.records if record.name == "brains.server"]
    assert len(lines) == 3
    assert "connected" in lines[0]
    assert "castle\\nERROR 2 says hello" in lines[1]
    assert "disconnected, 1000 bye; snapshots 20, answered 20, orders 0, " in lines[2]


async def test_a_chat_goes_by_one_id_and_its_client_cannot_forge_lines(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "brains")
    async with stage.client() as client:
        await client.send('{"message": "Hola"}')
        await stage.gateway.asked.wait()
        await client.close(reason="bye\nERROR forged")
    await stage.gateway.closed.wait()
    (session,) = stage.gateway.closed_sessions
    first, last = (record.getMessage() for record in caplog.records if record.name == "brains.server")
    assert first.endswith(f"connected as session {session}")
    assert last.startswith(f"session {session}: ")
    assert last.endswith("1000 bye\\nERROR forged")


async def test_a_tree_that_wants_to_exit_ends_neither_session_nor_server(stage: Stage) -> None:
    async with stage.client() as other, stage.client() as client:
        await opened(other, "o")
        await opened(client, "a")
        stage.brains.agents["a"].todo = [SystemExit(1), asyncio.CancelledError()]
        for seq in (1, 2):
            await client.send(snapshot(seq, "a"))
            kinds = [(await receive(client))["type"] for _ in range(3 - seq)]
            assert "actions" in kinds
        stage.brains.broken = SystemExit(1)
        await client.send(agents("b"))
        assert (await receive(client))["rejected"][0]["code"] == "agent_fault"
        await other.send(snapshot(1, "o"))
        assert (await receive(other))["snapshot"] == 1


# Who may connect


async def status_of(stage: Stage, headers: list[tuple[str, str]]) -> int:
    """Make a handshake by hand; `connect` would not send such headers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.server.port)
    lines = [
        "GET / HTTP/1.1",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
        *(f"{name}: {value}" for name, value in headers),
    ]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    status = (await reader.readline()).split()[1]
    writer.transport.abort()
    return int(status)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([("Host", "127.0.0.1:8765")], 101),
        ([("Host", "localhost")], 101),
        ([("Host", "[::1]:8765")], 101),
        ([], 421),
        ([("Host", "evil.example:8765")], 421),
        ([("Host", "127.0.0.1.evil.example")], 421),
        ([("Host", "192.168.1.5:8765")], 421),
        ([("Host", "localhost"), ("Host", "localhost")], 421),
        ([("Host", "localhost"), ("Host", "evil.example")], 421),
        ([("Host", "localhost"), ("Origin", "http://game.example")], 101),
        ([("Host", "localhost"), ("Origin", "https://game.example")], 403),
        ([("Host", "localhost"), ("Origin", "http://game.example.evil.example")], 403),
        ([("Host", "localhost"), ("Origin", "http://127.0.0.1:8765")], 403),
        ([("Host", "localhost"), ("Origin", "null")], 403),
        ([("Host", "localhost"), ("Origin", "")], 403),
        ([("Host", "localhost"), ("Origin", "http://game.example"), ("Origin", "http://game.example")], 403),
    ],
)
async def test_host_and_origin_are_checked_before_the_upgrade(
    headers: list[tuple[str, str]], status: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(allow_origins=["http://game.example", "null"]) as stage:
        assert await status_of(stage, headers) == status
    assert "Traceback" not in caplog.text


async def test_a_client_sees_the_refusal(stage: Stage) -> None:
    with pytest.raises(InvalidStatus) as caught:
        await stage.client(origin="http://evil.example")
    response: Response = caught.value.response
    assert response.status_code == 403
    assert b"--allow-origin" in (response.body or b"")


@pytest.mark.parametrize(
    ("bound", "host", "fine"),
    [
        ("0.0.0.0", "192.168.1.5:8765", True),  # noqa: S104
        ("::", "[2001:db8::1]:8765", True),
        ("0.0.0.0", "castle.example", False),  # noqa: S104
        ("castle.example", "castle.example:8765", True),
        ("castle.example", "evil.example", False),
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("127.0.0.1", "127.0.0.2", True),
        ("127.0.0.1", "LOCALHOST.:1", True),
        ("", "", False),
    ],
)
def test_which_hosts_are_ours(bound: str, host: str, fine: bool) -> None:
    assert (Gate(bound).problem([host], []) is None) is fine


def test_what_is_loopback() -> None:
    assert all(is_loopback(host) for host in ("127.0.0.1", "127.9.9.9", "::1", "localhost", "Localhost"))
    assert not any(is_loopback(host) for host in ("", "::", "example.org", "192.168.0.1"))


# Chat


async def test_a_chat_client_needs_no_hello(stage: Stage) -> None:
    async with stage.client() as client:
        await client.send('{"message": "Hola"}')
        await stage.gateway.asked.wait()
        (ticket,) = stage.gateway.tickets
        assert ticket.question.prompt.user == "Hola"
        stage.gateway.answer(ticket, Decision(answer="¡Hola!", way="text"))
        assert await receive(client) == {"response": "¡Hola!"}


async def test_rubbish_before_the_first_message_changes_nothing(stage: Stage) -> None:
    stage.gateway.at_once = NoAnswer(reason="warming_up", message="the model is loading")
    async with stage.client() as client:
        await client.send("rubbish")
        assert (await receive(client))["type"] == "error"
        await client.send('{"message": "Hola"}')
        await client.send('{"message": "Hola?"}')
        for _ in range(2):
            assert await receive(client) == {"response": "(No answer: the model is loading)"}


async def test_a_chat_client_that_leaves_stops_its_question(stage: Stage) -> None:
    async with stage.client() as client:
        await client.send('{"message": "Hola"}')
        await stage.gateway.asked.wait()
        client.transport.abort()
    await stage.gateway.closed.wait()
    assert stage.gateway.tickets[0].cancelled


async def test_chat_is_refused_where_a_token_is_set() -> None:
    async with serving(token="secret") as stage, stage.client() as client:
        await client.send('{"message": "Hola"}')
        assert (await closed(client))[0] == 4401
        assert stage.gateway.tickets == []
