"""One connection: a task that reads what comes, and one that ticks and sends.

They are two so that a client that is slow to read does not keep us from reading: its snapshots supersede
each other meanwhile. The session in the middle is a plain object, so no tick is ever interrupted.
A session may come from another connection, which was lost, and may go to another one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from brains.messages import CLOSE_CODES, ErrorMessage, close_reason, encode
from brains.questions import Asker, Question, Ticket
from brains.session import ChatSession, GameSession, Parking, is_chat
from brains.session.logged import one_line

__all__ = ["Connection", "ModelGateway"]

log = logging.getLogger("brains.server")

MOST_BACKLOG = 256
"""Frames that may wait for a slow client before nothing more is read from it."""
FRAMES_IN_A_ROW = 32
"""Frames that one client may have read before the others get their turn."""
FAULTS = frozenset({1002, 1003, 1007, 1008, 1009})
"""Close codes with which the library answers what a client may not send."""
REPLACED = "a newer connection goes on with this session"


class ModelGateway(Asker, Protocol):
    """What the server needs of the gateway."""

    def subscribe(self, listener: Callable[[Ticket], None], /) -> Callable[[], None]:
        """Call `listener` with each ticket that there is news of; return what ends that."""
        ...

    def close_session(self, session: str, /) -> None:
        """Cancel all questions of a session."""
        ...


class Connection:
    """Pumps one WebSocket until it is closed.

    Args:
        websocket: the open connection.
        game: the session to use if the client says hello.
        chat: makes the one to use if it just talks; it goes by the same id.
        gateway: answers the chat's questions.
        parking: takes the game's session if the connection is lost.
        hello_timeout: seconds that a client has for its first message.
        send_timeout: seconds that a client may go without reading before it is cut off.
    """

    def __init__(
        self,
        websocket: ServerConnection,
        game: GameSession,
        chat: Callable[[str], ChatSession],
        gateway: ModelGateway,
        parking: Parking[GameSession],
        *,
        hello_timeout: float,
        send_timeout: float,
    ) -> None:
        self.session: GameSession | ChatSession = game
        self._websocket = websocket
        self._chat = chat
        self._gateway = gateway
        self._parking = parking
        self._hello_timeout = hello_timeout
        self._send_timeout = send_timeout
        self._stir = asyncio.Event()
        self._sent = asyncio.Event()
        self._gone = False
        self._replaced = False
        self._ticket: Ticket | None = None
        self._welcomed = False

    async def run(self) -> None:
        """Serve the client; return when the connection is closed, by whomever."""
        timer = asyncio.get_running_loop().call_later(self._hello_timeout, self._no_hello)
        failed = True
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._read())
                await self._write()
            failed = False
        finally:
            timer.cancel()
            if not self._replaced:
                self._let_go(failed)

    @property
    def is_replaced(self) -> bool:
        """The session goes on with another connection."""
        return self._replaced

    def stir(self) -> None:
        """Send what the session has to say: something has happened to it from outside."""
        self._stir.set()

    def replaced(self) -> None:
        """Leave the session alone: from now on another connection has it. This one is closed."""
        self._replaced = True
        self._stir.set()
        self._sent.set()

    def _let_go(self, failed: bool) -> None:
        """Have the session kept for a game that comes back, or end it."""
        session = self.session
        if isinstance(session, GameSession):
            if not failed and not self._is_at_fault() and self._parking.lost(session):
                return
            self._parking.leave(session)
        session.close("connection lost")
        self._gateway.close_session(session.id)

    def _is_at_fault(self) -> bool:
        """Tell whether the library has closed the connection for something that the client sent."""
        protocol = self._websocket.protocol
        close = protocol.close_sent
        return close is not None and not protocol.close_rcvd_then_sent and close.code in FAULTS

    def news(self, ticket: Ticket) -> None:
        """Take note of an answer that has come for this session."""
        if ticket.outcome is None:
            return
        if isinstance(self.session, GameSession):
            self.session.answered(ticket.question.agent)
        elif ticket is self._ticket:
            self._ticket = None
            self.session.answer(ticket.outcome)
        self._stir.set()

    async def _read(self) -> None:
        try:
            in_a_row = 0
            async for frame in self._websocket:
                self._receive(frame)
                self._stir.set()
                in_a_row += 1
                if in_a_row >= FRAMES_IN_A_ROW:
                    in_a_row = 0
                    await asyncio.sleep(0)
                while self.session.backlog > MOST_BACKLOG and not self._gone and not self._replaced:
                    self._sent.clear()
                    await self._sent.wait()
        except ConnectionClosed:
            pass  # a game that was killed or whose machine slept is nothing special
        finally:
            self._gone = True
            self._stir.set()

    def _receive(self, frame: str | bytes) -> None:
        """Hand a frame to the session; the first good one says of which kind that is."""
        if self._replaced:
            return
        if isinstance(self.session, GameSession) and not self.session.open and is_chat(frame):
            self.session.close("chat")
            self.session = self._chat(self.session.id)
        try:
            self.session.receive(frame)
        finally:
            # Whatever happens: from now on the session that is resumed ends with this connection.
            if isinstance(self.session, GameSession) and self.session.successor is not None:
                self.session = self.session.successor
        if not self._welcomed and isinstance(self.session, GameSession) and self.session.open:
            self._welcomed = True
            log.info("session %s: %s says hello", self.session.id, _shown(self.session.client))

    async def _write(self) -> None:
        try:
            while not self._gone:
                await self._stir.wait()
                self._stir.clear()
                if self._replaced:
                    await self._turn_away()
                    return
                if isinstance(self.session, GameSession):
                    self.session.tick()
                else:
                    self._ask(self.session)
                await self._send()
                if self.session.closing is not None and not self._replaced:
                    await self._websocket.close(*self.session.closing)
                    return
        except ConnectionClosed:
            pass
        except TimeoutError:
            log.warning("session %s: does not read, cut off", self.session.id)
            self._websocket.transport.abort()
        finally:
            self._gone = True
            self._sent.set()

    async def _send(self) -> None:
        for frame in self.session.outgoing():
            if self._replaced:
                return
            async with asyncio.timeout(self._send_timeout):
                await self._websocket.send(frame)
        self._sent.set()

    async def _turn_away(self) -> None:
        """Tell a client whose session another connection has taken over."""
        error = ErrorMessage(code="session_replaced", message=REPLACED, fatal=True)
        async with asyncio.timeout(self._send_timeout):
            await self._websocket.send(encode(error))
        await self._websocket.close(CLOSE_CODES[error.code], close_reason(error.code, REPLACED))

    def _ask(self, chat: ChatSession) -> None:
        """Ask what the chat client wants to know, one question at a time."""
        question: Question | None
        while (question := chat.question()) is not None:
            self._ticket = self._gateway.ask(question)
            if self._ticket.outcome is None:
                return
            ticket, self._ticket = self._ticket, None
            assert ticket.outcome is not None
            chat.answer(ticket.outcome)

    def _no_hello(self) -> None:
        if isinstance(self.session, GameSession):
            self.session.hello_timeout()
            self._stir.set()


def _shown(client: dict[str, object]) -> str:
    """Return what a game says of itself in one short line that cannot forge another one."""
    parts = [str(client[key])[:60] for key in ("name", "version", "engine", "platform") if client.get(key)]
    return one_line(" ".join(parts), 250) or "a game"
