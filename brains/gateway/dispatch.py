"""Takes requests from the queue to the servers: a task for each that runs, and none for those that wait."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable
from functools import partial
from typing import Protocol

from brains.clock import Clock
from brains.errors import ModelBusy, ModelNotInstalled, ModelTimeout, ModelUnavailable
from brains.questions import NoAnswer, Outcome, Way

from .asking import Attempt, attempt
from .estimate import ServiceTimes, kind_of, wait_for_slot
from .queue import Identity, QuestionQueue, Request
from .servers import ServerPool
from .stats import GatewayStats
from .tickets import GatewayTicket

__all__ = ["Dispatcher", "Owner"]

GONE = (ModelUnavailable, ModelNotInstalled, ModelBusy)
"""What another server may make good."""

MESSAGES = {
    "superseded": "asked anew before it was its turn",
    "queue_full": "too many questions for this model",
}


class Owner(Protocol):
    """Who hears what becomes of questions: the gateway."""

    def settle(self, ticket: GatewayTicket, outcome: Outcome, *, at_hand: bool = False) -> None:
        """Give a ticket its outcome; `at_hand`: `ask` returns it with that."""
        ...

    def grown(self, ticket: GatewayTicket) -> None:
        """There is more of a free-text answer."""
        ...

    def ended(self, request: Request[GatewayTicket], done: Attempt, *, retried: bool) -> None:
        """A request has ended; its tickets have their outcomes after this."""
        ...

    def answered(self, request: Request[GatewayTicket], ticket: GatewayTicket, outcome: Outcome, shared: bool) -> None:
        """A ticket's request has ended so."""
        ...


class Dispatcher:
    """Runs as many requests as the servers have slots, the next one first.

    Args:
        owner: hears of outcomes.
        pool: the servers.
        stats: where requests are counted.
        max_queue: so many requests may wait.
        clock: tells deadlines and the time that answers take.
        way: how questions are put; None for what suits the model.
        timeout: seconds after which a running request is given up.
        shed: whether questions that cannot be answered before their deadline are given up at once.
    """

    def __init__(
        self,
        owner: Owner,
        pool: ServerPool,
        stats: GatewayStats,
        *,
        max_queue: int,
        clock: Clock,
        way: Way | None,
        timeout: float | None,
        shed: bool,
    ) -> None:
        self.queue: QuestionQueue[GatewayTicket] = QuestionQueue(max_queue)
        self.times = ServiceTimes()
        self.open = True
        self._owner = owner
        self._pool = pool
        self._stats = stats
        self._clock = clock
        self._way: Way | None = way
        self._timeout = timeout
        self._shed = shed
        self._running: dict[Request[GatewayTicket], tuple[Attempt, asyncio.Task[None]]] = {}
        self._due = False
        self._alarm: asyncio.TimerHandle | None = None

    # What the gateway does

    def add(self, ticket: GatewayTicket, identity: Identity, now: float) -> None:
        """Take a question in; it, or others for it, may have an outcome then."""
        self.queue.slots = self._pool.slots
        self._settle_losers(self.queue.add(ticket, identity), but=ticket)
        self._stats.queue_high = max(self._stats.queue_high, self.queue.backlog)
        request = ticket.request
        if request is None:
            return
        ticket.grow(request.text)
        if self._cannot_be_in_time(ticket, request, now):
            self._shed_one(ticket, now, at_hand=True)
            return
        self.soon()

    def remove(self, ticket: GatewayTicket, *, late: bool) -> None:
        """Take a question out, perhaps since its deadline has passed; stop its request if nobody else waits for it."""
        unwanted = self.queue.remove(ticket)
        if unwanted is not None:
            doing, task = self._running[unwanted]
            doing.late = late
            task.cancel()

    def expire(self, now: float) -> None:
        """Give up those whose deadline has come while they waited."""
        for ticket in self.queue.expire(now):
            message = f"still in the queue after {now - ticket.asked:.2f} s"
            self._owner.settle(ticket, NoAnswer(reason="deadline", message=message))

    def refuse_all(self, refusal: NoAnswer) -> None:
        """Give up all that wait."""
        for ticket in self.queue.drain():
            self._owner.settle(ticket, refusal)

    def soon(self) -> None:
        """Let a whole round of ticks ask before anything starts, so that what is important goes first."""
        if not self._due:
            self._due = True
            asyncio.get_running_loop().call_soon(self._dispatch)

    def stop(self) -> list[asyncio.Task[None]]:
        """Start nothing any more; return what still runs."""
        self.open = False
        self._stop_alarm()
        return [task for _, task in self._running.values()]

    @property
    def in_flight(self) -> int:
        """Requests that run now."""
        return len(self._running)

    # Inside: starting

    def _dispatch(self) -> None:
        self._due = False
        if not self.open:
            return
        if not self.queue.any_waiting:
            self._stop_alarm()
            return
        now = self._clock.now()
        self.expire(now)
        self.queue.slots = self._pool.slots
        self._settle_losers(self.queue.make_room())
        while self._pool.pick() is not None and (request := self.queue.peek()) is not None:
            if not self._shed_hopeless(request, now):
                taken = self.queue.take(now)
                assert taken is request
                self._start(request)
        self._set_alarm(now)

    def _start(self, request: Request[GatewayTicket]) -> None:
        question = request.question
        server = self._pool.pick(avoid=request.tried)
        assert server is not None
        assert server.keeper.info is not None
        request.tried = server
        self._stats.requests += 1
        server.outstanding += 1
        server.started += 1
        is_text = not question.labels and question.schema is None
        doing = Attempt(server=server, info=server.keeper.info, heard=server.heard)
        work = attempt(
            doing,
            question,
            way=self._way,
            timeout=self._timeout,
            clock=self._clock,
            left=lambda: max((entry.deadline for entry in request.entries), default=0.0) - self._clock.now(),
            on_text=partial(self._grow, request) if is_text else None,
        )
        task = asyncio.create_task(work, name=f"brains-ask {question.prompt.name}")
        self._running[request] = (doing, task)
        # Not at the end of the task's own code: a task that is cancelled before its first step runs none.
        task.add_done_callback(partial(self._finished, request))

    def _set_alarm(self, now: float) -> None:
        self._stop_alarm()
        deadline = self.queue.next_deadline
        if deadline is not None:
            self._alarm = asyncio.get_running_loop().call_later(deadline - now, self._dispatch)

    def _stop_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    # Inside: ending

    def _grow(self, request: Request[GatewayTicket], piece: str) -> None:
        request.text += piece
        for ticket in tuple(request.entries):
            ticket.grow(request.text)
            self._owner.grown(ticket)

    def _finished(self, request: Request[GatewayTicket], task: asyncio.Task[None]) -> None:
        doing, _ = self._running.pop(request)
        doing.server.outstanding -= 1
        if task.cancelled() and request.entries:
            # Somebody waits, so it was the model that cancelled itself.
            message = f"{doing.server.model.name} cancelled the request"
            doing.outcome = NoAnswer(reason="internal", message=message)
        if doing.silent:
            # Nobody waits for the error; but the next ones need not wait in vain.
            doing.server.keeper.failed(ModelTimeout(f"{doing.server.named} sends nothing"), doing.info)
        self._measure(request, doing)
        self._stats.repaired += doing.repaired
        retry = self._may_retry(request, doing)
        self._owner.ended(request, doing, retried=retry)
        self._stats.retried += retry
        if retry:
            self.queue.slots = self._pool.slots
            self._settle_losers(self.queue.put_back(request))
        else:
            for place, ticket in enumerate(self.queue.finish(request)):
                assert doing.outcome is not None
                self._owner.answered(request, ticket, doing.outcome, place > 0)
        self._dispatch()

    def _measure(self, request: Request[GatewayTicket], doing: Attempt) -> None:
        if request.question.timeout is None:
            # Such as the warm-up, in which the model reads each prompt's examples for the first time. It says nothing
            # of those that have a deadline, and would have them given up until enough of them were answered.
            return
        kind = kind_of(request.question)
        if doing.reply is not None:
            self.times.answered(kind, doing.seconds - doing.reply.load)
        elif doing.outcome is None:
            self.times.given_up(kind, doing.seconds)

    def _may_retry(self, request: Request[GatewayTicket], doing: Attempt) -> bool:
        """Tell whether another server is to be asked: once, and never after part of an answer has been heard."""
        if not isinstance(doing.error, GONE) or request.retries or request.text or not self.open:
            return False
        now = self._clock.now()
        return any(entry.deadline > now for entry in request.entries) and self._pool.others_ready(doing.server)

    def _settle_losers(self, dropped: Iterable[tuple[GatewayTicket, str]], but: GatewayTicket | None = None) -> None:
        for loser, reason in dropped:
            self._owner.settle(loser, NoAnswer(reason=reason, message=MESSAGES[reason]), at_hand=loser is but)

    # Inside: shedding

    def _shed_hopeless(self, request: Request[GatewayTicket], now: float) -> bool:
        """Give up those of a request that is next for whom its answer comes too late; tell whether there were any."""
        hopeless = [ticket for ticket in request.entries if self._too_late(ticket, now)]
        for ticket in hopeless:
            self._shed_one(ticket, now)
        return bool(hopeless)

    def _cannot_be_in_time(self, ticket: GatewayTicket, request: Request[GatewayTicket], now: float) -> bool:
        """Tell whether a new question waits in vain, even if nothing comes that goes before it."""
        # What begins at once is not judged: while nothing runs, the estimate may be wrong.
        if not self._running and self.queue.only_one_waits:
            return False
        # For one that only shares an answer nothing extra is done.
        if request.started is not None or len(request.entries) > 1:
            return False
        if not self._shed or ticket.deadline == math.inf or not self.times.of(kind_of(ticket.question)):
            return False
        ahead = self.queue.ahead_of(request)
        free = max(0, self.queue.slots - len(self._running))
        own = self.times.of(kind_of(ticket.question))
        wait = wait_for_slot(ahead, free, [self._remaining(one, now) for one in self._running], own)
        return (wait > 0.0 or bool(self._running)) and self._too_late(ticket, now, wait)

    def _remaining(self, request: Request[GatewayTicket], now: float) -> float:
        assert request.started is not None
        return max(0.0, self.times.of(kind_of(request.question)) - (now - request.started))

    def _too_late(self, ticket: GatewayTicket, now: float, wait: float = 0.0) -> bool:
        # While nothing runs, whatever is next is asked, however long that may take: the estimate may be wrong.
        if not self._shed or ticket.question.patient or not (self._running or wait):
            return False
        takes = self.times.of(kind_of(ticket.question))
        return takes > 0.0 and now + wait + takes > ticket.deadline

    def _shed_one(self, ticket: GatewayTicket, now: float, *, at_hand: bool = False) -> None:
        self.queue.remove(ticket)
        takes = self.times.of(kind_of(ticket.question))
        left = ticket.deadline - now
        message = (
            f"an answer takes {takes:.2f} s, and there are questions before it: too long for the {left:.2f} s left"
        )
        self._owner.settle(ticket, NoAnswer(reason="shed", message=message), at_hand=at_hand)
