"""Counts what the model did, from the reports of ticks."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Container
from dataclasses import dataclass, field
from typing import Any

from brains.questions import Decision
from brains.snapshot import LeafReport, TickReport

__all__ = ["LeafTally", "Tally"]

ENOUGH = 10
"""Questions after which a leaf that has only one answer is suspect."""


@dataclass
class LeafTally:
    """One LLM leaf of one brain, over all its agents.

    `asked` is the sum of `answered`, `unanswered`, `cancelled` and those that are still open.
    """

    brain: str
    leaf: str
    prompt: str
    asked: int = 0
    answered: int = 0
    unanswered: int = 0
    """The leaf did without."""
    cancelled: int = 0
    """The tree went elsewhere before the answer came."""
    fallbacks: Counter[str] = field(default_factory=Counter)
    """By reason. Not all are of unanswered questions: an answer may be unusable."""
    expired: int = 0
    """Verdicts that grew too old to be kept."""
    answers: Counter[str] = field(default_factory=Counter)
    """By label; for free text by the line itself."""
    confidences: list[float] = field(default_factory=list)
    """Probability of each answer that came with probabilities."""
    speaks: bool = False
    """It asks for free text."""

    @property
    def open(self) -> int:
        """Questions without an end."""
        return self.asked - self.answered - self.unanswered - self.cancelled

    @property
    def confidence(self) -> float | None:
        """Median probability of the answers, 0 to 1; None if none came with any."""
        return statistics.median(self.confidences) if self.confidences else None


class Tally:
    """What has happened in a run. Feed it every tick's report.

    Args:
        asking: brains whose trees can ask anything; None: any may.
    """

    def __init__(self, asking: Container[str] | None = None) -> None:
        self._asking = asking
        self._brains: set[str] = set()
        self.ticks = 0
        self.seconds = 0.0
        self.faults = 0
        self.agents: set[str] = set()
        self.orders: Counter[str] = Counter()
        """By source: tree, llm or fallback."""
        self.latencies: list[float] = []
        """Seconds from ask to answer."""
        self.leaves: dict[tuple[str, str], LeafTally] = {}
        self._open: set[tuple[str, str]] = set()

    def add(self, report: TickReport) -> None:
        """Count one tick."""
        self.ticks += 1
        self.seconds = max(self.seconds, report.time)
        self.faults += len(report.faults)
        self.agents.add(report.agent)
        self._brains.add(report.brain)
        if report.order is not None:
            self.orders[report.order.source] += 1
        for note in report.leaves:
            key = (report.brain, note.leaf)
            leaf = self.leaves.setdefault(key, LeafTally(report.brain, note.leaf, note.prompt))
            self._count(leaf, (report.agent, note.leaf), note)

    def _count(self, leaf: LeafTally, asker: tuple[str, str], note: LeafReport) -> None:
        if note.kind == "expired":
            leaf.expired += 1
            return
        was_open = asker in self._open
        self._open.discard(asker)
        if note.kind == "asked":
            leaf.asked += 1
            self._open.add(asker)
        elif note.kind == "cancelled":
            leaf.cancelled += 1
        elif note.kind == "answered":
            leaf.answered += 1
            self._answer(leaf, note.decision)
        else:
            leaf.fallbacks[note.reason] += 1
            leaf.unanswered += was_open

    def _answer(self, leaf: LeafTally, decision: Decision | None) -> None:
        if decision is None:
            return
        self.latencies.append(decision.latency.total)
        leaf.speaks = leaf.speaks or decision.way == "text"
        if decision.probabilities:
            leaf.confidences.append(decision.confidence)
        if decision.value is None or decision.probabilities:
            leaf.answers[decision.answer] += 1

    def total(self, what: str) -> int:
        """Return the sum of one count (`asked`, `answered` ...) over all leaves."""
        return sum(getattr(leaf, what) for leaf in self.leaves.values())

    @property
    def share(self) -> float | None:
        """The part of the questions asked that the model answered, 0 to 1; those that are still open do not count.

        One that was cancelled counts as not answered: a model that is too slow for its game must not look good.
        """
        ended = self.total("asked") - self.total("open")
        return self.total("answered") / ended if ended else None

    @property
    def fallbacks(self) -> Counter[str]:
        """Fallbacks of all leaves by reason."""
        return sum((leaf.fallbacks for leaf in self.leaves.values()), Counter())

    def latency(self, percent: int) -> float | None:
        """Return a percentile of the latencies in seconds."""
        if not self.latencies:
            return None
        if len(self.latencies) == 1:
            return self.latencies[0]
        return statistics.quantiles(self.latencies, n=100, method="inclusive")[percent - 1]

    def _may_ask(self) -> bool:
        """Tell whether there was any tree in the game that can ask; where nobody played, nothing is known."""
        asking = self._asking
        return asking is None or not self._brains or any(brain in asking for brain in self._brains)

    def problems(self) -> list[str]:
        """Say why this run does not show a model at work; empty if it does."""
        share = self.share
        if share is None:
            return ["no question came to an end"] if self._may_ask() else []
        found = []
        if share < 0.5:
            reasons = [f"{reason} {count}" for reason, count in self.fallbacks.most_common()]
            reasons += [f"cancelled {self.total('cancelled')}"] if self.total("cancelled") else []
            found.append(f"the model answered only {share:.0%} of the questions ({', '.join(reasons)})")
        for leaf in self.leaves.values():
            if leaf.asked >= ENOUGH and len(leaf.answers) <= 1:
                answer = f"only ever {next(iter(leaf.answers))!r}" if leaf.answers else "never"
                found.append(f"{leaf.leaf} was asked {leaf.asked} times, and answered {answer}")
        return found

    def summary(self) -> dict[str, Any]:
        """Return everything as values for JSON."""
        share = self.share
        return {
            "seconds": round(self.seconds, 1),
            "agents": sorted(self.agents),
            "ticks": self.ticks,
            "actions": {"all": self.orders.total(), **{s: self.orders[s] for s in ("tree", "llm", "fallback")}},
            "faults": self.faults,
            "questions": {
                **{what: self.total(what) for what in ("asked", "answered", "unanswered", "cancelled", "open")},
                "answered_percent": None if share is None else round(share * 100, 1),
            },
            "fallbacks": dict(self.fallbacks.most_common()),
            "expired": self.total("expired"),
            "latency_ms": {"median": _ms(self.latency(50)), "p95": _ms(self.latency(95))},
            "leaves": [
                {
                    "brain": leaf.brain,
                    "leaf": leaf.leaf,
                    "prompt": leaf.prompt,
                    **{w: getattr(leaf, w) for w in ("asked", "answered", "unanswered", "cancelled", "open")},
                    "fallbacks": dict(leaf.fallbacks.most_common()),
                    "confidence": None if leaf.confidence is None else round(leaf.confidence, 3),
                    "answers": dict(leaf.answers.most_common()),
                }
                for leaf in self.leaves.values()
            ],
        }


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 1)
