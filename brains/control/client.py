"""A debugger's side of the control socket: requests and their answers, events, and a beat that says it is there."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Callable
from types import TracebackType
from typing import Any

import msgspec
import websockets.asyncio.client as ws
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from brains.control.discovery import CONTROL_VERSION, ServerEntry, describe
from brains.control.server import LARGEST
from brains.errors import BrainsError

__all__ = ["BEAT_S", "ControlClient", "ControlLost", "RequestFailed"]

BEAT_S = 1.5
"""Between two beats; the server takes 5 s of silence for an end."""

Event = dict[str, Any]


class RequestFailed(BrainsError):
    """The debugger would not do a request.

    Attributes:
        kind: one of `brains.debugger.messages.ERROR_KINDS`, or of the front end's own.
        message: what is wrong.
        hint: what to do next.
    """

    def __init__(self, kind: str, message: str, hint: str = "") -> None:
        super().__init__(f"{message}; {hint}" if hint else message)
        self.kind = kind
        self.message = message
        self.hint = hint


class ControlLost(RequestFailed):
    """The server is not there, not any more, or speaks another version."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__("server_lost", message, hint)


class ControlClient:
    """One conversation with a server. Use it as `async with ControlClient(entry, on_event=...)`.

    Args:
        entry: where the server is.
        name: who we are, for others.
        on_event: gets each event.
        on_lost: is called once if the server ends the conversation, with the reason.
        beat: seconds between two signs of life; 0: none.

    Attributes:
        about: what the server said of itself.
        lost: why the conversation is over; empty while it is not.
    """

    def __init__(
        self,
        entry: ServerEntry,
        *,
        name: str = "",
        on_event: Callable[[Event], None] = lambda event: None,
        on_lost: Callable[[str], None] = lambda reason: None,
        beat: float = BEAT_S,
    ) -> None:
        self._entry = entry
        self._name = name
        self._on_event = on_event
        self._on_lost = on_lost
        self._beat_s = beat
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._socket: ws.ClientConnection | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self.about: dict[str, Any] = {}
        self.lost = ""

    async def start(self, *, events: bool = False) -> None:
        """Connect and say who we are.

        Args:
            events: hear of agents that are not attached, too.

        Raises:
            ControlLost: nobody answers, we are not let in, or the versions differ.
            RequestFailed: the debugger does not want us.
        """
        entry = self._entry
        if entry.control != CONTROL_VERSION:
            raise ControlLost(
                f"the server speaks version {entry.control} of the control channel, this is {CONTROL_VERSION}",
                "use the `brains` of the same installation as the server",
            )
        from brains.debugger.messages import PROTOCOL_VERSION

        try:
            self._socket = await self._connect()
        except InvalidStatus as error:
            said = (error.response.body or b"").decode(errors="replace").strip()
            raise ControlLost(f"the server does not let us in: {said}") from error
        except (OSError, InvalidHandshake, TimeoutError) as error:
            raise ControlLost(
                f"nobody answers at the control socket of {describe(entry)} (pid {entry.pid}): {error}",
                "has it ended? `brains ctl servers` lists those that run",
            ) from error
        self._tasks.append(asyncio.create_task(self._read(self._socket)))
        self.about = await self.request("hello", version=PROTOCOL_VERSION, name=self._name, events=events)
        if self._beat_s:
            self._tasks.append(asyncio.create_task(self._beat()))

    async def _connect(self) -> ws.ClientConnection:
        shared: dict[str, Any] = {
            "compression": None,
            "max_size": LARGEST,
            "ping_interval": None,
            "open_timeout": 5.0,
            "close_timeout": 1.0,
        }
        if self._entry.socket:
            return await ws.unix_connect(self._entry.socket, "ws://brains/", **shared)
        headers = {"Authorization": f"Bearer {self._entry.token}"}
        url = f"ws://127.0.0.1:{self._entry.port}"
        return await ws.connect(url, additional_headers=headers, proxy=None, **shared)

    async def request(self, command: str, **arguments: Any) -> dict[str, Any]:
        """Send a request and return the body of its answer.

        Raises:
            RequestFailed: it cannot be done.
            ControlLost: the server is gone.
        """
        if self._socket is None or self.lost:
            raise ControlLost(self.lost or "not connected")
        number = next(self._ids)
        waiting = asyncio.get_running_loop().create_future()
        self._waiting[number] = waiting
        try:
            message = {"id": number, "command": command, "arguments": arguments}
            with contextlib.suppress(ConnectionClosed):  # the reader sees it, too, and says why
                await self._socket.send(msgspec.json.encode(message).decode())
            answer = await waiting
        finally:
            self._waiting.pop(number, None)
        if answer.get("ok"):
            body: dict[str, Any] = answer["body"]
            return body
        error = answer.get("error", {})
        raise RequestFailed(error.get("kind", "internal"), error.get("message", "no reason"), error.get("hint", ""))

    async def close(self) -> None:
        """End the conversation: what it held goes on. Any number of times."""
        self._on_lost = lambda reason: None
        for task in self._tasks:
            task.cancel()
        if self._socket is not None:
            await self._socket.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        self._end("closed")

    async def __aenter__(self) -> ControlClient:
        try:
            await self.start()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _read(self, socket: ws.ClientConnection) -> None:
        try:
            async for frame in socket:
                message = msgspec.json.decode(frame)
                if "event" in message:
                    self._on_event(message)
                elif (waiting := self._waiting.get(message.get("id", 0))) is not None and not waiting.done():
                    waiting.set_result(message)
        except ConnectionClosed:
            pass
        except Exception as error:
            # Whoever waits for an answer would wait for ever.
            self._end(f"what the server said could not be taken: {type(error).__name__}: {error}")
            raise
        code, reason = socket.close_code, socket.close_reason
        why = {1001: "the server has stopped", 4408: "we were silent for too long, so the server let go"}
        self._end(why.get(code or 0, f"the server is gone ({reason or 'it ended without a word'})"))

    def _end(self, why: str) -> None:
        if self.lost:
            return
        self.lost = why
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(ControlLost(why, "held agents go on without us"))
        self._on_lost(why)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._beat_s)
            with contextlib.suppress(RequestFailed):
                await self.request("beat")
