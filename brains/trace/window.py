"""A part of a recording: of some agents, of some ticks; for looking at, and as a recording of its own."""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections.abc import Collection, Iterator

from brains.errors import RecordingError
from brains.trace.events import (
    AgentEvent,
    ClosedEvent,
    DoneEvent,
    HeldEvent,
    NodeRecord,
    NodesEvent,
    QuestionEvent,
    ReleasedEvent,
    TouchedEvent,
    TurnEvent,
    WorldEvent,
    encode,
)
from brains.trace.recording import Life, Recording, Tick

__all__ = ["Window", "exported", "parse_ticks"]

LAST = 2**53


class Window:
    """Which agents and ticks are meant.

    Args:
        recording: of which.
        agents: their ids or patterns (`guard_*`); none: all.
        ticks: the first and the last one.
        node: pattern of the node's path (`*/Respond`); empty: all.
        session: of which game, or how its name begins; empty: of all.

    Attributes:
        lives: the agents.
        sessions: all games of the recording.

    Raises:
        RecordingError: no agent is called so, or no node, or no game; names the nearest.
    """

    def __init__(
        self,
        recording: Recording,
        agents: Collection[str] = (),
        ticks: tuple[int, int] = (1, LAST),
        node: str = "",
        session: str = "",
    ) -> None:
        self.recording = recording
        self.first, self.last = ticks
        self.node = node
        there = [life for life in recording.lives.values() if life.ticks]
        self.sessions = list(dict.fromkeys(life.agent.session for life in there))
        if session and not any(one.startswith(session) for one in self.sessions):
            raise RecordingError(
                f"there is no game {session!r} in here; there are: {', '.join(self.sessions)}", file=recording.name
            )
        self.lives = [life for life in there if life.agent.session.startswith(session) and _is_meant(life.id, agents)]
        for pattern in agents:
            if not any(fnmatch.fnmatchcase(life.id, pattern) for life in self.lives):
                recording.find(pattern)
        if node:
            self._require_node()

    def ticks(self, life: Life) -> Iterator[Tick]:
        """Yield the agent's ticks that are meant, in order."""
        for number, tick in sorted(life.ticks.items()):
            if self.first <= number <= self.last:
                yield tick

    def shows(self, path: str) -> bool:
        """Tell whether a node is meant."""
        return not self.node or fnmatch.fnmatchcase(path, self.node)

    def _require_node(self) -> None:
        paths = {node.path for life in self.lives for node in self._nodes(life)}
        if any(self.shows(path) for path in paths):
            return
        near = difflib.get_close_matches(self.node, paths, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else "write * for any part of a path, as in '*/Respond'"
        raise RecordingError(f"no node is called {self.node!r}; {hint}", file=self.recording.name)

    def _nodes(self, life: Life) -> tuple[NodeRecord, ...]:
        tree = self.recording.trees.get(life.agent.tree)
        return () if tree is None else tree.nodes


def parse_ticks(text: str) -> tuple[int, int]:
    """Return the first and the last tick of `40`, `40..60`, `40..` or `..60`.

    Raises:
        ValueError: it is none of these.
    """
    found = re.fullmatch(r"(\d*)(\.\.(\d*))?", text.strip())
    if found is None or not text.strip("."):
        raise ValueError(f"{text!r} names no ticks: write 40, 40..60, 40.. or ..60")
    first = int(found[1] or 1)
    last = (int(found[3]) if found[3] else LAST) if found[2] else first
    if last < first:
        raise ValueError(f"{text!r} ends before it begins")
    return first, last


def exported(window: Window) -> Iterator[bytes]:
    """Yield the lines of a recording that has only what is in the window, and what that refers to.

    It can be replayed for agents whose first tick is in it.
    """
    recording = window.recording
    numbers = {life.agent.n for life in window.lives}
    worlds = {tick.turn.world for life in window.lives for tick in window.ticks(life)}
    for event in recording.events:
        match event:
            case WorldEvent():
                wanted = event.n in worlds
            case AgentEvent():
                wanted = event.n in numbers
            case TurnEvent() | NodesEvent() | DoneEvent() | QuestionEvent() | TouchedEvent():
                wanted = event.agent in numbers and window.first <= event.tick <= window.last
            case HeldEvent() | ReleasedEvent() | ClosedEvent():
                wanted = event.agent in numbers
            case _:
                wanted = True
        if wanted:
            yield encode(event)


def _is_meant(agent: str, patterns: Collection[str]) -> bool:
    return not patterns or any(fnmatch.fnmatchcase(agent, pattern) for pattern in patterns)
