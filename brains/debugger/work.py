"""Work that would take too long at one go: it is done in slices, and the agents that nobody debugs tick in between.

A command that runs an agent again over thousands of ticks is a generator that yields after each. What yields does not
wait for anything: it only lets others go first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from typing import Any, NamedTuple, TypeVar

__all__ = ["SLICE", "Work", "WorkBench"]

T = TypeVar("T")
Work = Generator[None, None, T]
"""Yields when others may go first; returns what was wanted."""

SLICE = 10
"""Steps at one go, mostly ticks: some milliseconds, in which a server does nothing else."""


class _Job(NamedTuple):
    steps: Work[Any]
    done: Callable[[Callable[[], Any]], None]
    is_wanted: Callable[[], bool]


class WorkBench:
    """All work that has been begun and not ended, done by turns."""

    def __init__(self) -> None:
        self._jobs: deque[_Job] = deque()

    @property
    def is_busy(self) -> bool:
        """Tell whether there is something to do."""
        return bool(self._jobs)

    def begin(
        self, steps: Work[Any], done: Callable[[Callable[[], Any]], None], is_wanted: Callable[[], bool]
    ) -> Any | None:
        """Do the first slice, and return what came of it; None: it goes on in `go_on`.

        Args:
            steps: the work.
            done: gets in the end what returns the result, or raises why there is none; unless the first slice was all.
            is_wanted: tells whether anybody waits for it still; what nobody waits for is given up.
        """
        try:
            _slice(steps)
        except StopIteration as over:
            return over.value
        self._jobs.append(_Job(steps, done, is_wanted))
        return None

    def go_on(self) -> bool:
        """Do the next slice of one piece of work; tell whether there is more to do."""
        if not self._jobs:
            return False
        job = self._jobs.popleft()
        if not job.is_wanted():
            job.steps.close()
            return bool(self._jobs)
        try:
            _slice(job.steps)
        except StopIteration as over:
            value = over.value
            job.done(lambda: value)
        except Exception as error:
            found = error
            job.done(lambda: _raise(found))
        else:
            self._jobs.append(job)
        return bool(self._jobs)


def _slice(steps: Work[Any]) -> None:
    for _ in range(SLICE):
        next(steps)


def _raise(error: Exception) -> None:
    raise error
