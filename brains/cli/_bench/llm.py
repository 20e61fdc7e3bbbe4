"""The measurements of `brains bench llm`, one after the other, into one report."""

from __future__ import annotations

import functools
import os
import statistics
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from brains.cli._bench.crowd import Crowd, asked, by_gateway, first_sketch
from brains.cli._bench.play import Play, in_play
from brains.cli._bench.questions import ask_of, state_first
from brains.cli._bench.ticks import tick_times
from brains.decide import completion_text
from brains.errors import ModelError
from brains.gateway import Gateway
from brains.models.embedded import EmbeddedModel
from brains.models.ollama import OllamaModel
from brains.questions import ChatModel, Decision, ModelRequest, Way

__all__ = ["TARGETS", "in_process", "over_http"]

TARGETS = {
    "decisions_per_second": ("at least", 5.0),
    "median_latency": ("at least", 5.0),
    "decisions_per_second_in_play": ("at least", 5.0),
    "median_latency_in_play": ("at least", 5.0),
    "warm_decision_cost": ("at most", 1.2),
    "ask_to_delivery": ("at most", 1.05),
    "tick_p99_with_questions": ("at most", 1.2),
}
"""What the ratios are to be."""
TURNS = 3
"""Turns that the crowds take."""
ORDERED = 20
"""Prompts of each order for the prefix cache."""
TEMPLATES = 4
"""Templates that take turns, for the effect of slots."""
WARM = 40
"""Decisions one after the other, for their cost."""

Say = Callable[[str], None]


@asynccontextmanager
async def _open(model: ChatModel, way: Way | None = None) -> AsyncIterator[Gateway]:
    gateway = Gateway(model, way=way)
    try:
        await gateway.start()
        # Whatever is slow only once is not what is measured.
        first = await asked(gateway, ask_of(0))
        if not isinstance(first, Decision):
            raise ModelError(f"the model does not answer ({first.reason}): {first.message}")
        yield gateway
    finally:
        await gateway.close()


async def over_http(url: str, name: str, seconds: float, say: Say, slots: int | None = None) -> dict[str, Any]:
    """Measure a model behind Ollama's interface, whose server works on so many requests at the same time."""
    crowds: dict[str, Crowd] = {}
    plays: list[Play] = []
    for turn in range(1, TURNS + 1):
        say(f"8 agents, turn {turn} of {TURNS}: a first sketch, label words, JSON Schema ({5 * seconds / TURNS:.0f} s)")
        found, play = await _turn(url, name, seconds / TURNS, slots)
        plays.append(play)
        for what, crowd in found.items():
            crowds[what] = crowds[what].and_then(crowd) if what in crowds else crowd
    say(f"order of the prompt: {2 * ORDERED} prompts")
    model = OllamaModel(name, host=url)
    try:
        await model.start()
        order = await _orders(model)
    finally:
        await model.close()
    sketch, labels = crowds["first_sketch"], crowds["label_words"]
    together, schema = crowds["label_words_same_visitors"], crowds["schema"]
    play = functools.reduce(Play.and_then, plays)
    return {
        **{what: crowd.summary() for what, crowd in crowds.items()},
        "label_words_in_play": play.summary(),
        "prompt_order": order,
        "ratios": {
            "decisions_per_second": _ratio(labels.per_second, sketch.per_second),
            "median_latency": _ratio(sketch.median, labels.median),
            "decisions_per_second_in_play": _ratio(play.per_second, sketch.per_second),
            "median_latency_in_play": _ratio(sketch.median, play.median),
            "decisions_per_second_same_visitors": _ratio(together.per_second, sketch.per_second),
            "median_latency_same_visitors": _ratio(sketch.median, together.median),
            "labels_against_schema_per_second": _ratio(labels.per_second, schema.per_second),
            "labels_against_schema_latency": _ratio(schema.median, labels.median),
            "cached_against_uncached_order": _ratio(order["state_first_ms"], order["state_last_ms"]),
        },
    }


async def _turn(url: str, name: str, seconds: float, slots: int | None) -> tuple[dict[str, Crowd], Play]:
    """Measure each crowd for a while; turns, so that whatever else the machine does meets all of them."""
    found = {}
    async with _open(OllamaModel(name, host=url, slots=slots), "completion") as gateway:
        found["first_sketch"] = await first_sketch(url, name, seconds)
        await asked(gateway, ask_of(1))
        found["label_words"] = await by_gateway(gateway, seconds)
        found["label_words_same_visitors"] = await by_gateway(gateway, seconds, together=True)
        play = await in_play(gateway, seconds)
    async with _open(OllamaModel(name, host=url, slots=slots), "schema") as gateway:
        found["schema"] = await by_gateway(gateway, seconds)
    return found, play


async def in_process(model: str, seconds: float, say: Say, *, fast_weights: bool = False) -> dict[str, Any]:
    """Measure a model inside this process: its cost, its slots, and what it does to ticks."""
    path = model.partition(":")[2] or None
    say(f"a warm decision: {WARM} of them")
    async with _open(EmbeddedModel(path, fast_weights=fast_weights)) as gateway:
        warm = await _warm(gateway)
    slots: dict[str, Any] = {}
    for count in (TEMPLATES, 1):
        say(f"{TEMPLATES} templates by turns with {count} slot{'s' * (count > 1)}, {seconds:g} s")
        async with _open(EmbeddedModel(path, slots=count, cache_ram_mib=0, fast_weights=fast_weights)) as gateway:
            for template in range(TEMPLATES):
                await asked(gateway, ask_of(0, template=template))
            slots[str(count)] = (await by_gateway(gateway, seconds, agents=1, templates=TEMPLATES)).summary()
    threads: dict[str, Any] = {}
    for count in range(1, (os.cpu_count() or 1) + 1):
        if count in (1, 2, os.cpu_count()):
            say(f"ticks with the model inside the process and {count} thread{'s' * (count > 1)}, {2 * seconds:g} s")
            async with _open(EmbeddedModel(path, threads=count, fast_weights=fast_weights)) as gateway:
                threads[str(count)] = await tick_times(gateway, seconds)
    return {
        "warm": warm,
        "slots": slots,
        "threads": threads,
        "ratios": {
            "warm_decision_cost": warm["ratio"],
            "slot_per_template": _ratio(slots[str(TEMPLATES)]["per_second"], slots["1"]["per_second"]),
        },
    }


async def _warm(gateway: Gateway) -> dict[str, Any]:
    """Compare a decision, from ask to delivery, with what llama.cpp says that its tokens took."""
    costs, took, reported = [], [], []
    for number in range(1, WARM + 1):
        begin = time.perf_counter()
        outcome = await asked(gateway, ask_of(number))
        whole = time.perf_counter() - begin
        if isinstance(outcome, Decision):
            said = outcome.latency.prompt + outcome.latency.generate
            costs.append(whole / said)
            took.append(whole)
            reported.append(said)
    return {
        "median_ms": round(statistics.median(took) * 1e3, 2),
        "llama_cpp_ms": round(statistics.median(reported) * 1e3, 2),
        "ratio": round(statistics.median(costs), 3),
    }


async def _orders(model: ChatModel) -> dict[str, Any]:
    """Ask with the state last, as our prompts have it, and with the state first, which leaves no prefix to reuse."""
    report = {}
    for name, text in (("state_last", lambda q: completion_text(q.prompt)), ("state_first", state_first)):
        took = []
        for number in range(ORDERED + 1):
            prompt = text(ask_of(number))
            request = ModelRequest(way="completion", prompt=prompt, max_tokens=1, top_logprobs=20, name=name)
            begin = time.perf_counter()
            await model.generate(request)
            took.append(time.perf_counter() - begin)
        report[f"{name}_ms"] = round(statistics.median(took[1:]) * 1e3, 2)
    return report


def _ratio(one: float, other: float) -> float:
    return round(one / other, 2) if other else float("nan")
