"""Ties the queue to the event loop: a task for each request that runs, and none for those that wait."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial

import msgspec

from brains.clock import Clock, WallClock
from brains.decide import decide, request_for
from brains.errors import ConfigError, ModelError, ModelNotInstalled, ModelTimeout, ModelUnavailable
from brains.questions import ChatModel, Decision, Latency, ModelInfo, NoAnswer, Outcome, Question, Way

from .keeper import ModelKeeper, State, backoff
from .queue import QuestionQueue, Request
from .tickets import GatewayTicket, Listener, tell

__all__ = ["Gateway", "GatewayStats"]

logger = logging.getLogger("brains.gateway")

GIVEN_UP = frozenset({"cancelled", "superseded"})
"""Reasons that the asker knows already, because it is the cause."""


@dataclass
class GatewayStats:
    """What the gateway has done so far.

    `asked` is the sum of answered, superseded, cancelled, all failed, and those that are still open.
    """

    asked: int = 0
    answered: int = 0
    """With a decision."""
    shared: int = 0
    """Of these: got the answer to somebody else's identical question."""
    superseded: int = 0
    cancelled: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    """By `NoAnswer.reason`."""
    requests: int = 0
    """Sent to the model."""
    queue_high: int = 0
    """The most requests that ever waited at the same time."""


class Gateway:
    """Asks one model the questions of all agents; an `Asker`. For the event loop's thread only.

    Args:
        model: the model. It belongs to the gateway, which starts and closes it.
        max_queue: so many requests may wait; then the least important one is answered `queue_full`.
        in_flight: so many requests run at the same time; None for as many as the model has slots.
        way: how questions are put; None for what suits the model.
        request_timeout: seconds after which a running request is given up, and answered `timeout`.
        clock: tells latencies and deadlines.
        on_answer: see `subscribe`.
        pauses: makes the pauses between attempts to bring back a model that went away.
        close_within: seconds that `close` takes at most.
    """

    def __init__(
        self,
        model: ChatModel,
        *,
        max_queue: int = 64,
        in_flight: int | None = None,
        way: Way | None = None,
        request_timeout: float | None = 60.0,
        clock: Clock | None = None,
        on_answer: Listener | None = None,
        pauses: Callable[[], Iterator[float]] = backoff,
        close_within: float = 2.0,
    ) -> None:
        if max_queue < 1:
            raise ConfigError(f"max_queue must be 1 or more, not {max_queue}")
        if in_flight is not None and in_flight < 1:
            raise ConfigError(f"in_flight must be 1 or more, or None for the model's own, not {in_flight}")
        self.model = model
        self.stats = GatewayStats()
        self._in_flight = in_flight
        self._way = way
        self._request_timeout = request_timeout
        self._close_within = close_within
        self._clock: Clock = WallClock() if clock is None else clock
        self._keeper = ModelKeeper(model, clock=self._clock, on_change=self._state_changed, pauses=pauses)
        self._queue: QuestionQueue[GatewayTicket] = QuestionQueue(max_queue)
        self._open: dict[str, dict[int, GatewayTicket]] = {}
        self._tasks: dict[Request[GatewayTicket], asyncio.Task[Decision | NoAnswer]] = {}
        self._subscribers: list[Listener] = [] if on_answer is None else [on_answer]
        self._loop: asyncio.AbstractEventLoop | None = None
        self._dispatch_due = False
        self._alarm: asyncio.TimerHandle | None = None
        self._closed: asyncio.Event | None = None

    # The model

    @property
    def state(self) -> State:
        """Whether the model can be asked: `cold`, `warming`, `ready` or `away`."""
        return self._keeper.state

    @property
    def info(self) -> ModelInfo | None:
        """What is known of the model; None until it has been ready once."""
        return self._keeper.info

    @property
    def problem(self) -> str:
        """Why the model is away; empty when it is not."""
        return self._keeper.problem

    async def start(self) -> ModelInfo:
        """Load the model, which may take minutes, and return what it can do.

        Raises:
            ModelError: the model cannot be had; the message says what to do about it.
        """
        if self._closed is not None:
            raise RuntimeError("the gateway is closed")
        self._loop = asyncio.get_running_loop()
        return await self._keeper.start()

    async def close(self) -> None:
        """Stop everything within `close_within` seconds and close the model. Any number of times.

        Open questions are answered `cancelled`, and `subscribe`rs are not told of them.
        """
        if self._closed is not None:
            await self._closed.wait()
            return
        self._closed = asyncio.Event()
        self._loop = loop = asyncio.get_running_loop()
        give_up_at = loop.time() + self._close_within
        try:
            if self._alarm is not None:
                self._alarm.cancel()
            for session in list(self._open):
                self.close_session(session)
            ending: list[asyncio.Task[object]] = [*self._tasks.values(), *self._keeper.stop()]
            # A request that does not heed its cancelling may end with its model: so half the time for each.
            await _ended(ending, self._close_within / 2)
            await self._close_model(give_up_at)
            await _ended(ending, give_up_at - loop.time())
            for task in ending:
                if not task.done():
                    logger.error("%s does not stop", task.get_name())
            await asyncio.sleep(0)  # the listeners hear of it before we are gone
        finally:
            self._closed.set()

    # Asking

    def ask(self, question: Question) -> GatewayTicket:
        """Take a question and return its ticket at once.

        While the model is not ready, the ticket says so already, unless the question is patient.
        """
        now = self._clock.now()
        ticket = GatewayTicket(question, number=self.stats.asked, asked=now, give_up=self._give_up)
        refusal = self._refusal()
        if refusal is not None and not (question.patient and self.state == "warming"):
            self._register(ticket)
            self._settle(ticket, refusal, at_hand=True)
            return ticket
        # Those that nobody waits for any more must not cost anybody else the place in a full queue.
        self._expire(now)
        dropped = self._queue.add(ticket)
        self._register(ticket)
        for loser, reason in dropped:
            self._settle(loser, NoAnswer(reason=reason, message=_MESSAGES[reason]), at_hand=loser is ticket)
        if ticket.request is not None:
            ticket.grow(ticket.request.text)
        self.stats.queue_high = max(self.stats.queue_high, self._queue.backlog)
        self._dispatch_soon()
        return ticket

    def close_session(self, session: str) -> None:
        """Cancel all questions of a session."""
        for ticket in list(self._open.get(session, {}).values()):
            ticket.cancel()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener(ticket)` on the loop when there is news of any ticket; return what ends that.

        News is an outcome that the asker did not itself cause by cancelling or by asking anew, and that it does
        not have from `ask` already; and any growth of a free-text answer. Never from inside `ask` or `cancel`.
        """
        self._subscribers.append(listener)

        def unsubscribe() -> None:
            if listener in self._subscribers:
                self._subscribers.remove(listener)

        return unsubscribe

    # Inside: outcomes

    def _refusal(self) -> NoAnswer | None:
        if self._closed is not None:
            return NoAnswer(reason="unavailable", message="the gateway is closed")
        if self.state == "away":
            return NoAnswer(reason="unavailable", message=self.problem)
        if self.state != "ready":
            return NoAnswer(reason="warming_up", message=f"{self.model.name} is still loading")
        return None

    def _register(self, ticket: GatewayTicket) -> None:
        self.stats.asked += 1
        self._open.setdefault(ticket.question.session, {})[ticket.number] = ticket

    def _settle(self, ticket: GatewayTicket, outcome: Outcome, *, at_hand: bool = False) -> None:
        """Give a ticket that is not in the queue any more its outcome; `at_hand`: `ask` returns it with that."""
        ticket.settle(outcome)
        of_session = self._open[ticket.question.session]
        del of_session[ticket.number]
        if not of_session:
            del self._open[ticket.question.session]
        self._count(outcome)
        # Later, because this may be inside somebody's tick, which is to hear of nothing but its own snapshot.
        # Before `start` there is no loop, and nobody yet who could listen.
        if self._loop is not None:
            self._loop.call_soon(self._announce, ticket, at_hand)

    def _count(self, outcome: Outcome) -> None:
        if isinstance(outcome, Decision):
            self.stats.answered += 1
            self.stats.shared += outcome.shared
        elif outcome.reason == "superseded":
            self.stats.superseded += 1
        elif outcome.reason == "cancelled":
            self.stats.cancelled += 1
        else:
            self.stats.failed[outcome.reason] += 1

    def _announce(self, ticket: GatewayTicket, at_hand: bool = False) -> None:
        ticket.notify()
        # Woken by a refusal, an agent would only ask again and be refused again, as fast as the game can tick.
        if at_hand:
            return
        if isinstance(ticket.outcome, NoAnswer) and ticket.outcome.reason in GIVEN_UP:
            return
        for subscriber in tuple(self._subscribers):
            tell(subscriber, ticket)

    def _give_up(self, ticket: GatewayTicket) -> None:
        """Cancel an open ticket."""
        unwanted = self._queue.remove(ticket)
        self._settle(ticket, NoAnswer(reason="cancelled"))
        if unwanted is not None:
            self._tasks[unwanted].cancel()

    def _expire(self, now: float) -> None:
        for ticket in self._queue.expire(now):
            waited = now - ticket.asked
            message = f"still in the queue after {waited:.2f} s"
            self._settle(ticket, NoAnswer(reason="deadline", message=message))

    def _state_changed(self) -> None:
        info = self._keeper.info
        if self.state == "ready":
            assert info is not None
            self._queue.slots = max(1, info.slots) if self._in_flight is None else self._in_flight
            self._dispatch_soon()
        refusal = self._refusal()
        if refusal is not None and self.state != "warming":
            for ticket in self._queue.drain():
                self._settle(ticket, refusal)

    # Inside: requests

    def _dispatch_soon(self) -> None:
        """Let a whole round of ticks ask before anything starts, so that what is important goes first."""
        if not self._dispatch_due:
            assert self._loop is not None
            self._dispatch_due = True
            self._loop.call_soon(self._dispatch)

    def _dispatch(self) -> None:
        self._dispatch_due = False
        if self._closed is not None:
            return
        now = self._clock.now()
        self._expire(now)
        info = self._keeper.info if self.state == "ready" else None
        while info is not None and (request := self._queue.take(now)) is not None:
            self.stats.requests += 1
            work = self._answer(request, info)
            task = asyncio.create_task(work, name=f"brains-ask {request.question.prompt.name}")
            self._tasks[request] = task
            # Not at the end of the task's own code: a task that is cancelled before its first step runs none.
            task.add_done_callback(partial(self._finished, request))
        self._set_alarm(now)

    def _set_alarm(self, now: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        deadline = self._queue.next_deadline
        if deadline is not None:
            assert self._loop is not None
            self._alarm = self._loop.call_later(deadline - now, self._dispatch)

    async def _answer(self, request: Request[GatewayTicket], info: ModelInfo) -> Decision | NoAnswer:
        question = request.question
        is_text = not question.labels and question.schema is None
        try:
            model_request = request_for(question, info, way=self._way)
            async with asyncio.timeout(self._request_timeout):
                reply = await self.model.generate(
                    model_request, on_text=partial(self._grow, request) if is_text else None
                )
            latency = Latency(load=reply.load, prompt=reply.prompt_time, generate=reply.generate_time)
            return decide(question, model_request, reply, info, latency)
        except TimeoutError:
            return NoAnswer(reason=ModelTimeout.kind, message=f"{info.name} took longer than {self._request_timeout} s")
        except ModelError as error:
            if isinstance(error, ModelUnavailable | ModelNotInstalled):
                self._keeper.lost(error, info)
            return NoAnswer(reason=error.kind, message=str(error))
        except Exception as error:
            logger.exception("Asking %s about %s failed", info.name, question.prompt.name)
            return NoAnswer(reason="internal", message=f"{type(error).__name__}: {error}")

    def _grow(self, request: Request[GatewayTicket], piece: str) -> None:
        request.text += piece
        for ticket in tuple(request.entries):
            ticket.grow(request.text)
            self._announce(ticket)

    def _finished(self, request: Request[GatewayTicket], task: asyncio.Task[Decision | NoAnswer]) -> None:
        del self._tasks[request]
        if task.cancelled():
            # Nobody waits then, unless it was the model that cancelled itself.
            outcome: Outcome = NoAnswer(reason="internal", message=f"{self.model.name} cancelled the request")
        else:
            outcome = task.result()
        now = self._clock.now()
        for place, ticket in enumerate(self._queue.finish(request)):
            self._settle(ticket, _own(outcome, request, ticket, now, shared=place > 0))
        self._dispatch()

    async def _close_model(self, give_up_at: float) -> None:
        try:
            async with asyncio.timeout_at(give_up_at):
                await self.model.close()
        except TimeoutError:
            logger.error("%s does not close", self.model.name)
        except Exception:
            logger.exception("%s failed to close", self.model.name)


_MESSAGES = {
    "superseded": "asked anew before it was its turn",
    "queue_full": "too many questions for this model",
}


def _own(
    outcome: Outcome, request: Request[GatewayTicket], ticket: GatewayTicket, now: float, *, shared: bool
) -> Outcome:
    """Return the outcome as this ticket's asker experienced it."""
    if isinstance(outcome, NoAnswer):
        return outcome
    assert request.started is not None
    latency = msgspec.structs.replace(
        outcome.latency, total=now - ticket.asked, queue=max(0.0, request.started - ticket.asked)
    )
    return msgspec.structs.replace(outcome, latency=latency, shared=shared)


async def _ended(tasks: Iterable[asyncio.Task[object]], seconds: float) -> None:
    """Wait until tasks have ended, but no longer than that; whatever they end with is somebody else's."""
    pending = [task for task in tasks if not task.done()]
    if pending:
        await asyncio.wait(pending, timeout=max(0.0, seconds))
