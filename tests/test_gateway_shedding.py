"""What cannot be answered in time is given up at once; and a wrong estimate does not last."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from brains.gateway import Gateway
from brains.gateway.estimate import ENOUGH, ServiceTimes, wait_for_slot
from brains.questions import NoAnswer
from brains.testing import ManualClock
from brains.warmup import PRIORITY
from tests.test_gateway import FakeModel, idle, question, reason, running


async def answer_in(gateway: Gateway, model: FakeModel, clock: ManualClock, seconds: float, times: int = 1) -> None:
    """Ask and answer questions that take so long, one after the other."""
    for number in range(times):
        ticket = gateway.ask(question(f"lesson-{clock.now()}-{number}", timeout=99.0))
        await idle()
        clock.advance(seconds)
        model.calls[-1].answer(load=0.0)
        await idle()
        assert reason(ticket) == "danger"


async def test_table_b_1_a_deadline_ends_in_a_reason_and_a_cancel_stops_the_model() -> None:
    """The gateway's side of a hard deadline: what waits hears of it, what runs is stopped when its leaf says so."""
    model, clock = FakeModel(), ManualClock()
    async with running(model, clock=clock) as gateway:
        runs = gateway.ask(question("runs", timeout=1.0))
        waits = gateway.ask(question("waits", timeout=1.0))
        await idle()
        clock.advance(1.0)
        runs.cancel()
        await idle()
        assert (reason(runs), reason(waits)) == ("cancelled", "deadline")
        assert [call.about for call in model.stopped] == ["runs"]
        assert [call.about for call in model.calls] == ["runs"], "nobody waited for the other any more"


async def test_a_question_with_too_many_before_it_is_shed_at_once() -> None:
    model, clock = FakeModel(), ManualClock()
    async with running(model, clock=clock) as gateway:
        await answer_in(gateway, model, clock, 1.0, times=ENOUGH)
        first = gateway.ask(question("first", timeout=2.5))
        await idle()
        second = gateway.ask(question("second", timeout=2.5))
        third = gateway.ask(question("third", timeout=2.5))
        assert (reason(first), reason(second), reason(third)) == (None, None, "shed")
        refusal = third.outcome
        assert isinstance(refusal, NoAnswer)
        assert refusal.message.startswith("an answer takes 1.00 s")
        assert gateway.stats.failed == {"shed": 1}
        urgent = gateway.ask(question("urgent", timeout=2.5, priority=1))
        assert reason(urgent) is None, "it goes before the second, which is looked at again when it is next"
        for _ in range(2):
            clock.advance(1.0)
            model.calls[-1].answer(load=0.0)
            await idle()
        assert reason(urgent) == "danger"


async def test_what_was_pushed_back_is_shed_when_it_is_its_turn_too_late() -> None:
    model, clock = FakeModel(slots=2), ManualClock()
    async with running(model, clock=clock) as gateway:
        await answer_in(gateway, model, clock, 1.0, times=ENOUGH)
        running_ones = [gateway.ask(question(f"r{number}")) for number in range(2)]
        await idle()
        pushed = gateway.ask(question("pushed", timeout=2.5))
        joined = gateway.ask(question("pushed", agent="patient", timeout=99.0))
        clock.advance(2.0)
        model.working[0].answer()
        await idle()
        assert reason(pushed) == "shed"
        assert model.working[-1].about == "pushed", "the other one still waits for it"
        model.working[-1].answer()
        await idle()
        assert reason(joined) == "danger"
        assert len(running_ones) == 2


async def test_the_patient_and_those_without_a_deadline_are_never_shed() -> None:
    model, clock = FakeModel(), ManualClock()
    async with running(model, clock=clock) as gateway:
        await answer_in(gateway, model, clock, 10.0, times=ENOUGH)
        tickets = [
            gateway.ask(question("a")),
            gateway.ask(question("b")),
            gateway.ask(question("c", timeout=1.0, patient=True)),
        ]
        assert [reason(ticket) for ticket in tickets] == [None, None, None]


async def test_shedding_can_be_switched_off() -> None:
    model, clock = FakeModel(), ManualClock()
    async with running(model, clock=clock, shed=False) as gateway:
        await answer_in(gateway, model, clock, 10.0, times=ENOUGH)
        tickets = [gateway.ask(question(about, timeout=1.0)) for about in "abc"]
        assert [reason(ticket) for ticket in tickets] == [None, None, None]


async def test_kinds_of_questions_are_told_apart() -> None:
    model, clock = FakeModel(), ManualClock()
    async with running(model, clock=clock) as gateway:
        await answer_in(gateway, model, clock, 0.1, times=ENOUGH)
        for number in range(ENOUGH):
            gateway.ask(question(f"speech {number}", labels=(), max_tokens=9, timeout=99.0))
            await idle()
            clock.advance(8.0)
            model.calls[-1].answer(load=0.0)
            await idle()
        busy = gateway.ask(question("busy"))
        label = gateway.ask(question("label", timeout=1.0))
        speech = gateway.ask(question("speech", labels=(), timeout=1.0))
        assert [reason(ticket) for ticket in (busy, label, speech)] == [None, None, "shed"]


async def test_a_wrong_estimate_does_not_keep_all_questions_away() -> None:
    """The model was slow and is fast again. Nothing but short deadlines come; still it recovers, in a few answers."""
    model, clock = FakeModel(), ManualClock()
    async with running(model, clock=clock) as gateway:
        await answer_in(gateway, model, clock, 60.0, times=ENOUGH)
        shed = answered = 0
        for tick in range(40):
            tickets = [gateway.ask(question(f"{agent}-{tick}", agent=agent, timeout=1.0)) for agent in "abcd"]
            await idle()
            for _ in tickets:
                if model.working:
                    clock.advance(0.1)
                    model.working[0].answer(load=0.0)
                    await idle()
            reasons = [reason(ticket) for ticket in tickets]
            assert "danger" in reasons, "one at least is asked in every tick"
            assert set(reasons) <= {"danger", "shed"}
            shed, answered = reasons.count("shed"), reasons.count("danger")
        assert (shed, answered) == (0, 4)


async def test_the_warm_up_is_no_measure_for_what_comes_after_it() -> None:
    """In it the model reads the examples of every prompt, which it knows afterwards."""
    model, clock = FakeModel(), ManualClock()
    async with running(model, clock=clock) as gateway:
        for number in range(2 * ENOUGH):
            gateway.ask(question(f"warm-up-{number}", priority=PRIORITY))
            await idle()
            clock.advance(9.0)
            model.calls[-1].answer(load=0.0)
            await idle()
        gateway.ask(question("busy", timeout=4.0))
        await idle()
        assert reason(gateway.ask(question("next", timeout=4.0))) is None


async def test_a_model_that_became_too_slow_is_noticed_although_nobody_waits_for_its_answers() -> None:
    model, clock = FakeModel(), ManualClock()
    async with running(model, clock=clock) as gateway:
        await answer_in(gateway, model, clock, 0.1, times=ENOUGH)
        for tick in range(20):
            ticket = gateway.ask(question(f"slow-{tick}", timeout=1.0))
            await idle()
            clock.advance(1.0)
            ticket.cancel()
            await idle()
        gateway.ask(question("probe", timeout=1.0))
        await idle()
        assert reason(gateway.ask(question("hopeless", timeout=1.0))) == "shed"


async def test_loading_is_no_time_of_an_answer() -> None:
    model, clock = FakeModel(), ManualClock()
    async with running(model, clock=clock) as gateway:
        for number in range(ENOUGH):
            gateway.ask(question(f"loads-{number}", timeout=99.0))
            await idle()
            clock.advance(30.1)
            model.calls[-1].answer(load=30.0)
            await idle()
        gateway.ask(question("busy"))
        await idle()
        assert reason(gateway.ask(question("fine", timeout=1.0))) is None


def test_nothing_is_known_before_enough_was_seen() -> None:
    times = ServiceTimes()
    for _ in range(ENOUGH):
        assert times.of("labels") == 0.0
        times.answered("labels", 2.0)
    assert times.of("labels") == 2.0
    assert times.of("schema") == 0.0


@given(st.lists(st.floats(0.0, 100.0), min_size=ENOUGH, max_size=50))
def test_an_estimate_lies_within_what_was_seen_and_comes_back_fast(seen: list[float]) -> None:
    times = ServiceTimes()
    for seconds in seen:
        times.answered("labels", seconds)
    assert min(seen) <= times.of("labels") <= max(seen)
    for _ in range(10):
        times.answered("labels", 0.0)
    assert times.of("labels") <= max(seen) / 1000


@given(
    ahead=st.integers(0, 20),
    slots=st.integers(1, 4),
    elapsed=st.lists(st.floats(0.0, 1.0), max_size=4),
)
def test_the_wait_is_what_serving_in_order_takes(ahead: int, slots: int, elapsed: list[float]) -> None:
    """Against a simulation in which every answer takes one second."""
    remaining = [1.0 - one for one in elapsed[:slots]]
    ends = sorted(remaining + [0.0] * (slots - len(remaining)))
    for _ in range(ahead):
        ends = sorted([*ends[1:], ends[0] + 1.0])
    got = wait_for_slot(ahead, slots - len(remaining), remaining, 1.0)
    assert abs(got - ends[0]) < 1e-9
