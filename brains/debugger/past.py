"""What has been recorded of agents, by which they are made again as they were."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from brains.debugger.host import Debuggable, Place
from brains.debugger.messages import DebugError, TickInfo
from brains.debugger.values import recorded_info
from brains.errors import RecordingError
from brains.library import BrainLibrary
from brains.prompts import PromptLibrary
from brains.questions import Asker
from brains.snapshot import AgentSnapshot
from brains.trace import Origin, Rebuilt, Recording, Replayer

if TYPE_CHECKING:
    from brains.debugger.work import Work

__all__ = ["RecordedLife", "RecordedPast"]


class RecordedLife:
    """What is recorded of one agent; it is made again from its inputs.

    Args:
        recording: where it is recorded.
        place: which agent it is.
        library: the brains.
        prompts: where to take texts from that the recording has left out.
        live: answers the questions of shadows, which go their own way; None: the recording does, as far as it goes.
        origins: agents that had lived before, as they were when their recording began, by their number in it.

    Attributes:
        first, last: the ticks that it can be brought to.
        problems: what may be otherwise when it is made again; nothing, if all of its life is recorded.

    Raises:
        DebugError: it is not recorded, or not from its beginning.
    """

    def __init__(
        self,
        recording: Recording,
        place: Place,
        library: BrainLibrary,
        prompts: PromptLibrary | None = None,
        live: Asker | None = None,
        origins: Mapping[int, Origin] | None = None,
    ) -> None:
        self.problems: list[str] = []
        self._recording = recording
        self._session, self._id = place
        self._library = library
        self._prompts = prompts
        self._live = live
        self._origins = origins or {}
        try:
            self._life = recording.find(self._id, None, self._session)
        except RecordingError as error:
            raise DebugError("no_recording", str(error)) from error
        if not self._life.is_whole and self._life.agent.n not in self._origins:
            raise DebugError(
                "no_recording", f"{self._id} had lived before it was recorded", "record from the start: --record"
            )
        gap = recording.gaps[0] if recording.gaps else len(recording.events)
        whole = [number for number, tick in self._life.ticks.items() if tick.place < gap]
        self.first, self.last = min(whole, default=0), max(whole, default=0)
        if not whole:
            raise DebugError("no_recording", f"nothing of {self._id} is recorded before the gap in the recording")

    def ticks(self, before: int, most: int) -> list[TickInfo]:
        """Return the last ticks before one, as many as are wanted, that are recorded with what they brought."""
        there = sorted(number for number, tick in self._life.ticks.items() if number < before and tick.done is not None)
        ticks = (self._life.ticks[number] for number in there[max(len(there) - most, 0) :])
        return [recorded_info(self._life.agent, tick.turn, tick.done) for tick in ticks if tick.done is not None]

    def require(self, tick: int) -> None:
        """Refuse a tick that it cannot be brought to.

        Raises:
            DebugError: this is one.
        """
        if not self.first <= tick <= self.last:
            raise DebugError("unknown_tick", f"tick {tick} is not recorded", f"there are {self.first} to {self.last}")

    def rebuild(self, tick: int) -> Work[tuple[Debuggable, AgentSnapshot | None, list[str]]]:
        """Make the agent again as it was before `tick`; return it, that tick's snapshot, and differences on the way.

        Raises:
            DebugError: it cannot be brought there.
        """
        found = yield from self._rebuilt(tick)
        snapshot = None if found.turn is None else found.turn.snapshot
        return found.agent, snapshot, [str(one) for one in found.differences]

    def shadow(self, tick: int, session: str) -> Work[tuple[Debuggable, Iterator[AgentSnapshot]]]:
        """Make the agent again as it was before `tick`, in a game of that name; return it, and what it was ticked on.

        Raises:
            DebugError: it cannot be brought there.
        """
        found = yield from self._rebuilt(tick)
        found.agent.session = session
        found.agent.witness = None
        found.asker.live = self._live
        return found.agent, self.inputs(tick)

    def inputs(self, tick: int) -> Iterator[AgentSnapshot]:
        """Yield what the agent was ticked on from a tick on, as far as the recording is whole."""
        replayer = self._replayer()
        for number in sorted(self._life.ticks):
            if tick <= number <= self.last:
                yield replayer.snapshot(self._life.ticks[number].turn)

    def _rebuilt(self, tick: int) -> Work[Rebuilt]:
        try:
            return (yield from self._replayer().rebuilding(self._id, tick, self._session))
        except RecordingError as error:
            raise DebugError("unknown_tick", str(error)) from error

    def _replayer(self) -> Replayer:
        return Replayer(self._recording, self._library, self._prompts, origins=self._origins)


class RecordedPast:
    """What a recording knows of agents.

    Args:
        recording: returns the recording as far as it has come.
        library: the brains.
        prompts: where to take texts from that the recording has left out.
        live: answers the questions of shadows, which go their own way; None: the recording does, as far as it goes.
    """

    def __init__(
        self,
        recording: Callable[[], Recording],
        library: BrainLibrary,
        prompts: PromptLibrary | None = None,
        live: Asker | None = None,
    ) -> None:
        self._recording = recording
        self._library = library
        self._prompts = prompts
        self._live = live

    def life(self, agent: Place) -> RecordedLife:
        """Return what is recorded of an agent.

        Raises:
            DebugError: it is not recorded, or not from its beginning.
        """
        try:
            recording = self._recording()
        except RecordingError as error:
            raise DebugError("no_recording", str(error)) from error
        return RecordedLife(recording, agent, self._library, self._prompts, self._live)
