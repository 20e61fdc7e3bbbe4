"""Which agents a debugger holds, as far as the game has been told.

What an agent ordered before it stood still goes out before the game hears that it stands: a body that is told to idle
should not be given something to do right after.
"""

from __future__ import annotations

from brains.messages import Hold, Release
from brains.session.outbox import Outbox

__all__ = ["Holds"]


class Holds:
    """Queues `hold` and `release`.

    Args:
        outbox: takes them.
    """

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._told: dict[str, str] = {}
        self._later: dict[str, str] = {}
        self._released: set[str] = set()
        """Whose release was said on this connection."""
        self._unsure: set[str] = set()
        """Whose release was said on one that was lost, and may not have arrived."""

    def hold(self, agent: str, reason: str, *, later: bool) -> None:
        """Tell the game that an agent stands still: at once, or (`later`) after the next `actions`."""
        if later:
            self._later[agent] = reason
        else:
            self._tell(agent, reason)

    def release(self, agent: str) -> None:
        """Tell the game that an agent goes on, if it was told that it stands."""
        self._later.pop(agent, None)
        if self._told.pop(agent, None) is not None:
            self._release(agent)

    def forget(self, agent: str) -> None:
        """Drop an agent that is gone: the game knows."""
        self._later.pop(agent, None)
        self._told.pop(agent, None)
        self._released.discard(agent)
        self._unsure.discard(agent)

    def disconnected(self) -> None:
        """Note that what was said last may not have arrived."""
        self._unsure |= self._released
        self._released.clear()

    def answered(self) -> None:
        """Note that an `actions` message is on its way."""
        later, self._later = self._later, {}
        for agent, reason in later.items():
            self._tell(agent, reason)

    def again(self, agent: str) -> None:
        """Tell of an agent again: its game has registered it anew, and may have forgotten."""
        if agent in self._told:
            self._tell(agent, self._told[agent])
        elif agent in self._unsure:
            self._release(agent)

    def _release(self, agent: str) -> None:
        self._unsure.discard(agent)
        self._released.add(agent)
        self._outbox.put(Release(agent=agent))

    def _tell(self, agent: str, reason: str) -> None:
        self._told[agent] = reason
        self._released.discard(agent)
        self._unsure.discard(agent)
        self._outbox.put(Hold(agent=agent, reason=reason))
