"""Where all agents' questions go: takes them in, and tells what becomes of each."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from brains.clock import Clock, WallClock
from brains.errors import ConfigError
from brains.questions import ChatModel, Decision, Latency, ModelInfo, NoAnswer, Outcome, Question, Way

from .asking import Attempt
from .budget import Budgets
from .cache import AnswerCache
from .dispatch import Dispatcher
from .keeper import Breaker, State, backoff
from .queue import Identity, Request, identity_of
from .reloads import ReloadWatch, reload_of
from .servers import ServerPool
from .stats import GatewayStats
from .tickets import GatewayTicket, Listener, tell
from .watching import Exchange, Watcher

__all__ = ["Gateway", "GatewayStats"]

logger = logging.getLogger("brains.gateway")

NEVER_ASKED = frozenset({"superseded", "queue_full", "shed", "deadline"})
"""Reasons of questions that the model never saw."""
GIVEN_UP = frozenset({"cancelled", "superseded"})
"""Reasons that the asker knows already, because it is the cause."""


class Gateway:
    """Asks one model the questions of all agents; an `Asker`. For the event loop's thread only.

    Args:
        model: the model. It belongs to the gateway, which starts and closes it.
        max_queue: so many requests may wait; then the least important one is answered `queue_full`.
        in_flight: so many requests run at the same time on each server; None for as many as it has slots.
        way: how questions are put; None for what suits the model.
        request_timeout: seconds after which a running request is given up, and answered `timeout`.
        clock: tells latencies and deadlines.
        on_answer: see `subscribe`.
        pauses: makes the pauses between attempts to bring back a server that went away.
        close_within: seconds that `close` takes at most.
        replicas: the same model on other servers. Each request goes to the one that has the least to do; one that dies
            loses nothing, since what it was asked is asked of another one, once.
        shed: give up at once, as `shed`, what cannot be answered before its deadline.
        cache_size: so many answers are kept for those who ask the same later; 0: none.
        cache_ttl: seconds for which an answer is kept.
        questions_per_minute: that each agent may ask; more are answered `budget`. 0: any number.
        tokens_per_minute: that the answers to each agent may take, prompts and all. 0: any number.
        name: what the configuration calls this model, for those who watch.
        watchers: hear of all that happens.
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
        replicas: Sequence[ChatModel] = (),
        shed: bool = True,
        cache_size: int = 0,
        cache_ttl: float = 10.0,
        questions_per_minute: float = 0,
        tokens_per_minute: float = 0,
        name: str = "",
        watchers: Iterable[Watcher] = (),
    ) -> None:
        if max_queue < 1:
            raise ConfigError(f"max_queue must be 1 or more, not {max_queue}")
        if in_flight is not None and in_flight < 1:
            raise ConfigError(f"in_flight must be 1 or more, or None for the model's own, not {in_flight}")
        self.model = model
        self.name = name
        self.stats = GatewayStats()
        self.watchers = list(watchers)
        self._close_within = close_within
        self._clock: Clock = WallClock() if clock is None else clock
        self._pool = ServerPool(
            (model, *replicas),
            clock=self._clock,
            on_change=self._state_changed,
            pauses=pauses,
            in_flight=in_flight,
        )
        self._dispatcher = Dispatcher(
            self,
            self._pool,
            self.stats,
            max_queue=max_queue,
            clock=self._clock,
            way=way,
            timeout=request_timeout,
            shed=shed,
        )
        self._cache = AnswerCache(cache_size, cache_ttl)
        self._budgets = Budgets(questions=questions_per_minute, tokens=tokens_per_minute)
        self._reloads = ReloadWatch()
        self._open: dict[str, dict[int, GatewayTicket]] = {}
        self._subscribers: list[Listener] = [] if on_answer is None else [on_answer]
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed: asyncio.Event | None = None

    # The model

    @property
    def state(self) -> State:
        """Whether the model can be asked: `cold`, `warming`, `ready` or `away`; of several servers the best."""
        return self._pool.state

    @property
    def info(self) -> ModelInfo | None:
        """What is known of the model; None until it has been ready once."""
        return self._pool.info

    @property
    def problem(self) -> str:
        """Why the model is away; empty when it is not."""
        return self._pool.problem

    @property
    def breakers(self) -> tuple[Breaker, ...]:
        """The state of each server's circuit breaker."""
        return tuple(server.keeper.breaker for server in self._pool.servers)

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return self._dispatcher.queue.backlog

    @property
    def in_flight(self) -> int:
        """How many requests run."""
        return self._dispatcher.in_flight

    async def start(self) -> ModelInfo:
        """Load the model, which may take minutes, and return what it can do: when the first server has it.

        Raises:
            ModelError: the model cannot be had; the message says what to do about it.
        """
        if self._closed is not None:
            raise RuntimeError("the gateway is closed")
        self._loop = asyncio.get_running_loop()
        return await self._pool.start()

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
            for session in list(self._open):
                self.close_session(session)
            ending: list[asyncio.Task[object]] = [
                *self._dispatcher.stop(),
                *self._pool.stop(),
                *self._reloads.stop(),
            ]
            # A request that does not heed its cancelling may end with its model: so half the time for each.
            await _ended(ending, self._close_within / 2)
            await asyncio.gather(*(self._close_model(server.model, give_up_at) for server in self._pool.servers))
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

        While the model is not ready, the ticket says so already, unless the question is patient. So it does for an
        agent that has used up its budget, and for what cannot be answered in time.
        """
        # First, because a schema that is no JSON ends here, and nothing may have changed then.
        identity = identity_of(question)
        now = self._clock.now()
        refusal = self._refusal()
        if refusal is not None and not (question.patient and self.state == "warming"):
            return self.refuse(question, refusal)
        kept = self._kept(question, identity, now)
        if kept is not None:
            ticket = self._register(question, now)
            # Not before the tick is over that asks, like any other answer.
            asyncio.get_running_loop().call_soon(self._hand_over, ticket, kept)
            return ticket
        agent = (question.session, question.agent)
        used_up = self._budgets.refusal(agent, now)
        if used_up:
            return self.refuse(question, NoAnswer(reason="budget", message=used_up))
        self._budgets.asked(agent, now)
        # Those that nobody waits for any more must not cost anybody else the place in a full queue.
        self._dispatcher.expire(now)
        ticket = self._register(question, now)
        self._dispatcher.add(ticket, identity, now)
        return ticket

    def refuse(self, question: Question, refusal: NoAnswer) -> GatewayTicket:
        """Return a ticket for a question that is answered so at once."""
        ticket = self._register(question, self._clock.now())
        self.settle(ticket, refusal, at_hand=True)
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

    # Inside: what the dispatcher tells

    def settle(self, ticket: GatewayTicket, outcome: Outcome, *, at_hand: bool = False) -> None:
        """Give a ticket that is not in the queue any more its outcome; `at_hand`: `ask` returns it with that."""
        ticket.settle(outcome)
        of_session = self._open[ticket.question.session]
        del of_session[ticket.number]
        if not of_session:
            del self._open[ticket.question.session]
        self._count(ticket, outcome)
        # Later, because this may be inside somebody's tick, which is to hear of nothing but its own snapshot.
        # Before `start` there is no loop, and nobody yet who could listen.
        if self._loop is not None:
            self._loop.call_soon(self._announce, ticket, at_hand)

    def grown(self, ticket: GatewayTicket) -> None:
        """Say that there is more of a free-text answer."""
        self._announce(ticket)

    def ended(self, request: Request[GatewayTicket], done: Attempt, *, retried: bool) -> None:
        """Draw all conclusions from a request that has ended, but for its tickets."""
        reply, question = done.reply, request.question
        reload = reload_of(done.server.model, reply)
        if reload is not None:
            self.stats.reloads += 1
            self._reloads.saw(done.server.model, done.info, question, *reload)
        if reply is not None:
            now = self._clock.now()
            # A request that several share is paid by whom it was made for.
            self._budgets.used((question.session, question.agent), reply.prompt_tokens + reply.output_tokens, now)
            if isinstance(done.outcome, Decision):
                self._cache.put(done.outcome, question, request.identity, now)
        if self.watchers:
            self._tell_watchers(request, done, retried=retried, reloaded=reload is not None)

    def answered(self, request: Request[GatewayTicket], ticket: GatewayTicket, outcome: Outcome, shared: bool) -> None:
        """Give one of those that waited for a request its outcome."""
        if isinstance(outcome, Decision):
            assert request.started is not None
            now = self._clock.now()
            queued = max(0.0, request.started - ticket.asked)
            latency = msgspec.structs.replace(
                outcome.latency, total=now - ticket.asked, queue=queued + outcome.latency.queue
            )
            outcome = _own(outcome, ticket, latency, shared=shared)
        self.settle(ticket, outcome)

    # Inside

    def _refusal(self) -> NoAnswer | None:
        if self._closed is not None:
            return NoAnswer(reason="unavailable", message="the gateway is closed")
        state = self.state
        if state == "away":
            return NoAnswer(reason="unavailable", message=self.problem)
        if state != "ready":
            return NoAnswer(reason="warming_up", message=f"{self.model.name} is still loading")
        return None

    def _kept(self, question: Question, identity: Identity, now: float) -> Decision | None:
        info = self._pool.info
        return None if info is None else self._cache.get(info.digest, question, identity, now)

    def _hand_over(self, ticket: GatewayTicket, kept: Decision) -> None:
        if ticket.outcome is None:
            latency = Latency(total=self._clock.now() - ticket.asked)
            ticket.kept = True
            self.settle(ticket, _own(kept, ticket, latency, shared=True))

    def _register(self, question: Question, now: float) -> GatewayTicket:
        ticket = GatewayTicket(question, number=self.stats.asked, asked=now, give_up=self._give_up)
        self.stats.asked += 1
        self._open.setdefault(question.session, {})[ticket.number] = ticket
        for watcher in self.watchers:
            watcher.asked(question, self.name)
        return ticket

    def _count(self, ticket: GatewayTicket, outcome: Outcome) -> None:
        now = self._clock.now()
        question = ticket.question
        if isinstance(outcome, Decision):
            self.stats.answered += 1
            self.stats.shared += outcome.shared
            self.stats.kept += ticket.kept
        elif outcome.reason == "superseded":
            self.stats.superseded += 1
        elif outcome.reason == "cancelled":
            self.stats.cancelled += 1
        else:
            self.stats.failed[outcome.reason] += 1
        if isinstance(outcome, NoAnswer) and outcome.reason in NEVER_ASKED:
            self._budgets.not_asked((question.session, question.agent), now)
        for watcher in self.watchers:
            watcher.ended(question, outcome, self.name, now - ticket.asked, ticket.kept)

    def _announce(self, ticket: GatewayTicket, at_hand: bool = False) -> None:
        ticket.notify()
        # Woken by a refusal, an agent would only ask again and be refused again, as fast as the game can tick.
        if at_hand:
            return
        if isinstance(ticket.outcome, NoAnswer) and ticket.outcome.reason in GIVEN_UP:
            return
        for subscriber in tuple(self._subscribers):
            tell(subscriber, ticket)

    def _give_up(self, ticket: GatewayTicket, late: bool) -> None:
        """Cancel an open ticket."""
        if ticket.request is not None:
            self._dispatcher.remove(ticket, late=late)
        self.settle(ticket, NoAnswer(reason="cancelled"))

    def _state_changed(self) -> None:
        if self.state == "ready":
            self._dispatcher.soon()
            return
        refusal = self._refusal()
        if refusal is not None and self.state != "warming":
            self._dispatcher.refuse_all(refusal)

    def _tell_watchers(self, request: Request[GatewayTicket], done: Attempt, *, retried: bool, reloaded: bool) -> None:
        exchange = Exchange(
            question=request.question,
            model=self.name,
            info=done.info,
            url=done.server.url,
            outcome=NoAnswer(reason="cancelled") if done.outcome is None else done.outcome,
            request=done.request,
            reply=done.reply,
            seconds=done.seconds,
            cancelled=done.outcome is None,
            retried=retried,
            reloaded=reloaded,
        )
        for watcher in self.watchers:
            watcher.exchanged(exchange)

    async def _close_model(self, model: ChatModel, give_up_at: float) -> None:
        try:
            async with asyncio.timeout_at(give_up_at):
                await model.close()
        except TimeoutError:
            logger.error("%s does not close", model.name)
        except Exception:
            logger.exception("%s failed to close", model.name)


def _own(decision: Decision, ticket: GatewayTicket, latency: Latency, *, shared: bool) -> Decision:
    """Return the decision as this ticket's asker experienced it."""
    return msgspec.structs.replace(decision, latency=latency, shared=shared, tick_asked=ticket.question.tick)


async def _ended(tasks: Iterable[asyncio.Task[object]], seconds: float) -> None:
    """Wait until tasks have ended, but no longer than that; whatever they end with is somebody else's."""
    pending = [task for task in tasks if not task.done()]
    if pending:
        await asyncio.wait(pending, timeout=max(0.0, seconds))
