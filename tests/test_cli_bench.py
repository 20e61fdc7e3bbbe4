"""`brains bench`: the measurements run, and what they say can be read by people and programs."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import os
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest
from click.testing import CliRunner

from brains.cli import bench
from brains.cli._bench.crowd import AGENTS, Crowd, by_gateway, quantile
from brains.cli._bench.llm import over_http
from brains.cli._bench.play import RATE, STAY, in_play
from brains.cli._bench.process import can_be_apart, on_other_processors
from brains.cli._bench.questions import VISITORS, ask_of, state_first, visitor
from brains.cli._bench.recording import recording_costs
from brains.cli._bench.stepping import debugger_costs
from brains.cli._bench.ticks import tick_times
from brains.cli.bench import command
from brains.decide import completion_text
from brains.errors import ConfigError, ModelUnavailable
from brains.gateway import Gateway
from brains.models.scripted import ScriptedModel
from brains.models.wire_server import Facts, WireServer


@pytest.fixture
async def server() -> AsyncIterator[WireServer]:
    model = ScriptedModel(name="tiny", latency=0.001)
    server = WireServer(model, await model.start(), Facts(parameter_size="135M"))
    await server.start()
    yield server
    await server.close()


@contextlib.asynccontextmanager
async def started(model: ScriptedModel) -> AsyncIterator[Gateway]:
    gateway = Gateway(model)
    await gateway.start()
    yield gateway
    await gateway.close()


async def test_it_measures_by_ollamas_interface(server: WireServer) -> None:
    said: list[str] = []
    report = await over_http(server.url, "tiny", 0.9, said.append)
    for crowd in ("first_sketch", "label_words", "label_words_same_visitors", "schema"):
        assert report[crowd]["answers"] > 0
        assert report[crowd]["failed"] == {}
    assert report["label_words_in_play"]["decided"] > 0
    assert all(ratio > 0 for ratio in report["ratios"].values())
    assert set(report["ratios"]) == {
        "decisions_per_second",
        "median_latency",
        "decisions_per_second_in_play",
        "median_latency_in_play",
        "decisions_per_second_same_visitors",
        "median_latency_same_visitors",
        "labels_against_schema_per_second",
        "labels_against_schema_latency",
        "cached_against_uncached_order",
    }
    assert any("turn 1 of 3" in line for line in said)
    text = "\n".join(bench._table({"model": "tiny", "processors": 2, **report}))
    assert "first sketch" in text
    assert "at least 5" in text
    json.dumps(report)


async def test_ticks_are_measured_beside_questions() -> None:
    async with started(ScriptedModel(latency=0.001)) as gateway:
        report = await tick_times(gateway, 0.1)
    assert report["rounds"] > 1
    assert report["p99_ratio"] > 0
    text = "\n".join(bench._table({"model": "m", "processors": 2, "threads": {"1": report}, "ratios": {}}))
    assert "1 thread " in text


async def test_a_model_that_fails_is_told_of_and_not_asked_in_a_whirl() -> None:
    model = ScriptedModel()
    async with started(model) as gateway:
        model.answers = lambda request: ModelUnavailable("gone")
        crowd = await asyncio.wait_for(by_gateway(gateway, 0.1), 10)
    assert not crowd.latencies
    assert sum(crowd.failed.values()) >= AGENTS
    assert math.isnan(crowd.median)


async def test_in_play_each_visitor_is_asked_about_once() -> None:
    model = ScriptedModel(latency=0.001)
    async with started(model) as gateway:
        asked = len(model.requests)
        play = await in_play(gateway, 0.9, agents=2)
    assert len(model.requests) - asked == 2
    assert (len(play.visitors.latencies), play.missed, play.visitors.failed) == (2, 0, {})
    assert 0 < play.decided <= play.messages <= 2 * (0.9 * RATE + 1)
    assert play.median > 0
    assert play.and_then(play).per_second == pytest.approx(play.per_second)


async def test_in_play_a_visitor_who_is_gone_undecided_is_told_of() -> None:
    async with started(ScriptedModel(latency=10 * STAY)) as gateway:
        play = await in_play(gateway, 1.9 * STAY, agents=1)
    assert (play.missed, play.decided) == (1, 0)
    assert play.median >= STAY
    text = "\n".join(bench._table({"model": "m", "processors": 2, "label_words_in_play": play.summary(), "ratios": {}}))
    assert "1 of 1 were gone before" in text


async def test_in_play_a_model_that_fails_is_told_of() -> None:
    model = ScriptedModel()
    async with started(model) as gateway:
        model.answers = lambda request: ModelUnavailable("gone")
        play = await asyncio.wait_for(in_play(gateway, 0.9), 10)
    assert play.decided == 0
    assert sum(play.visitors.failed.values()) > 0


def test_no_two_visitors_are_alike() -> None:
    assert len({visitor(number) for number in range(VISITORS)}) == VISITORS
    assert visitor(VISITORS) == visitor(0)


def test_the_orders_hold_the_same() -> None:
    question = ask_of(7)
    last, first = completion_text(question.prompt), state_first(question)
    assert question.prompt.user in first.splitlines()[0]
    assert question.prompt.user in last.splitlines()[-1]
    assert len(set(map(len, (last, first)))) <= 2
    assert len({completion_text(ask_of(0, template=number).prompt) for number in range(4)}) == 4


def test_quantiles() -> None:
    assert quantile((3.0, 1.0, 2.0), 0.99) == 3.0
    assert quantile((3.0, 1.0, 2.0), 0.5) == 2.0
    assert math.isnan(quantile((), 0.5))
    both = Crowd(1.0, (1.0,), {"a": 1}).and_then(Crowd(1.0, (3.0,), {"a": 1, "b": 2}))
    assert (both.per_second, both.median, both.failed) == (1.0, 2.0, {"a": 2, "b": 2})


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--model", "llama3.2"], "say embedded"),
        (["--model", "ollama:"], "say embedded"),
        (["--model", "ollama:a", "--only", "process"], "does not run inside"),
    ],
)
def test_what_cannot_be_measured_is_refused(args: list[str], says: str) -> None:
    done = CliRunner().invoke(command, ["llm", *args])
    assert isinstance(done.exception, ConfigError)
    assert says in str(done.exception)


@pytest.mark.parametrize("args", [[], ["llm"]])
def test_help_can_be_read(args: list[str]) -> None:
    text = CliRunner().invoke(command, [*args, "--help"], terminal_width=80).stdout
    assert "\\b" not in text
    assert not args or "\n  brains bench llm --json" in text or "\n    brains bench llm --json" in text


@pytest.mark.may_block
@pytest.mark.timeout(120)
def test_what_the_gateway_costs_is_measured_without_a_model() -> None:
    result = CliRunner().invoke(command, ["llm", "--only", "gateway", "--seconds", "0.4", "--json"])
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert set(report["ratios"]) == {
        "ask_to_delivery",
        "ask_to_delivery_instant_model",
        "tick_p99_with_questions",
        "tick_p99_with_questions_same_processors",
    }
    fast, instant = report["delivery"]["fast"], report["delivery"]["instant"]
    assert fast["direct_ms"] >= 50 > instant["direct_ms"]
    assert fast["questions"] >= 20
    assert all(ticks["per_second"] > 0 for ticks in report["ticks"].values())
    text = "\n".join(bench._table(report))
    assert "ms through the gateway" in text
    assert "at most 1.05" in text


@pytest.mark.may_block
@pytest.mark.timeout(120)
def test_what_recording_debugging_and_watching_cost_is_measured() -> None:
    result = CliRunner().invoke(command, ["debug", "--seconds", "0.6", "--json"])
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert {f"{name}_ratio" for name in bench.DEBUG_RATIOS} == set(report["ratios"])
    assert all(ratio > 0 for ratio in report["ratios"].values())
    assert report["recording"]["dropped"] == 0
    assert report["watching"]["rounds"] >= 3
    text = CliRunner().invoke(command, ["debug", "--help"]).stdout
    assert all(f"  {name} " in text for name in bench.DEBUG_RATIOS)


@pytest.mark.skipif(not can_be_apart(), reason="needs Linux and two processors")
def test_a_process_gets_a_processor_of_its_own_for_a_while() -> None:
    before = os.sched_getaffinity(0)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        with on_other_processors(child.pid):
            theirs = os.sched_getaffinity(child.pid)
            assert len(theirs) == 1
            assert os.sched_getaffinity(0) == before - theirs
        assert os.sched_getaffinity(0) == before
        child.kill()


def test_without_any_time_there_are_some_rounds_all_the_same() -> None:
    assert recording_costs(0.0)["rounds"] == 3
    assert debugger_costs(0.0)["ratios"]["idle_ratio"] > 0


def test_ticks_beside_questions_are_shown() -> None:
    ticks = {f"{what}_p{share}_ms": 1.0 for what in ("idle", "asking") for share in (50, 99)}
    both = {what: {**ticks, "p99_ratio": 1.1, "per_second": 30.0} for what in ("apart", "together")}
    report = {"model": "m", "processors": 2, "ticks": both, "ratios": {}}
    assert any(line.startswith("ticks") and "(1.1 times)" in line for line in bench._table(report))
