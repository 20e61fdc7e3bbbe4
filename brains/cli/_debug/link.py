"""What a console speaks to: a server's control socket, or a debugger in this very process."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from brains.control import ControlClient, ControlLost, RequestFailed, ServerEntry

if TYPE_CHECKING:
    from brains.debugger import Debugger

__all__ = ["ControlLink", "Link", "LocalLink"]

Event = dict[str, Any]

_RUNNING = frozenset({"pause", "continue", "step", "next", "finish", "tick", "until", "restart", "fork", "rerun"})
"""Requests after which something may have to be ticked. In a process without a game nothing runs before one of them."""


class Link(Protocol):
    """A conversation with a debugger.

    Attributes:
        about: what it said of itself: `kind`, `server`, `pid`, `models`.
        folder: where it was started: names of files are from there; empty: where we were.
        on_event: gets each event.
        on_lost: is told once why the conversation is over, unless we ended it.
    """

    about: dict[str, Any]
    folder: str
    on_event: Callable[[Event], None]
    on_lost: Callable[[str], None]

    async def start(self, *, events: bool = False) -> None:
        """Begin; with `events` hear of all agents.

        Raises:
            ControlLost: there is nobody.
        """
        ...

    async def request(self, command: str, **arguments: Any) -> dict[str, Any]:
        """Send a request and return the body of its answer.

        Raises:
            RequestFailed: it cannot be done.
        """
        ...

    async def close(self) -> None:
        """End it: what is held goes on."""
        ...


class ControlLink:
    """A server's control socket."""

    def __init__(self, entry: ServerEntry, name: str) -> None:
        self.on_event: Callable[[Event], None] = lambda event: None
        self.on_lost: Callable[[str], None] = lambda reason: None
        self._client = ControlClient(
            entry, name=name, on_event=lambda event: self.on_event(event), on_lost=lambda reason: self.on_lost(reason)
        )
        self.about: dict[str, Any] = {}
        self.folder = entry.folder

    async def start(self, *, events: bool = False) -> None:
        """Connect."""
        try:
            await self._client.start(events=events)
        except BaseException:
            await self._client.close()
            raise
        self.about = self._client.about

    async def request(self, command: str, **arguments: Any) -> dict[str, Any]:
        """Send a request."""
        return await self._client.request(command, **arguments)

    async def close(self) -> None:
        """End the conversation."""
        await self._client.close()


class LocalLink:
    """A debugger in this process: there is no socket, and so no lease."""

    def __init__(
        self, debugger: Debugger, name: str, *, before: Mapping[str, Callable[[], Awaitable[None]]] | None = None
    ) -> None:
        self.folder = ""
        self._before = dict(before or {})
        self.on_event: Callable[[Event], None] = lambda event: None
        self.on_lost: Callable[[str], None] = lambda reason: None
        self.about: dict[str, Any] = {}
        self._loop = asyncio.get_running_loop()
        self._debugger = debugger
        self._pumping: asyncio.Task[None] | None = None
        self._working: asyncio.Task[None] | None = None
        self._flushing = False
        self._session = debugger.connect(name, self._notify, lease=None)
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}

    async def start(self, *, events: bool = False) -> None:
        """Say hello."""
        from brains.debugger.messages import PROTOCOL_VERSION

        self.about = await self.request("hello", version=PROTOCOL_VERSION, name="", events=events)

    async def request(self, command: str, **arguments: Any) -> dict[str, Any]:
        """Do a request; its answer may come later."""
        if self._session.closed:
            raise ControlLost("the debugger is closed")
        if command in self._before:
            await self._before[command]()
        number = next(self._ids)
        waiting = self._loop.create_future()
        self._waiting[number] = waiting
        try:
            self._session.receive({"id": number, "command": command, "arguments": arguments})
            if command in _RUNNING and (self._pumping is None or self._pumping.done()):
                self._pumping = asyncio.create_task(_again_and_again(self._debugger.pump))
            if self._debugger.bench.is_busy and (self._working is None or self._working.done()):
                self._working = asyncio.create_task(_again_and_again(self._debugger.work))
            answer = await waiting
        finally:
            self._waiting.pop(number, None)
        if answer["ok"]:
            body: dict[str, Any] = answer["body"]
            return body
        error = answer["error"]
        raise RequestFailed(error["kind"], error["message"], error.get("hint", ""))

    async def close(self) -> None:
        """End it."""
        for task in (self._pumping, self._working):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        self._session.close()

    def _notify(self) -> None:
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon_threadsafe(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        for message in self._session.outgoing():
            if "event" in message:
                self.on_event(message)
            elif (waiting := self._waiting.get(message["id"])) is not None and not waiting.done():
                waiting.set_result(message)


async def _again_and_again(step: Callable[[], bool]) -> None:
    """Tick what is to run, since no game does, or do what takes long, to its end: what is typed gets its turn."""
    while step():  # noqa: ASYNC110 - it is done, not waited for
        await asyncio.sleep(0)
