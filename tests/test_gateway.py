"""The gateway to the model: order, sharing, giving up, going away and coming back, and closing.

Nothing here waits for real time to pass: the model answers when a test says so, and the clock is set by hand.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import math
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from brains.errors import (
    BrainsError,
    ConfigError,
    ModelBusy,
    ModelError,
    ModelNotInstalled,
    ModelRefused,
    ModelUnavailable,
)
from brains.gateway import Gateway, GatewayTicket, QuestionQueue, State, backoff
from brains.gateway.keeper import ModelKeeper
from brains.gateway.queue import Entry
from brains.questions import (
    Asker,
    Decision,
    ModelInfo,
    ModelReply,
    ModelRequest,
    NoAnswer,
    Outcome,
    Question,
    RenderedPrompt,
    Ticket,
    TokenChoice,
    Turn,
)
from brains.testing import ManualClock

LABELS = ("danger", "safe")
INFO = ModelInfo(name="fake", digest="d1", backend="scripted", ways=frozenset({"completion", "chat", "schema", "text"}))


class Call:
    """One request that the model works on, until a test ends it."""

    def __init__(self, request: ModelRequest, on_text: Callable[[str], None] | None) -> None:
        self.request = request
        self.on_text = on_text
        self.end: asyncio.Future[ModelReply] = asyncio.get_running_loop().create_future()

    @property
    def about(self) -> str:
        """The `user` part of the question."""
        text = self.request.prompt or self.request.messages[-1][1]
        return next(word for word in reversed(text.split()) if word.startswith("q:"))[2:]

    def answer(self, text: str = "danger", *, load: float = 0.25, **more: Any) -> None:
        token = TokenChoice(" " + text, math.log(0.9), ((" " + text, math.log(0.9)),))
        reply = ModelReply(text=text, tokens=(token,), load=load, prompt_time=0.5, generate_time=0.125, **more)
        self.end.set_result(reply)

    def fail(self, error: BaseException) -> None:
        self.end.set_exception(error)

    def say(self, text: str) -> None:
        assert self.on_text is not None
        self.on_text(text)


class FakeModel:
    """Works on requests until told to answer; checks that it is never given more than it may be."""

    name = "fake"

    def __init__(self, slots: int = 1) -> None:
        self.info = INFO_WITH[slots]
        self.calls: list[Call] = []
        self.working: list[Call] = []
        self.stopped: list[Call] = []
        self.most = 0
        self.starts = 0
        self.closes = 0
        self.start_gate: asyncio.Event | None = None
        self.start_errors: list[BaseException] = []
        self.stubborn: asyncio.Event | None = None

    async def start(self) -> ModelInfo:
        self.starts += 1
        if self.start_gate is not None:
            await self.start_gate.wait()
        if self.start_errors:
            raise self.start_errors.pop(0)
        return self.info

    async def generate(self, request: ModelRequest, on_text: Callable[[str], None] | None = None) -> ModelReply:
        call = Call(request, on_text)
        self.calls.append(call)
        self.working.append(call)
        self.most = max(self.most, len(self.working))
        try:
            return await call.end
        except asyncio.CancelledError:
            self.stopped.append(call)
            if self.stubborn is not None:
                await self.stubborn.wait()
            raise
        finally:
            self.working.remove(call)

    async def close(self) -> None:
        self.closes += 1


INFO_WITH = {
    slots: ModelInfo(name="fake", digest="d1", backend="scripted", ways=INFO.ways, slots=slots) for slots in (1, 2, 3)
}


def question(
    about: str = "x",
    *,
    agent: str | None = None,
    leaf: str = "leaf",
    session: str = "s",
    labels: tuple[str, ...] = LABELS,
    **more: Any,
) -> Question:
    """Make a question about something; each agent that is not named asks about its own."""
    turns = (Turn(user="a wolf", answer="danger"), Turn(user="a lamb", answer="safe"))
    prompt = RenderedPrompt(name="guard/is_hostile", version="v1", turns=turns if labels else (), user=f"q:{about}")
    return Question(session=session, agent=agent or f"agent-{about}", leaf=leaf, prompt=prompt, labels=labels, **more)


async def idle() -> None:
    """Let everything happen that can happen now."""
    for _ in range(20):
        await asyncio.sleep(0)


async def until(condition: Callable[[], bool]) -> None:
    """Let things happen until the condition holds."""
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came to that")


def is_(gateway: Gateway, state: State) -> bool:
    """Whether the gateway is in a state; a function, since mypy takes a property for a constant."""
    return gateway.state == state


@asynccontextmanager
async def running(model: FakeModel, **options: Any) -> AsyncIterator[Gateway]:
    options.setdefault("clock", ManualClock())
    options.setdefault("pauses", lambda: itertools.repeat(0.0))
    gateway = Gateway(model, **options)
    before = asyncio.all_tasks()
    await gateway.start()
    try:
        yield gateway
    finally:
        await gateway.close()
        assert asyncio.all_tasks() == before


def reason(ticket: GatewayTicket) -> str | None:
    """What became of a ticket, as one word; None while it is open."""
    if ticket.outcome is None:
        return None
    return ticket.outcome.reason if isinstance(ticket.outcome, NoAnswer) else ticket.outcome.answer


def decision(ticket: GatewayTicket) -> Decision:
    assert isinstance(ticket.outcome, Decision), ticket.outcome
    return ticket.outcome


# Asking and answering


async def test_a_question_is_answered_and_the_time_it_took_is_told() -> None:
    model, clock = FakeModel(), ManualClock()
    async with running(model, clock=clock) as gateway:
        blocking = gateway.ask(question("first"))
        await idle()
        ticket = gateway.ask(question("second"))
        clock.advance(2.0)
        model.calls[0].answer("safe")
        await idle()
        assert ticket.outcome is None
        clock.advance(1.0)
        model.calls[1].answer("danger")
        assert await ticket.wait() is ticket.outcome
        answer = decision(ticket)
        assert answer.answer == "danger"
        assert not answer.shared
        latency = answer.latency
        assert (latency.total, latency.queue) == (3.0, 2.0)
        assert (latency.load, latency.prompt, latency.generate) == (0.25, 0.5, 0.125)
        assert decision(blocking).latency.queue == 0.0


async def test_it_fulfils_the_contracts_of_the_leaves() -> None:
    async with running(FakeModel()) as gateway:
        asker: Asker = gateway
        ticket: Ticket = asker.ask(question("x"))
        assert ticket.question == question("x")
        assert ticket.text == ""


async def test_as_many_run_at_the_same_time_as_the_model_has_slots() -> None:
    model = FakeModel(slots=2)
    async with running(model) as gateway:
        for about in "abcd":
            gateway.ask(question(about))
        await idle()
        assert [call.about for call in model.working] == ["a", "b"]
        model.calls[0].answer()
        await idle()
        assert [call.about for call in model.working] == ["b", "c"]


async def test_in_flight_overrides_the_slots_of_the_model() -> None:
    model = FakeModel(slots=3)
    async with running(model, in_flight=1) as gateway:
        for about in "abc":
            gateway.ask(question(about))
        await idle()
        assert len(model.working) == 1


@pytest.mark.parametrize("options", [{"max_queue": 0}, {"in_flight": 0}])
def test_limits_that_cannot_work_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="must be 1 or more"):
        Gateway(FakeModel(), max_queue=options.get("max_queue", 1), in_flight=options.get("in_flight"))


async def test_the_order_is_priority_then_deadline_then_first_come() -> None:
    model = FakeModel()
    async with running(model) as gateway:
        for about, priority, timeout in [
            ("late", 0, None),
            ("later", 0, None),
            ("soon", 0, 5.0),
            ("sooner", 0, 2.0),
            ("urgent", 1, None),
        ]:
            gateway.ask(question(about, priority=priority, timeout=timeout))
        for _ in range(5):
            await idle()
            model.calls[-1].answer()
        await idle()
        assert [call.about for call in model.calls] == ["urgent", "sooner", "soon", "late", "later"]


# Newest wins


async def test_a_newer_question_of_the_same_leaf_replaces_one_that_waits() -> None:
    model = FakeModel()
    async with running(model) as gateway:
        gateway.ask(question("busy"))
        await idle()
        old = gateway.ask(question("old", agent="guard"))
        new = gateway.ask(question("new", agent="guard"))
        other = gateway.ask(question("other", agent="guard", leaf="another leaf"))
        assert reason(old) == "superseded"
        assert (new.outcome, other.outcome) == (None, None)
        model.calls[0].answer()
        await idle()
        assert model.calls[1].about == "new"


async def test_a_newer_question_leaves_alone_one_that_runs() -> None:
    model = FakeModel()
    async with running(model) as gateway:
        old = gateway.ask(question("old", agent="guard"))
        await idle()
        new = gateway.ask(question("new", agent="guard"))
        await idle()
        assert (old.outcome, new.outcome) == (None, None)
        model.calls[0].answer()
        await idle()
        model.calls[1].answer("safe")
        await idle()
        assert (reason(old), reason(new)) == ("danger", "safe")


async def test_an_agent_that_asks_anew_every_tick_keeps_its_place_in_the_line() -> None:
    model, clock = FakeModel(), ManualClock()
    async with running(model, clock=clock) as gateway:
        answered = set()
        for tick in range(10):
            clock.advance(0.1)
            for agent in ("first", "second", "third"):
                gateway.ask(question(f"{agent}-{tick}", agent=agent, timeout=1.0))
            await idle()
            answered.add(model.calls[-1].about.split("-")[0])
            model.calls[-1].answer()
            await idle()
        assert answered == {"first", "second", "third"}


# Sharing


async def test_identical_questions_are_asked_once_and_all_are_answered() -> None:
    model, clock = FakeModel(), ManualClock()
    async with running(model, clock=clock) as gateway:
        first = gateway.ask(question("same", agent="a"))
        waiting = gateway.ask(question("same", agent="b"))
        await idle()
        clock.advance(1.0)
        joining = gateway.ask(question("same", agent="c"))
        different = gateway.ask(question("same", agent="d", labels=("danger", "harmless")))
        clock.advance(1.0)
        await idle()
        assert len(model.calls) == 1
        model.calls[0].answer()
        await idle()
        assert [decision(ticket).shared for ticket in (first, waiting, joining)] == [False, True, True]
        assert [decision(ticket).latency.total for ticket in (first, waiting, joining)] == [2.0, 2.0, 1.0]
        assert decision(joining).latency.queue == 0.0
        assert different.outcome is None
        assert (gateway.stats.requests, gateway.stats.answered, gateway.stats.shared) == (2, 3, 2)


async def test_an_answer_is_not_kept_for_later_questions() -> None:
    model = FakeModel()
    async with running(model) as gateway:
        for _ in range(2):
            ticket = gateway.ask(question("same"))
            await idle()
            model.calls[-1].answer()
            assert not decision_of(await ticket.wait()).shared
        assert len(model.calls) == 2


def decision_of(outcome: Outcome) -> Decision:
    assert isinstance(outcome, Decision)
    return outcome


@pytest.mark.parametrize("runs", [False, True])
async def test_only_the_last_one_to_give_up_stops_a_shared_request(runs: bool) -> None:
    model = FakeModel()
    async with running(model) as gateway:
        if not runs:
            gateway.ask(question("busy"))
            await idle()
        tickets = [gateway.ask(question("same", agent=agent)) for agent in "abc"]
        await idle()
        tickets[0].cancel()
        tickets[2].cancel()
        await idle()
        assert [reason(ticket) for ticket in tickets] == ["cancelled", None, "cancelled"]
        assert model.stopped == []
        tickets[1].cancel()
        await idle()
        assert [call.about for call in model.stopped] == (["same"] if runs else [])
        if not runs:
            model.calls[0].answer()
            await idle()
            assert [call.about for call in model.calls] == ["busy"]


async def test_a_leaf_that_asks_the_same_over_and_over_joins_a_running_request_once() -> None:
    model = FakeModel()
    async with running(model) as gateway:
        first = gateway.ask(question("same"))
        await idle()
        tickets = [gateway.ask(question("same")) for _ in range(5)]
        assert [reason(ticket) for ticket in tickets] == ["superseded"] * 4 + [None]
        model.calls[0].answer()
        await idle()
        assert (reason(first), reason(tickets[-1])) == ("danger", "danger")


async def test_who_gave_up_a_running_request_may_join_it_again() -> None:
    model = FakeModel()
    async with running(model) as gateway:
        gateway.ask(question("same", agent="somebody"))
        await idle()
        gateway.ask(question("same")).cancel()
        again = gateway.ask(question("same"))
        model.calls[0].answer()
        await idle()
        assert decision(again).shared


async def test_a_shared_request_goes_when_its_most_important_question_would() -> None:
    model = FakeModel()
    async with running(model) as gateway:
        gateway.ask(question("busy"))
        await idle()
        gateway.ask(question("plain", priority=1))
        gateway.ask(question("shared", agent="a"))
        important = gateway.ask(question("shared", agent="b", priority=2))
        gateway.ask(question("dropped", agent="c"))
        gateway.ask(question("dropped", agent="d", priority=3)).cancel()
        for _ in range(4):
            model.calls[-1].answer()
            await idle()
        assert [call.about for call in model.calls] == ["busy", "shared", "plain", "dropped"]
        assert decision(important).shared


# Limits


async def test_a_full_queue_gives_up_the_least_important_and_of_equals_the_oldest() -> None:
    model = FakeModel()
    async with running(model, max_queue=2) as gateway:
        gateway.ask(question("busy"))
        await idle()
        important = gateway.ask(question("important", priority=1))
        oldest = gateway.ask(question("oldest"))
        newer = gateway.ask(question("newer"))
        assert reason(oldest) == "queue_full"
        hopeless = gateway.ask(question("hopeless", priority=-1))
        assert reason(hopeless) == "queue_full"
        sharer = gateway.ask(question("newer", agent="sharer"))
        assert [ticket.outcome for ticket in (important, newer, sharer)] == [None] * 3
        assert gateway.stats.queue_high == 2
        assert gateway.stats.failed == {"queue_full": 2}


async def test_a_session_with_many_questions_does_not_push_out_one_with_few() -> None:
    model = FakeModel()
    async with running(model, max_queue=8) as gateway:
        gateway.ask(question("busy"))
        await idle()
        few = [gateway.ask(question(f"few {n}", session="few", priority=-1)) for n in range(2)]
        many = [gateway.ask(question(f"many {n}", session="many", priority=3)) for n in range(200)]
        assert [ticket.outcome for ticket in few] == [None, None]
        assert [reason(ticket) for ticket in many] == ["queue_full"] * 194 + [None] * 6
        late = [gateway.ask(question(f"late {n}", session="late", priority=-2)) for n in range(3)]
        assert [ticket.outcome for ticket in few + late] == [None] * 5
        assert [reason(ticket) for ticket in many[-6:]] == ["queue_full"] * 3 + [None] * 3


async def test_a_shared_request_is_as_safe_as_the_session_with_the_fewest() -> None:
    model = FakeModel()
    async with running(model, max_queue=3) as gateway:
        gateway.ask(question("busy"))
        await idle()
        shared = gateway.ask(question("shared", session="many", agent="a"))
        few = gateway.ask(question("shared", session="few", agent="b"))
        many = [gateway.ask(question(f"many {n}", session="many", priority=1)) for n in range(5)]
        assert [ticket.outcome for ticket in (shared, few)] == [None, None]
        assert [reason(ticket) for ticket in many] == ["queue_full"] * 3 + [None] * 2
        few.cancel()
        gateway.ask(question("one more", session="many", priority=1))
        assert reason(shared) == "queue_full"


async def test_what_can_start_at_once_takes_no_place_in_the_queue() -> None:
    model = FakeModel(slots=2)
    async with running(model, max_queue=1) as gateway:
        tickets = [gateway.ask(question(about)) for about in "abc"]
        assert [reason(ticket) for ticket in tickets] == [None, None, None]
        assert reason(gateway.ask(question("d", priority=-1))) == "queue_full"


async def test_a_question_whose_time_is_up_is_never_asked() -> None:
    model, clock = FakeModel(), ManualClock()
    async with running(model, clock=clock) as gateway:
        gateway.ask(question("busy"))
        await idle()
        late = gateway.ask(question("late", timeout=1.0))
        patient = gateway.ask(question("late", agent="patient", timeout=9.0))
        clock.advance(1.0)
        model.calls[0].answer()
        await idle()
        assert (reason(late), patient.outcome) == ("deadline", None)
        assert [call.about for call in model.calls] == ["busy", "late"]


async def test_a_waiting_question_hears_of_its_deadline_when_it_comes() -> None:
    """The one test with a real clock: nothing else happens that could remind the gateway."""
    model = FakeModel()
    async with running(model, clock=None) as gateway:
        gateway.ask(question("busy"))
        await idle()
        outcome = await gateway.ask(question("late", timeout=0.01)).wait()
        assert isinstance(outcome, NoAnswer)
        assert outcome.reason == "deadline"


async def test_expired_questions_make_room_in_a_full_queue() -> None:
    model, clock = FakeModel(), ManualClock()
    async with running(model, clock=clock, max_queue=1) as gateway:
        gateway.ask(question("busy"))
        await idle()
        late = gateway.ask(question("late", timeout=1.0, priority=5))
        clock.advance(1.0)
        fresh = gateway.ask(question("fresh"))
        assert (reason(late), fresh.outcome) == ("deadline", None)


async def test_a_request_that_takes_too_long_is_stopped() -> None:
    model = FakeModel()
    async with running(model, request_timeout=0.01) as gateway:
        outcome = await gateway.ask(question("slow")).wait()
        assert isinstance(outcome, NoAnswer)
        assert (outcome.reason, outcome.message) == ("timeout", "fake took longer than 0.01 s")
        assert len(model.stopped) == 1


# Giving up


async def test_cancelling_a_waiting_question_takes_it_out_at_once() -> None:
    model = FakeModel()
    async with running(model) as gateway:
        ticket = gateway.ask(question("never mind"))
        ticket.cancel()
        assert ticket.outcome == NoAnswer(reason="cancelled")
        ticket.cancel()
        await idle()
        assert model.calls == []
        assert gateway.stats.cancelled == 1


async def test_cancelling_a_running_question_stops_the_model() -> None:
    model = FakeModel()
    async with running(model) as gateway:
        ticket = gateway.ask(question("a"))
        following = gateway.ask(question("b"))
        await idle()
        ticket.cancel()
        ticket.cancel()
        assert reason(ticket) == "cancelled"
        await idle()
        assert [call.about for call in model.stopped] == ["a"]
        assert [call.about for call in model.working] == ["b"]
        assert following.outcome is None


async def test_a_slot_is_free_only_when_the_model_has_really_stopped() -> None:
    model = FakeModel()
    async with running(model) as gateway:
        model.stubborn = asyncio.Event()
        ticket = gateway.ask(question("a"))
        await idle()
        ticket.cancel()
        again = gateway.ask(question("a"))
        await idle()
        assert len(model.calls) == 1
        model.stubborn.set()
        await idle()
        model.calls[1].answer()
        await idle()
        assert reason(again) == "danger"
        assert not decision(again).shared


async def test_cancelling_right_after_the_task_was_made_frees_its_slot() -> None:
    """A task that is cancelled before its first step runs no line of its body."""
    model = FakeModel()
    async with running(model) as gateway:
        ticket = gateway.ask(question("a"))
        asyncio.get_running_loop().call_soon(ticket.cancel)  # comes right after the dispatcher
        await idle()
        assert model.calls == []
        gateway.ask(question("b"))
        await idle()
        assert [call.about for call in model.calls] == ["b"]


async def test_giving_up_waiting_is_not_giving_up_the_question() -> None:
    model = FakeModel()
    async with running(model) as gateway:
        ticket = gateway.ask(question("a"))
        waiter = asyncio.create_task(ticket.wait())
        await idle()
        waiter.cancel()
        await idle()
        assert ticket.outcome is None
        model.calls[0].answer()
        assert reason_of(await ticket.wait()) == "danger"


def reason_of(outcome: Outcome) -> str:
    return outcome.answer if isinstance(outcome, Decision) else outcome.reason


async def test_closing_a_session_cancels_its_questions_only() -> None:
    model = FakeModel()
    async with running(model) as gateway:
        mine = [gateway.ask(question(about, session="mine")) for about in "ab"]
        other = gateway.ask(question("c", session="other"))
        await idle()
        gateway.close_session("mine")
        gateway.close_session("nobody")
        assert [reason(ticket) for ticket in mine] == ["cancelled", "cancelled"]
        await idle()
        assert [call.about for call in model.working] == ["c"]
        assert other.outcome is None


# What goes wrong


@pytest.mark.parametrize(
    ("error", "expected"),
    [(ModelBusy("queue is full"), "busy"), (ModelRefused("no"), "refused"), (ValueError("oops"), "internal")],
)
async def test_a_failure_is_the_answer_and_the_next_question_is_asked(error: Exception, expected: str) -> None:
    model = FakeModel()
    async with running(model) as gateway:
        failing = [gateway.ask(question("a", agent=agent)) for agent in ("one", "two")]
        following = gateway.ask(question("b"))
        await idle()
        model.calls[0].fail(error)
        await idle()
        assert [reason(ticket) for ticket in failing] == [expected, expected]
        assert isinstance(failing[0].outcome, NoAnswer)
        assert str(error) in failing[0].outcome.message
        model.calls[1].answer()
        await idle()
        assert reason(following) == "danger"
        assert gateway.stats.failed == {expected: 2}


async def test_a_bug_is_logged_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    model = FakeModel()
    async with running(model) as gateway:
        gateway.ask(question("a"))
        await idle()
        model.calls[0].fail(ZeroDivisionError())
        await idle()
        (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
        assert record.exc_info is not None
        assert "guard/is_hostile" in record.getMessage()


async def test_a_model_that_cancels_itself_is_a_failure() -> None:
    model = FakeModel()
    async with running(model) as gateway:
        ticket = gateway.ask(question("a"))
        await idle()
        model.calls[0].end.cancel()
        await idle()
        assert reason(ticket) == "internal"


async def test_an_answer_that_is_no_label_is_malformed() -> None:
    model = FakeModel()
    async with running(model) as gateway:
        ticket = gateway.ask(question("a"))
        await idle()
        model.calls[0].answer("banana")
        await idle()
        assert reason(ticket) == "malformed"


# The model comes and goes


async def test_questions_are_refused_at_once_until_the_model_is_ready() -> None:
    model = FakeModel()
    model.start_gate = asyncio.Event()
    gateway = Gateway(model)
    assert is_(gateway, "cold")
    early = gateway.ask(question("early"))
    assert reason(early) == "warming_up"
    assert await early.wait() is early.outcome
    starting = asyncio.create_task(gateway.start())
    await idle()
    assert is_(gateway, "warming")
    assert reason(gateway.ask(question("still early"))) == "warming_up"
    model.start_gate.set()
    assert await starting == gateway.info == model.info
    assert gateway.state == "ready"
    await gateway.close()


async def test_a_patient_question_waits_for_a_model_that_is_loading() -> None:
    model = FakeModel()
    model.start_gate = asyncio.Event()
    gateway = Gateway(model)
    starting = asyncio.create_task(gateway.start())
    await idle()
    ticket = gateway.ask(msgspec.structs.replace(question("chat"), patient=True))
    await idle()
    assert ticket.outcome is None
    model.start_gate.set()
    await starting
    await idle()
    model.calls[0].answer()
    assert isinstance(await ticket.wait(), Decision)
    await gateway.close()


async def test_patience_ends_with_the_questions_own_timeout() -> None:
    model, clock = FakeModel(), ManualClock()
    model.start_gate = asyncio.Event()
    gateway = Gateway(model, clock=clock)
    starting = asyncio.create_task(gateway.start())
    await idle()
    ticket = gateway.ask(msgspec.structs.replace(question("chat"), patient=True, timeout=60.0))
    clock.advance(61)
    gateway.ask(msgspec.structs.replace(question("other"), agent="b", patient=True))
    await idle()
    assert reason(ticket) == "deadline"
    await gateway.close()
    with pytest.raises(ModelUnavailable):
        await starting


async def test_a_patient_question_is_told_when_the_model_cannot_be_had() -> None:
    model = FakeModel()
    model.start_gate = asyncio.Event()
    model.start_errors = [ModelNotInstalled("run `ollama pull fake`")]
    gateway = Gateway(model)
    starting = asyncio.create_task(gateway.start())
    await idle()
    ticket = gateway.ask(msgspec.structs.replace(question("chat"), patient=True))
    model.start_gate.set()
    with pytest.raises(ModelNotInstalled):
        await starting
    assert isinstance(await ticket.wait(), NoAnswer)
    await gateway.close()


async def test_a_model_that_cannot_be_had_is_the_error_of_start() -> None:
    model = FakeModel()
    model.start_errors = [ModelNotInstalled("run `ollama pull fake`")]
    gateway = Gateway(model)
    with pytest.raises(ModelNotInstalled, match="ollama pull"):
        await gateway.start()
    assert is_(gateway, "cold")
    await gateway.start()
    assert is_(gateway, "ready")
    with pytest.raises(RuntimeError, match="started already"):
        await gateway.start()
    await gateway.close()
    with pytest.raises(RuntimeError, match="closed"):
        await gateway.start()


async def test_progress_is_logged_while_the_model_loads(caplog: pytest.LogCaptureFixture) -> None:
    model, clock = FakeModel(), ManualClock()
    model.start_gate = gate = asyncio.Event()
    keeper = ModelKeeper(model, clock=clock, on_change=lambda: None, progress_every=0.0)

    class GateOpener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            gate.set()

    clock.advance(12.0)
    opener = GateOpener()
    logger = logging.getLogger("brains.gateway")
    logger.addHandler(opener)
    try:
        with caplog.at_level(logging.INFO, "brains.gateway"):
            starting = asyncio.create_task(keeper.start())
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            clock.advance(12.0)
            await starting
    finally:
        logger.removeHandler(opener)
    assert caplog.messages[0] == "waiting for fake to load: 12 s"
    assert caplog.messages[-1] == "fake is ready after 12.0 s (scripted)"


async def test_a_lost_model_is_brought_back(caplog: pytest.LogCaptureFixture) -> None:
    model = FakeModel()
    async with running(model) as gateway:
        asked = [gateway.ask(question(about)) for about in "ab"]
        await idle()
        model.start_gate = asyncio.Event()
        model.start_errors = [ModelUnavailable("connection refused")] * 2 + [ModelNotInstalled("pull it")]
        model.calls[0].fail(ModelUnavailable("connection reset"))
        await idle()
        assert gateway.state == "away"
        assert [reason(ticket) for ticket in asked] == ["unavailable", "unavailable"]
        meanwhile = gateway.ask(question("c"))
        assert meanwhile.outcome == NoAnswer(reason="unavailable", message="connection reset")
        assert [record.levelname for record in caplog.records] == ["WARNING"], "not once per question"
        starts = model.starts
        model.start_gate.set()
        await until(lambda: is_(gateway, "ready"))
        assert model.starts == starts + 3
        assert [record.getMessage() for record in caplog.records][1:] == [
            "fake is still away: connection refused",
            "fake is still away: pull it",
        ]
        assert gateway.problem == ""
        ticket = gateway.ask(question("d"))
        await idle()
        model.calls[-1].answer()
        await idle()
        assert reason(ticket) == "danger"


async def test_a_model_that_is_not_installed_any_more_is_away_with_that_message() -> None:
    model = FakeModel()
    async with running(model) as gateway:
        ticket = gateway.ask(question("a"))
        await idle()
        model.start_gate = asyncio.Event()
        model.calls[0].fail(ModelNotInstalled("run `ollama pull fake`"))
        await idle()
        assert reason(ticket) == "not_installed"
        refused = gateway.ask(question("b"))
        assert refused.outcome == NoAnswer(reason="unavailable", message="run `ollama pull fake`")


async def test_a_bug_in_the_model_does_not_end_the_attempts_to_bring_it_back() -> None:
    model = FakeModel()
    async with running(model) as gateway:
        gateway.ask(question("a"))
        await idle()
        model.start_errors = [ZeroDivisionError()]
        model.calls[0].fail(ModelUnavailable("gone"))
        await until(lambda: model.starts == 3)
        await idle()
        assert gateway.state == "ready"


async def test_old_news_of_a_loss_does_not_take_the_model_away_again() -> None:
    model = FakeModel(slots=2)
    async with running(model) as gateway:
        for about in "ab":
            gateway.ask(question(about))
        await idle()
        first, second = model.calls
        model.info = ModelInfo(name="fake", digest="d2", backend="scripted", ways=INFO.ways, slots=3)
        first.fail(ModelUnavailable("gone"))
        await until(lambda: is_(gateway, "away"))
        await until(lambda: is_(gateway, "ready"))
        second.fail(ModelUnavailable("gone, too"))
        await idle()
        assert (gateway.state, model.starts) == ("ready", 2)
        for about in "cdef":
            gateway.ask(question(about))
        await idle()
        assert len(model.working) == 3, "it has more slots now"


def test_the_pauses_double_up_to_five_seconds() -> None:
    pauses = list(itertools.islice(backoff(), 7))
    for pause, expected in zip(pauses, [0.5, 1, 2, 4, 5, 5, 5], strict=True):
        assert 0.8 * expected <= pause <= 1.2 * expected


# News


async def test_news_is_told_but_not_what_the_asker_did_itself() -> None:
    model, news = FakeModel(), list[GatewayTicket]()
    async with running(model, on_answer=news.append) as gateway:
        more = list[GatewayTicket]()
        unsubscribe = gateway.subscribe(more.append)
        answered = gateway.ask(question("a", agent="one"))
        shared = gateway.ask(question("a", agent="two"))
        await idle()
        gateway.ask(question("b", agent="three"))
        superseding = gateway.ask(question("c", agent="three"))
        gateway.ask(question("d")).cancel()
        model.calls[0].answer()
        await idle()
        assert news == more == [answered, shared]
        unsubscribe()
        unsubscribe()
        model.calls[1].fail(ModelBusy("full"))
        await idle()
        assert news[2:] == [superseding]
        assert len(more) == 2


async def test_what_ask_has_answered_itself_is_no_news() -> None:
    """Or an agent would be woken by its refusal, ask again, be refused again ..."""
    model, news, ends = FakeModel(), list[GatewayTicket](), list[GatewayTicket]()
    model.start_gate = asyncio.Event()
    gateway = Gateway(model, max_queue=1, on_answer=news.append)

    def ask(about: str, **more: Any) -> GatewayTicket:
        ticket = gateway.ask(question(about, **more))
        ticket.add_listener(ends.append)
        return ticket

    starting = asyncio.create_task(gateway.start())
    await idle()
    warming = ask("a")
    model.start_gate.set()
    await starting
    busy = ask("busy")
    await idle()
    waits = ask("waits", priority=1)
    hopeless = ask("hopeless")
    model.start_gate = asyncio.Event()
    model.calls[0].fail(ModelUnavailable("gone"))
    await idle()
    away = ask("b")
    await idle()
    assert [reason(one) for one in (warming, hopeless, away)] == ["warming_up", "queue_full", "unavailable"]
    assert sorted(ends, key=lambda one: one.number) == [warming, busy, waits, hopeless, away]
    assert set(news) == {busy, waits}, "those who had to wait hear of it"
    await gateway.close()


async def test_nothing_is_told_inside_ask_or_cancel() -> None:
    model, heard = FakeModel(), list[GatewayTicket]()
    async with running(model, max_queue=1, on_answer=heard.append) as gateway:
        gateway.ask(question("busy"))
        await idle()
        old = gateway.ask(question("old"))
        old.add_listener(heard.append)
        gateway.ask(question("new"))
        assert (reason(old), heard) == ("queue_full", [])
        await idle()
        assert heard == [old, old]


async def test_listeners_hear_of_every_end_and_may_be_broken(caplog: pytest.LogCaptureFixture) -> None:
    model = FakeModel()
    async with running(model) as gateway:
        heard = list[GatewayTicket]()
        ticket = gateway.ask(question("a"))

        def broken(_: GatewayTicket) -> None:
            raise ZeroDivisionError

        ticket.add_listener(broken)
        ticket.add_listener(heard.append)
        gateway.subscribe(broken)
        ticket.cancel()
        await idle()
        assert heard == [ticket]
        assert "A listener failed on <GatewayTicket 0 's/agent-a/leaf' cancelled>" in caplog.messages


async def test_free_text_grows_for_all_who_asked() -> None:
    model = FakeModel()
    news: list[tuple[str, str]] = []
    async with running(model) as gateway:
        gateway.subscribe(lambda ticket: news.append((ticket.question.agent, ticket.text)))
        first = gateway.ask(question("greet", agent="one", labels=()))
        await idle()
        model.calls[0].say("Good ")
        second = gateway.ask(question("greet", agent="two", labels=()))
        assert (first.text, second.text) == ("Good ", "Good ")
        model.calls[0].say("day")
        assert second.text == "Good day"
        first.cancel()
        model.calls[0].say("!")
        assert (first.text, second.text) == ("Good day", "Good day!")
        model.calls[0].answer("Good day!")
        await idle()
        assert decision(second).answer == "Good day!"
        two = [("two", text) for text in ("Good day", "Good day!", "Good day!")]
        assert news == [("one", "Good "), ("one", "Good day"), *two]


async def test_label_questions_are_not_streamed() -> None:
    model = FakeModel()
    async with running(model) as gateway:
        gateway.ask(question("a"))
        await idle()
        assert model.calls[0].on_text is None


# The end


async def test_close_answers_everything_stops_the_model_and_closes_it() -> None:
    model, news = FakeModel(), list[GatewayTicket]()
    async with running(model, on_answer=news.append) as gateway:
        tickets = [gateway.ask(question(about, timeout=5.0)) for about in "abc"]
        await idle()
        waiter = asyncio.create_task(tickets[2].wait())
        await asyncio.gather(gateway.close(), gateway.close())
        assert [reason(ticket) for ticket in tickets] == ["cancelled"] * 3
        assert (len(model.stopped), model.closes) == (1, 1)
        assert (await waiter, news) == (NoAnswer(reason="cancelled"), [])
        late = gateway.ask(question("late"))
        assert late.outcome == NoAnswer(reason="unavailable", message="the gateway is closed")
        await gateway.close()
        assert model.closes == 1


async def test_close_before_start_closes_the_model() -> None:
    model = FakeModel()
    await Gateway(model).close()
    assert model.closes == 1


async def test_close_ends_a_start_that_waits() -> None:
    model = FakeModel()
    model.start_gate = asyncio.Event()
    gateway = Gateway(model)
    starting = asyncio.create_task(gateway.start())
    await idle()
    await gateway.close()
    with pytest.raises(ModelUnavailable, match="closed while it loaded"):
        await starting


async def test_a_model_that_cancels_its_own_start_is_unavailable() -> None:
    model = FakeModel()
    model.start_errors = [asyncio.CancelledError()]
    async with running(FakeModel()):
        with pytest.raises(ModelUnavailable, match="cancelled its own start"):
            await Gateway(model).start()


async def test_a_question_that_cannot_be_put_leaves_nothing_behind() -> None:
    async with running(FakeModel()) as gateway:
        waiting = gateway.ask(question("a"))
        with pytest.raises(TypeError):
            gateway.ask(question("b", agent="agent-a", labels=(), schema={"enum": object()}))
        assert waiting.outcome is None
        assert gateway.stats.asked == 1


async def test_a_cancelled_start_stops_loading() -> None:
    model = FakeModel()
    model.start_gate = asyncio.Event()
    gateway = Gateway(model)
    before = asyncio.all_tasks()
    starting = asyncio.create_task(gateway.start())
    await idle()
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert gateway.state == "cold"
    assert asyncio.all_tasks() == before
    await gateway.close()


async def test_close_ends_the_attempts_to_bring_the_model_back() -> None:
    model = FakeModel()
    async with running(model, pauses=lambda: itertools.repeat(1000.0)) as gateway:
        gateway.ask(question("a"))
        await idle()
        model.calls[0].fail(ModelUnavailable("gone"))
        await idle()
        assert gateway.state == "away"


async def test_close_is_bounded_even_if_nothing_heeds_it(caplog: pytest.LogCaptureFixture) -> None:
    release = asyncio.Event()

    class Stuck(FakeModel):
        async def close(self) -> None:
            await release.wait()

    model = Stuck()
    model.stubborn = release
    gateway = Gateway(model, close_within=0.02)
    await gateway.start()
    ticket = gateway.ask(question("a"))
    await idle()
    await gateway.close()
    assert reason(ticket) == "cancelled"
    assert caplog.messages == ["fake does not close", "brains-ask guard/is_hostile does not stop"]
    release.set()
    await idle()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_model_that_fails_to_close_does_not_spoil_closing(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(FakeModel):
        async def close(self) -> None:
            raise ModelError("no")

    await Gateway(Broken()).close()
    assert caplog.messages == ["fake failed to close"]


# Any order of events

AGENTS = st.sampled_from(["a", "b", "c", "d"])
ABOUTS = st.sampled_from(["p", "q", "r", "s", "t"])


class GatewayMachine(RuleBasedStateMachine):
    """Whatever happens in whatever order: the promises of the gateway hold."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.clock = ManualClock()
        self.model = FakeModel(slots=2)
        self.news: Counter[GatewayTicket] = Counter()
        self.ends: Counter[GatewayTicket] = Counter()
        self.tickets: list[GatewayTicket] = []
        self.at_hand: set[GatewayTicket] = set()
        self.first_outcomes: dict[GatewayTicket, Outcome] = {}
        self.down = False
        self.do(self.begin())

    def do(self, step: Awaitable[None]) -> None:
        async def run() -> None:
            await step

        self.runner.run(run())

    async def begin(self) -> None:
        self.gateway = Gateway(
            self.model,
            max_queue=3,
            clock=self.clock,
            on_answer=self.hear,
            pauses=lambda: itertools.repeat(0.0),
        )
        await self.gateway.start()

    def hear(self, ticket: GatewayTicket) -> None:
        self.news[ticket] += 1

    def end(self, ticket: GatewayTicket) -> None:
        self.ends[ticket] += 1

    @property
    def open(self) -> list[GatewayTicket]:
        return [ticket for ticket in self.tickets if ticket.outcome is None]

    @rule(
        agent=AGENTS,
        about=ABOUTS,
        priority=st.integers(0, 2),
        timeout=st.sampled_from([None, 1.0, 3.0]),
        session=st.sampled_from(["s1", "s2"]),
        at_once=st.booleans(),
    )
    def ask(self, agent: str, about: str, priority: int, timeout: float | None, session: str, at_once: bool) -> None:
        async def step() -> None:
            asked = question(about, agent=agent, session=session, priority=priority, timeout=timeout)
            ticket = self.gateway.ask(asked)
            ticket.add_listener(self.end)
            self.tickets.append(ticket)
            if ticket.outcome is not None:
                self.at_hand.add(ticket)
            if not at_once:
                await idle()

        self.do(step())

    @precondition(lambda self: self.tickets)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        ticket = data.draw(st.sampled_from(self.tickets))

        async def step() -> None:
            ticket.cancel()
            assert ticket.outcome is not None

        self.do(step())

    @precondition(lambda self: self.model.working)
    @rule(data=st.data(), text=st.sampled_from(["danger", "safe", "banana"]))
    def answer(self, data: st.DataObject, text: str) -> None:
        call = data.draw(st.sampled_from(self.model.working))

        async def step() -> None:
            if not call.end.done():
                call.answer(text)
            await idle()

        self.do(step())

    @precondition(lambda self: self.model.working)
    @rule(data=st.data(), error=st.sampled_from([ModelBusy, ModelRefused, ModelUnavailable, BrainsError]))
    def fail(self, data: st.DataObject, error: type[BrainsError]) -> None:
        call = data.draw(st.sampled_from(self.model.working))

        async def step() -> None:
            if not call.end.done():
                call.fail(error("failed"))
            await idle()

        self.do(step())

    @rule()
    def the_server_goes_down_or_comes_up(self) -> None:
        async def step() -> None:
            if self.model.start_gate is None:
                self.model.start_gate = asyncio.Event()
            else:
                self.model.start_gate.set()
                self.model.start_gate = None
            await idle()

        self.do(step())

    @rule(session=st.sampled_from(["s1", "s2"]))
    def close_session(self, session: str) -> None:
        async def step() -> None:
            self.gateway.close_session(session)
            assert not [ticket for ticket in self.open if ticket.question.session == session]

        self.do(step())

    @rule(seconds=st.sampled_from([0.5, 2.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule()
    def nothing_happens(self) -> None:
        self.do(idle())

    @invariant()
    def no_more_runs_than_allowed(self) -> None:
        assert self.model.most <= 2

    @invariant()
    def no_question_runs_twice(self) -> None:
        wanted = [call.request.prompt for call in self.model.working if not call.end.cancelled()]
        assert len(wanted) == len(set(wanted))

    @invariant()
    def the_queue_is_bounded(self) -> None:
        running = len(self.model.working)
        waiting = {ticket.question.prompt.digest for ticket in self.open if self.waits(ticket)}
        assert len(waiting) <= 3 + max(0, 2 - running)
        keys = Counter(ticket.question.key for ticket in self.open if self.waits(ticket))
        assert all(count == 1 for count in keys.values())

    def waits(self, ticket: GatewayTicket) -> bool:
        return ticket.request is not None and ticket.request.started is None

    @invariant()
    def an_outcome_never_changes(self) -> None:
        for ticket in self.tickets:
            if ticket.outcome is not None:
                assert self.first_outcomes.setdefault(ticket, ticket.outcome) is ticket.outcome

    @invariant()
    def the_numbers_add_up(self) -> None:
        stats = self.gateway.stats
        ended = stats.answered + stats.superseded + stats.cancelled + stats.failed.total()
        assert stats.asked == ended + len(self.open) == len(self.tickets)
        assert stats.requests >= len(self.model.calls)

    def teardown(self) -> None:
        self.do(self.finish())
        self.runner.close()

    async def finish(self) -> None:
        await self.gateway.close()
        assert self.open == []
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert self.model.working == []
        assert set(self.ends.values()) <= {1}, "more than one end"
        assert set(self.ends) == set(self.tickets)
        given_up = {ticket for ticket in self.tickets if reason(ticket) in ("cancelled", "superseded")}
        assert self.news == Counter(ticket for ticket in self.tickets if ticket not in given_up | self.at_hand)


TestGatewayMachine = GatewayMachine.TestCase
TestGatewayMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


@settings(deadline=None)
@given(
    asked=st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(0, 5), st.integers(0, 2), st.integers(0, 20)), max_size=60
    ),
    max_queue=st.integers(1, 6),
)
def test_who_goes_for_another_has_the_most(asked: list[tuple[str, int, int, int]], max_queue: int) -> None:
    queue: QuestionQueue[Entry] = QuestionQueue(max_queue, slots=0)
    for number, (session, agent, priority, about) in enumerate(asked):
        one = question(f"{about}", session=session, agent=f"{agent}", priority=priority)
        before = set(queue.waiting())
        dropped = queue.add(entry := Entry(one, number=number, asked=0.0))
        replaced = {loser for loser, reason in dropped if reason == "superseded"}
        lost = {loser for loser, reason in dropped if reason == "queue_full"}
        there = (before | {entry}) - replaced
        assert set(queue.waiting()) == there - lost
        assert queue.backlog <= max_queue
        if not lost:
            continue
        requests = {
            digest: {other for other in there if other.question.prompt.digest == digest}
            for digest in {other.question.prompt.digest for other in there}
        }
        counts = Counter(
            name for entries in requests.values() for name in {other.question.session for other in entries}
        )

        def safety(entries: set[Entry], counts: Counter[str] = counts) -> tuple[int, int]:
            fewest = min(counts[other.question.session] for other in entries)
            return (-fewest, max(other.question.priority for other in entries))

        assert lost in requests.values()
        assert safety(lost) == min(map(safety, requests.values()))
