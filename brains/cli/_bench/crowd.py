"""Crowds of agents: each asks, waits for its answer, and asks again at once, for some seconds."""

from __future__ import annotations

import asyncio
import itertools
import statistics
import threading
import time
from collections import Counter, deque
from typing import Any, NamedTuple

from brains.cli._bench.questions import ask_of, visitor
from brains.gateway import Gateway
from brains.questions import Decision, NoAnswer, Question

__all__ = ["AGENTS", "Crowd", "asked", "by_gateway", "first_sketch", "quantile"]

AGENTS = 8
SKETCH_SYSTEM = "You are the guard of a castle. Say what you do about the visitor."
SKETCH_TOKENS = 16


class Crowd(NamedTuple):
    """What came of it."""

    seconds: float
    latencies: tuple[float, ...]
    """Seconds from asking to the answer, of each answered question."""
    failed: dict[str, int]
    """By reason."""

    @property
    def per_second(self) -> float:
        """Answers per second."""
        return len(self.latencies) / self.seconds

    @property
    def median(self) -> float:
        """Half of the answers took no longer, in seconds."""
        return statistics.median(self.latencies) if self.latencies else float("nan")

    def and_then(self, more: Crowd) -> Crowd:
        """Return this and what came of it another time as one."""
        failed = Counter(self.failed) + Counter(more.failed)
        return Crowd(self.seconds + more.seconds, self.latencies + more.latencies, dict(failed))

    def summary(self) -> dict[str, Any]:
        """Return the numbers for a report."""
        return {
            "answers": len(self.latencies),
            "seconds": round(self.seconds, 2),
            "per_second": round(self.per_second, 2),
            "median_ms": round(self.median * 1e3, 2),
            "p99_ms": round(quantile(self.latencies, 0.99) * 1e3, 2),
            "failed": self.failed,
        }


def quantile(values: tuple[float, ...], share: float) -> float:
    """Return the value that this share of the values does not exceed; NaN of none."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else float("nan")


async def asked(gateway: Gateway, question: Question) -> Decision | NoAnswer:
    """Ask one question, and wait for its outcome as a game waits: by being told."""
    told = asyncio.Event()
    ticket = gateway.ask(question)
    ends = gateway.subscribe(lambda news: told.set() if news is ticket else None)
    try:
        while ticket.outcome is None:
            await told.wait()
            told.clear()
        return ticket.outcome
    finally:
        ends()
        ticket.cancel()


async def by_gateway(
    gateway: Gateway, seconds: float, *, agents: int = AGENTS, templates: int = 1, together: bool = False
) -> Crowd:
    """Have agents ask label questions through the gateway. A question that fails is counted, and asked no more.

    Each agent sees visitors of its own; `together` all see the same ones, as guards of one gate do.
    """
    numbers = itertools.count()
    found: list[float] = []
    failed: Counter[str] = Counter()
    begin = time.perf_counter()

    async def one(agent: str) -> None:
        own = itertools.count() if together else numbers
        while (now := time.perf_counter()) - begin < seconds:
            number = next(own)
            outcome = await asked(gateway, ask_of(number, agent=agent, template=number % templates))
            if isinstance(outcome, Decision):
                found.append(time.perf_counter() - now)
            else:
                failed[f"{outcome.reason}: {outcome.message}"] += 1
                await asyncio.sleep(0.01)

    await asyncio.gather(*(one(f"guard {number}") for number in range(agents)))
    return Crowd(time.perf_counter() - begin, tuple(found), dict(failed))


async def first_sketch(url: str, model: str, seconds: float, *, agents: int = AGENTS) -> Crowd:
    """Have agents ask as a first sketch does it: one free-text chat per message, and the server waits for its end.

    It says what it would do, in 16 tokens at most; what it said would still have to be understood.

    Raises:
        ollama.ResponseError: the server does not answer.
    """
    stop = threading.Event()
    try:
        return await asyncio.to_thread(_sketch, url, model, seconds, agents, stop)
    finally:
        stop.set()


def _sketch(url: str, model: str, seconds: float, agents: int, stop: threading.Event) -> Crowd:
    import ollama

    found: list[float] = []
    with ollama.Client(host=url, trust_env=False, timeout=60.0) as client:
        # Not before: to make the client is no part of what is measured.
        begin = time.perf_counter()
        # When each message came that waits for its turn; whoever is answered sends the next one at once.
        waiting = deque([begin] * agents)
        for number in itertools.count():
            if time.perf_counter() - begin >= seconds or stop.is_set():
                break
            said = [{"role": "system", "content": SKETCH_SYSTEM}, {"role": "user", "content": visitor(number)}]
            client.chat(model=model, messages=said, options={"num_predict": SKETCH_TOKENS, "num_ctx": 4096})
            now = time.perf_counter()
            found.append(now - waiting.popleft())
            waiting.append(now)
    return Crowd(time.perf_counter() - begin, tuple(found), {})
