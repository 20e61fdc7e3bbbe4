"""What `brains serve --stats` prints: what leaves asked and what models did, as tables or as JSON."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from brains.gateway import Metrics, ModelRouter

__all__ = ["StatsFormat", "stats_of", "stats_text"]

StatsFormat = Literal["table", "json"]

PIPED_WIDTH = 220
"""Columns where there is no terminal to fit into: a line must not be broken for `grep`."""


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


def stats_text(stats: Mapping[str, Any], form: StatsFormat, width: int | None) -> str:
    """Return the numbers as tables, or as one line of JSON; with the line end.

    Args:
        stats: from `stats_of`.
        form: which of both.
        width: columns of the terminal; None where there is none.
    """
    if form == "json":
        return json.dumps(stats, separators=(",", ":")) + "\n"
    return _tables(stats, width)


def _tables(stats: Mapping[str, Any], width: int | None = None) -> str:
    """Return the numbers as two tables, models and leaves."""
    to = io.StringIO()
    console = Console(file=to, width=width or PIPED_WIDTH, color_system=None, highlight=False, emoji=False)
    console.print(f"after {stats['seconds']:.0f} s", markup=False)
    console.print(_models(stats["models"]))
    if stats["leaves"]:
        console.print(_leaves(stats["leaves"]))
    return "\n".join(line.rstrip() for line in to.getvalue().splitlines()) + "\n"


def _models(models: list[dict[str, Any]]) -> Table:
    table = _table(
        "model", "state", "asked", "answered", "reused", "shed", "cancelled", "failed", "requests", "retried"
    )
    for column in ("reloads", "waiting", "most", "in flight", "p50 s", "p95 s", "queue p95 s", "tokens"):
        table.add_column(column, justify="right", no_wrap=True)
    for one in models:
        called = f"{one['name']} ({one['model']})" if one["name"] else one["model"]
        state = one["state"]
        if len(one["breakers"]) > 1:
            state += f" ({one['breakers'].count('closed')} of {len(one['breakers'])} servers)"
        table.add_row(
            called,
            state,
            *_counts(one),
            str(sum(one.get("requests", {}).values())),
            str(one.get("retried", 0)),
            str(one.get("reloads", 0)),
            str(one["waiting"]),
            str(one["queue_high"]),
            str(one["in_flight"]),
            *_times(one),
        )
    return table


def _leaves(leaves: list[dict[str, Any]]) -> Table:
    table = _table("leaf", "prompt", "asked", "answered", "reused", "shed", "cancelled", "failed")
    table.add_column("fallbacks")
    for column in ("p50 s", "p95 s", "queue p95 s", "tokens"):
        table.add_column(column, justify="right", no_wrap=True)
    for one in leaves:
        table.add_row(one["leaf"], one["prompt"], *_counts(one), _reasons(one["fallbacks"]), *_times(one))
    return table


def _table(first: str, second: str, *numbers: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="")
    table.add_column(first, overflow="fold")
    table.add_column(second, overflow="fold")
    for name in numbers:
        if name == "failed":
            table.add_column(name)
        else:
            table.add_column(name, justify="right", no_wrap=True)
    return table


def _counts(one: Mapping[str, Any]) -> list[str]:
    others = {reason: count for reason, count in one.get("failed", {}).items() if reason != "shed"}
    numbers = [str(one.get(name, 0)) for name in ("asked", "answered", "reused", "shed", "cancelled")]
    return [*numbers, _reasons(others)]


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
