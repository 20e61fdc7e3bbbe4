"""A game for tests: it speaks protocol 1 over a real socket, and its time passes only when it sends a snapshot.

At its end it says bye, so its session is over, and not kept for it.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed


class GameClient:
    """One game with some agents; every agent perceives `world[agent]`.

    Args:
        url: where the server is.
        agents: brain by agent id.
        actions: names that every agent declares.
        hertz: game time between two snapshots is 1 / hertz seconds.
    """

    def __init__(self, url: str, agents: Mapping[str, str], actions: list[str], *, hertz: float = 10.0) -> None:
        self.world: dict[str, dict[str, Any]] = {agent: {} for agent in agents}
        self.running: dict[str, dict[str, Any]] = {}
        """Actions under way, by id."""
        self.messages: list[dict[str, Any]] = []
        """All that came, in order."""
        self.time = 0.0
        self.seq = 0
        self.url = url
        self._agents = dict(agents)
        self._actions = actions
        self._step = 1.0 / hertz
        self._socket: ClientConnection | None = None

    async def __aenter__(self) -> GameClient:
        self._socket = await connect(self.url, proxy=None)
        await self.send(type="hello", protocol=1)
        await self.receive("welcome")
        declared = [{"name": name, "params": {}} for name in self._actions]
        add = [{"id": agent, "brain": brain, "actions": declared} for agent, brain in self._agents.items()]
        await self.send(type="agents", epoch=0, add=add, remove=[])
        ack = await self.receive("agents_ack")
        assert ack.get("rejected", []) == [], ack
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._socket is not None
        with contextlib.suppress(ConnectionClosed):
            await self.send(type="bye")
        await self._socket.close()

    async def send(self, **message: Any) -> None:
        """Send one message."""
        assert self._socket is not None
        await self._socket.send(json.dumps(message))

    async def receive(self, kind: str) -> dict[str, Any]:
        """Return the next message of this type; others are kept in `messages`."""
        assert self._socket is not None
        while True:
            message: dict[str, Any] = json.loads(await self._socket.recv())
            self.messages.append(message)
            if message["type"] == kind:
                return message

    async def tick(self, *agents: str, available: list[str] | None = None) -> dict[str, Any]:
        """Send a snapshot with these agents, all if none is named, and return the `actions` that answer it.

        Cancels are carried out first; one of an action that is not under way is a mistake of the server (KeyError).
        """
        self.seq += 1
        self.time += self._step
        mask = {} if available is None else {"available": available}
        parts = {agent: {"me": self.world[agent], **mask} for agent in agents or self._agents}
        await self.send(type="snapshot", seq=self.seq, epoch=0, time_ms=self.time * 1000, agents=parts)
        answer = await self.receive("actions")
        assert answer["snapshot"] == self.seq
        for action in answer.get("cancel", []):
            del self.running[action]
        for action in answer["actions"]:
            self.running[action["id"]] = action
        return answer

    async def until(self, true: Callable[[dict[str, Any]], object], *, ticks: int = 2000) -> dict[str, Any]:
        """Tick until an answer is as wanted, and return it."""
        for _ in range(ticks):
            answer = await self.tick()
            if true(answer):
                return answer
        raise AssertionError(f"not in {ticks} ticks; the last messages were {self.messages[-5:]}")

    async def finish(self, status: str = "success") -> None:
        """Report this end for every action under way."""
        for action in list(self.running.values()):
            del self.running[action["id"]]
            await self.send(type="action_result", agent=action["agent"], id=action["id"], status=status)

    def said(self, kind: str) -> list[dict[str, Any]]:
        """Return all messages of a type that have come."""
        return [message for message in self.messages if message["type"] == kind]
