"""The recording of a running server: begun by `--record` or by a debugger, read again for what was."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from brains import __version__
from brains.debugger import DebugError
from brains.debugger.past import RecordedPast
from brains.errors import RecordingError
from brains.recording import FileRecorder

if TYPE_CHECKING:
    from brains.agent import Agent
    from brains.library import BrainLibrary
    from brains.prompts import PromptLibrary
    from brains.questions import Asker
    from brains.server.debugging import ServerHost
    from brains.trace import Recording

__all__ = ["Recordings"]


class RecordWish(msgspec.Struct, forbid_unknown_fields=True):
    """What a debugger says: `record on FILE`, `record off`."""

    on: bool
    file: str = ""


class Recordings:
    """Records the agents of a server, now or later, into one file at a time.

    Args:
        library: the brains.
        prompts: the templates.
        trees: the trees folder, whose texts are recorded.
        live: answers the questions of shadows, which go their own way.
        active: what records from the start.

    Attributes:
        active: what records now.
        host: whose agents are recorded, and who is told that there is a past; set after it was made.
    """

    def __init__(
        self,
        library: BrainLibrary,
        prompts: PromptLibrary,
        trees: str | Path,
        live: Asker,
        active: FileRecorder | None = None,
    ) -> None:
        self.active = active
        self.host: ServerHost | None = None
        self._prompts = prompts
        self._trees = trees
        self._read: Recording | None = None
        self._is_outdated = True
        self._given = active
        self._turn = asyncio.Lock()
        self._past = RecordedPast(self._so_far, library, prompts, live)

    def factory(self, make: Callable[..., Agent]) -> Callable[..., Agent]:
        """Return a factory of agents that are recorded while there is a recording."""

        def made(*args: Any, **given: Any) -> Agent:
            agent = make(*args, **given)
            if self.active is not None:
                self.active.watch(agent, file=getattr(args[1], "file", None) or "")
            return agent

        return made

    def attach(self, host: ServerHost) -> None:
        """Record the agents of this host, and tell it what was."""
        self.host = host
        self._tell()

    async def record(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Do what a debugger says.

        Raises:
            DebugError: there is a recording already, or none, or the file cannot be written.
        """
        try:
            wish = msgspec.convert(arguments, RecordWish)
        except msgspec.ValidationError as error:
            raise DebugError("bad_arguments", f"record: {error}", "its arguments: on, file") from error
        # Both take a while, and there may be two debuggers.
        async with self._turn:
            if wish.on:
                await self._begin(wish.file or "brains.jsonl")
            else:
                await self._end()
            return {"recording": None if self.active is None else str(self.active.path)}

    async def close(self) -> None:
        """End what a debugger has begun to record; what was given is ended by whoever gave it. Any number of times."""
        async with self._turn:
            if self.active is not None and self.active is not self._given:
                await self._end()

    async def refresh(self) -> None:
        """Read what has been recorded so far, before somebody asks for it."""
        if self.active is None:
            return
        try:
            self._read = await asyncio.to_thread(self.active.read)
            self._is_outdated = False
        except RecordingError as error:
            raise DebugError("no_recording", str(error)) from error

    async def outdate(self) -> None:
        """Have `glance` read again: somebody comes to look at an agent."""
        self._is_outdated = True

    async def glance(self) -> None:
        """Read what was recorded until somebody came; not again and again, since it may be much."""
        if self._is_outdated and self.active is not None:
            with contextlib.suppress(DebugError):  # what the debugger itself has seen can be shown all the same
                await self.refresh()

    async def _begin(self, file: str) -> None:
        if self.active is not None:
            raise DebugError("bad_arguments", f"it records into {self.active.path} already", "`record off` ends that")
        try:
            self.active = await asyncio.to_thread(
                FileRecorder, file, prompts=self._prompts, trees=self._trees, version=__version__
            )
        except RecordingError as error:
            raise DebugError("bad_arguments", str(error), "name another file") from error
        for agent in self._agents():
            self.active.watch(agent)
        self._tell()

    async def _end(self) -> None:
        if self.active is None:
            raise DebugError("no_recording", "nothing is recorded now", "`record on FILE` begins to")
        ending, self.active = self.active, None
        for agent in self._agents():
            ending.unwatch(agent)
        self._tell()
        await asyncio.to_thread(ending.close)

    def _agents(self) -> list[Agent]:
        return [] if self.host is None else list(self.host.agents())

    def _tell(self) -> None:
        self._read = None
        if self.host is not None:
            self.host.past = None if self.active is None else self._past

    def _so_far(self) -> Recording:
        if self._read is None:
            raise RecordingError("nothing is recorded yet")
        return self._read
