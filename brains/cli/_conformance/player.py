"""The scripted client: what a game says, word by word, so that each word can be the wrong one."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Sequence
from typing import Any, TypeVar

import msgspec
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidHandshake, InvalidURI

from brains.cli._conformance.checks import Checks, Mismatch, Pace, Skip, short
from brains.cli._conformance.wire import Record, Wire
from brains.errors import BrainsError
from brains.messages import (
    Actions,
    ActionsEntry,
    AgentsAck,
    DeclaredAction,
    ErrorMessage,
    Pong,
    ServerMessage,
    Welcome,
)
from brains.session.limits import MIN_MESSAGE_BYTES

__all__ = ["Player", "Visit", "server_checks"]

M = TypeVar("M", bound=msgspec.Struct)

MAX_MESSAGE_BYTES = 65_535
STEP_MS = 100.0
MOST_TICKS = 20
"""So many snapshots a brain gets to come up with an action."""


def _read(frame: str | bytes) -> ServerMessage:
    """Read a server's frame; whole numbers may be written as 3.0, as Godot does."""
    message: ServerMessage = msgspec.convert(_whole(msgspec.json.decode(frame)), ServerMessage)
    return message


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _whole(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_whole(part) for part in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


class Player:
    """One connection of the scripted client.

    Attributes:
        wire: the connection.
        welcome: what the server has said to hello.
        seq: of the last snapshot.
        epoch: the game's scene.
    """

    def __init__(self, visit: Visit, wire: Wire) -> None:
        self.visit = visit
        self.wire = wire
        self.welcome: Welcome | None = None
        self.seq = 0
        self.epoch = 1
        self._time = 0.0
        self._t = itertools.count(1)

    @property
    def session(self) -> dict[str, Any]:
        """What `welcome` said of the session."""
        if self.welcome is None:
            return {}
        session = self.welcome.session
        return {name: getattr(session, name) for name in session.__struct_fields__}

    @property
    def ticket(self) -> dict[str, Any]:
        """What hello has to say to come back to this session."""
        return {"id": self.session.get("id", ""), "resume": self.session.get("resume")}

    async def get(self, kind: type[M], expected: str, **fields: Any) -> M:
        """Wait for a message of a kind in which these fields have these values.

        Raises:
            Mismatch: none comes.
        """

        def fits(message: M) -> bool:
            return all(getattr(message, name) == value for name, value in fields.items())

        return await self.wire.until(lambda: self.wire.take(kind, fits), expected, self.visit.pace.answer)

    async def say_hello(self, **fields: Any) -> None:
        """Send hello; None leaves a field out."""
        message = {
            "type": "hello",
            "protocol": 1,
            "min_protocol": 1,
            "client": {"name": "brains conformance"},
            "token": self.visit.token,
            "limits": {"max_message_bytes": MAX_MESSAGE_BYTES},
            **fields,
        }
        most = (message["limits"] or {}).get("max_message_bytes", MAX_MESSAGE_BYTES)
        # A client that cannot take the shortest messages is told so all the same.
        self.wire.max_bytes = most if most >= MIN_MESSAGE_BYTES else None
        await self.wire.send({key: value for key, value in message.items() if value is not None})

    async def greet(self, **fields: Any) -> Welcome:
        """Say hello, and wait for welcome."""
        await self.say_hello(**fields)
        self.welcome = await self.get(Welcome, "a welcome")
        return self.welcome

    async def add(self, *ids: str, brain: str | None = None, **fields: Any) -> AgentsAck:
        """Add agents, and wait for the answer."""
        entries = [{"id": id, "brain": brain or self.brain(), "actions": self.visit.declared} for id in ids]
        await self.wire.send({"type": "agents", "epoch": self.epoch, "add": entries, "remove": [], **fields})
        return await self.get(AgentsAck, "an agents_ack")

    async def enter(self, *ids: str) -> None:
        """Say hello and add agents.

        Raises:
            Skip: the server does not take them, which another check says.
        """
        await self.greet()
        await self.join(*ids)

    async def join(self, *ids: str) -> None:
        """Add agents, after hello.

        Raises:
            Skip: the server does not take them, which another check says.
        """
        ack = await self.add(*ids)
        if set(ack.ok) != set(ids):
            why = ack.rejected[0].message if ack.rejected else "no reason given"
            raise Skip(f"no agent was taken: {why}; name its actions with --declare")

    def brain(self) -> str:
        """Return the brain to ask for."""
        if self.visit.brain:
            return self.visit.brain
        if self.welcome is None or not self.welcome.brains:
            raise Skip("the server names no brain; name one with --brain")
        return self.welcome.brains[0]

    async def show(self, *ids: str, **fields: Any) -> int:
        """Send a snapshot; return its number."""
        self.seq += 1
        self._time += STEP_MS
        parts = {id: {"me": self.visit.me} for id in ids}
        message = {"type": "snapshot", "seq": self.seq, "epoch": self.epoch, "time_ms": self._time, "agents": parts}
        await self.wire.send({key: value for key, value in {**message, **fields}.items() if value is not None})
        return int(fields.get("seq") or self.seq)

    async def answer(self, seq: int) -> Actions:
        """Wait for the answer to a snapshot."""
        return await self.get(Actions, f"actions for snapshot {seq}", snapshot=seq)

    async def tick(self, *ids: str, **fields: Any) -> Actions:
        """Send a snapshot, and wait for its answer."""
        return await self.answer(await self.show(*ids, **fields))

    async def error(self, code: str) -> ErrorMessage:
        """Wait for an error that is not fatal."""
        error = await self.get(ErrorMessage, f"an error {code}", code=code)
        if error.fatal:
            raise Mismatch(f"an error {code} that is not fatal", short(error))
        return error

    async def alive(self) -> None:
        """See that the session goes on."""
        t = float(next(self._t))
        await self.wire.send({"type": "ping", "t": t})
        await self.get(Pong, "the session goes on: a pong", t=t)

    async def order(self, agent: str) -> ActionsEntry:
        """Tick until the brain wants something done.

        Raises:
            Skip: it does not.
        """
        for _ in range(MOST_TICKS):
            for entry in (await self.tick(agent)).actions:
                if entry.agent == agent:
                    return entry
        raise Skip(f"the brain wanted nothing done in {MOST_TICKS} snapshots; show it something with --me")


class Visit:
    """What all checks of one server share.

    Args:
        url: where it is.
        token: for hello.
        brain: which to ask for; the first on offer if not given.
        declared: actions that agents say they can do.
        me: what agents perceive.
        pace: how long things may take.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        brain: str | None = None,
        declared: Sequence[DeclaredAction] = (),
        me: dict[str, Any] | None = None,
        pace: Pace | None = None,
    ) -> None:
        self.url = url
        self.token = token
        self.brain = brain
        self.declared = [msgspec.to_builtins(action) for action in declared]
        self.me = me or {}
        self.pace = pace or Pace()
        self.record = Record()
        self.mute: tuple[Wire, float] | None = None
        """A connection that says nothing, and when it was opened."""

    async def connect(self) -> Wire:
        """Open a connection.

        Raises:
            BrainsError: nobody is there, or it is no WebSocket server.
        """
        try:
            opening = connect(
                self.url, proxy=None, compression=None, max_size=None, open_timeout=self.pace.answer, close_timeout=1
            )
            return Wire(await opening, _read, self.record)
        except (InvalidURI, ValueError) as error:
            text = f"{self.url!r} is no address of a WebSocket server, such as ws://127.0.0.1:8765: {error}"
            raise BrainsError(text) from error
        except (OSError, InvalidHandshake) as error:
            raise BrainsError(f"cannot connect to {self.url}: {str(error) or type(error).__name__}") from error

    async def keep_mute(self) -> tuple[Wire, float]:
        """Open the connection that says nothing: its time passes while other things are checked."""
        self.mute = await self.connect(), asyncio.get_running_loop().time()
        return self.mute

    @contextlib.asynccontextmanager
    async def player(self) -> AsyncIterator[Player]:
        """Open a connection for as long as the block lasts."""
        wire = await self.connect()
        try:
            yield Player(self, wire)
        finally:
            await wire.close()


server_checks: Checks[Visit] = Checks()
"""All checks of servers, in the order in which they are run."""
