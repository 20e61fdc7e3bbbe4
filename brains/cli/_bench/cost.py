"""What the gateway costs: a question through it against the same request alone, and ticks beside questions.

The model is a scripted one in a process of its own, behind Ollama's interface: what it takes is known.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable
from typing import Any

from brains.cli._bench.crowd import asked
from brains.cli._bench.process import served
from brains.cli._bench.questions import VISITORS, ask_of
from brains.cli._bench.ticks import tick_times
from brains.decide import request_for
from brains.errors import ModelError
from brains.gateway import Gateway, Metrics
from brains.models.ollama import OllamaModel
from brains.questions import Decision

__all__ = ["gateway_cost"]

NAME = "scripted"
FAST = 0.05
"""Seconds that a fast model takes for a decision: about what the small one takes on two processors."""
SLOW = 0.2
"""Seconds of an answer for the ticks, so that there are always questions in flight."""
SLOTS = 8
LEAST = 20
"""Questions each way."""
ROUND = 0.01
"""Seconds that a question each way takes at an instant model, or less."""

Say = Callable[[str], None]


async def gateway_cost(seconds: float, say: Say) -> dict[str, Any]:
    """Measure it, for so many seconds each."""
    say(f"from ask to delivery, against the request alone: {2 * seconds:g} s")
    with served(NAME, delay=FAST) as url:
        fast = await _delivery(url, max(int(seconds / (2 * FAST + ROUND)), LEAST))
    with served(NAME, delay=0.0) as url:
        instant = await _delivery(url, max(int(seconds / ROUND), LEAST))
    say(f"ticks beside {SLOTS} questions in flight to another process: {4 * seconds:g} s")
    apart = await _ticks(seconds, apart=True)
    together = await _ticks(seconds, apart=False)
    return {
        "delivery": {"fast": fast, "instant": instant},
        "ticks": {"apart": apart, "together": together},
        "ratios": {
            "ask_to_delivery": fast["ratio"],
            "ask_to_delivery_instant_model": instant["ratio"],
            "tick_p99_with_questions": apart["p99_ratio"],
            "tick_p99_with_questions_same_processors": together["p99_ratio"],
        },
    }


async def _ticks(seconds: float, *, apart: bool) -> dict[str, Any]:
    """Measure ticks beside questions to a process on processors of its own, or on those that it gets."""
    with served(NAME, delay=SLOW, slots=SLOTS, apart=apart) as url:
        gateway = Gateway(OllamaModel(NAME, host=url, slots=SLOTS), watchers=[Metrics()])
        try:
            await gateway.start()
            return await tick_times(gateway, seconds, agents=2 * SLOTS)
        finally:
            await gateway.close()


async def _delivery(url: str, count: int) -> dict[str, Any]:
    """Compare one question at a time with the same HTTP request, sent by the same client without a gateway.

    Raises:
        ModelError: it does not answer.
    """
    model = OllamaModel(NAME, host=url)
    gateway = Gateway(model, watchers=[Metrics()])
    numbers = (number % VISITORS for number in itertools.count())
    direct: list[float] = []
    ours: list[float] = []
    try:
        info = await gateway.start()

        async def alone() -> float:
            request = request_for(ask_of(next(numbers)), info)
            began = time.perf_counter()
            await model.generate(request)
            return time.perf_counter() - began

        async def through() -> float:
            question = ask_of(next(numbers), timeout=5.0)
            began = time.perf_counter()
            outcome = await asked(gateway, question)
            if not isinstance(outcome, Decision):
                raise ModelError(f"the scripted model does not answer ({outcome.reason}): {outcome.message}")
            return time.perf_counter() - began

        await alone()
        await through()
        for place in range(count):
            # Each goes first as often as the other.
            for is_ours in (True, False) if place % 2 else (False, True):
                (ours if is_ours else direct).append(await (through() if is_ours else alone()))
    finally:
        await gateway.close()
    direct_ms, ours_ms = statistics.median(direct) * 1e3, statistics.median(ours) * 1e3
    return {
        "direct_ms": round(direct_ms, 3),
        "gateway_ms": round(ours_ms, 3),
        "adds_ms": round(ours_ms - direct_ms, 3),
        "ratio": round(ours_ms / direct_ms, 3),
        "questions": count,
    }
