"""What tests of sessions and servers need: agents that do as told, a gateway without a model, and frames."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import msgspec

from brains.actions import GameAction
from brains.errors import ActionError, TreeError
from brains.questions import NoAnswer, Outcome, Question, Ticket
from brains.session import GameSession
from brains.snapshot import AgentSnapshot, Order, TickReport
from brains.testing import FakeTicket

Json = dict[str, Any]


class Walk(GameAction):
    to: str = "here"


class Wave(GameAction):
    pass


class FakeAgent:
    """Does in its ticks what a test put into `todo`, one thing per tick; records what it is given."""

    def __init__(self, name: str, brain: str, number: Callable[[], int]) -> None:
        self.id = name
        self.brain = brain
        self.number = number
        self.seen: list[AgentSnapshot] = []
        self.todo: list[Json | BaseException] = []
        self.running: dict[str, Order] = {}
        self.closed = False
        self.actions: dict[str, type[GameAction]] = {"Walk": Walk}

    def tick(self, snapshot: AgentSnapshot) -> TickReport:
        self.seen.append(snapshot)
        for result in snapshot.results:
            if result.status != "running":
                self.running.pop(result.id, None)
        plan = self.todo.pop(0) if self.todo else {}
        if isinstance(plan, BaseException):
            raise plan
        for order_id in plan.get("cancels", ()):
            self.running.pop(order_id, None)
        order = plan.get("order")
        if isinstance(order, GameAction):
            order = Order(id=f"{self.id}#{self.number()}", action=order)
        if order is not None:
            self.running[order.id] = order
        return TickReport(
            agent=self.id,
            brain=self.brain,
            tick=len(self.seen),
            time=snapshot.time,
            snapshot=snapshot,
            status="RUNNING",
            running=(),
            order=order,
            cancels=tuple(plan.get("cancels", ())),
            faults=tuple(plan.get("faults", ())),
            speech=tuple(plan.get("speech", ())),
        )

    def resume(self) -> tuple[Order, ...]:
        return tuple(self.running.values())

    def close(self) -> tuple[str, ...]:
        self.closed = True
        return tuple(self.running)


class FakeBrains:
    """Offers `guard` and `merchant`; makes fake agents and keeps them by id. All of them may choose to walk."""

    def __init__(self) -> None:
        self.agents: dict[str, FakeAgent] = {}
        self.made: list[FakeAgent] = []
        self.broken: BaseException | None = None
        self.explode = False
        self.sessions: list[str] = []

    def names(self) -> list[str]:
        if self.explode:
            raise AssertionError("a bug")
        return ["guard", "merchant"]

    def get(self, name: str) -> str:
        if name not in ("guard", "merchant"):
            raise TreeError(f"there is no brain called {name!r}; did you mean 'guard'?")
        return name

    def make(
        self, name: str, brain: str, /, *, declared: frozenset[str], session: str, number: Callable[[], int]
    ) -> FakeAgent:
        if self.broken is not None:
            raise self.broken
        self.sessions.append(session)
        if "Walk" not in declared:
            raise ActionError(f"{brain} may choose 'Walk', which {name} does not declare", action="Walk")
        agent = FakeAgent(name, brain, number)
        self.made.append(agent)
        self.agents.setdefault(name, agent)
        if self.agents[name].closed:
            self.agents[name] = agent
        return agent


class FakeGateway:
    """Takes questions; a test answers them."""

    def __init__(self) -> None:
        self.tickets: list[FakeTicket] = []
        self.at_once: Outcome | None = None
        self.closed_sessions: list[str] = []
        self.asked = asyncio.Event()
        self.closed = asyncio.Event()
        self._listeners: list[Callable[[Ticket], None]] = []

    def ask(self, question: Question) -> FakeTicket:
        ticket = FakeTicket(question)
        ticket.outcome = self.at_once
        self.tickets.append(ticket)
        self.asked.set()
        return ticket

    def subscribe(self, listener: Callable[[Ticket], None]) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def close_session(self, session: str) -> None:
        self.closed_sessions.append(session)
        self.closed.set()
        for ticket in self.tickets:
            if ticket.question.session == session and ticket.outcome is None:
                ticket.cancel()
                ticket.outcome = NoAnswer(reason="cancelled")

    def answer(self, ticket: FakeTicket, outcome: Outcome) -> None:
        ticket.outcome = outcome
        for listener in list(self._listeners):
            listener(ticket)


def frame(kind: str, **fields: Any) -> str:
    if kind == "snapshot":
        fields.setdefault("time_ms", 0.0)
    return msgspec.json.encode({"type": kind, **fields}).decode()


def hello(**fields: Any) -> str:
    return frame("hello", **{"protocol": 1, **fields})


def entry(name: str, brain: str = "guard", actions: tuple[str, ...] = ("Walk", "Wave")) -> Json:
    return {"id": name, "brain": brain, "actions": [{"name": action} for action in actions]}


def agents(*names: str, epoch: int = 0, remove: tuple[str, ...] = ()) -> str:
    return frame("agents", epoch=epoch, add=[entry(name) for name in names], remove=list(remove))


def snapshot(seq: int, *names: str, **fields: Any) -> str:
    return frame("snapshot", **{"seq": seq, "agents": {name: {"me": {"seq": seq}} for name in names}, **fields})


def result(agent: str, order: str, status: str = "success") -> Json:
    return {"agent": agent, "id": order, "status": status}


def messages(session: GameSession) -> list[Json]:
    """Return what the session sends, decoded."""
    return [cast(Json, msgspec.json.decode(one)) for one in session.outgoing()]


def of_type(kind: str, sent: list[Json]) -> list[Json]:
    return [message for message in sent if message["type"] == kind]
