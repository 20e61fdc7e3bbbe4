"""Where an agent is to stop next: the rules of `step`, `next`, `finish`, `tick` and `until`.

A node has the same depth when it is entered and when it ends; the root's is 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from brains.debugger.expressions import Expression
from brains.debugger.messages import DebugError, StopReason
from brains.debugger.paths import Glob
from brains.ticking import Step

__all__ = ["Into", "Out", "Over", "Pause", "Plan", "Ticks", "UntilNode", "UntilTrue"]

Context = Callable[[], Mapping[str, Any]]


class Plan:
    """Base of all plans: never stops.

    Attributes:
        reason: of the stop that it makes.
        text: more on that stop.
    """

    reason: StopReason = "step"
    text = ""

    def is_here(self, step: Step, depth: int, path: str, context: Context) -> bool:
        """Tell whether the agent is to stop at this boundary."""
        return False

    def is_over(self) -> bool:
        """Tell, at the end of a tick, whether the agent is to stop there."""
        return False


class Pause(Plan):
    """Stop at the first boundary."""

    reason = "pause"

    def is_here(self, step: Step, depth: int, path: str, context: Context) -> bool:
        """Stop."""
        return True


class Into(Plan):
    """Stop at the next node that is entered, or (`ends`) at the next boundary of any kind; `count` of them."""

    def __init__(self, count: int, *, ends: bool, reason: StopReason = "step") -> None:
        self.reason = reason
        self._left = count
        self._ends = ends

    def is_here(self, step: Step, depth: int, path: str, context: Context) -> bool:
        """Count."""
        if step.phase == "enter" or self._ends:
            self._left -= 1
        return self._left <= 0


class Over(Plan):
    """Stop at the end of the node that is entered at `depth`; at the end of one, at what comes next at its depth."""

    def __init__(self, step: Step | None, depth: int, count: int) -> None:
        self._entered = step is not None and step.phase == "enter"
        self._depth = depth if step is not None else 0
        self._left = count

    def is_here(self, step: Step, depth: int, path: str, context: Context) -> bool:
        """Count boundaries that are not below."""
        if self._depth == 0:
            here = True
        elif self._entered:
            here = step.phase == "exit" and depth <= self._depth
        else:
            here = depth <= self._depth if step.phase == "enter" else depth < self._depth
        if not here:
            return False
        self._left -= 1
        self._entered, self._depth = step.phase == "enter", depth
        return self._left <= 0

    def is_over(self) -> bool:
        """Go on with whatever the next tick begins with."""
        self._depth = 0
        return False


class Out(Plan):
    """Stop when the parent ends; for the root, when the tick does."""

    def __init__(self, depth: int) -> None:
        self._depth = depth

    def is_here(self, step: Step, depth: int, path: str, context: Context) -> bool:
        """Look for the end of a node above."""
        return step.phase == "exit" and depth < self._depth

    def is_over(self) -> bool:
        """Stop: there is nothing above any more."""
        return True


class Ticks(Plan):
    """Stop at the end of a tick; `count` of them."""

    reason: StopReason = "tick"

    def __init__(self, count: int) -> None:
        self._left = count

    def is_over(self) -> bool:
        """Count."""
        self._left -= 1
        return self._left <= 0


class UntilNode(Plan):
    """Stop when a node is entered."""

    reason: StopReason = "until"

    def __init__(self, path: str) -> None:
        self._glob = Glob(path)

    def is_here(self, step: Step, depth: int, path: str, context: Context) -> bool:
        """Look at the path."""
        return step.phase == "enter" and self._glob.matches_path(path)


class UntilTrue(Plan):
    """Stop when an expression is true, or fails."""

    reason: StopReason = "until"

    def __init__(self, expression: Expression) -> None:
        self._expression = expression

    def is_here(self, step: Step, depth: int, path: str, context: Context) -> bool:
        """Evaluate it."""
        try:
            return self._expression.holds(context())
        except DebugError as error:
            self.text = error.message
            return True
