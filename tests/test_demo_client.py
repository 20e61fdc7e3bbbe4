"""The demo's game against servers that do odd things, over a real socket."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from brains.cli._demo.client import FRAMES_PER_SECOND, GameClient
from brains.cli._demo.yard import Yard
from brains.errors import BrainsError

SECONDS = 1.0
RATE = 10


class Silent:
    """Does not care what happens."""

    def news(self, who: str, text: str) -> None: ...

    def speech(self, agent: str, text: str, done: bool) -> None: ...

    def problem(self, text: str) -> None: ...


def welcome() -> dict[str, Any]:
    session = {"id": "s", "resumed": False, "ttl_s": 0.0}
    facts = {"session": session, "tick": {}, "limits": {}, "heartbeat_s": 5.0, "features": [], "brains": ["guard"]}
    return {"type": "welcome", "protocol": 1, "server": {}, **facts}


def answer(snapshot: dict[str, Any]) -> dict[str, Any]:
    numbers = {"seq": snapshot["seq"], "snapshot": snapshot["seq"], "epoch": snapshot["epoch"]}
    return {"type": "actions", **numbers, "cancel": [], "actions": [], "busy": [], "server_ms": 0.1}


Script = Callable[[dict[str, Any]], list[dict[str, Any]] | None]
"""What a server says to a snapshot; None: it hangs up."""


@contextlib.asynccontextmanager
async def serving(script: Script) -> AsyncIterator[str]:
    """Yield the URL of a server that takes every guard and then follows its script."""

    async def handle(socket: ServerConnection) -> None:
        async for frame in socket:
            message = json.loads(frame)
            answers: list[dict[str, Any]] | None = []
            match message["type"]:
                case "hello":
                    answers = [welcome()]
                case "agents":
                    ok = [entry["id"] for entry in message["add"]]
                    answers = [{"type": "agents_ack", "epoch": message["epoch"], "ok": ok, "rejected": []}]
                case "snapshot":
                    answers = script(message)
            if answers is None:
                return
            for one in answers:
                await socket.send(json.dumps(one))

    async with serve(handle, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"ws://127.0.0.1:{port}"


async def play(script: Script) -> GameClient:
    async with serving(script) as url:
        client = GameClient(url, Yard(), {}, rate=RATE, watcher=Silent())
        await client.play(SECONDS, asyncio.Event())
    return client


async def test_a_server_that_wakes_at_once_gets_a_snapshot_per_frame_and_no_more() -> None:
    """As a gateway does that refuses every question in the moment in which it is asked."""
    client = await play(lambda snapshot: [answer(snapshot), {"type": "wake", "agents": ["guard_1"]}])
    # Some more than without being woken, even on a machine that is busy; without a limit they are thousands.
    assert 1.5 * RATE * SECONDS < client.snapshots <= (FRAMES_PER_SECOND + RATE) * SECONDS + 2


async def test_a_server_that_wakes_nobody_gets_a_snapshot_per_step() -> None:
    client = await play(lambda snapshot: [answer(snapshot)])
    assert client.snapshots <= RATE * SECONDS + 1


async def test_a_server_that_hangs_up_is_an_error() -> None:
    with pytest.raises(BrainsError, match="hung up"):
        await play(lambda snapshot: None)
