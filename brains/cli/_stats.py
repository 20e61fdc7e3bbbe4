"""What `brains serve --stats` prints: what leaves asked and what models did, as tables or as JSON."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from brains.gateway import Metrics, ModelRouter

__all__ = ["StatsFormat", "stats_of", "stats_text"]

StatsFormat = Literal["table", "json"]

COUNTS = ("asked", "answered", "reused", "shed", "cancelled")
TIMES = ("p50 s", "p95 s", "queue p95 s", "tokens")

WIDTH = 1000
"""Columns: a line is never broken here, so that `grep` and `cut` find it whole; a narrow terminal breaks it itself."""


def stats_of(metrics: Metrics, router: ModelRouter, since: float) -> dict[str, Any]:
    """Return all numbers as plain data; `since` is when it all began, by `time.monotonic`."""
    found = metrics.snapshot()
    models = {one["name"]: one for one in found["models"]}
    now = []
    for name, gateway in router.gateways.items():
        state = {
            "name": name,
            "model": gateway.model.name,
            "state": gateway.state,
            "breakers": list(gateway.breakers),
            "waiting": gateway.waiting,
            "queue_high": gateway.stats.queue_high,
            "in_flight": gateway.in_flight,
        }
        now.append({**models.get(name, {}), **state})
    return {"time": time.time(), "seconds": time.monotonic() - since, **found, "models": now}


def stats_text(stats: Mapping[str, Any], form: StatsFormat) -> str:
    """Return the numbers as tables, or as one line of JSON; with the line end."""
    if form == "json":
        return json.dumps(stats, separators=(",", ":")) + "\n"
    to = io.StringIO()
    console = Console(file=to, width=WIDTH, color_system=None, highlight=False, emoji=False, markup=False)
    console.print(f"after {stats['seconds']:.0f} s")
    console.print(_models(stats["models"]))
    if stats["leaves"]:
        console.print(_leaves(stats["leaves"]))
    return "\n".join(line.rstrip() for line in to.getvalue().splitlines()) + "\n"


def _models(models: list[dict[str, Any]]) -> Table:
    own = ("requests", "retried", "reloads", "waiting", "most", "in flight")
    table = _table(["model", "state"], [*COUNTS, *own, *TIMES], ["failed"])
    for one in models:
        called = f"{one['name']} ({one['model']})" if one["name"] else one["model"]
        state = one["state"]
        if len(one["breakers"]) > 1:
            state += f" ({one['breakers'].count('closed')} of {len(one['breakers'])} servers)"
        numbers = [sum(one.get("requests", {}).values()), one.get("retried", 0), one.get("reloads", 0)]
        numbers += [one["waiting"], one["queue_high"], one["in_flight"]]
        table.add_row(called, state, *_counts(one), *map(str, numbers), *_times(one), _failed(one))
    return table


def _leaves(leaves: list[dict[str, Any]]) -> Table:
    table = _table(["leaf", "prompt"], [*COUNTS, *TIMES], ["failed", "fallbacks"])
    for one in leaves:
        table.add_row(one["leaf"], one["prompt"], *_counts(one), *_times(one), _failed(one), _reasons(one["fallbacks"]))
    return table


def _table(names: Sequence[str], numbers: Sequence[str], reasons: Sequence[str]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="")
    for name in names:
        table.add_column(name)
    for name in numbers:
        table.add_column(name, justify="right")
    for name in reasons:
        table.add_column(name)
    return table


def _counts(one: Mapping[str, Any]) -> list[str]:
    return [str(one.get(name, 0)) for name in COUNTS]


def _failed(one: Mapping[str, Any]) -> str:
    return _reasons({reason: count for reason, count in one.get("failed", {}).items() if reason != "shed"})


def _times(one: Mapping[str, Any]) -> list[str]:
    latency, queue = one.get("latency", {}), one.get("queue", {})
    tokens = one.get("prompt_tokens", 0) + one.get("output_tokens", 0)
    return [
        f"{latency.get('p50', 0.0):.3f}",
        f"{latency.get('p95', 0.0):.3f}",
        f"{queue.get('p95', 0.0):.3f}",
        str(tokens),
    ]


def _reasons(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in counts.items()) or "-"
