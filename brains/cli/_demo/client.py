"""Plays the yard against a server, as a game does: over a WebSocket, in protocol 1, one snapshot at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Protocol, TypeVar

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from brains import __version__
from brains.actions import GameAction, action_schema
from brains.cli._demo.deeds import DEEDS
from brains.cli._demo.yard import Yard
from brains.errors import BrainsError
from brains.messages import (
    PROTOCOL_VERSION,
    Actions,
    AgentEntry,
    AgentsAck,
    AgentsMessage,
    Bye,
    ClientMessage,
    DeclaredAction,
    ErrorMessage,
    Hello,
    Hold,
    Limits,
    Ping,
    Pong,
    Release,
    Say,
    ServerMessage,
    SnapshotMessage,
    Wake,
    Welcome,
    encode,
)

__all__ = ["GameClient", "Watcher", "declared_for"]

LARGEST = 4 * 1024 * 1024
EPOCH = 1
FRAMES_PER_SECOND = 60
"""At most so many snapshots are sent because the server has woken agents, however often it does."""
MOST_BEHIND = 5
"""Steps that are made up for when the machine was too slow; more are skipped, so that time passes as in a game."""

M = TypeVar("M", bound=msgspec.Struct)
_decoder: msgspec.json.Decoder[ServerMessage] = msgspec.json.Decoder(ServerMessage)


class Watcher(Protocol):
    """Who is told what happens in the game."""

    def news(self, who: str, text: str) -> None:
        """Something happened in the yard."""
        ...

    def speech(self, agent: str, text: str, done: bool) -> None:
        """An agent has said this much of a line."""
        ...

    def problem(self, text: str) -> None:
        """Something is not as it should be."""
        ...


def declared_for(brain: str, actions: Mapping[str, type[GameAction]]) -> list[DeclaredAction]:
    """Describe what a body with this brain can do; actions that the yard does not know are for everybody."""
    return [
        DeclaredAction(name=name, description=_first_line(action), params=action_schema(action))
        for name, action in actions.items()
        if name not in DEEDS or brain in DEEDS[name].brains
    ]


def _first_line(action: type[GameAction]) -> str:
    return (action.__doc__ or "").strip().partition("\n")[0]


class GameClient:
    """One game with one yard.

    Args:
        url: where the server is.
        yard: what is played.
        actions: what the yard's bodies can do, by name.
        rate: snapshots and steps per second of the yard.
        speed: seconds of the yard per second of the clock.
        watcher: is told what happens.

    Attributes:
        agents: the ids that the server has taken.
        snapshots: how many were sent.
    """

    def __init__(
        self,
        url: str,
        yard: Yard,
        actions: Mapping[str, type[GameAction]],
        *,
        rate: float,
        speed: float = 1,
        watcher: Watcher,
    ) -> None:
        self.agents: list[str] = []
        self.snapshots = 0
        self._url = url
        self._yard = yard
        self._actions = actions
        self._step_seconds = 1 / rate
        self._period = 1 / (rate * speed)
        self._frame = 1 / (FRAMES_PER_SECOND * speed)
        self._next_frame = 0.0
        self._watcher = watcher
        self._stir = asyncio.Event()
        self._wanted: dict[str, None] = {}
        self._sent_at: dict[int, float] = {}
        self._lines: dict[str, str] = {}

    async def play(self, seconds: float | None, stop: asyncio.Event) -> None:
        """Play for so long, or until `stop` is set.

        Raises:
            BrainsError: the server cannot be reached, takes no agent, or hangs up.
        """
        try:
            async with connect(self._url, proxy=None, compression=None, max_size=LARGEST) as socket:
                await self._greet(socket)
                tasks = [
                    asyncio.create_task(self._read(socket)),
                    asyncio.create_task(self._step(socket, seconds)),
                    asyncio.create_task(stop.wait()),
                ]
                try:
                    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for task in tasks:
                        task.cancel()
                    await asyncio.gather(*tasks, return_exceptions=True)
                for task in done:
                    task.result()
                await self._send(socket, Bye(reason="the demo is over"))
        except (OSError, WebSocketException) as error:
            raise BrainsError(f"the connection to {self._url} is gone: {error}") from error

    async def _greet(self, socket: ClientConnection) -> None:
        client = {"name": "brains demo", "version": __version__}
        limits = Limits(max_message_bytes=LARGEST, window=1)
        await self._send(socket, Hello(protocol=PROTOCOL_VERSION, client=client, limits=limits))
        welcome = await self._expect(socket, Welcome)
        entries = []
        for body in self._yard.bodies.values():
            if body.brain in welcome.brains:
                actions = declared_for(body.brain, self._actions)
                entries.append(AgentEntry(id=body.id, brain=body.brain, kind=body.kind, actions=actions))
            else:
                self._watcher.problem(f"there is no brain called {body.brain!r}: {body.id} only stands about")
        await self._send(socket, AgentsMessage(epoch=EPOCH, add=entries))
        answer = await self._expect(socket, AgentsAck)
        for rejection in answer.rejected:
            self._watcher.problem(f"{rejection.id} was not taken: {rejection.message}")
        self.agents = answer.ok
        if not answer.ok:
            why = answer.rejected[0].message if answer.rejected else "the trees folder has none of the yard's brains"
            raise BrainsError(f"no agent has a brain: {why}")

    async def _expect(self, socket: ClientConnection, kind: type[M]) -> M:
        while True:
            message = _decoder.decode(await socket.recv())
            if isinstance(message, kind):
                return message
            await self._take(socket, message)

    async def _step(self, socket: ClientConnection, seconds: float | None) -> None:
        """Let the yard's time pass as the clock does, and send snapshots."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while seconds is None or self._yard.time < seconds - 1e-6:
            try:
                async with asyncio.timeout_at(due):
                    await self._stir.wait()
                    # A game sends what its frame has brought, and a server that asks at once for more has to wait.
                    await asyncio.sleep(self._next_frame - loop.time())
            except TimeoutError:
                self._yard.advance(self._step_seconds)
                for news in self._yard.take_news():
                    self._watcher.news(news.who, news.text)
                self._wanted.update(dict.fromkeys(self.agents))
                due = max(due + self._period, loop.time() - MOST_BEHIND * self._period)
            self._stir.clear()
            await self._send_snapshot(socket)

    async def _send_snapshot(self, socket: ClientConnection) -> None:
        """Send what is wanted, unless the last snapshot is not answered yet: its answer stirs us again."""
        if not self._wanted or self._sent_at:
            return
        agents = [id for id in self._wanted if not self._yard.bodies[id].held]
        self._wanted.clear()
        self.snapshots += 1
        self._sent_at[self.snapshots] = self._yard.time
        self._next_frame = asyncio.get_running_loop().time() + self._frame
        await self._send(
            socket,
            SnapshotMessage(
                seq=self.snapshots,
                epoch=EPOCH,
                frame=self.snapshots,
                time_ms=round(self._yard.time * 1000, 3),
                world=self._yard.world(),
                agents={id: self._yard.part(id) for id in agents},
                events=[event for event in self._yard.take_events() if event.agent in self.agents],
                results=self._yard.take_results(),
            ),
        )

    async def _read(self, socket: ClientConnection) -> None:
        while True:
            try:
                frame = await socket.recv()
            except ConnectionClosed as error:
                raise BrainsError(f"the server hung up: {error}") from error
            await self._take(socket, _decoder.decode(frame))

    async def _take(self, socket: ClientConnection, message: ServerMessage) -> None:
        match message:
            case Actions():
                self._apply(message)
            case Wake():
                self._want(message.agents)
            case Say():
                self._hear(message)
            case Hold(agent=agent):
                self._yard.hold(agent, True)
                self._watcher.news(agent, "is held by a debugger")
            case Release(agent=agent):
                self._yard.hold(agent, False)
                self._want([agent])
            case Ping(t=t):
                await self._send(socket, Pong(t=t))
            case ErrorMessage(code="agent_fault"):
                pass  # the report of that tick says it, too
            case ErrorMessage():
                self._watcher.problem(f"{message.code}: {message.message}")
            case _:
                pass

    def _apply(self, message: Actions) -> None:
        """Carry out what came for a snapshot: cancels before actions, nothing from another scene, nothing too old."""
        sent_at = self._sent_at.pop(message.snapshot, self._yard.time)
        age_ms = (self._yard.time - sent_at) * 1000
        if message.epoch == EPOCH:
            for order in message.cancel:
                self._yard.cancel(order)
            for entry in message.actions:
                if entry.ttl_ms is not None and age_ms > entry.ttl_ms:
                    self._yard.expire(entry.agent, entry.id)
                else:
                    self._yard.order(entry.agent, entry.id, entry.name, entry.params)
        if self._wanted:
            self._stir.set()

    def _want(self, agents: list[str]) -> None:
        self._wanted.update((agent, None) for agent in agents if agent in self.agents)
        self._stir.set()

    def _hear(self, message: Say) -> None:
        text = self._lines.pop(message.id, "") + message.text
        if message.done:
            self._yard.say(message.agent, text)
        else:
            self._lines[message.id] = text
        self._watcher.speech(message.agent, text, message.done)

    async def _send(self, socket: ClientConnection, message: ClientMessage) -> None:
        await socket.send(encode(message))
