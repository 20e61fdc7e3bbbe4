"""One WebSocket as both scripted sides use it, and what is noted of everything that comes over it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from websockets.asyncio.connection import Connection
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

from brains.cli._conformance.checks import Mismatch, short
from brains.messages import CLOSE_CODES, encode

__all__ = ["Record", "Wire"]

T = TypeVar("T")
M = TypeVar("M")

ABNORMAL = 1006


class Record:
    """What was wrong with frames and closes, over all connections."""

    def __init__(self) -> None:
        self.frames = 0
        self.fragmented: list[str] = []
        self.binary: list[str] = []
        self.too_long: list[str] = []
        self.unreadable: list[str] = []
        self.closes: list[tuple[int, str]] = []

    def bad_reasons(self) -> list[str]:
        """Return the closes for an error whose reason does not begin with the error's code."""
        names = {number: name for name, number in CLOSE_CODES.items()}
        return [
            f"{code} {reason!r}"
            for code, reason in self.closes
            if code in names and not (reason == names[code] or reason.startswith(f"{names[code]}:"))
        ]


class Wire:
    """Reads a WebSocket in a task of its own, so that nothing is lost when somebody stops waiting.

    Args:
        socket: the open connection.
        read: makes a message of a frame, or raises.
        record: takes what is wrong.
        on: is called with each message, in order; where it is absent, messages wait in `messages`.

    Attributes:
        messages: what has come and was not taken yet.
        closed: (code, reason) once the connection is closed.
        closed_at: when that was, in the loop's time.
        max_bytes: longest frame that the other side may send.
    """

    def __init__(
        self,
        socket: Connection,
        read: Callable[[str | bytes], Any],
        record: Record,
        on: Callable[[Any], Awaitable[None]] | None = None,
    ) -> None:
        self.messages: list[Any] = []
        self.closed: tuple[int, str] | None = None
        self.closed_at = 0.0
        self.max_bytes: int | None = None
        self.news = asyncio.Event()
        self._socket = socket
        self._decode = read
        self._record = record
        self._on = on
        self._ours = False
        self._reader = asyncio.create_task(self._read())

    async def send(self, message: Any) -> None:
        """Send a message, a dict, or a raw frame.

        Raises:
            Mismatch: the connection is closed.
        """
        if isinstance(message, dict):
            frame: str | bytes = msgspec.json.encode(message).decode()
        else:
            frame = message if isinstance(message, str | bytes) else encode(message)
        try:
            await self._socket.send(frame)
        except (ConnectionClosed, AttributeError):
            # The library's abort of a transport that has closed with something still to be sent is an AttributeError.
            if asyncio.current_task() is not self._reader:
                await self._reader
            raise Mismatch("the connection stays open", self.how_closed()) from None

    async def until(self, find: Callable[[], T | None], expected: str, timeout: float) -> T:
        """Wait until `find` returns something, and return that.

        Raises:
            Mismatch: the connection was closed before, or it took too long.
        """
        deadline = asyncio.get_running_loop().time() + timeout
        while True:
            self.news.clear()
            found = find()
            if found is not None:
                return found
            if self.closed is not None:
                raise Mismatch(expected, self.how_closed())
            try:
                async with asyncio.timeout_at(deadline):
                    await self.news.wait()
            except TimeoutError:
                waiting = f"; instead: {short(self.messages[-1])}" if self.messages else ""
                raise Mismatch(expected, f"nothing like it within {timeout:g} s{waiting}") from None

    def take(self, kind: type[M], fits: Callable[[M], object] = lambda _: True) -> M | None:
        """Return the oldest message of a kind that was not taken yet."""
        for index, message in enumerate(self.messages):
            if isinstance(message, kind) and fits(message):
                del self.messages[index]
                return message
        return None

    async def until_closed(self, expected: str, timeout: float) -> tuple[int, str]:
        """Wait for the other side to close; return code and reason.

        Raises:
            Mismatch: it did not.
        """
        try:
            async with asyncio.timeout(timeout):
                await asyncio.shield(self._reader)
        except TimeoutError:
            raise Mismatch(expected, f"still open after {timeout:g} s") from None
        assert self.closed is not None
        return self.closed

    def how_closed(self) -> str:
        """Say how the connection was closed."""
        code, reason = self.closed or (ABNORMAL, "")
        return f"closed with {code} {reason}".rstrip()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close from this side, and wait for the end."""
        self._ours = True
        if self._socket.state is not State.CLOSED:
            await self._socket.close(code, reason)
        await self._reader

    async def abort(self) -> None:
        """Drop the connection without a word, as a crash does."""
        self._ours = True
        self._socket.transport.abort()
        await self._reader

    async def _read(self) -> None:
        try:
            while True:
                self._frame([piece async for piece in self._socket.recv_streaming()])
                if self._on is not None:
                    while self.messages:
                        await self._on(self.messages.pop(0))
                self.news.set()
        except (ConnectionClosed, Mismatch):
            pass
        finally:
            with contextlib.suppress(ConnectionClosed):
                await self._socket.wait_closed()
            self.closed = (self._socket.close_code or ABNORMAL, self._socket.close_reason or "")
            self.closed_at = asyncio.get_running_loop().time()
            if not self._ours:
                self._record.closes.append(self.closed)
            self.news.set()

    def _frame(self, pieces: list[Any]) -> None:
        """Note what is wrong with a frame, and keep its message."""
        record = self._record
        record.frames += 1
        frame = pieces[0][:0].join(pieces) if pieces else ""
        size = len(frame if isinstance(frame, bytes) else frame.encode())
        if len(pieces) > 1:
            record.fragmented.append(f"{len(pieces)} pieces: {short(frame, 80)}")
        if isinstance(frame, bytes):
            record.binary.append(f"{size} bytes")
        if self.max_bytes is not None and size > self.max_bytes:
            record.too_long.append(f"{size} bytes, {self.max_bytes} allowed: {short(frame, 80)}")
        try:
            self.messages.append(self._decode(frame))
        except Exception as error:
            record.unreadable.append(f"{short(frame, 120)}: {short(str(error))}")
