"""No agent starves: priorities decide who goes first, and never who goes at all."""

from __future__ import annotations

import random
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from brains.gateway import QuestionQueue, Request
from brains.gateway.queue import Entry
from brains.gateway.turns import OUT_OF_TURN, REMEMBERED
from tests.test_gateway import FakeModel, idle, question, reason, running

SHARE = OUT_OF_TURN + 1


def ask(queue: QuestionQueue[Entry], number: int, about: str, **more: object) -> Entry:
    entry = Entry(question(about, **more), number=number, asked=0.0)  # type: ignore[arg-type]
    assert queue.add(entry) == []
    return entry


async def test_a_greedy_agent_that_asks_at_high_priority_in_every_tick_starves_nobody() -> None:
    """Table B 6: fair scheduling. Without turns the others would get nothing until their deadlines."""
    model = FakeModel()
    served: Counter[str] = Counter()
    async with running(model) as gateway:
        meek = {agent: gateway.ask(question(agent, agent=agent, priority=-1)) for agent in ("m1", "m2", "m3")}
        for tick in range(30):
            for leaf in ("fight", "flee"):
                gateway.ask(question(f"greedy-{leaf}-{tick}", agent="greedy", leaf=leaf, priority=100))
            for agent, ticket in meek.items():
                if ticket.outcome is not None:
                    meek[agent] = gateway.ask(question(f"{agent}-{tick}", agent=agent, priority=-1))
            await idle()
            served[model.working[0].about.split("-")[0]] += 1
            model.working[0].answer()
            await idle()
    assert {reason(ticket) for ticket in meek.values()} <= {"cancelled", "danger"}
    assert served == {"greedy": 21, "m1": 3, "m2": 3, "m3": 3}


async def test_priority_still_decides_among_those_that_have_not_been_served() -> None:
    model = FakeModel()
    async with running(model) as gateway:
        for place in range(9):
            gateway.ask(question(f"{place}", agent=f"a{place}", priority=place))
        for _ in range(9):
            await idle()
            model.working[0].answer()
        await idle()
        assert [call.about for call in model.calls] == [f"{place}" for place in reversed(range(9))]


def test_a_small_session_gets_its_share_beside_a_large_one() -> None:
    queue: QuestionQueue[Entry] = QuestionQueue(1000, slots=1)
    number = 0
    for agent in range(40):
        ask(queue, number := number + 1, f"big-{agent}", session="big", agent=f"{agent}", priority=9)
    served: Counter[str] = Counter()
    small = ask(queue, number := number + 1, "small-0", session="small", agent="x")
    for start in range(60):
        request = queue.take(0.0)
        assert request is not None
        served[request.question.session] += 1
        queue.finish(request)
        # Whoever is served asks anew at once.
        fresh = request.question
        ask(
            queue,
            number := number + 1,
            f"{fresh.session}-again-{start}",
            session=fresh.session,
            agent=fresh.agent,
            priority=fresh.priority,
        )
    assert small.request is None
    # Whoever is served begins to wait anew, and each other session may then go once before that counts.
    assert served["small"] == 60 // (SHARE + 1)


@settings(deadline=None, max_examples=60)
@given(
    agents=st.lists(
        st.tuples(st.sampled_from(["s1", "s2"]), st.integers(1, 3), st.integers(-3, 3), st.sampled_from([None, 1.0])),
        min_size=2,
        max_size=8,
    ),
    slots=st.integers(1, 3),
    seed=st.integers(0, 99),
)
def test_no_agent_waits_longer_than_its_turn(
    agents: list[tuple[str, int, int, float | None]], slots: int, seed: int
) -> None:
    """Each agent has up to three leaves that ask again as soon as they are served, each at the agent's own priority."""
    queue: QuestionQueue[Entry] = QuestionQueue(1000, slots=slots)
    number = 0
    waits: dict[tuple[int, int], int] = {}
    running: list[Request[Entry]] = []
    rng = random.Random(seed)
    # An agent's turn comes after one of each other agent, a session's after one of each other session, a leaf's after
    # one of each other leaf; before each turn OUT_OF_TURN others go, and each agent once for nothing.
    sessions = len({session for session, _, _, _ in agents})
    bound = sessions * SHARE * 3 * len(agents) + len(agents)
    for start in range(2 * bound):
        for agent, (session, leaves, priority, timeout) in enumerate(agents):
            for leaf in range(leaves):
                if (agent, leaf) not in waits:
                    waits[agent, leaf] = start
                    more = {"session": session, "agent": f"{agent}", "leaf": f"{leaf}"}
                    ask(queue, number, f"{number}", priority=priority, timeout=timeout, **more)
                    number += 1
        while (request := queue.take(0.0)) is not None:
            running.append(request)
            asked = request.question
            del waits[int(asked.agent), int(asked.leaf)]
        assert all(start - since <= bound for since in waits.values())
        queue.finish(running.pop(rng.randrange(len(running))))


def test_who_was_served_long_ago_is_forgotten() -> None:
    queue: QuestionQueue[Entry] = QuestionQueue(10)
    for number in range(3 * REMEMBERED):
        ask(queue, number, f"{number}")
        request = queue.take(0.0)
        assert request is not None
        queue.finish(request)
    assert len(queue._turns._last_of_agent) <= REMEMBERED
