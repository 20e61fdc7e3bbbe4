"""Sessions whose connection was lost, kept for a while: a game that comes back finds its agents as it left them.

A breakpoint, a laptop that slept, a cable: to lose a connection is ordinary, and no reason to forget what a guard
was about to do. Whoever owns the sockets says when a connection is lost; a session that hears of a resume in its
`hello` asks here for the one that is meant. Nothing here waits: the owner calls `expire` in time.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from brains.messages import SessionWish
from brains.session.counts import SessionCounts
from brains.session.logged import one_line

__all__ = ["TTL_S", "Parking"]

log = logging.getLogger("brains.session")

TTL_S = 60.0
MOST_PARKED = 8
"""A game that crashes and starts again in a loop may leave this many sessions behind."""


class ParkedSession(Protocol):
    """What parking needs of a session; `brains.session.GameSession` is one."""

    id: str
    open: bool
    closing: tuple[int, str] | None
    counts: SessionCounts

    def is_secret(self, secret: str, /) -> bool:
        """Tell whether a game may go on with this session."""
        ...

    def suspend(self) -> None:
        """Forget what was on its way over the connection."""
        ...

    def close(self, reason: str = "", code: int = 1000) -> None:
        """End it."""
        ...


S = TypeVar("S", bound=ParkedSession)


class Parking(Generic[S]):
    """Knows every open session of a server, on a connection or without one.

    Args:
        ttl_s: seconds for which a lost session is kept; 0: none is.
        most: so many are kept at a time; then the one that was lost first is closed.
        now: tells the time in seconds.
        on_replaced: is told of a session that is about to leave its connection for a newer one.
        on_closed: is told of a session that was closed here.
    """

    def __init__(
        self,
        ttl_s: float = TTL_S,
        *,
        most: int = MOST_PARKED,
        now: Callable[[], float] = time.monotonic,
        on_replaced: Callable[[S], None] = lambda session: None,
        on_closed: Callable[[S], None] = lambda session: None,
    ) -> None:
        self.ttl_s = max(0.0, ttl_s)
        self._most = most
        self._now = now
        self._on_replaced = on_replaced
        self._on_closed = on_closed
        self._connected: dict[str, S] = {}
        self._parked: dict[str, S] = {}
        self._lost_at: dict[str, float] = {}
        self._closed = False

    @property
    def sessions(self) -> list[S]:
        """All sessions that can be resumed, on a connection or without one."""
        return [*self._connected.values(), *self._parked.values()]

    @property
    def parked(self) -> int:
        """How many sessions are kept that have no connection."""
        return len(self._parked)

    def get(self, session_id: str) -> S | None:
        """Return a parked session."""
        return self._parked.get(session_id)

    def enter(self, session: S) -> None:
        """Note that a session is open: from now on it can be resumed."""
        self._connected[session.id] = session

    def claim(self, wish: SessionWish) -> S | None:
        """Return the session that a game wants to go on with, taken from its old connection if it still has one.

        None if there is none such, or the secret is wrong: the server was restarted, or the game came too late, which
        both are ordinary.
        """
        if not wish.resume:
            return None
        self.expire()
        session = self._parked.get(wish.id) or self._connected.get(wish.id)
        if session is None or session.closing is not None or not session.is_secret(wish.resume):
            log.info("there is no session %s to go on with, or not for this secret", one_line(wish.id, 40))
            return None
        if wish.id in self._connected:
            self._on_replaced(session)
            log.info("session %s: taken over from a connection that still stood", session.id)
            session.suspend()
        else:
            away = self._now() - self._lost_at.pop(session.id)
            del self._parked[session.id]
            self._connected[session.id] = session
            log.info("session %s: resumed after %.1f s", session.id, away)
        return session

    def lost(self, session: S) -> bool:
        """Note that a session's connection was lost; return whether the session is kept."""
        self._connected.pop(session.id, None)
        if self._closed or not self.ttl_s or self._most < 1 or not session.open or session.closing is not None:
            return False
        session.suspend()
        while len(self._parked) >= self._most:
            self._end(next(iter(self._parked)), f"{self._most} others were lost after it")
        self._parked[session.id] = session
        self._lost_at[session.id] = self._now()
        log.info("session %s: connection lost, kept for %g s", session.id, self.ttl_s)
        return True

    def leave(self, session: S) -> None:
        """Forget a session that has ended on its connection."""
        self._connected.pop(session.id, None)

    def expire(self) -> float | None:
        """Close sessions that nobody came back for; return in how many seconds the next one is due, if any is."""
        for session_id in list(self._parked):
            left = self._lost_at[session_id] + self.ttl_s - self._now()
            if left > 0:
                return left
            self._end(session_id, f"nobody came back within {self.ttl_s:g} s")
        return None

    def close(self) -> None:
        """Close what is parked, and keep nothing from now on. Any number of times."""
        self._closed = True
        for session_id in list(self._parked):
            self._end(session_id, "the server stops")

    def _end(self, session_id: str, why: str) -> None:
        session = self._parked.pop(session_id)
        del self._lost_at[session_id]
        log.info("session %s: closed, %s; %s", session_id, why, session.counts)
        session.close("not resumed")
        self._on_closed(session)
