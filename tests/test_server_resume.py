"""Games that lose their connection to a real server, and come back."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection

from brains import Action, LLMCondition, ReactiveSelector, ReactiveSequence, brain
from brains.agent import Agent
from brains.library import BrainLibrary
from brains.prompts import PromptLibrary
from brains.questions import Decision
from brains.server import Server
from brains.session import SessionLimits
from tests.fakes.session import Json, Walk, Wave, agents, frame, hello, result, snapshot
from tests.test_server import Stage, chat_question, closed, opened, receive, serving

HOSTILE = """---
answer: {danger: true, safe: false}
inputs: {me: [name]}
---
user:
{{ me.name }}
"""


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with serving() as stage:
        yield stage


async def greeted(client: ClientConnection, wish: Json | None = None) -> Json:
    """Say hello, to resume `wish` if there is one; return what `welcome` says of the session."""
    fields = {} if wish is None else {"session": {"id": wish["id"], "resume": wish["resume"]}}
    await client.send(hello(**fields))
    message = await receive(client)
    assert message["type"] == "welcome"
    info: Json = message["session"]
    return info


async def until(true: Callable[[], object]) -> None:
    """Let everybody go on until this is true."""
    for _ in range(100_000):
        if true():
            return
        await asyncio.sleep(0)
    raise AssertionError("it does not come true")


async def lost(client: ClientConnection, server: Server) -> None:
    """Break the only connection, and wait until the server has noticed."""
    client.transport.abort()
    await until(lambda: not server.connections)


async def test_a_game_comes_back_to_its_agents_and_orders(stage: Stage) -> None:
    async with stage.client() as client:
        info = await greeted(client)
        await client.send(agents("a"))
        await receive(client)
        stage.brains.agents["a"].todo = [{"order": Walk(to="gate")}]
        await client.send(snapshot(1, "a"))
        (order,) = (await receive(client))["actions"]
        await lost(client, stage.server)
    async with stage.client() as client:
        again = await greeted(client, info)
        assert (again["id"], again["resumed"]) == (info["id"], True)
        await client.send(agents("a"))
        assert (await receive(client))["ok"] == ["a"]
        await client.send(frame("action_result", **result("a", order["id"], "running")))
        await client.send(frame("action_result", **result("a", "nobody's", "running")))
        await client.send(snapshot(2, "a"))
        answer = await receive(client)
        assert (answer["seq"], answer["snapshot"]) == (2, 2)
        assert answer["actions"] == [order]
        assert answer["cancel"] == ["nobody's"]
    assert len(stage.brains.made) == 1
    assert stage.gateway.closed_sessions == []


@pytest.mark.parametrize("code", [1000, 1001])
async def test_a_close_without_bye_is_a_loss(stage: Stage, code: int) -> None:
    async with stage.client() as client:
        info = await greeted(client)
        await client.close(code)
    async with stage.client() as client:
        assert (await greeted(client, info))["resumed"] is True


async def test_a_game_that_comes_back_to_a_restarted_server_begins_anew(stage: Stage) -> None:
    async with serving() as other, other.client() as client:
        info = await greeted(client)
    async with stage.client() as client:
        again = await greeted(client, info)
        assert again["resumed"] is False
        assert again["id"] != info["id"]


async def test_a_newer_connection_takes_the_session_over(stage: Stage) -> None:
    async with stage.client() as old, stage.client() as new:
        info = await greeted(old)
        await old.send(agents("a"))
        await receive(old)
        assert (await greeted(new, info))["resumed"] is True
        error = await receive(old)
        assert (error["code"], error["fatal"]) == ("session_replaced", True)
        assert await closed(old) == (4409, "session_replaced: a newer connection goes on with this session")
        await new.send(snapshot(1, "a"))
        assert (await receive(new))["snapshot"] == 1
        session = stage.brains.sessions[0]
        stage.gateway.answer(stage.gateway.ask(chat_question(session, "a")), Decision(answer="danger"))
        assert await receive(new) == {"type": "wake", "agents": ["a"]}
    assert not stage.brains.agents["a"].closed
    assert stage.gateway.closed_sessions == []


async def test_a_connection_that_does_not_read_can_be_taken_over_and_is_not_heard_any_more() -> None:
    async with serving(send_timeout=0.2) as stage, stage.client(max_queue=1) as old, stage.client() as new:
        info = await greeted(old)
        await old.send(agents("a"))
        await receive(old)
        old.transport.pause_reading()
        stage.brains.agents["a"].todo = [{"speech": [("l", "x" * 60_000, True)] * 200}]
        await old.send(snapshot(1, "a"))
        await until(lambda: stage.brains.agents["a"].seen)
        assert (await greeted(new, info))["resumed"] is True
        await old.send(snapshot(2, "a"))
        await old.send(frame("bye"))
        await new.send(snapshot(2, "a"))
        assert (await receive(new))["snapshot"] == 2
        old.transport.abort()
        await new.send(snapshot(3, "a"))
        assert (await receive(new))["snapshot"] == 3
    assert [seen.seq for seen in stage.brains.agents["a"].seen] == [1, 2, 3]


@pytest.mark.parametrize("how", ["bye", "flood", "too long"])
async def test_a_session_that_ended_is_not_kept(how: str) -> None:
    async with serving(limits=SessionLimits(max_message_bytes=5000)) as stage:
        async with stage.client() as client:
            info = await greeted(client)
            if how == "bye":
                await client.send(frame("bye"))
            elif how == "flood":
                for _ in range(101):
                    await client.send("rubbish")
            else:
                await client.send("x" * 6000)
            code, _ = await closed(client)
            assert code == {"bye": 1000, "flood": 4429, "too long": 1009}[how]
        await stage.gateway.closed.wait()
        assert stage.gateway.closed_sessions == [info["id"]]
        async with stage.client() as client:
            assert (await greeted(client, info))["resumed"] is False


async def test_a_bug_in_a_session_that_is_resumed_ends_it(stage: Stage) -> None:
    async with stage.client() as client:
        info = await greeted(client)
        await client.send(agents("a"))
        await receive(client)
        await lost(client, stage.server)
    async with stage.client() as client:
        stage.brains.explode = True
        await client.send(hello(session={"id": info["id"], "resume": info["resume"]}))
        assert (await closed(client))[0] == 1011
    await stage.gateway.closed.wait()
    assert stage.gateway.closed_sessions == [info["id"]]
    assert stage.brains.agents["a"].closed
    assert stage.server.sessions == []


async def test_nobody_comes_back_to_a_chat(stage: Stage) -> None:
    async with stage.client() as client:
        await client.send('{"message": "Hola"}')
        await stage.gateway.asked.wait()
        client.transport.abort()
    await stage.gateway.closed.wait()


async def test_a_session_that_nobody_comes_back_for_is_closed_with_its_questions() -> None:
    async with serving(resume_ttl=0.05) as stage:
        async with stage.client() as client:
            await opened(client, "a")
            ticket = stage.gateway.ask(chat_question(stage.brains.sessions[0], "a"))
            await lost(client, stage.server)
        assert not ticket.cancelled
        assert [session.id for session in stage.server.sessions] == stage.brains.sessions
        await stage.gateway.closed.wait()
        assert ticket.cancelled
        assert stage.brains.agents["a"].closed


async def test_the_end_of_the_server_closes_sessions_that_are_kept(stage: Stage) -> None:
    async with stage.client() as client:
        await opened(client, "a")
        await lost(client, stage.server)
    assert not stage.brains.agents["a"].closed
    await stage.server.close()
    assert stage.brains.agents["a"].closed
    assert stage.gateway.closed_sessions == stage.brains.sessions


async def test_games_that_are_lost_one_after_the_other_do_not_pile_up(stage: Stage) -> None:
    for number in range(12):
        async with stage.client() as client:
            await opened(client, f"a{number}")
            await lost(client, stage.server)
    assert [agent.closed for agent in stage.brains.made] == [True] * 4 + [False] * 8


async def test_the_lines_of_a_session_that_comes_back_are_in_the_log_and_its_secret_is_not(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "brains")
    async with stage.client() as client:
        info = await greeted(client)
        await lost(client, stage.server)
    async with stage.client() as client:
        again = await greeted(client, info)
        await client.send(frame("bye"))
        await closed(client)
    await stage.gateway.closed.wait()
    lines = [line for line in caplog.messages if "connected as" not in line and "listening" not in line]
    name = f"session {info['id']}: "
    assert len(lines) == 6
    assert lines[0] == f"{name}a game says hello"
    assert lines[1] == f"{name}connection lost, kept for 60 s"
    assert lines[2].startswith(name)
    assert "disconnected, 1006 ; snapshots 0, " in lines[2]
    assert lines[3].startswith(f"{name}resumed after ")
    assert lines[4] == f"{name}a game says hello"
    assert "disconnected, 1000 bye; snapshots 0, " in lines[5]
    assert lines[5].endswith("resumes 1")
    assert info["resume"] not in caplog.text
    assert again["resume"] not in caplog.text


async def test_a_connection_that_was_replaced_does_not_sum_the_session_up(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "brains")
    async with stage.client() as old, stage.client() as new:
        info = await greeted(old)
        await greeted(new, info)
        await closed(old)
        await until(lambda: any("disconnected" in line for line in caplog.messages))
    (line,) = [line for line in caplog.messages if "disconnected, 4409" in line]
    assert line.endswith("session_replaced: a newer connection goes on with this session")


# A tree that asks the model


@brain("guard")
def guard() -> Any:
    """Waves at danger, and walks otherwise."""
    return ReactiveSelector(
        "Guard",
        [
            ReactiveSequence(
                "Danger",
                [LLMCondition("Hostile?", prompt="hostile", default=False), Action("Wave", Wave())],
            ),
            Action("Walk", Walk(to="gate")),
        ],
    )


async def test_a_question_under_way_is_answered_while_the_game_is_away() -> None:
    prompts = PromptLibrary()
    prompts.put("hostile", HOSTILE)
    made = Stage()
    factory = functools.partial(Agent, prompts=prompts, asker=made.gateway)
    async with Server(BrainLibrary.of([guard]), factory, made.gateway, port=0) as made.server:
        me = {"agents": {"a": {"me": {"name": "Pedro"}}}}
        async with made.client() as client:
            info = await greeted(client)
            await client.send(agents("a"))
            await receive(client)
            await client.send(frame("snapshot", seq=1, **me))
            (walk,) = (await receive(client))["actions"]
            assert walk["name"] == "Walk"
            await lost(client, made.server)
        (ticket,) = made.gateway.tickets
        assert not ticket.cancelled
        made.gateway.answer(ticket, Decision(answer="danger", probabilities={"danger": 1.0, "safe": 0.0}))
        async with made.client() as client:
            await greeted(client, info)
            assert await receive(client) == {"type": "wake", "agents": ["a"]}
            await client.send(agents("a"))
            await receive(client)
            await client.send(frame("snapshot", seq=2, **me))
            answer = await receive(client)
            assert answer["cancel"] == [walk["id"]]
            assert [one["name"] for one in answer["actions"]] == ["Wave"]
    assert len(made.gateway.tickets) == 1
