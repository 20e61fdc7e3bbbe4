"""Decorators that read the agent's clock, so that a held or paused agent does not run out of time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from py_trees.behaviour import Behaviour
from py_trees.common import Status
from py_trees.decorators import Decorator

from brains.errors import TreeError
from brains.nodes.context import AgentContext

__all__ = ["Cooldown", "TimeLimit"]


class _ClockedDecorator(Decorator):
    """A decorator that knows its agent."""

    def __init__(self, name: str, child: Behaviour, seconds: float) -> None:
        super().__init__(name, child)
        if not seconds >= 0:
            raise TreeError(f"{name!r}: seconds must be 0 or more, not {seconds!r}")
        self.seconds = float(seconds)
        self._agent: AgentContext | None = None

    def setup(self, **kwargs: Any) -> None:
        """Take the agent, whose clock counts."""
        self._agent = kwargs.get("agent")
        if self._agent is None:
            raise TreeError(f"{self.name!r} needs `setup(agent=...)`: it reads the agent's clock")

    def now(self) -> float:
        """Return the agent's time in seconds."""
        if self._agent is None:
            raise TreeError(f"{self.name!r} has no agent yet: set the tree up with `setup(agent=...)`")
        return self._agent.clock.now()


class TimeLimit(_ClockedDecorator):
    """Fail, and stop the child, if it is still RUNNING after `seconds` of agent time."""

    def __init__(self, name: str, child: Behaviour, seconds: float) -> None:
        super().__init__(name, child, seconds)
        self._end = 0.0

    def initialise(self) -> None:
        """Start counting."""
        self._end = self.now() + self.seconds

    def update(self) -> Status:
        """Return the child's status, or FAILURE when its time is up."""
        if self.decorated.status == Status.RUNNING and self.now() >= self._end:
            self.feedback_message = f"not done in {self.seconds:g} s"
            self.decorated.stop(Status.INVALID)
            return Status.FAILURE
        self.feedback_message = ""
        return self.decorated.status


class Cooldown(_ClockedDecorator):
    """After the child has ended, fail without ticking it for `seconds` of agent time.

    A child that was stopped before it ended does not start the cooldown, and by default neither does one that failed.
    The cooldown outlives the branch: leaving and coming back does not reset it.
    """

    def __init__(self, name: str, child: Behaviour, seconds: float, *, after_failure: bool = False) -> None:
        super().__init__(name, child, seconds)
        self.after_failure = after_failure
        self._ready_at: float | None = None

    def tick(self) -> Iterator[Behaviour]:
        """Tick the child, unless it is cooling down."""
        if self.status != Status.RUNNING and self._ready_at is not None and self.now() < self._ready_at:
            self.feedback_message = f"ready in {self._ready_at - self.now():.1f} s"
            self.stop(Status.FAILURE)
            yield self
            return
        yield from super().tick()

    def update(self) -> Status:
        """Pass the child's status on; an end starts the cooldown."""
        status = self.decorated.status
        if status == Status.SUCCESS or (self.after_failure and status == Status.FAILURE):
            self._ready_at = self.now() + self.seconds
        self.feedback_message = ""
        return status
