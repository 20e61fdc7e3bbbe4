"""Listens for games and chat clients. What any one of them does must not hurt the others."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
from collections.abc import Callable, Iterable
from types import TracebackType

import websockets.asyncio.server as ws
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from brains.errors import ConfigError
from brains.questions import Ticket
from brains.server.connection import Connection, ModelGateway
from brains.server.gate import WILDCARDS, Gate, is_loopback
from brains.session import AgentFactory, BrainSource, ChatSession, GameSession, Parking, SessionLimits
from brains.session.logged import one_line, trace
from brains.session.parking import TTL_S
from brains.session.turns import TurnGate
from brains.snapshot import TickReport

__all__ = ["Server"]

log = logging.getLogger("brains.server")
# The library's own lines, one and more per connection, would repeat ours.
_library_log = logging.getLogger("brains.server.websocket")
_library_log.setLevel(logging.WARNING)

SUBPROTOCOL = Subprotocol("brains.v1")
OPEN_TIMEOUT = 5.0
"""Seconds that a client has for the opening handshake."""
CLOSE_TIMEOUT = 5.0
"""Seconds that a client has to answer our close: a game that loads a scene should still read the reason."""
STOP_WITHIN = 1.0
"""Seconds that all clients together have when the server stops."""


class Server:
    """Serves brains over WebSocket, one session per game; a game that lost its connection may come back to it.

    Use it as `async with Server(...) as server`, or with `start` and `close`.

    Args:
        brains: the brains on offer.
        factory: makes the agents.
        gateway: where their questions go; it is neither started nor closed here.
        host: address to listen on.
        port: 0 takes any free one; see the attribute `port`.
        token: what a client has to say in its hello; required unless `host` is loopback.
        allow_origins: web pages that may connect.
        limits: of each session.
        observer: gets the report of every tick of every agent.
        gate: takes the turns of agents that are debugged; may be set as an attribute before the first game comes.
        version: ours, for the client's people.
        hello_timeout: seconds that a client has for its first message.
        send_timeout: seconds that a client may go without reading before it is cut off.
        resume_ttl: seconds for which a game that lost its connection may come back to its session; 0: none.

    Raises:
        ConfigError: there has to be a token.
    """

    def __init__(
        self,
        brains: BrainSource,
        factory: AgentFactory,
        gateway: ModelGateway,
        *,
        host: str = "127.0.0.1",
        port: int = 8765,
        token: str | None = None,
        allow_origins: Iterable[str] = (),
        limits: SessionLimits | None = None,
        observer: Callable[[TickReport], None] | None = None,
        gate: TurnGate | None = None,
        version: str = "",
        hello_timeout: float = 5.0,
        send_timeout: float = 20.0,
        resume_ttl: float = TTL_S,
    ) -> None:
        if not token and not is_loopback(host):
            raise ConfigError(
                f"others can reach {host or 'every interface'}, so a token is required: put one into "
                "BRAINS_TOKEN, or into a file for --token-file; or listen on 127.0.0.1"
            )
        self.host = host
        self.port = port
        self.gate = gate
        self._brains = brains
        self._factory = factory
        self._gateway = gateway
        self._token = token or None
        self._gate = Gate(host, allow_origins)
        self._limits = limits or SessionLimits()
        self._observer = observer
        self._version = version
        self._hello_timeout = hello_timeout
        self._send_timeout = send_timeout
        self._parking: Parking[GameSession] = Parking(
            resume_ttl, on_replaced=self._replaced, on_closed=lambda session: gateway.close_session(session.id)
        )
        self._expiry: asyncio.TimerHandle | None = None
        self._server: ws.Server | None = None
        self._unsubscribe: Callable[[], None] | None = None
        self._connections: set[Connection] = set()
        self._sockets: set[ws.ServerConnection] = set()

    @property
    def url(self) -> str:
        """Where a client on this machine finds the server."""
        host = "127.0.0.1" if self.host in WILDCARDS else self.host
        return f"ws://[{host}]:{self.port}" if ":" in host else f"ws://{host}:{self.port}"

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._connections)

    @property
    def sessions(self) -> list[GameSession]:
        """The games' sessions, also those that are kept for a game that lost its connection."""
        return self._parking.sessions

    async def start(self) -> None:
        """Begin to listen.

        Raises:
            ConfigError: the port is taken, or there is no such address.
        """
        try:
            self._server = await ws.serve(
                self._serve,
                self.host or None,
                self.port,
                process_request=self._gate,
                select_subprotocol=_subprotocol,
                compression=None,
                max_size=self._limits.max_message_bytes,
                max_queue=16,
                open_timeout=OPEN_TIMEOUT,
                ping_interval=20,
                # A game at a breakpoint does not answer pings; it should survive a look at the variables.
                ping_timeout=60,
                close_timeout=CLOSE_TIMEOUT,
                logger=_library_log,
                create_connection=_recording(self._sockets),
            )
        except OSError as error:
            raise ConfigError(_why(error, self.host, self.port)) from error
        self.port = self._server.sockets[0].getsockname()[1]
        self._unsubscribe = self._gateway.subscribe(self._news)
        log.debug("listening on %s", self.url)

    async def serve_forever(self) -> None:
        """Serve until `close`, or until this is cancelled."""
        if self._server is None:
            await self.start()
        assert self._server is not None
        try:
            await self._server.wait_closed()
        finally:
            await self.close()

    async def close(self) -> None:
        """Close all connections with 1001 and stop, within two seconds whatever they do."""
        server = self._server
        if server is None:
            return
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        self._parking.close()
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        server.close(code=1001, reason="server stops")
        for socket in list(self._sockets):
            # Who has not finished its handshake would otherwise be waited for.
            if socket not in server.all_connections:
                socket.transport.abort()
        closed = asyncio.ensure_future(server.wait_closed())
        await asyncio.wait([closed], timeout=STOP_WITHIN)
        for socket in list(self._sockets):
            socket.transport.abort()
        await closed

    async def __aenter__(self) -> Server:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _serve(self, websocket: ws.ServerConnection) -> None:
        """Serve one connection; nothing that happens in it gets out of here."""
        peer = _peer(websocket)
        connection = Connection(
            websocket,
            self._game(),
            self._chat,
            self._gateway,
            self._parking,
            hello_timeout=self._hello_timeout,
            send_timeout=self._send_timeout,
        )
        self._connections.add(connection)
        log.info("%s connected as session %s", peer, connection.session.id)
        try:
            await connection.run()
        except Exception:
            log.error("session %s failed:\n%s", connection.session.id, trace())
            with contextlib.suppress(ConnectionClosed):
                await websocket.close(1011, "internal: see the server's log")
        finally:
            self._connections.discard(connection)
            self._expire()
            code, reason = websocket.close_code, one_line(websocket.close_reason or "")
            session = connection.session
            # A session that another connection goes on with has not come to its sums.
            sums = f"; {session.counts}" if isinstance(session, GameSession) and not connection.is_replaced else ""
            log.info("session %s: %s disconnected, %s %s%s", session.id, peer, code, reason, sums)

    def _game(self) -> GameSession:
        return GameSession(
            self._brains,
            self._factory,
            limits=self._limits,
            token=self._token,
            server=("brains", self._version),
            observer=self._observer,
            gate=self.gate,
            parking=self._parking,
        )

    def _chat(self, session: str) -> ChatSession:
        return ChatSession(limits=self._limits, token_required=self._token is not None, new_id=lambda: session)

    def _news(self, ticket: Ticket) -> None:
        parked = self._parking.get(ticket.question.session)
        if parked is not None and ticket.outcome is not None:
            parked.answered(ticket.question.agent)
        for connection in self._connections:
            if connection.session.id == ticket.question.session:
                connection.news(ticket)

    def stir(self, session: GameSession) -> None:
        """Send what a session has to say: something has happened to it from outside."""
        for connection in self._connections:
            if connection.session is session:
                connection.stir()

    def _replaced(self, session: GameSession) -> None:
        """Take a session from its connection, because another one goes on with it."""
        for connection in list(self._connections):
            if connection.session is session:
                self._connections.discard(connection)
                connection.replaced()

    def _expire(self) -> None:
        """Close sessions that nobody came back for, now and when the next one is due."""
        if self._expiry is not None:
            self._expiry.cancel()
        seconds = self._parking.expire()
        loop = asyncio.get_running_loop()
        self._expiry = None if seconds is None else loop.call_later(seconds, self._expire)


def _recording(known: set[ws.ServerConnection]) -> type[ws.ServerConnection]:
    """Return a class of connections that are in `known` from their first byte on."""

    class Recorded(ws.ServerConnection):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            known.add(self)
            super().connection_made(transport)

        def connection_lost(self, exc: Exception | None) -> None:
            known.discard(self)
            super().connection_lost(exc)

    return Recorded


def _subprotocol(connection: ws.ServerConnection, offered: Iterable[Subprotocol]) -> Subprotocol | None:
    """Echo our subprotocol if it is offered; Godot closes when it offered some and none comes back."""
    return SUBPROTOCOL if SUBPROTOCOL in offered else None


def _peer(websocket: ws.ServerConnection) -> str:
    address = websocket.remote_address
    return f"{address[0]}:{address[1]}" if isinstance(address, tuple) else "somebody"


def _why(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is in use; does brains run already? Take another with --port (0: any free one)"
    return f"cannot listen on {host or 'every interface'}, port {port}: {error.strerror or error}"
