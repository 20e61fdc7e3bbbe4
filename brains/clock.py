"""Time as a tree sees it: seconds that pass only while the agent lives on.

py_trees' own timers read the wall clock (`py_trees/timers.py`, `py_trees/decorators.py`), so they run out while a
debugger holds the agent. Ours read the agent's clock, which moves only at the start of a tick.
"""

from __future__ import annotations

import time
from typing import Protocol

__all__ = ["AgentClock", "Clock", "WallClock"]


class Clock(Protocol):
    """Anything that tells the time in seconds; only differences mean something."""

    def now(self) -> float:
        """Return the time in seconds."""
        ...


class WallClock:
    """The machine's monotonic clock: for networks and models, never for leaves."""

    def now(self) -> float:
        """Return `time.monotonic()`."""
        return time.monotonic()


class AgentClock:
    """The time of one agent: it follows the game's time and stands still between ticks.

    The game's time may stop (pause) or start again from zero (new scene); the agent's time never goes back.
    """

    def __init__(self) -> None:
        self._now = 0.0
        self._game: float | None = None

    def now(self) -> float:
        """Return the agent's age in seconds, pauses and holds not counted."""
        return self._now

    @property
    def game_time(self) -> float | None:
        """The game's time that the agent's was last set by, in seconds; None before its first tick."""
        return self._game

    def follow(self, game_seconds: float) -> None:
        """Move on by what the game's clock moved since the last call; a step back counts as none."""
        if self._game is not None and game_seconds > self._game:
            self._now += game_seconds - self._game
        self._game = game_seconds

    def skip_to(self, game_seconds: float) -> None:
        """Take `game_seconds` as the present without letting time pass: the agent was held until now."""
        self._game = game_seconds
