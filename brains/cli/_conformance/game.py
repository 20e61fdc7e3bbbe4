"""The scripted server: it knows no trees, and gives the client exactly what a check wants it to get."""

from __future__ import annotations

import asyncio
import itertools
import logging
import secrets
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import websockets.asyncio.server as ws
from websockets.typing import Subprotocol

from brains.cli._conformance.checks import Checks, Mismatch, Pace, Skip, short
from brains.cli._conformance.watch import Watch
from brains.cli._conformance.wire import Record, Wire
from brains.errors import ConfigError
from brains.messages import (
    FEATURES,
    PROTOCOL_VERSION,
    ActionResult,
    Actions,
    ActionsEntry,
    AgentEntry,
    AgentsAck,
    AgentsMessage,
    Hello,
    Ping,
    Pong,
    Rejection,
    SnapshotMessage,
    decode,
)

__all__ = ["Game", "client_checks"]

T = TypeVar("T")

MAX_MESSAGE_BYTES = 4 * 1024 * 1024
WINDOW = 1
TTL_S = 60


class Game:
    """What all checks of one client share: the server that it talks to, and what it has said.

    Use it as `async with Game(...) as game`.

    Args:
        host: address to listen on.
        port: 0 takes any free one.
        brains: names on offer; agents may name others.
        token: what hello has to say.
        pace: how long things may take.

    Attributes:
        wire: the connection, if there is one.
        hello: what the client said first in it.
        stranger: what it said first, if that was no hello.
        arrivals: connections that there have been.
        agents: what was declared, by id.
        pending: snapshots that were not answered.
        latest: the newest snapshot.
        results: all that came in this connection.
        session: id and secret of the session.
        refuse: ids that are not taken.
        resuming: whether to let the client resume.
        offers: features that a client gets if it asks for them.
        watch: notes what is wrong with snapshots, all the time.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        brains: Sequence[str] = (),
        token: str | None = None,
        pace: Pace | None = None,
    ) -> None:
        self.pace = pace or Pace()
        self.record = Record()
        self.watch = Watch(WINDOW)
        self.token = token
        self.url = ""
        self.wire: Wire | None = None
        self.hello: Hello | None = None
        self.stranger: object = None
        self.arrivals = 0
        self.agents: dict[str, AgentEntry] = {}
        self.pending: list[SnapshotMessage] = []
        self.latest: SnapshotMessage | None = None
        self.results: list[ActionResult] = []
        self.session = ("", "")
        self.refuse: set[str] = set()
        self.resuming = False
        self.offers: tuple[str, ...] = FEATURES
        self.features: list[str] = []
        self.pongs: list[float] = []
        self.declared = 0
        self._host, self._port = host, port
        self._brains = list(brains)
        self._sent = 0
        self._ids = itertools.count(1)
        self._news = asyncio.Event()
        self._server: ws.Server | None = None

    async def __aenter__(self) -> Game:
        quiet = logging.getLogger("brains.conformance")
        quiet.setLevel(logging.CRITICAL)
        try:
            self._server = await ws.serve(
                self._serve,
                self._host,
                self._port,
                compression=None,
                max_size=None,
                close_timeout=1,
                logger=quiet,
                select_subprotocol=_subprotocol,
            )
        except OSError as error:
            raise ConfigError(f"cannot listen on {self._host}, port {self._port}: {error.strerror or error}") from error
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"ws://[{self._host}]:{port}" if ":" in self._host else f"ws://{self._host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    # What comes

    async def _serve(self, socket: ws.ServerConnection) -> None:
        self.features = []
        wire = Wire(socket, self._read, self.record, self._take)
        wire.max_bytes = MAX_MESSAGE_BYTES
        self.wire = wire
        self.arrivals += 1
        self.hello, self.stranger = None, None
        self.declared = 0
        self.agents, self.pending, self.results, self.latest = {}, [], [], None
        self._news.set()
        await socket.wait_closed()
        self._news.set()

    def _read(self, frame: str | bytes) -> Any:
        return decode(frame, variant="variant" in self.features)

    async def _take(self, message: Any) -> None:
        """Note a message; greet, acknowledge and answer pings by itself."""
        match message:
            case SnapshotMessage():
                self.watch.snapshot(message, self.agents, len(self.pending))
                self.pending.append(message)
                self.latest = message
                self.results += message.results
            case ActionResult():
                self.results.append(message)
            case AgentsMessage():
                await self._acknowledge(message)
            case Hello() if self.hello is None and self.stranger is None:
                await self._welcome(message)
            case Ping(t=t):
                await self.send(Pong(t=t))
            case Pong(t=t):
                self.pongs.append(t)
        if self.hello is None and self.stranger is None:
            self.stranger = message
        self._news.set()

    async def _welcome(self, hello: Hello) -> None:
        self.hello = hello
        wish = hello.session
        resumed = self.resuming and wish is not None and (wish.id, wish.resume) == self.session
        if not resumed:
            self._sent = 0
        self.watch.begin(resumed=resumed)
        self.session = (self.session[0] if resumed else secrets.token_hex(8), secrets.token_hex(16))
        self.features = [feature for feature in self.offers if feature in hello.features]
        id, resume = self.session
        await self.send(
            {
                "type": "welcome",
                "protocol": PROTOCOL_VERSION,
                "server": {"name": "brains conformance", "version": ""},
                "session": {"id": id, "resume": resume, "resumed": resumed, "ttl_s": TTL_S},
                "tick": {"mode": "snapshot", "hz": 10},
                "limits": {"max_message_bytes": MAX_MESSAGE_BYTES, "max_agents": 1000, "window": WINDOW},
                "heartbeat_s": 20.0,
                "features": self.features,
                "brains": self._brains,
            }
        )

    async def _acknowledge(self, message: AgentsMessage) -> None:
        self.declared += 1
        self.watch.agents(message)
        for id in message.remove:
            self.agents.pop(id, None)
        taken = {entry.id: entry for entry in message.add if entry.id not in self.refuse}
        self.agents.update(taken)
        why = "refused to see what comes of it"
        refused = [
            Rejection(id=entry.id, code="unknown_brain", message=why) for entry in message.add if entry.id not in taken
        ]
        await self.send(AgentsAck(epoch=self.watch.epoch, ok=list(taken), rejected=refused))

    # What goes

    async def send(self, message: Any) -> None:
        """Send a message.

        Raises:
            Mismatch: the client has hung up.
        """
        if self.wire is None:
            raise Mismatch("a client that is connected", "nobody")
        await self.wire.send(message)

    async def answer(self, snapshot: SnapshotMessage, *entries: ActionsEntry, **fields: Any) -> None:
        """Answer a snapshot."""
        if snapshot in self.pending:
            self.pending.remove(snapshot)
        await self.send(self.actions(int(snapshot.seq), *entries, **fields))

    def actions(self, seq: int, *entries: ActionsEntry, **fields: Any) -> Actions:
        """Return an answer with the next number."""
        self._sent += 1
        message = {"cancel": [], "busy": [], "server_ms": 0.1, "epoch": self.watch.epoch, **fields}
        return Actions(seq=self._sent, snapshot=seq, actions=list(entries), **message)

    def entry(self, agent: str, name: str, params: dict[str, Any], **fields: Any) -> ActionsEntry:
        """Return an action with a new id, unless `fields` has one."""
        known = {
            "id": f"{agent}#c{next(self._ids)}",
            "source": "tree",
            "ttl_ms": 60_000,
            "reason": "conformance",
            **fields,
        }
        return ActionsEntry(agent=agent, name=name, params=params, **known)

    # Waiting

    async def until(
        self,
        find: Callable[[], T | None],
        expected: str,
        *,
        timeout: float | None = None,
        pump: bool = True,
        offline: bool = False,
    ) -> T:
        """Wait until `find` returns something, and return that; answer snapshots meanwhile, with nothing to do.

        Args:
            find: looks for it.
            expected: what it is, for people.
            timeout: how long, if not as long as an answer may take.
            pump: whether to answer snapshots.
            offline: whether the client may be away.

        Raises:
            Mismatch: it took too long, or the client hung up.
        """
        timeout = self.pace.answer if timeout is None else timeout
        deadline = asyncio.get_running_loop().time() + timeout
        while True:
            self._news.clear()
            while pump and self.pending:
                await self.answer(self.pending[0])
            found = find()
            if found is not None:
                return found
            if not offline and (self.wire is None or self.wire.closed is not None):
                raise Mismatch(expected, "nobody" if self.wire is None else f"the client has {self.wire.how_closed()}")
            try:
                async with asyncio.timeout_at(deadline):
                    await self._news.wait()
            except TimeoutError:
                raise Mismatch(expected, f"nothing like it within {timeout:.3g} s") from None

    async def quiet(self, seconds: float) -> None:
        """Let time pass, and answer nothing."""
        await asyncio.sleep(seconds)

    async def arrived(self) -> None:
        """Wait for the first connection, as long as it takes."""
        while not self.arrivals:
            self._news.clear()
            await self._news.wait()

    async def here(self) -> None:
        """Wait until the client is connected and plays.

        Raises:
            Skip: it is not there.
        """
        await self.arrived()
        try:
            await self.until(
                lambda: self.wire if self.wire is not None and self.wire.closed is None else None,
                "a client",
                timeout=self.pace.back,
                pump=False,
                offline=True,
            )
            await self.until(lambda: self.latest if self.agents else None, "agents and a snapshot", pump=False)
        except Mismatch as error:
            raise Skip(f"no client that plays: {error}") from None

    async def fresh(self, agent: str | None = None) -> SnapshotMessage:
        """Wait for a snapshot, one with this agent; others are answered with nothing to do."""
        what = "a snapshot" if agent is None else f"a snapshot with {agent!r}"
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.pace.answer
        while True:
            left = deadline - loop.time()
            snapshot = await self.until(
                lambda: self.pending[0] if self.pending else None, what, timeout=left, pump=False
            )
            if agent is None or agent in snapshot.agents:
                return snapshot
            await self.answer(snapshot)

    async def give(self, entry: ActionsEntry, **fields: Any) -> None:
        """Give an action in answer to the next snapshot of its agent."""
        await self.answer(await self.fresh(entry.agent if entry.agent in self.agents else None), entry, **fields)

    async def result(self, id: str, *statuses: str, since: int = 0, timeout: float | None = None) -> ActionResult:
        """Wait for a result of an action."""

        def find() -> ActionResult | None:
            for one in self.results[since:]:
                if one.id == id and (not statuses or one.status in statuses):
                    return one
            return None

        wanted = " or ".join(statuses) or "any"
        try:
            return await self.until(find, f"an action_result with {wanted} for {id!r}", timeout=timeout)
        except Mismatch as error:
            said = [f"{one.status} {one.code}".strip() for one in self.results[since:] if one.id == id]
            raise Mismatch(error.expected, f"{', '.join(said)}, and no more" if said else error.got) from None

    async def alive(self) -> None:
        """See that the client still plays."""
        before = self.latest
        await self.until(
            lambda: self.latest if self.latest is not before else None, "the client goes on: another snapshot"
        )

    # Coming back

    async def leave(self, code: int, reason: str, *, resuming: bool, refuse: Iterable[str] = ()) -> None:
        """Close the connection; say what will happen if the client comes back."""
        assert self.wire is not None
        self.resuming = resuming
        self.refuse = set(refuse)
        await self.wire.close(code, reason)

    async def back(self, timeout: float | None = None) -> Hello:
        """Wait until the client is back, and has said hello."""
        gone = self.arrivals if self.wire is None or self.wire.closed is not None else self.arrivals - 1
        return await self.until(
            lambda: self.hello if self.arrivals > gone else None,
            "the client comes back and says hello",
            timeout=self.pace.back if timeout is None else timeout,
            pump=False,
            offline=True,
        )

    def said(self) -> str:
        """Return what the client said first, in short."""
        return short(self.stranger if self.hello is None else self.hello)


def _subprotocol(connection: ws.ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """Echo the protocol's name if it is offered."""
    return Subprotocol("brains.v1") if "brains.v1" in offered else None


client_checks: Checks[Game] = Checks()
"""All checks of clients, in the order in which they are run."""
