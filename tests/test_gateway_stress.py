"""Hundreds of agents, servers that die, agents that leave, and a clock that jumps: nothing is lost or counted twice."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import Counter

import pytest

from brains.errors import MalformedAnswer, ModelBusy, ModelUnavailable
from brains.gateway import Gateway, GatewayTicket, Metrics
from brains.questions import NoAnswer
from brains.testing import ManualClock
from tests.test_gateway import FakeModel, idle, question

AGENTS = 300
MAX_QUEUE = 40
FAULTS = (ModelUnavailable, ModelBusy, MalformedAnswer, RuntimeError)


class Storm:
    """One run; all that happens is drawn from the seed."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.clock = ManualClock()
        self.models = [FakeModel(slots=slots) for slots in (2, 3, 1)]
        self.metrics = Metrics()
        self.tickets: list[GatewayTicket] = []
        self.ends: Counter[int] = Counter()
        self.gateway = Gateway(
            self.models[0],
            replicas=self.models[1:],
            clock=self.clock,
            pauses=lambda: itertools.repeat(0.0),
            max_queue=MAX_QUEUE,
            cache_size=50,
            cache_ttl=3.0,
            questions_per_minute=8,
            tokens_per_minute=20_000,
            watchers=[self.metrics],
        )

    def ask(self) -> None:
        rng = self.rng
        ticket = self.gateway.ask(
            question(
                f"{rng.randrange(400)}",
                agent=f"{rng.randrange(AGENTS)}",
                leaf=rng.choice(["fight", "talk"]),
                session=rng.choice(["game", "game", "game", "other"]),
                labels=("danger", "safe") if rng.random() < 0.9 else (),
                priority=rng.choice([0, 0, 0, 5, -1]),
                timeout=rng.choice([None, 0.5, 2.0, 5.0]),
                patient=rng.random() < 0.02,
            )
        )
        ticket.add_listener(self.ended)
        self.tickets.append(ticket)

    def ended(self, ticket: GatewayTicket) -> None:
        if ticket.outcome is not None:
            self.ends[ticket.number] += 1

    def answer(self, model: FakeModel) -> None:
        for call in list(model.working):
            if call.end.done() or self.rng.random() < 0.3:
                continue
            if self.rng.random() < 0.1:
                call.fail(self.rng.choice(FAULTS)("failed"))
            else:
                if call.on_text is not None:
                    call.say("Halt!")
                call.answer(self.rng.choice(["danger", "safe", "banana"]), prompt_tokens=40, output_tokens=1)

    def die(self, model: FakeModel) -> None:
        model.start_errors = [ModelUnavailable("down")] * self.rng.randrange(4)
        for call in list(model.working):
            if not call.end.done():
                call.fail(ModelUnavailable("died"))

    def step(self) -> None:
        for _ in range(self.rng.randrange(30)):
            self.ask()
        for model in self.models:
            self.answer(model)
            if self.rng.random() < 0.02:
                self.die(model)
        for ticket in self.rng.sample(self.tickets[-100:], min(5, len(self.tickets))):
            ticket.cancel()
        if self.rng.random() < 0.02:
            self.gateway.close_session("other")
        self.clock.advance(self.rng.choice([0.0, 0.05, 0.1, 1.0]))

    def check(self) -> None:
        open_ones = [ticket for ticket in self.tickets if ticket.outcome is None]
        stats = self.gateway.stats
        ended = stats.answered + stats.superseded + stats.cancelled + stats.failed.total()
        assert stats.asked == len(self.tickets) == ended + len(open_ones)
        waiting = {id(one.request) for one in open_ones if one.request is not None and one.request.started is None}
        assert len(waiting) <= MAX_QUEUE + sum(model.info.slots for model in self.models)
        assert self.gateway.waiting <= MAX_QUEUE
        for model in self.models:
            assert len(model.working) <= model.info.slots


@pytest.mark.parametrize("seed", range(4))
async def test_every_ticket_ends_once_and_the_counts_add_up(seed: int) -> None:
    storm = Storm(seed)
    await storm.gateway.start()
    for _ in range(250):
        storm.step()
        await idle()
        storm.check()
    await storm.gateway.close()
    await idle()
    storm.check()
    assert all(ticket.outcome is not None for ticket in storm.tickets)
    assert set(storm.ends) == {ticket.number for ticket in storm.tickets}
    assert set(storm.ends.values()) == {1}
    assert all(model.most <= model.info.slots for model in storm.models)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    stats, found = storm.gateway.stats, storm.metrics.snapshot()
    (row,) = found["models"]
    assert row["asked"] == stats.asked == sum(leaf["asked"] for leaf in found["leaves"])
    assert row["answered"] == stats.answered
    assert row["failed"] == dict(sorted(stats.failed.items()))
    reasons = Counter(ticket.outcome.reason for ticket in storm.tickets if isinstance(ticket.outcome, NoAnswer))
    assert reasons == stats.failed + Counter(superseded=stats.superseded, cancelled=stats.cancelled)
    assert stats.retried > 0
    assert {"shed", "budget", "queue_full", "deadline"} & set(stats.failed), "the storm was one"
    print(f"seed {seed}: {len(storm.tickets)} questions, {stats}")
