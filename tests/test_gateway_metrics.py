"""What is counted, by leaf and by model."""

from __future__ import annotations

import json
import statistics

from hypothesis import given
from hypothesis import strategies as st

from brains.gateway.metrics import BOUNDS, MANY, OTHERS, Histogram, Metrics
from brains.snapshot import AgentSnapshot, LeafReport, TickReport
from brains.testing import ManualClock
from tests.test_gateway import FakeModel, idle, question, running


def report(*leaves: LeafReport) -> TickReport:
    return TickReport(
        agent="a", brain="b", tick=1, time=0.0, snapshot=AgentSnapshot(), status="SUCCESS", running=(), leaves=leaves
    )


async def test_everything_is_counted_by_leaf_and_by_model() -> None:
    metrics, model, clock = Metrics(), FakeModel(), ManualClock()
    async with running(model, clock=clock, name="big", watchers=[metrics], cache_size=8, max_queue=2) as gateway:
        gateway.ask(question("same", agent="a", leaf="fight"))
        gateway.ask(question("same", agent="b", leaf="fight"))
        await idle()
        clock.advance(0.3)
        model.calls[0].answer(prompt_tokens=50, output_tokens=1)
        await idle()
        gateway.ask(question("same", agent="c", leaf="fight"))
        await idle()
        gateway.ask(question("busy", leaf="talk"))
        await idle()
        gateway.ask(question("old", agent="d", leaf="flee"))
        gateway.ask(question("new", agent="d", leaf="flee")).cancel()
        for about in "xyz":
            gateway.ask(question(about, leaf="flee"))
        clock.advance(1.0)
        model.calls[1].answer(load=2.0)
        await idle()
        fallback = LeafReport(kind="fallback", leaf="flee", prompt="guard/is_hostile", reason="queue_full")
        metrics.report(report(fallback, LeafReport(kind="asked", leaf="flee", prompt="guard/is_hostile")))
        found = metrics.snapshot()
    json.dumps(found)
    leaves = {one["leaf"]: one for one in found["leaves"]}
    fight, flee = leaves["fight"], leaves["flee"]
    assert (fight["asked"], fight["answered"], fight["reused"]) == (3, 3, 2)
    assert (fight["prompt_tokens"], fight["output_tokens"]) == (50, 1)
    assert fight["latency"]["count"] == 3
    assert fight["latency"]["max"] == 0.3
    assert (flee["asked"], flee["superseded"], flee["cancelled"]) == (5, 1, 1)
    assert flee["failed"] == {"queue_full": 1}
    assert flee["fallbacks"] == {"queue_full": 1}
    (model_row,) = found["models"]
    assert (model_row["name"], model_row["model"]) == ("big", "fake")
    assert (model_row["asked"], model_row["reloads"], model_row["retried"]) == (9, 1, 0)
    assert sum(model_row["requests"].values()) == 2
    for row in (*found["leaves"], *found["models"]):
        ended = row["answered"] + row["superseded"] + row["cancelled"] + sum(row["failed"].values())
        assert row["asked"] == ended + row["open"]


def test_more_leaves_than_can_be_told_apart_are_counted_as_one() -> None:
    metrics = Metrics()
    for number in range(MANY + 50):
        metrics.asked(question("x", leaf=f"leaf {number}"), "")
    assert len(metrics.leaves) == MANY + 1
    assert metrics.leaves[OTHERS].asked == 50


@given(st.lists(st.floats(0.0, 200.0), min_size=1, max_size=200), st.sampled_from([0.5, 0.95, 1.0]))
def test_a_quantile_lies_in_the_bucket_of_the_true_one(seconds: list[float], share: float) -> None:
    histogram = Histogram()
    for one in seconds:
        histogram.add(one)
    rank = max(1, -int(-share * len(seconds) // 1))
    true = sorted(seconds)[rank - 1]
    low = max((bound for bound in BOUNDS if bound < true), default=0.0)
    high = min((bound for bound in BOUNDS if bound >= true), default=max(seconds))
    assert low <= histogram.quantile(share) <= high + 1e-9
    assert histogram.count == len(seconds)
    assert abs(histogram.total / histogram.count - statistics.fmean(seconds)) < 1e-6
    assert histogram.snapshot()["max"] == max(seconds)


def test_nothing_takes_no_time() -> None:
    assert Histogram().quantile(0.5) == 0.0
    assert Histogram().snapshot()["mean"] == 0.0


def test_warming_up_is_not_the_leafs_doing() -> None:
    metrics = Metrics()
    metrics.asked(question("x", leaf="Guard/Hostile?", session="warm-up"), "")
    assert list(metrics.leaves) == [("(warm-up)", "guard/is_hostile")]
    assert metrics.models[""].asked == 1
