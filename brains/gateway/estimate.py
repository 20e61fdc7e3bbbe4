"""How long answers take, as a running estimate: to see which questions cannot be answered before their deadline.

An estimate may be wrong for long: the model was loaded again, or the machine was busy. Then everything would be shed,
nothing would be measured, and it would stay wrong. So the gateway never sheds what an idle model could begin, and the
estimate falls faster than it rises: a few answers are enough to bring it back.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from brains.questions import Question

__all__ = ["Kind", "ServiceTimes", "kind_of", "wait_for_slot"]

Kind = Literal["labels", "schema", "text"]
"""What a question wants. A model puts all questions of one kind in the same way."""

ENOUGH = 3
"""So many answers must have been seen before anything is shed."""
UP, DOWN = 0.2, 0.5
"""How much of an answer's time goes into the estimate when that was too low, and too high."""


def kind_of(question: Question) -> Kind:
    """Return what a question wants."""
    if question.schema is not None:
        return "schema"
    return "labels" if question.labels else "text"


class ServiceTimes:
    """The running estimates of one model, in seconds, by kind of question."""

    def __init__(self) -> None:
        self._seconds: dict[Kind, float] = {}
        self._seen: dict[Kind, int] = {}

    def of(self, kind: Kind) -> float:
        """Return how long an answer of this kind takes; 0 as long as too few were seen."""
        return self._seconds[kind] if self._seen.get(kind, 0) >= ENOUGH else 0.0

    def answered(self, kind: Kind, seconds: float) -> None:
        """Say how long an answer took, loading not counted."""
        seconds = max(0.0, seconds)
        before = self._seconds.setdefault(kind, seconds)
        self._seconds[kind] = before + (UP if seconds > before else DOWN) * (seconds - before)
        self._seen[kind] = self._seen.get(kind, 0) + 1

    def given_up(self, kind: Kind, seconds: float) -> None:
        """Say how long nobody got an answer: it takes at least as long."""
        if seconds > self._seconds.get(kind, 0.0):
            self.answered(kind, seconds)


def wait_for_slot(ahead: int, free: int, remaining: Iterable[float], seconds: float) -> float:
    """Return the seconds until a waiting request starts, at best.

    Args:
        ahead: requests that start before it.
        free: slots that nothing runs in.
        remaining: seconds that each running request still takes.
        seconds: that one of those ahead takes.
    """
    ends = sorted([*remaining, *[0.0] * free])
    return ends[ahead % len(ends)] + (ahead // len(ends)) * seconds if ends else 0.0
