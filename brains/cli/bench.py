"""`brains bench`: measure how fast decisions are and what debugging costs, as ratios within one run."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import platform
from collections.abc import Callable
from typing import Any

import click

from brains.cli._log import at_level
from brains.cli._running import settle_memory
from brains.errors import ConfigError

__all__ = ["command"]


EPILOG = """\b
Examples:
  brains bench llm
  brains bench llm --seconds 30 --json
  brains bench debug                              what recording and debugging cost"""


@click.group(epilog=EPILOG)
def command() -> None:
    """Measure how fast decisions are, and what debugging costs.

    Numbers of different machines say little; ratios within one run do.
    """


LLM_EPILOG = """\b
Examples:
  brains bench llm                                the small model, some two minutes
  brains bench llm --seconds 30                   steadier numbers, some five minutes
  brains bench llm --json > before.json           to compare with later
  brains bench llm --model ollama:llama3.2        a model of a running Ollama
  brains bench llm --only labels                  without the model inside the process
  brains bench llm --fast-weights                 the same from a copy in Q8_0
  brains bench llm --only gateway                 what the gateway adds; needs no model

\b
The rows:
  first sketch   8 agents, one blocking chat of 16 tokens per message
  label words    8 agents through the gateway, one token per decision; each sees
                 visitors of its own, or all the same ones, which are asked once
  in play        8 agents with trees, 10 snapshots a second each, another visitor
                 every second: snapshots decided on what they show, and the time
                 from a visitor's first one to the decision; the sketch asks at each
  schema         the same, with a JSON object as the answer
  prompt order   the state last (cached) against the state first
  warm           a decision against what llama.cpp says its tokens took
  slots          4 templates by turns: a slot for each, against one
  threads        how long ticks take beside the model, by its threads
  delivery       from ask to delivery, against the same request sent directly by
                 the same client; to a scripted model that takes 50 ms, or no time
  ticks          8 trees beside 8 questions in flight to another process: one that
                 has a processor of its own (on Linux), and one that has not"""

PARTS = ("labels", "process", "gateway")
CROWDS = ("first_sketch", "label_words", "label_words_same_visitors", "label_words_in_play", "schema")


@command.command(name="llm", epilog=LLM_EPILOG)
@click.option("--model", default="embedded", show_default=True, help="embedded, embedded:FILE.gguf or ollama:NAME.")
@click.option(
    "--seconds", type=click.FloatRange(0.1), default=10.0, show_default=True, help="For each crowd of agents."
)
@click.option("--threads", type=click.IntRange(min=1), help="Of the model's own process; by default one a processor.")
@click.option("--fast-weights", is_flag=True, help="Run a small model in Q4_1 from a copy in Q8_0: faster decisions.")
@click.option(
    "--only",
    type=click.Choice(PARTS),
    help="labels: by Ollama's interface; process: inside this process; gateway: with a scripted model.",
)
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
def llm_command(
    model: str, seconds: float, threads: int | None, fast_weights: bool, only: str | None, as_json: bool
) -> None:
    """Measure decisions of a model against simpler ways.

    The model works in a process of its own, behind Ollama's interface, as with Ollama; and inside this one.
    """
    kind, _, name = model.partition(":")
    if kind not in ("embedded", "ollama") or (kind == "ollama" and not name):
        raise ConfigError(f"{model!r} cannot be measured: say embedded, embedded:FILE.gguf or ollama:NAME")
    if kind == "ollama" and only == "process":
        raise ConfigError(f"{model} does not run inside the process: say --only labels, or --model embedded")
    # A bar that moves would disturb what is measured; a line at each step tells enough.
    settle_memory(tidy=True)
    with at_level("brains", logging.ERROR):
        report = asyncio.run(
            _measure(model, seconds, threads, fast_weights, only, lambda text: click.echo(f"... {text}", err=True))
        )
    click.echo(json.dumps(report) if as_json else "\n".join(_table(report)))


async def _measure(
    model: str, seconds: float, threads: int | None, fast_weights: bool, only: str | None, say: Callable[[str], None]
) -> dict[str, Any]:
    from brains.cli._bench.cost import gateway_cost
    from brains.cli._bench.llm import in_process, over_http
    from brains.cli._bench.process import served
    from brains.models.embedded import AT_ONCE, EmbeddedModel

    kind, _, name = model.partition(":")
    report: dict[str, Any] = {
        "model": model,
        "fast_weights": fast_weights,
        "processors": os.cpu_count(),
        "python": platform.python_version(),
    }
    parts = []
    if only in (None, "labels"):
        if kind == "ollama":
            from brains.models.ollama_host import connectable_url

            parts.append(await over_http(connectable_url(None), name, seconds, say))
        else:
            with served(model, threads or os.cpu_count(), fast_weights=fast_weights) as url:
                parts.append(await over_http(url, EmbeddedModel(name or None).name, seconds, say, AT_ONCE))
    if only in (None, "process") and kind == "embedded":
        parts.append(await in_process(model, seconds, say, fast_weights=fast_weights))
    if only in (None, "gateway"):
        parts.append(await gateway_cost(seconds, say))
    ratios: dict[str, float] = {}
    for part in parts:
        ratios |= part.pop("ratios")
        report |= part
    return {**report, "ratios": ratios}


def _table(report: dict[str, Any]) -> list[str]:
    """Return the report in lines for people."""
    from brains.cli._bench.llm import TARGETS

    lines = [f"model {report['model']}, {report['processors']} processors", ""]
    crowds = [(name, report[name]) for name in CROWDS if name in report]
    crowds += [(f"slots: {count}", summary) for count, summary in report.get("slots", {}).items()]
    if crowds:
        lines.append(f"{'':26}{'answers/s':>12}{'median ms':>12}{'p99 ms':>12}")
    for name, crowd in crowds:
        lines.append(
            f"{name.replace('_', ' '):26}{crowd['per_second']:12.1f}{crowd['median_ms']:12.1f}{crowd['p99_ms']:12.1f}"
        )
        if crowd.get("missed"):
            lines.append(f"  {crowd['missed']} of {crowd['visitors']} were gone before they were decided on")
        lines += [f"  failed {count} times: {reason}" for reason, count in crowd["failed"].items()]
    lines += _details(report)
    lines += ["", f"{'ratio':42}{'':>8}  wanted"]
    for name, ratio in report["ratios"].items():
        word, limit = TARGETS.get(name, ("", 0.0))
        lines.append(f"{name.replace('_', ' '):42}{ratio:8.2f}  {f'{word} {limit:g}' if word else ''}".rstrip())
    return lines


def _details(report: dict[str, Any]) -> list[str]:
    lines = []
    if order := report.get("prompt_order"):
        lines += [
            "",
            f"prompt order    state last {order['state_last_ms']} ms, state first {order['state_first_ms']} ms",
        ]
    if warm := report.get("warm"):
        lines += [f"warm decision   {warm['median_ms']} ms, of which llama.cpp reports {warm['llama_cpp_ms']} ms"]
    for what, found in report.get("delivery", {}).items():
        name = "delivery" if what == "fast" else "  at once"
        lines.append(
            f"{name:18}{found['gateway_ms']} ms through the gateway, {found['direct_ms']} ms without: "
            f"{found['adds_ms']} ms more"
        )
    for what, ticks in report.get("ticks", {}).items():
        lines.append(f"{'ticks' if what == 'apart' else '  same processors':18}{_tick_line(ticks)}")
    for count, ticks in report.get("threads", {}).items():
        lines.append(f"{count} thread{'s' * (count != '1'):1}       {_tick_line(ticks)}")
    return lines


def _tick_line(ticks: dict[str, Any]) -> str:
    return (
        f"tick p50 {ticks['idle_p50_ms']} ms idle, {ticks['asking_p50_ms']} ms asking; p99 {ticks['idle_p99_ms']} and "
        f"{ticks['asking_p99_ms']} ms ({ticks['p99_ratio']} times); {ticks['per_second']} answers/s"
    )


DEBUG_RATIOS = ("on", "compressed", "others", "idle", "steps", "attached", "listening", "watched")
DEBUG_EPILOG = """\b
Examples:
  brains bench debug
  brains bench debug --seconds 20 --json > after.json

\b
The ratios:
  on            a tick that is recorded against one that is not
  compressed    the same, into a compressed file
  others        the other agents while one is held, against none held
  idle          a session that could be debugged, against one that could not
  steps         an instrumented tree against a plain one
  attached      an agent that a debugger has attached to and lets run, against one alone
  listening     a session with a control socket that nobody watches, against one without
  watched       the same while `brains watch` shows the tree of one of its agents"""


@command.command(name="debug", epilog=DEBUG_EPILOG)
@click.option("--seconds", type=click.FloatRange(0.1), default=6.0, show_default=True, help="For all of it.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
def debug_command(seconds: float, as_json: bool) -> None:
    """Measure what recording and debugging cost, against doing without."""
    from brains.cli._bench.recording import recording_costs
    from brains.cli._bench.stepping import debugger_costs
    from brains.cli._bench.watching import watching_costs

    with at_level("brains", logging.ERROR):
        found = {
            "recording": recording_costs(seconds / 3),
            "debugger": debugger_costs(seconds / 3),
            "watching": watching_costs(seconds / 3),
        }
    ratios = {name: ratio for part in found.values() for name, ratio in part.pop("ratios").items()}
    if as_json:
        click.echo(json.dumps({**found, "ratios": ratios}))
        return
    for title, part in found.items():
        click.echo(f"{title}: {part['agents']} agents, trees of {part['nodes']} nodes")
        for name, value in part.items():
            if name not in ("agents", "nodes"):
                click.echo(f"  {name.replace('_', ' '):28}{value:>10}")
    click.echo("ratios")
    for name, value in ratios.items():
        click.echo(f"  {name.removesuffix('_ratio'):28}{value:>10}")
