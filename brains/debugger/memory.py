"""What an agent's ticks have depended on since it is debugged, by which it can be made again without a recording.

An agent that nobody debugs is not remembered: its ticks would pay for that. When its debugging begins, it is copied,
and from then on its inputs are kept: that is as good as a recording that begins there.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from brains.agent import Agent
from brains.debugger.host import Debuggable
from brains.debugger.messages import DebugError, TickInfo
from brains.debugger.past import RecordedLife
from brains.library import BrainLibrary
from brains.prompts import PromptLibrary
from brains.questions import Asker
from brains.snapshot import AgentSnapshot
from brains.trace import AgentCopy, MemorySink, Recorder, Recording

if TYPE_CHECKING:
    from brains.debugger.work import Work

__all__ = ["KEPT_BYTES", "Memory"]

log = logging.getLogger("brains.debugger")

KEPT_BYTES = 8 * 1024 * 1024
"""So much is kept of an agent, or up to twice that: some ten thousand ticks."""
LINES_AT_ONCE = 100
"""Lines of a record that are read in a row."""


class _Part(NamedTuple):
    """A copy of the agent, and what its ticks depended on from there."""

    copy: AgentCopy
    sink: MemorySink
    recorder: Recorder

    def end(self, agent: Agent) -> None:
        self.recorder.unwatch(agent)
        self.copy.close()


class Memory:
    """Remembers one agent from now on. It is made between two of its ticks.

    Args:
        agent: the agent.
        prompts: its templates.
        live: answers the questions of shadows.

    Attributes:
        problems: what could not be copied, so that it may be otherwise when the agent is made again.
    """

    def __init__(self, agent: Agent, prompts: PromptLibrary | None, live: Asker | None, kept: int = KEPT_BYTES) -> None:
        self._agent = agent
        self._prompts = prompts
        self._live = live
        self._kept = kept
        self._parts: list[_Part] = []
        self.problems: list[str] = []
        self._begin()

    def look(self) -> None:
        """Begin anew where too much is kept; between two ticks."""
        if self._parts and self._parts[-1].sink.bytes > self._kept:
            for old in self._parts[:-1]:
                old.end(self._agent)
            del self._parts[:-1]
            self._parts[0].recorder.unwatch(self._agent)
            self._begin()

    def end(self) -> None:
        """Forget all of it."""
        for part in self._parts:
            part.end(self._agent)
        self._parts.clear()

    def _begin(self) -> None:
        agent = self._agent
        try:
            copy = AgentCopy(agent)
        except Exception as error:
            # The tree's factory and its nodes are not ours, and debugging is worth having without this.
            log.warning("agent %s cannot be copied, so it cannot be replayed or forked: %s", agent.id, error)
            self.problems = [str(error)]
            return
        self.problems = copy.problems
        # It is looked at before each tick: so much more cannot come in one.
        sink = MemorySink(max_bytes=4 * self._kept)
        recorder = Recorder(sink, prompts=self._prompts, nodes=False)
        recorder.watch(agent, tickets=list(agent.tickets))
        self._parts.append(_Part(copy, sink, recorder))

    def life(self) -> Work[RememberedLife]:
        """Return what is remembered.

        Raises:
            DebugError: nothing is yet, or the agent could not be copied.
        """
        found = []
        for part in list(self._parts):
            recording = Recording(f"what is remembered of {self._agent.id}")
            for number, line in enumerate(list(part.sink.lines)):
                recording.feed(line)
                if number % LINES_AT_ONCE == 0:
                    yield
            recording.finish()
            if not any(life.ticks for life in recording.lives.values()):
                continue  # it has not been ticked since
            place = self._agent.session, self._agent.id
            origins = dict.fromkeys(recording.lives, part.copy)
            found.append(RecordedLife(recording, place, BrainLibrary(brains={}), self._prompts, self._live, origins))
        if not found:
            why = f": {self.problems[0]}" if self.problems and not self._parts else ", and it has not been ticked since"
            raise DebugError(
                "no_recording", f"{self._agent.id} is remembered from when it is debugged{why}",
                "`serve --record FILE` records all agents from their beginning",
            )  # fmt: skip
        return RememberedLife(found, self.problems)


class RememberedLife:
    """What is remembered of an agent, in parts of which each begins with a copy of it; else like a `RecordedLife`."""

    def __init__(self, parts: list[RecordedLife], problems: list[str]) -> None:
        self.problems = problems
        self._parts = parts
        self.first, self.last = parts[0].first, parts[-1].last

    def ticks(self, before: int, most: int) -> list[TickInfo]:
        """Return the last ticks before one, as many as are wanted."""
        found: list[TickInfo] = []
        for part in reversed(self._parts):
            found = [*part.ticks(before, most - len(found)), *found]
        return found

    def require(self, tick: int) -> None:
        """Refuse a tick that it cannot be brought to.

        Raises:
            DebugError: this is one.
        """
        if not self.first <= tick <= self.last:
            raise DebugError(
                "unknown_tick", f"tick {tick} is not kept",
                f"there are {self.first} to {self.last}, of the time in which it was debugged; "
                "`serve --record FILE` records all of it",
            )  # fmt: skip

    def rebuild(self, tick: int) -> Work[tuple[Debuggable, AgentSnapshot | None, list[str]]]:
        """Make the agent again as it was before `tick`; return it, that tick's snapshot, and differences on the way.

        Raises:
            DebugError: it cannot be brought there.
        """
        return (yield from self._part(tick).rebuild(tick))

    def shadow(self, tick: int, session: str) -> Work[tuple[Debuggable, Iterator[AgentSnapshot]]]:
        """Make the agent again as it was before `tick`, in a game of that name; return it, and what it was ticked on.

        Raises:
            DebugError: it cannot be brought there.
        """
        agent, inputs = yield from self._part(tick).shadow(tick, session)
        return agent, self._on(inputs, [part for part in self._parts if part.first > tick])

    def _on(self, inputs: Iterator[AgentSnapshot], later: list[RecordedLife]) -> Iterator[AgentSnapshot]:
        yield from inputs
        for part in later:
            yield from part.inputs(part.first)

    def _part(self, tick: int) -> RecordedLife:
        return next(part for part in self._parts if tick <= part.last)
