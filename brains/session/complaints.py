"""What a session says of what went wrong over and over: each thing once by name, and then by count, now and then.

A game that makes the same mistake sixty times a second must neither drown in errors nor lose anything in silence.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

from brains.messages import ActionResult, ErrorMessage, GameEvent, Rejection
from brains.session.logged import one_line
from brains.session.outbox import Outbox

__all__ = ["Complaints", "Losses"]

log = logging.getLogger("brains.session")

EVERY_S = 5.0
"""Losses of one sort are told at most this often."""
MOST_UNKNOWN = 1000
"""Unknown agents that are complained of by name."""
MOST_NOTED = 20
"""Complaints of the game that are logged."""
MOST_REFUSED = 50
"""Refused agents that are logged, and as many sorts of actions that the game has refused."""


class Losses:
    """Counts what is lost, and gives the count out at a bounded rate: the first at once, more of them later.

    Args:
        now: tells the time in seconds.

    Attributes:
        total: all that were lost.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self.total = 0
        self._now = now
        self._told = 0
        self._silent_until: float | None = None

    def add(self, count: int) -> None:
        """Count some more."""
        self.total += count

    def due(self) -> int:
        """Return how many have to be told now: 0 if there are none, or if some were told a moment ago."""
        if self.total == self._told or (self._silent_until is not None and self._now() < self._silent_until):
            return 0
        return self.told()

    def told(self) -> int:
        """Take those that were not told yet as told, and return how many they are."""
        count, self._told = self.total - self._told, self.total
        self._silent_until = self._now() + EVERY_S
        return count


class Complaints:
    """What one session has complained of to its game, and its game to it.

    Args:
        session: the session's id, for the log.
        outbox: takes the errors.
        max_events: how many events may come between two ticks, for the hint.
        now: tells the time in seconds.
    """

    def __init__(self, session: str, outbox: Outbox, max_events: int, now: Callable[[], float]) -> None:
        self._session = session
        self._outbox = outbox
        self._max_events = max_events
        self._unknown: set[str] = set()
        self._crowded_out = Losses(now)
        self._for_nobody = Losses(now)
        self._never_sent = 0
        self._noted = 0
        self._refused: set[tuple[str, str]] = set()
        self._rejected: set[tuple[str, str, str]] = set()

    def known(self, agent: str) -> None:
        """Note that an agent is registered: from now on it would be complained of again."""
        self._unknown.discard(agent)

    def refused(self, rejections: Iterable[Rejection]) -> None:
        """Log agents that are not taken: their game may show it to nobody."""
        for one in rejections:
            # Of faults the log has more already.
            if one.code != "agent_fault" and _is_new((one.id, one.code), self._refused):
                log.warning("agent %s refused: %s: %s", one_line(repr(one.id)), one.code, one_line(one.message, 1000))

    def rejected(self, result: ActionResult, action: str) -> None:
        """Log that the game has refused to carry out an action.

        One that was too late is not worth a line: that comes up in ordinary play, when a scene changes.
        """
        if result.status == "rejected" and _is_new((result.agent, action, result.code), self._rejected):
            why = ": ".join(filter(None, (f"({result.code})" if result.code else "", result.message)))
            agent = one_line(repr(result.agent))
            log.warning("agent %s: the game rejected %s %s", agent, action, one_line(why or "(no reason given)", 300))

    def strangers(self, agents: Iterable[str], kind: str, seq: int | None, *, more: str = "") -> bool:
        """Report unknown agents, each id once; return whether there were new ones."""
        new = [agent for agent in dict.fromkeys(agents) if agent not in self._unknown]
        if not new or len(self._unknown) >= MOST_UNKNOWN:
            return False
        self._unknown.update(new)
        shown = ", ".join(repr(agent[:200]) for agent in new[:5])
        rest = f" and {len(new) - 5} more" if len(new) > 5 else ""
        ref: dict[str, Any] = {"type": kind, "agent": new[0][:200]}
        self._outbox.error(
            "unknown_agent",
            f"no such agent: {shown}{rest}{more}",
            ref if seq is None else {**ref, "seq": seq},
            hint="add it with an `agents` message, and look at `rejected` in the answer",
        )
        return True

    def events(self, crowded_out: int, for_strangers: list[GameEvent], seq: int) -> None:
        """Report events that did not reach whom they were for: too many of them, or no such agent."""
        self._crowded_out.add(crowded_out)
        if lost := self._crowded_out.due():
            self._outbox.error(
                "too_many_events",
                f"{lost} events were dropped ({self._crowded_out.total} in this session)",
                {"type": "snapshot", "seq": seq},
                hint=f"{self._max_events} may come between two ticks, or wait for an absent agent",
            )
        self._for_nobody.add(len(for_strangers))
        agents = [event.agent for event in for_strangers if event.agent]
        if self.strangers(agents, "event", seq, more=f"; events dropped: {len(for_strangers)}"):
            self._for_nobody.told()
        elif lost := self._for_nobody.due():
            self._outbox.error(
                "unknown_agent",
                f"{lost} more events for unknown agents were dropped ({self._for_nobody.total} in this session)",
                {"type": "event", "seq": seq},
                hint="add the agents with an `agents` message, or leave `agent` out: then all hear of it",
            )

    def never_sent(self, count: int) -> None:
        """Note that the game itself has dropped events."""
        if count and not self._never_sent:
            log.warning("session %s: the game has dropped %d events before they were sent", self._session, count)
        self._never_sent += count

    def note(self, error: ErrorMessage) -> None:
        """Log what the game complains of: somebody will want to know, but not a thousand times."""
        self._noted += 1
        if self._noted <= MOST_NOTED:
            text = one_line(error.message, 200)
            log.warning("session %s: the game says %s: %s", self._session, one_line(error.code, 40), text)

    def sum_up(self) -> None:
        """Log the losses of the whole session."""
        counts = (self._crowded_out.total, self._for_nobody.total, self._never_sent)
        if any(counts):
            text = "session %s: events dropped: %d were too many, %d were for unknown agents, %d by the game itself"
            log.warning(text, self._session, *counts)


def _is_new(thing: tuple[str, ...], told: set[Any]) -> bool:
    """Note something that is logged once; tell whether it has to be logged now."""
    if thing in told or len(told) >= MOST_REFUSED:
        return False
    told.add(thing)
    return True
