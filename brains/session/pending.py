"""Snapshots between their arrival and their tick: latest-wins, and still each gets its answer.

A game with a window of one waits for the answer of a snapshot before it sends the next, so an answer that
fails to come would stop it for good. Answers go out in the order in which the snapshots came.
"""

from __future__ import annotations

from collections.abc import Container
from typing import NamedTuple

from brains.messages import AgentPart, SnapshotMessage

__all__ = ["Due", "Pending"]


class Due(NamedTuple):
    """What one tick of the session is about."""

    snapshot: SnapshotMessage
    """The newest one."""
    parts: dict[str, AgentPart]
    """Newest part of each agent, also of those that are only in a snapshot that was superseded."""
    before: list[int]
    """Numbers to be answered empty before `snapshot` is."""
    after: list[int]
    """Numbers to be answered empty after it."""


class Pending:
    """The snapshot that waits for its tick, and the numbers that wait for an answer."""

    def __init__(self) -> None:
        self.last_seq = -1
        self._newest: SnapshotMessage | None = None
        self._parts: dict[str, AgentPart] = {}
        self._before: list[int] = []
        self._after: list[int] = []

    @property
    def due(self) -> bool:
        """A snapshot waits for its tick."""
        return self._newest is not None

    def __len__(self) -> int:
        """How many snapshots wait for an answer."""
        return len(self._before) + len(self._after) + self.due

    def __contains__(self, agent: object) -> bool:
        return agent in self._parts

    def put(self, snapshot: SnapshotMessage, agents: Container[str]) -> list[str]:
        """Take a snapshot in place of the one that waits; return those in it that are not in `agents`."""
        if self._newest is not None:
            self._before.append(int(self._newest.seq))
        self._before += self._after
        self._after = []
        self._newest = snapshot
        self.last_seq = int(snapshot.seq)
        strangers = []
        for agent, part in snapshot.agents.items():
            if agent in agents:
                self._parts[agent] = part
            else:
                strangers.append(agent)
        return strangers

    def void(self, seq: int) -> list[int]:
        """Note a snapshot that brings no tick; return the numbers to be answered at once."""
        if self._newest is None:
            return [seq]
        self._after.append(seq)
        return []

    def drop(self, agent: str) -> None:
        """Forget an agent's part: it is gone."""
        self._parts.pop(agent, None)

    def clear(self) -> list[int]:
        """Void everything that waits; return the numbers to be answered at once."""
        due = self.take()
        return [] if due is None else [*due.before, int(due.snapshot.seq), *due.after]

    def take(self) -> Due | None:
        """Return what is to be ticked now, if anything is."""
        if self._newest is None:
            return None
        due = Due(self._newest, self._parts, self._before, self._after)
        self._newest, self._parts, self._before, self._after = None, {}, [], []
        return due
