"""What one agent may ask per minute."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brains.errors import ConfigError
from brains.gateway.budget import MANY, Budgets
from brains.questions import NoAnswer
from brains.testing import ManualClock
from tests.test_gateway import FakeModel, idle, question, reason, running

GUARD = ("s", "guard")


async def test_table_b_6_a_budget_per_agent_with_visible_drops() -> None:
    """The agent that asks too much is told so at once and counted; the others do not notice."""
    model, clock = FakeModel(slots=3), ManualClock()
    async with running(model, clock=clock, questions_per_minute=2) as gateway:
        tickets = [gateway.ask(question(f"{number}", agent="guard", leaf=f"{number}")) for number in range(4)]
        other = gateway.ask(question("other", agent="merchant"))
        assert [reason(ticket) for ticket in tickets] == [None, None, "budget", "budget"]
        refusal = tickets[2].outcome
        assert isinstance(refusal, NoAnswer)
        assert refusal.message == "guard has used up its 2 questions a minute; the next in 30.0 s"
        assert gateway.stats.failed == {"budget": 2}
        await idle()
        for call in list(model.working):
            call.answer()
        await idle()
        assert reason(other) == "danger"
        clock.advance(29.0)
        assert reason(gateway.ask(question("early", agent="guard"))) == "budget"
        clock.advance(1.0)
        assert reason(gateway.ask(question("in time", agent="guard"))) is None


async def test_what_the_model_never_saw_costs_no_question() -> None:
    model = FakeModel()
    async with running(model, questions_per_minute=2) as gateway:
        gateway.ask(question("busy"))
        await idle()
        for number in range(9):
            ticket = gateway.ask(question(f"{number}", agent="guard"))
            assert reason(ticket) is None, "each replaces the one before it"
        assert gateway.stats.superseded == 8


async def test_tokens_are_paid_by_the_agent_whose_question_was_asked() -> None:
    model, clock = FakeModel(), ManualClock()
    async with running(model, clock=clock, tokens_per_minute=60) as gateway:
        first = gateway.ask(question("same", agent="guard"))
        second = gateway.ask(question("same", agent="merchant"))
        await idle()
        model.calls[0].answer(prompt_tokens=99, output_tokens=1)
        await idle()
        assert (reason(first), reason(second)) == ("danger", "danger")
        assert reason(gateway.ask(question("more", agent="merchant"))) is None
        refusal = gateway.ask(question("more", agent="guard")).outcome
        assert isinstance(refusal, NoAnswer)
        assert refusal.message == "guard has used up its 60 tokens a minute; the next in 40.0 s"
        clock.advance(40.1)
        assert reason(gateway.ask(question("more", agent="guard", leaf="b"))) is None


def test_a_budget_that_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigError, match="tokens per minute must be 0"):
        Budgets(tokens=-1)


def test_no_limits_keep_nothing() -> None:
    budgets = Budgets()
    budgets.asked(GUARD, 0.0)
    budgets.used(GUARD, 10**9, 0.0)
    assert budgets.refusal(GUARD, 0.0) == ""
    assert budgets._buckets == {}


def test_agents_that_have_gone_are_forgotten() -> None:
    budgets = Budgets(questions=60)
    for number in range(3 * MANY):
        assert budgets.refusal(("s", f"{number}"), float(number)) == ""
        budgets.asked(("s", f"{number}"), float(number))
    assert len(budgets._buckets["questions"]) <= MANY


@given(
    limit=st.integers(1, 30),
    steps=st.lists(st.floats(0.0, 20.0, allow_nan=False), max_size=200),
)
def test_in_any_minute_at_most_twice_the_limit_and_in_the_long_run_the_limit(limit: int, steps: list[float]) -> None:
    """A bucket holds a minute's worth, and fills at that rate."""
    budgets, now, asked = Budgets(questions=limit), 0.0, []
    for step in steps:
        now += step
        if not budgets.refusal(GUARD, now):
            budgets.asked(GUARD, now)
            asked.append(now)
    assert len(asked) <= limit + now * limit / 60 + 1e-6
    for start in asked:
        assert sum(start <= one < start + 60.0 for one in asked) <= 2 * limit


@given(limit=st.integers(1, 5))
def test_who_waits_as_long_as_told_may_ask(limit: int) -> None:
    budgets = Budgets(questions=limit)
    now = 0.0
    for _ in range(20):
        refusal = budgets.refusal(GUARD, now)
        if refusal:
            now += float(refusal.rsplit(" ", 2)[1]) + 0.1
            assert budgets.refusal(GUARD, now) == ""
        budgets.asked(GUARD, now)
