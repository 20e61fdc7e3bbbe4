"""Counts what the leaves ask and what the models do; cheap enough to be always on.

A `Watcher` of gateways. What leaves make of it, their fallbacks, is only in the reports of ticks: `report` takes those.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from typing import Any

from brains.questions import Decision, Outcome, Question
from brains.snapshot import TickReport

from .watching import Exchange

__all__ = ["BOUNDS", "Histogram", "LeafMetrics", "Metrics", "ModelMetrics"]

BOUNDS = tuple(0.01 * 2**power for power in range(14))
"""Upper bounds of the histogram's buckets in seconds: those that OpenTelemetry recommends, 10 ms to 82 s."""
MANY = 1000
"""So many leaves are told apart; all others are counted as one."""
OTHERS = ("(others)", "")


class Histogram:
    """Durations by bucket, and their sum."""

    __slots__ = ("buckets", "count", "highest", "total")

    def __init__(self) -> None:
        self.buckets = [0] * (len(BOUNDS) + 1)
        self.count = 0
        self.total = 0.0
        self.highest = 0.0

    def add(self, seconds: float) -> None:
        """Count one."""
        self.buckets[bisect_left(BOUNDS, seconds)] += 1
        self.count += 1
        self.total += seconds
        self.highest = max(self.highest, seconds)

    def quantile(self, share: float) -> float:
        """Return how long that share of them took at most, as near as the buckets tell; 0 for none."""
        wanted = share * self.count
        below = 0
        for index, count in enumerate(self.buckets):
            if count and below + count >= wanted:
                low = BOUNDS[index - 1] if index else 0.0
                high = min(self.highest, BOUNDS[index]) if index < len(BOUNDS) else self.highest
                return low + (max(low, high) - low) * (wanted - below) / count
            below += count
        return self.highest

    def snapshot(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "count": self.count,
            "mean": self.total / self.count if self.count else 0.0,
            "p50": self.quantile(0.5),
            "p95": self.quantile(0.95),
            "max": self.highest,
            "buckets": list(self.buckets),
        }


class _Counts:
    """What leaves and models have in common.

    `asked` is the sum of answered, superseded, cancelled, all in `failed`, and those that are still open.
    """

    def __init__(self) -> None:
        self.asked = 0
        self.answered = 0
        self.reused = 0
        """Of the answered: by the answer to an identical question, asked at the same time or before."""
        self.superseded = 0
        self.cancelled = 0
        self.failed: Counter[str] = Counter()
        """By reason: `shed`, `budget`, `queue_full`, `deadline`, `unavailable` ..."""
        self.latency = Histogram()
        """From ask to answer."""
        self.queue = Histogram()
        """Of that, in the queue."""
        self.prompt_tokens = 0
        """Of requests: what several share counts once."""
        self.output_tokens = 0

    def end(self, outcome: Outcome, seconds: float) -> None:
        if isinstance(outcome, Decision):
            self.answered += 1
            self.reused += outcome.shared
            self.latency.add(seconds)
            self.queue.add(outcome.latency.queue)
        elif outcome.reason == "cancelled":
            self.cancelled += 1
        elif outcome.reason == "superseded":
            self.superseded += 1
        else:
            self.failed[outcome.reason] += 1

    def exchange(self, exchange: Exchange) -> None:
        if exchange.reply is not None:
            self.prompt_tokens += exchange.reply.prompt_tokens
            self.output_tokens += exchange.reply.output_tokens

    def snapshot(self) -> dict[str, Any]:
        """Return it as plain data."""
        ended = self.answered + self.superseded + self.cancelled + self.failed.total()
        return {
            "asked": self.asked,
            "answered": self.answered,
            "reused": self.reused,
            "shed": self.failed["shed"],
            "superseded": self.superseded,
            "cancelled": self.cancelled,
            "failed": dict(sorted((+self.failed).items())),
            "open": self.asked - ended,
            "latency": self.latency.snapshot(),
            "queue": self.queue.snapshot(),
            "prompt_tokens": self.prompt_tokens,
            "output_tokens": self.output_tokens,
        }


class LeafMetrics(_Counts):
    """One leaf of a tree with one prompt, over all agents that have it."""

    def __init__(self) -> None:
        super().__init__()
        self.fallbacks: Counter[str] = Counter()
        """How often the leaf did without the model, by reason."""

    def snapshot(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {**super().snapshot(), "fallbacks": dict(sorted(self.fallbacks.items()))}


class ModelMetrics(_Counts):
    """One model of the configuration, on all its servers."""

    def __init__(self) -> None:
        super().__init__()
        self.model = ""
        """What its server calls it; empty until it was asked."""
        self.requests: Counter[str] = Counter()
        """By the server's address; `in process` for a model that has none."""
        self.retried = 0
        self.reloads = 0
        self.service = Histogram()
        """Durations of the requests themselves."""

    def exchange(self, exchange: Exchange) -> None:
        """Count a request."""
        super().exchange(exchange)
        self.model = exchange.info.name
        self.requests[exchange.url or "in process"] += 1
        self.retried += exchange.retried
        self.reloads += exchange.reloaded
        if exchange.reply is not None:
            self.service.add(exchange.seconds)

    def snapshot(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            **super().snapshot(),
            "model": self.model,
            "requests": dict(self.requests),
            "retried": self.retried,
            "reloads": self.reloads,
            "service": self.service.snapshot(),
        }


class Metrics:
    """Everything that is counted, by leaf and by model.

    Args:
        apart: sessions whose questions are counted by the session's name instead of the leaf's: nobody plays there.
    """

    def __init__(self, apart: Iterable[str] = ("warm-up",)) -> None:
        self._apart = {name: f"({name})" for name in apart}
        self.leaves: dict[tuple[str, str], LeafMetrics] = {}
        """By the leaf's path and its prompt."""
        self.models: dict[str, ModelMetrics] = {}
        """By the name in the configuration; empty for the only one."""

    def asked(self, question: Question, model: str) -> None:
        """Count a question."""
        self._leaf_of(question).asked += 1
        self._model(model).asked += 1

    def ended(self, question: Question, outcome: Outcome, model: str, seconds: float, kept: bool) -> None:
        """Count a question's end."""
        self._leaf_of(question).end(outcome, seconds)
        self._model(model).end(outcome, seconds)

    def exchanged(self, exchange: Exchange) -> None:
        """Count a request."""
        question = exchange.question
        self._leaf_of(question).exchange(exchange)
        self._model(exchange.model).exchange(exchange)

    def report(self, report: TickReport) -> None:
        """Count what leaves did without an answer in a tick."""
        for leaf in report.leaves:
            if leaf.kind == "fallback":
                self._leaf(leaf.leaf, leaf.prompt).fallbacks[leaf.reason or "unknown"] += 1

    def snapshot(self) -> dict[str, Any]:
        """Return all of it as plain data, ready for JSON; durations are in seconds."""
        leaves = [
            {"leaf": leaf, "prompt": prompt, **one.snapshot()} for (leaf, prompt), one in sorted(self.leaves.items())
        ]
        models = [{"name": name, **one.snapshot()} for name, one in sorted(self.models.items())]
        return {"bounds": list(BOUNDS), "leaves": leaves, "models": models}

    def _leaf_of(self, question: Question) -> LeafMetrics:
        return self._leaf(self._apart.get(question.session, question.leaf), question.prompt.name)

    def _leaf(self, leaf: str, prompt: str) -> LeafMetrics:
        found = self.leaves.get((leaf, prompt))
        if found is None:
            key = (leaf, prompt) if len(self.leaves) < MANY else OTHERS
            found = self.leaves.setdefault(key, LeafMetrics())
        return found

    def _model(self, name: str) -> ModelMetrics:
        found = self.models.get(name)
        if found is None:
            found = self.models[name] = ModelMetrics()
        return found
