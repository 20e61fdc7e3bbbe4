"""Several servers with one model; and the circuit breaker that each of them has."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from brains.errors import ModelBusy, ModelNotInstalled, ModelTimeout, ModelUnavailable
from brains.gateway import Gateway, backoff
from brains.gateway.keeper import TRIP_AFTER, ModelKeeper
from brains.models.ollama import OllamaModel
from brains.questions import Decision, NoAnswer, Outcome
from brains.testing import ManualClock
from tests.fake_ollama import FakeOllama
from tests.fakes.ollama_script import Brain, Gate, Piece, Reply, plausible
from tests.test_gateway import FakeModel, decision, idle, question, reason, running, until


@asynccontextmanager
async def two(first: FakeModel, second: FakeModel, **options: Any) -> AsyncIterator[Gateway]:
    """Give a gateway to two servers, both ready."""
    async with running(first, replicas=[second], **options) as gateway:
        await until(lambda: gateway.breakers == ("closed", "closed"))
        yield gateway


# Which server


async def test_each_request_goes_to_the_server_with_the_fewest_outstanding() -> None:
    first, second = FakeModel(slots=3), FakeModel(slots=3)
    async with two(first, second) as gateway:
        for about in "abcd":
            gateway.ask(question(about))
        await idle()
        assert (len(first.working), len(second.working)) == (2, 2)
        for call in list(first.working):
            call.answer()
        await idle()
        for about in "ef":
            gateway.ask(question(about))
        await idle()
        assert ([call.about for call in first.working], len(second.working)) == (["e", "f"], 2)


async def test_no_server_gets_more_than_it_has_slots() -> None:
    first, second = FakeModel(slots=1), FakeModel(slots=2)
    async with two(first, second) as gateway:
        tickets = [gateway.ask(question(about)) for about in "abcdefgh"]
        while any(ticket.outcome is None for ticket in tickets):
            await idle()
            assert (len(first.working), len(second.working)) <= (1, 2)
            (first.working or second.working)[0].answer()
            await idle()
        assert (first.most, second.most) == (1, 2)


async def test_the_first_server_that_is_ready_suffices() -> None:
    slow, quick = FakeModel(), FakeModel()
    slow.start_gate = asyncio.Event()
    async with running(slow, replicas=[quick]) as gateway:
        assert gateway.state == "ready"
        ticket = gateway.ask(question("x"))
        await idle()
        quick.calls[0].answer()
        assert (await ticket.wait()).model == "fake"  # type: ignore[union-attr]
        slow.start_gate.set()
        await until(lambda: gateway.breakers == ("closed", "closed"))


async def test_a_server_without_the_model_is_left_out_and_tried_again() -> None:
    first, second = FakeModel(), FakeModel()
    first.start_errors = [ModelNotInstalled("ollama pull fake"), ModelNotInstalled("ollama pull fake")]
    async with running(first, replicas=[second]) as gateway:
        gateway.ask(question("x"))
        await idle()
        assert len(second.calls) == 1
        await until(lambda: gateway.breakers == ("closed", "closed"))
        assert first.starts == 3


async def test_if_no_server_can_be_had_it_can_be_tried_again() -> None:
    first, second = FakeModel(), FakeModel()
    first.start_errors = [ModelUnavailable("first is down")]
    second.start_errors = [ModelUnavailable("second is down")]
    gateway = Gateway(first, replicas=[second], clock=ManualClock())
    with pytest.raises(ModelUnavailable, match="first is down"):
        await gateway.start()
    assert gateway.state == "cold"
    await gateway.start()
    assert reason(gateway.ask(question("x"))) is None
    await gateway.close()
    assert (first.closes, second.closes) == (1, 1)


async def test_different_weights_by_one_name_are_reported(caplog: pytest.LogCaptureFixture) -> None:
    first, second = FakeModel(), FakeModel()
    second.info = msgspec.structs.replace(second.info, digest="d2")
    async with two(first, second):
        await idle()
    assert "fake is not the same model on all servers" in caplog.text


async def test_closing_while_servers_start_leaves_nothing_behind() -> None:
    first, second = FakeModel(), FakeModel()
    first.start_gate = second.start_gate = asyncio.Event()
    gateway = Gateway(first, replicas=[second], clock=ManualClock())
    starting = asyncio.create_task(gateway.start())
    await idle()
    await gateway.close()
    with pytest.raises(ModelUnavailable):
        await starting
    assert asyncio.all_tasks() == {asyncio.current_task()}


# One dies


async def test_what_a_dying_server_was_asked_is_asked_of_another_one() -> None:
    first, second = FakeModel(slots=2), FakeModel(slots=2)
    first_gate = asyncio.Event()
    async with two(first, second) as gateway:
        tickets = [gateway.ask(question(about)) for about in "abcd"]
        await idle()
        first.start_gate = first_gate
        for call in list(first.working):
            call.fail(ModelUnavailable("connection reset"))
        await idle()
        assert [reason(ticket) for ticket in tickets] == [None] * 4
        assert gateway.state == "ready"
        assert gateway.breakers == ("half_open", "closed")
        for _ in range(2):
            for call in list(second.working):
                call.answer()
            await idle()
        assert [reason(ticket) for ticket in tickets] == ["danger"] * 4
        assert gateway.stats.retried == 2
        assert second.most == 2
        first_gate.set()
        await until(lambda: gateway.breakers == ("closed", "closed"))
        for about in "efgh":
            gateway.ask(question(about))
        await idle()
        assert (len(first.working), len(second.working)) == (2, 2), "it is used again"


async def test_a_question_is_tried_on_another_server_once() -> None:
    first, second = FakeModel(), FakeModel()
    async with two(first, second) as gateway:
        ticket = gateway.ask(question("x"))
        await idle()
        first.calls[0].fail(ModelUnavailable("first died"))
        await idle()
        second.calls[0].fail(ModelUnavailable("second died"))
        await idle()
        assert isinstance(ticket.outcome, NoAnswer)
        assert (ticket.outcome.reason, ticket.outcome.message) == ("unavailable", "second died")
        assert (len(first.calls), len(second.calls)) == (1, 1)


async def test_there_is_no_second_try_after_the_deadline() -> None:
    first, second, clock = FakeModel(), FakeModel(), ManualClock()
    async with two(first, second, clock=clock) as gateway:
        ticket = gateway.ask(question("x", timeout=1.0))
        await idle()
        clock.advance(1.0)
        first.calls[0].fail(ModelUnavailable("first died"))
        await idle()
        assert reason(ticket) == "unavailable"
        assert second.calls == []


async def test_speech_is_not_begun_anew() -> None:
    first, second = FakeModel(), FakeModel()
    async with two(first, second) as gateway:
        ticket = gateway.ask(question("x", labels=()))
        await idle()
        first.calls[0].say("Halt! Who")
        first.calls[0].fail(ModelUnavailable("first died"))
        await idle()
        assert (reason(ticket), ticket.text) == ("unavailable", "Halt! Who")
        assert second.calls == []


async def test_with_one_server_nothing_is_asked_twice() -> None:
    model = FakeModel()
    async with running(model) as gateway:
        ticket = gateway.ask(question("x"))
        await idle()
        model.calls[0].fail(ModelBusy("server busy"))
        await idle()
        assert reason(ticket) == "busy"
        assert len(model.calls) == 1


async def test_a_second_try_makes_way_for_a_newer_question_of_the_same_leaf() -> None:
    first, second = FakeModel(), FakeModel()
    async with two(first, second) as gateway:
        old = gateway.ask(question("old", agent="guard"))
        gateway.ask(question("busy"))
        await idle()
        new = gateway.ask(question("new", agent="guard"))
        first.calls[0].fail(ModelUnavailable("first died"))
        await idle()
        assert (reason(old), reason(new)) == ("superseded", None)


async def test_a_full_queue_stays_bounded_when_a_server_dies() -> None:
    first, second = FakeModel(), FakeModel()
    first_gate = asyncio.Event()
    async with two(first, second, max_queue=2) as gateway:
        tickets = [gateway.ask(question(about)) for about in "abcd"]
        await idle()
        first.start_gate = first_gate
        first.calls[0].fail(ModelUnavailable("first died"))
        await idle()
        assert gateway.waiting == 2
        assert [reason(ticket) for ticket in tickets] == ["queue_full", None, None, None]


async def test_a_server_that_dies_under_load_loses_nothing_over_http() -> None:
    """Two fake Ollamas; one dies in the middle, and comes back on the same port."""
    async with FakeOllama() as one, FakeOllama() as other:
        models = [OllamaModel("tiny", host=fake.url, slots=2) for fake in (one, other)]
        gateway = Gateway(models[0], replicas=[models[1]], pauses=lambda: itertools.repeat(0.01))
        await gateway.start()
        await until_breakers(gateway, ("closed", "closed"))
        tickets = [gateway.ask(question(f"before-{number}")) for number in range(20)]
        await one.until(lambda: any(record.path == "/api/generate" for record in one.records))
        await one.stop()
        tickets += [gateway.ask(question(f"after-{number}")) for number in range(20)]
        outcomes = [await ticket.wait() for ticket in tickets]
        assert all(not isinstance(outcome, NoAnswer) for outcome in outcomes)
        await one.start()
        await until_breakers(gateway, ("closed", "closed"))
        seen = len(one.records)
        for ticket in [gateway.ask(question(f"again-{number}")) for number in range(8)]:
            assert not isinstance(await ticket.wait(), NoAnswer)
        assert len(one.records) > seen
        await gateway.close()


async def until_breakers(gateway: Gateway, wanted: tuple[str, ...]) -> None:
    """Real sockets are at work here: so wait for real."""
    for _ in range(4000):
        if gateway.breakers == wanted:
            return
        await asyncio.sleep(0.005)
    raise AssertionError(f"{gateway.breakers}, not {wanted}")


# The breaker


async def test_the_breaker_is_closed_open_and_half_open() -> None:
    model = FakeModel()
    pause = asyncio.Event()
    keeper = ModelKeeper(model, clock=ManualClock(), on_change=lambda: None, pauses=lambda: itertools.repeat(0.0))
    assert (keeper.breaker, keeper.state) == ("open", "cold")
    model.start_gate = asyncio.Event()
    starting = asyncio.create_task(keeper.start())
    await idle()
    assert (keeper.breaker, keeper.state) == ("half_open", "warming")
    model.start_gate.set()
    info = await starting
    assert (keeper.breaker, keeper.state) == ("closed", "ready")
    model.start_gate = pause
    model.start_errors = [ModelUnavailable("still down")]
    keeper.failed(ModelUnavailable("gone"), info)
    assert (keeper.breaker, keeper.state, keeper.problem) == ("open", "away", "gone")
    await until(lambda: keeper.breaker == "half_open")
    assert model.starts == 2, "one probe"
    pause.set()
    await until(lambda: keeper.problem == "still down")
    assert keeper.state == "away"
    await until(lambda: keeper.breaker == "closed")
    assert (model.starts, keeper.problem) == (3, "")


@pytest.mark.parametrize("error", [ModelTimeout("no answer"), ModelBusy("full")])
async def test_a_server_that_answers_nothing_in_time_opens_it_too(error: ModelTimeout | ModelBusy) -> None:
    model = FakeModel()
    async with running(model) as gateway:
        gate = asyncio.Event()
        for number in range(TRIP_AFTER):
            assert gateway.breakers == ("closed",)
            gateway.ask(question(f"{number}"))
            await idle()
            if number == TRIP_AFTER - 1:
                model.start_gate = gate
            model.calls[-1].fail(error)
            await idle()
        assert gateway.breakers == ("half_open",)
        assert reason(gateway.ask(question("now"))) == "unavailable"
        gate.set()
        await until(lambda: gateway.breakers == ("closed",))


async def test_an_answer_in_between_shows_that_it_works() -> None:
    model = FakeModel()
    async with running(model) as gateway:
        for number in range(3 * TRIP_AFTER):
            gateway.ask(question(f"{number}"))
            await idle()
            if number % TRIP_AFTER == TRIP_AFTER - 1:
                model.calls[-1].answer()
            else:
                model.calls[-1].fail(ModelBusy("full"))
            await idle()
        assert gateway.breakers == ("closed",)
        assert model.starts == 1


async def test_short_deadlines_never_abort_a_load_that_takes_minutes(caplog: pytest.LogCaptureFixture) -> None:
    """Cold start: thousands of short questions while the model loads, and it is loaded once."""
    model, clock = FakeModel(), ManualClock()
    model.start_gate = asyncio.Event()
    gateway = Gateway(model, clock=clock)
    starting = asyncio.create_task(gateway.start())
    await idle()
    with caplog.at_level(logging.ERROR):
        for tick in range(3000):
            clock.advance(0.1)
            assert reason(gateway.ask(question(f"{tick}", timeout=0.5))) == "warming_up"
        await idle()
    assert model.starts == 1
    model.start_gate.set()
    await starting
    ticket = gateway.ask(question("now", timeout=0.5))
    await idle()
    model.calls[0].answer()
    await idle()
    assert decision(ticket).answer == "danger"
    await gateway.close()


def test_the_pauses_are_uneven() -> None:
    firsts = {next(backoff()) for _ in range(20)}
    assert len(firsts) > 10
    assert all(0.4 <= one <= 0.6 for one in firsts)


# The breaker, and those who give up


@asynccontextmanager
async def over_http(fake: FakeOllama, slots: int = 1) -> AsyncIterator[Gateway]:
    gateway = Gateway(OllamaModel("tiny", host=fake.url, slots=slots), pauses=lambda: itertools.repeat(3600.0))
    await gateway.start()
    yield gateway
    await gateway.close()


async def given_up(gateway: Gateway, fake: FakeOllama, gate: Gate, *, late: bool, count: int = 1) -> None:
    """Ask as often, and each time give up when the server has the request."""
    for _ in range(count):
        before = gate.arrived
        ticket = gateway.ask(question(f"{before}", timeout=5.0))
        await gate.arrival(before + 1)
        ticket.cancel(late=late)
        await until_real(lambda: gateway.in_flight == 0)


async def until_real(true: Callable[[], bool]) -> None:
    """Real sockets are at work here: so wait for real."""
    for _ in range(4000):
        if true():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it never became true")


def never(gate: Gate, pieces: int = 0) -> Brain:
    """Return what accepts each question, says that many tokens, and no more until the gate opens."""
    said = (Piece(" danger", -0.1, ((" danger", -0.1), (" safe", -2.3))), Piece(" and so on"))
    return lambda ask: Reply(said, gate=gate, gate_after=pieces)


async def test_a_server_that_accepts_and_never_answers_is_given_up() -> None:
    gate = Gate()
    async with FakeOllama(brain=never(gate)) as fake, over_http(fake) as gateway:
        await given_up(gateway, fake, gate, late=True, count=TRIP_AFTER - 1)
        assert gateway.breakers == ("closed",)
        await given_up(gateway, fake, gate, late=True)
        assert gateway.breakers == ("open",)
        assert gateway.problem == f"tiny at {fake.url} sends nothing"
        assert reason(gateway.ask(question("now"))) == "unavailable"


async def test_questions_that_lose_their_branch_say_nothing_of_the_server() -> None:
    gate = Gate()
    async with FakeOllama(brain=never(gate)) as fake, over_http(fake) as gateway:
        await given_up(gateway, fake, gate, late=False, count=3 * TRIP_AFTER)
        assert gateway.breakers == ("closed",)
        gate.open()
        assert decision_of(await gateway.ask(question("now")).wait()) == "danger"


async def test_a_server_that_is_merely_slow_stays_in_use() -> None:
    """One byte is a sign of life, and so is an answer to somebody else."""
    gate = Gate()
    async with FakeOllama(brain=never(gate, pieces=1)) as fake, over_http(fake) as gateway:
        model = gateway.model
        assert isinstance(model, OllamaModel)
        for number in range(3 * TRIP_AFTER):
            heard = model.heard
            ticket = gateway.ask(question(f"{number}", timeout=5.0))
            await until_real(lambda heard=heard: model.heard > heard)  # type: ignore[misc]
            ticket.cancel(late=True)
            await until_real(lambda: gateway.in_flight == 0)
        assert gateway.breakers == ("closed",)


async def test_an_answer_ends_the_row_of_silences() -> None:
    gate, silent = Gate(), [True]
    slow, quick = never(gate), plausible
    async with FakeOllama(brain=lambda ask: (slow if silent[0] else quick)(ask)) as fake, over_http(fake) as gateway:
        for number in range(3):
            silent[0] = True
            await given_up(gateway, fake, gate, late=True, count=TRIP_AFTER - 1)
            silent[0] = False
            assert not isinstance(await gateway.ask(question(f"quick {number}")).wait(), NoAnswer)
        assert gateway.breakers == ("closed",)


def counted(taken: list[int]) -> Callable[[], Iterator[float]]:
    """Make pauses of no length that write down their places: a new row begins with 0."""

    def pauses() -> Iterator[float]:
        for place in itertools.count():
            taken.append(place)
            yield 0.0

    return pauses


async def test_a_server_that_loads_its_model_and_never_answers_gets_one_question_at_a_time() -> None:
    """Its probe succeeds each time; without a trial the breaker would let a row of questions wait in vain each time."""
    gate, silent, taken = Gate(), [True], list[int]()
    slow, quick = never(gate), plausible
    async with FakeOllama(brain=lambda ask: (slow if silent[0] else quick)(ask)) as fake:
        model = OllamaModel("tiny", host=fake.url, slots=2)
        gateway = Gateway(model, clock=ManualClock(), pauses=counted(taken))
        await gateway.start()
        await given_up(gateway, fake, gate, late=True, count=TRIP_AFTER)
        for trial in range(1, 4):
            await until_real(lambda trial=trial: taken == [*range(trial)] and gateway.state == "ready")  # type: ignore[misc]
            tickets = [gateway.ask(question(f"{trial} {number}", timeout=5.0)) for number in range(3)]
            await gate.arrival(TRIP_AFTER + trial)
            await idle()
            assert (gateway.in_flight, gate.arrived) == (1, TRIP_AFTER + trial)
            # One silence is enough, and the next pause follows the last one; the others are told at once.
            tickets[0].cancel(late=True)
            outcomes = [await ticket.wait() for ticket in tickets[1:]]
            assert [reason(ticket) for ticket in tickets[1:]] == ["unavailable"] * 2, outcomes
        await until_real(lambda: taken == [*range(4)] and gateway.state == "ready")
        silent[0] = False
        assert not isinstance(await gateway.ask(question("at last")).wait(), NoAnswer)
        silent[0] = True
        both = [gateway.ask(question(f"both {number}", timeout=5.0)) for number in range(2)]
        await until_real(lambda: gateway.in_flight == 2)  # the trial is over
        for ticket in both:
            ticket.cancel(late=True)
        await until_real(lambda: gateway.in_flight == 0)
        assert gateway.breakers == ("closed",)
        await given_up(gateway, fake, gate, late=True, count=TRIP_AFTER - 2)
        await until_real(lambda: taken == [*range(4), 0])
        await gateway.close()


async def test_a_server_that_crashes_at_each_question_is_asked_ever_more_rarely(
    caplog: pytest.LogCaptureFixture,
) -> None:
    model, taken = FakeModel(), list[int]()
    async with running(model, pauses=counted(taken)) as gateway:
        with caplog.at_level(logging.WARNING):
            for number in range(4):
                await until(lambda number=number: gateway.state == "ready" and len(taken) == number)  # type: ignore[misc]
                ticket = gateway.ask(question(f"{number}"))
                await idle()
                model.calls[-1].fail(ModelUnavailable("its runner crashed"))
                assert isinstance(await ticket.wait(), NoAnswer)
    assert taken == [0, 1, 2, 3]
    assert [record.getMessage() for record in caplog.records] == [
        "fake is away: its runner crashed. Its answers are missing until it is back."
    ], "it is said once"


def decision_of(outcome: Outcome) -> str:
    assert isinstance(outcome, Decision), outcome
    return outcome.answer
