"""Whose turn it is: keeps strict priorities from starving anybody. Counts starts, and knows no clock.

The best placed request goes, unless that would be unfair to the one that has waited longest. Unfair it is when those
whom the best placed one is for have been served since the other began to wait, and that has happened `OUT_OF_TURN`
times. Then the other goes, whatever its priority.

Waited longest has, of the session that has gone longest without a turn, the agent that has gone longest without a
start. Who is served goes behind all that wait, and so does who comes: no agent that waits is ever put back by anything
but its own being served, and no session by anything but its own turn. So the turn of an agent comes after at most one
turn of each other agent of its session, and that of the session after one of each other session. Before each turn go
`OUT_OF_TURN` others, and each other agent once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from .queue import Entry, Request

__all__ = ["OUT_OF_TURN", "Choice", "Turns"]

OUT_OF_TURN = 2
"""How often those that were served already may go before one that waits."""
REMEMBERED = 1024
"""So many agents' last starts are remembered before those that do not matter any more are forgotten."""

Turn = tuple[int, int, int]
E = TypeVar("E", bound="Entry")


class Choice(NamedTuple, Generic[E]):
    """Who is next."""

    request: Request[E]
    out_of_turn: int
    """How often in a row somebody has then gone out of turn."""
    by_turn: bool
    """It goes because it has waited longest, or would do so, too."""


class Turns:
    """Remembers who was served when, counted in starts."""

    def __init__(self) -> None:
        self.starts = 0
        """How many requests have been started."""
        self._out_of_turn = 0
        self._last_of_session: dict[str, int] = {}
        self._turn_of_session: dict[str, int] = {}
        self._last_of_agent: dict[tuple[str, str], int] = {}

    def next(self, line: Sequence[Request[E]]) -> Choice[E]:
        """Choose from a line, best placed first."""
        best = line[0]
        longest = best if len(line) == 1 else min(line, key=self._turn)
        if best is longest:
            return Choice(best, 0, by_turn=True)
        if not self._served_again(best, longest):
            return Choice(best, self._out_of_turn, by_turn=False)
        if self._out_of_turn < OUT_OF_TURN:
            return Choice(best, self._out_of_turn + 1, by_turn=False)
        return Choice(longest, 0, by_turn=True)

    def started(self, choice: Choice[E], waiting: Sequence[Request[E]]) -> None:
        """Take note that what was chosen was started."""
        self.starts += 1
        self._out_of_turn = choice.out_of_turn
        for entry in choice.request.entries:
            session = entry.question.session
            self._last_of_session[session] = self.starts
            self._last_of_agent[_agent_of(entry)] = self.starts
            if choice.by_turn:
                self._turn_of_session[session] = self.starts
        if len(self._last_of_agent) > REMEMBERED:
            self._forget(waiting)

    def ahead_of(self, request: Request[Any], line: Sequence[Request[Any]]) -> int:
        """Return how many of a line go before this one at most, by turns alone."""
        turn = self._turn(request)
        before = sum(self._turn(other) < turn for other in line)
        return before + OUT_OF_TURN * (before + 1)

    def _served_again(self, best: Request[Any], longest: Request[Any]) -> bool:
        """Tell whether all that `best` is for were served since `longest` began to wait: they, or their sessions."""
        began = min(entry.begun for entry in longest.entries)
        if all(self._last_of_agent.get(_agent_of(entry), 0) > began for entry in best.entries):
            return True
        others = [self._last_of_session.get(session, 0) > began for session in longest.sessions]
        return not any(others) and all(self._last_of_session.get(session, 0) > began for session in best.sessions)

    def _turn(self, request: Request[Any]) -> Turn:
        return min(map(self._turn_of, request.entries))

    def _turn_of(self, entry: Entry) -> Turn:
        """Return when its session had its last turn and its agent its last start, or when it came if that is later."""
        begun = entry.begun
        return (
            max(begun, self._turn_of_session.get(entry.question.session, 0)),
            max(begun, self._last_of_agent.get(_agent_of(entry), 0)),
            entry.turn,
        )

    def _forget(self, waiting: Sequence[Request[Any]]) -> None:
        """Forget the starts before the oldest entry began to wait: they say nothing about those that wait."""
        oldest = min((entry.begun for request in waiting for entry in request.entries), default=self.starts)
        self._last_of_agent = {agent: last for agent, last in self._last_of_agent.items() if last > oldest}
        self._last_of_session = {name: last for name, last in self._last_of_session.items() if last > oldest}
        self._turn_of_session = {name: last for name, last in self._turn_of_session.items() if last > oldest}


def _agent_of(entry: Entry) -> tuple[str, str]:
    return (entry.question.session, entry.question.agent)
