"""One more try for an object that is no good."""

from __future__ import annotations

from typing import Any

import pytest

from brains.questions import Question
from brains.testing import ManualClock
from tests.test_gateway import FakeModel, decision, idle, question, reason, running

PLACE = {
    "type": "object",
    "properties": {"place": {"enum": ["gate", "wall"]}},
    "required": ["place"],
    "additionalProperties": False,
}
GOOD = '{"place": "gate"}'


def where(**more: Any) -> Question:
    return question("where", labels=(), schema=PLACE, **more)


@pytest.mark.parametrize("bad", ['{"place": "moon"}', '{"place": ', "The gate.", '{"place": "gate", "x": 1}'])
async def test_an_object_that_is_no_good_is_asked_for_once_more(bad: str) -> None:
    model, clock = FakeModel(), ManualClock()
    async with running(model, clock=clock) as gateway:
        ticket = gateway.ask(where(timeout=9.0))
        await idle()
        model.calls[0].answer(bad, prompt_tokens=10, output_tokens=3)
        await idle()
        assert model.calls[1].request.messages[-2] == ("assistant", bad)
        model.calls[1].answer(GOOD, prompt_tokens=20, output_tokens=4)
        await idle()
        made = decision(ticket)
        assert made.value == {"place": "gate"}
        assert (made.prompt_tokens, made.output_tokens) == (30, 7)
        assert gateway.stats.repaired == 1


async def test_it_is_asked_for_once_more_only() -> None:
    model = FakeModel()
    async with running(model) as gateway:
        ticket = gateway.ask(where())
        for _ in range(2):
            await idle()
            model.calls[-1].answer("no")
        await idle()
        assert reason(ticket) == "malformed"
        assert len(model.calls) == 2


async def test_without_time_for_it_the_question_ends() -> None:
    model, clock = FakeModel(), ManualClock()
    async with running(model, clock=clock) as gateway:
        ticket = gateway.ask(where(timeout=3.0))
        await idle()
        clock.advance(2.0)
        model.calls[0].answer("no")
        await idle()
        assert reason(ticket) == "malformed"
        assert len(model.calls) == 1
        assert gateway.stats.repaired == 0


async def test_a_label_is_not_asked_for_once_more() -> None:
    model = FakeModel()
    async with running(model) as gateway:
        ticket = gateway.ask(question("x"))
        await idle()
        model.calls[0].answer("cabbage")
        await idle()
        assert reason(ticket) == "malformed"
        assert len(model.calls) == 1


async def test_who_gives_up_meanwhile_stops_the_second_try() -> None:
    model = FakeModel()
    async with running(model) as gateway:
        ticket = gateway.ask(where())
        await idle()
        model.calls[0].answer("no")
        await idle()
        ticket.cancel()
        await idle()
        assert [call.request for call in model.stopped] == [model.calls[1].request]


async def test_the_time_that_the_server_let_it_wait_counts_as_waiting() -> None:
    model, clock = FakeModel(), ManualClock()
    async with running(model, clock=clock) as gateway:
        ticket = gateway.ask(question("x"))
        clock.advance(1.0)
        await idle()
        model.calls[0].answer("danger", queue=0.5)
        await idle()
        assert decision(ticket).latency.queue == 1.5
