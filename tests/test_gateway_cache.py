"""Answers that are kept: what is served again, and what must never be."""

from __future__ import annotations

import msgspec
import pytest

from brains.errors import ConfigError
from brains.gateway.cache import AnswerCache, may_be_kept
from brains.gateway.queue import identity_of
from brains.questions import Calibration, Decision, Question
from brains.testing import ManualClock
from tests.test_gateway import FakeModel, decision, idle, question, reason, running


def answer(digest: str = "d1") -> Decision:
    return Decision(answer="danger", model_digest=digest)


async def test_the_same_question_is_answered_again_without_the_model() -> None:
    model, clock = FakeModel(), ManualClock()
    async with running(model, clock=clock, cache_size=8, cache_ttl=5.0) as gateway:
        first = gateway.ask(question("same", agent="a", tick=3))
        await idle()
        clock.advance(1.0)
        model.calls[0].answer()
        await idle()
        news = []
        gateway.subscribe(lambda ticket: news.append(ticket.question.agent))
        again = gateway.ask(question("same", agent="b", tick=7))
        assert again.outcome is None, "not within the tick that asks"
        await idle()
        assert decision(again).shared
        assert not decision(first).shared
        assert decision(again).probabilities == decision(first).probabilities
        assert decision(again).latency.total == decision(again).latency.generate == 0.0
        assert (decision(first).tick_asked, decision(again).tick_asked) == (3, 7)
        assert news == ["b"], "its agent is woken"
        assert (gateway.stats.requests, gateway.stats.answered, gateway.stats.shared, gateway.stats.kept) == (
            1,
            2,
            1,
            1,
        )
        clock.advance(5.0)
        gateway.ask(question("same", agent="c"))
        await idle()
        assert len(model.calls) == 2, "too old"


async def test_who_gives_up_at_once_is_not_answered() -> None:
    model = FakeModel()
    async with running(model, cache_size=8) as gateway:
        gateway.ask(question("same"))
        await idle()
        model.calls[0].answer()
        await idle()
        ticket = gateway.ask(question("same"))
        ticket.cancel()
        await idle()
        assert reason(ticket) == "cancelled"
        assert (gateway.stats.cancelled, gateway.stats.kept) == (1, 0)


async def test_a_new_calibration_is_not_served_old_probabilities() -> None:
    """Neither from what was kept, nor from what is on its way."""
    model = FakeModel()
    asked = question("same")
    fitted = Calibration(scale=0.5, bias={"danger": 1.0}, prompt_hash="v1")
    prompt = msgspec.structs.replace(asked.prompt, calibrations={"d1": fitted})
    calibrated = msgspec.structs.replace(asked, prompt=prompt, agent="other")
    async with running(model, cache_size=8) as gateway:
        plain = gateway.ask(asked)
        await idle()
        judged = gateway.ask(calibrated)
        model.calls[0].answer()
        await idle()
        model.calls[1].answer()
        await idle()
        later = gateway.ask(calibrated)
        await idle()
        assert len(model.calls) == 2
        assert not decision(plain).calibrated
        assert decision(judged).calibrated
        assert decision(later).calibrated
        assert decision(later).probabilities == decision(judged).probabilities != decision(plain).probabilities


@pytest.mark.parametrize(
    "change",
    [
        {"version": "v2"},
        {"system": "else"},
        {"options": {"temperature": 1}},
        {"calibrations": {"d1": Calibration(scale=2.0)}},
    ],
)
def test_what_an_answer_depends_on_is_part_of_its_key(change: dict[str, object]) -> None:
    cache = AnswerCache(8, 10.0)
    one = question("x")
    other = msgspec.structs.replace(one, prompt=msgspec.structs.replace(one.prompt, **change))
    cache.put(answer(), one, identity_of(one), 0.0)
    assert cache.get("d1", one, identity_of(one), 1.0) is not None
    assert cache.get("d1", other, identity_of(other), 1.0) is None
    assert cache.get("d2", one, identity_of(one), 1.0) is None, "another model"


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        (question("x"), True),
        (question("x", patient=True), False),
        (question("x", labels=()), False),
        (question("x", labels=(), schema={"type": "object"}), True),
    ],
)
def test_text_and_a_persons_questions_are_always_asked(asked: Question, kept: bool) -> None:
    assert may_be_kept(asked) is kept


def test_values_drawn_at_random_are_drawn_anew() -> None:
    asked = question("x", labels=(), schema={"type": "object"})
    prompt = msgspec.structs.replace(asked.prompt, options={"temperature": 0.7})
    assert not may_be_kept(msgspec.structs.replace(asked, prompt=prompt))


def test_the_least_recently_used_answer_goes_first() -> None:
    cache = AnswerCache(2, 10.0)
    a, b, c = (question(about) for about in "abc")
    for one in (a, b):
        cache.put(answer(), one, identity_of(one), 0.0)
    assert cache.get("d1", a, identity_of(a), 1.0) is not None
    cache.put(answer(), c, identity_of(c), 1.0)
    assert len(cache) == 2
    assert cache.get("d1", b, identity_of(b), 1.0) is None
    assert cache.get("d1", a, identity_of(a), 1.0) is not None


@pytest.mark.parametrize(("size", "ttl"), [(0, 10.0), (5, 0.0)])
def test_without_room_or_time_nothing_is_kept(size: int, ttl: float) -> None:
    cache, asked = AnswerCache(size, ttl), question("x")
    cache.put(answer(), asked, identity_of(asked), 0.0)
    assert len(cache) == 0
    assert cache.get("d1", asked, identity_of(asked), 0.0) is None


def test_sizes_that_cannot_be_are_refused() -> None:
    with pytest.raises(ConfigError, match="0 or more"):
        AnswerCache(-1, 1.0)
