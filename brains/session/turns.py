"""One agent's turn in a tick of its session: what it is given, and what becomes of what it brings."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from brains.messages import NO_ME, AgentPart, Say, SnapshotMessage
from brains.session.logged import summary_of, trace
from brains.session.mail import Mail
from brains.session.orders import Orders
from brains.session.outbox import Outbox
from brains.session.roster import Member, Roster
from brains.snapshot import AgentSnapshot, Order, OrderResult, TickReport

__all__ = ["TurnGate", "Turns"]

log = logging.getLogger("brains.session")


class TurnGate(Protocol):
    """Takes the turns of agents that are debugged; `brains.debugger.Debugger` is one."""

    def debugged(self, session: str, seconds: float, /) -> Mapping[str, object] | None:
        """Return the agents of a session whose turns it takes in a tick at this game time; None: none of them."""
        ...

    def turn(
        self, session: str, agent: str, take: Callable[[], AgentSnapshot], seq: int, seconds: float, /
    ) -> TickReport | None:
        """Take an agent's turn. Return what it brought; None: it stands still, and is busy.

        `take` makes the snapshot and empties the agent's mail. It is called when a tick begins, which may be after this
        turn: then what the tick brings comes by `GameSession.deliver`.
        """
        ...

    def joined(self, agent: Any, /) -> None:
        """Hear of a new agent."""
        ...

    def left(self, agent: Any, /) -> None:
        """Hear of an agent that is gone."""
        ...


class Turns:
    """Ticks agents of one session; whatever one of them does, the others get their turn.

    Nothing in a tick is asynchronous, so an agent that raises even a SystemExit or a CancelledError has just failed.
    """

    def __init__(
        self,
        session: str,
        roster: Roster,
        mail: Mail,
        orders: Orders,
        outbox: Outbox,
        observer: Callable[[TickReport], None] | None,
        gate: TurnGate | None = None,
    ) -> None:
        self.busy: list[str] = []
        """Agents that were to be ticked last and stand still."""
        self._session = session
        self._gate = gate
        self._roster = roster
        self._mail = mail
        self._orders = orders
        self._outbox = outbox
        self._observer = observer

    def run(self, snapshot: SnapshotMessage, parts: dict[str, AgentPart]) -> list[TickReport]:
        """Tick the agents that `parts` names on `snapshot`; their orders are then in the order book."""
        self._mail.ticked()
        debugged = None if self._gate is None else self._gate.debugged(self._session, snapshot.time_ms / 1000)
        self.busy = []
        reports = []
        for agent, part in parts.items():
            member = self._roster.get(agent)
            if member is None:
                continue
            if debugged is not None and agent in debugged:
                report = self._debugged_turn(agent, member, part, snapshot)
            else:
                report = self._turn(agent, member, part, snapshot)
            if report is not None:
                reports.append(report)
        return reports

    def resume(self, agent: str) -> None:
        """Name an agent's running orders to the game again, with the same ids."""
        member = self._roster.get(agent)
        if member is None:
            return
        try:
            for order in member.agent.resume():
                # How it ended may be known here, and wait for the agent's next tick.
                if not self._mail.has_ended(agent, order.id):
                    self._orders.add(agent, order)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self._fault(agent, member, error)

    def reject(self, agent: str, order_id: str, code: str, text: str) -> None:
        """Tell an agent that its order did not leave; the game hears of each such problem once."""
        self._mail.add_order_result(agent, OrderResult(order_id, "rejected", code, text))
        member = self._roster.get(agent)
        if member is not None and text not in member.complaints:
            member.complaints.add(text)
            self._outbox.error(code, text, {"type": "actions", "agent": agent, "id": order_id})

    def _complain_once(self, agent: str, member: Member, code: str, text: str, *, hint: str) -> None:
        if text not in member.complaints:
            member.complaints.add(text)
            self._outbox.error(code, text, {"type": "snapshot", "agent": agent}, hint=hint)

    def speak(self, report: TickReport) -> None:
        """Queue what a turn brought besides its order: speech, and faults that are new."""
        for line, text, done in report.speech:
            self._outbox.put(Say(agent=report.agent, id=line, text=text, done=done))
        for fault in report.faults:
            if fault.first:
                self._complain(report.agent, f"{fault.leaf}: {fault.error}")

    def _turn(self, agent: str, member: Member, part: AgentPart, snapshot: SnapshotMessage) -> TickReport | None:
        given = self._given(agent, member, part, snapshot)
        try:
            report = member.agent.tick(given)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self._fault(agent, member, error)
            return None
        self._take(agent, member, report)
        return report

    def _debugged_turn(
        self, agent: str, member: Member, part: AgentPart, snapshot: SnapshotMessage
    ) -> TickReport | None:
        assert self._gate is not None

        def take() -> AgentSnapshot:
            return self._given(agent, member, part, snapshot)

        try:
            report = self._gate.turn(self._session, agent, take, int(snapshot.seq), snapshot.time_ms / 1000)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self._fault(agent, member, error)
            return None
        if report is None:
            self.busy.append(agent)
            return None
        self._take(agent, member, report)
        return report

    def deliver(self, agent: str, report: TickReport) -> None:
        """Take what a tick brought that ended outside of the agent's turn."""
        member = self._roster.get(agent)
        if member is not None:
            self._take(agent, member, report)
            self.speak(report)

    def _given(self, agent: str, member: Member, part: AgentPart, snapshot: SnapshotMessage) -> AgentSnapshot:
        """Return what an agent is to be ticked on, with its mail."""
        events, results = self._mail.take(agent)
        if part.me is NO_ME:
            self._complain_once(
                agent,
                member,
                "bad_field",
                f"the part of {agent!r} in a snapshot has no `me`, so it perceives nothing",
                hint='what an agent perceives belongs into it: "agents": {"guard_1": {"me": {...}}}',
            )
        return AgentSnapshot(
            seq=int(snapshot.seq),
            time=snapshot.time_ms / 1000,
            me=part.me,
            world=snapshot.world,
            events=events,
            results=results,
            available=None if part.available is None else frozenset(part.available),
        )

    def _take(self, agent: str, member: Member, report: TickReport) -> None:
        for order_id in report.cancels:
            self._orders.cancel(agent, order_id)
        if report.order is not None:
            self._order(agent, member, report.order, report.snapshot.available)
        self._observe(report)

    def _order(self, agent: str, member: Member, order: Order, available: frozenset[str] | None) -> None:
        """Pass an order on unless the game could not carry it out: then its agent is told so."""
        name = type(order.action).__name__
        if name not in member.declared:
            self.reject(agent, order.id, "unknown_action", f"the game did not declare {name!r} for {agent!r}")
        elif available is not None and name not in available:
            self.reject(agent, order.id, "action_not_available", f"{name!r} is not available to {agent!r}")
        else:
            try:
                self._orders.add(agent, order)
            except TypeError as error:
                self.reject(agent, order.id, "bad_params", f"{name}: {error}")

    def _observe(self, report: TickReport) -> None:
        if self._observer is None:
            return
        try:
            self._observer(report)
        except Exception:
            log.error("the observer of ticks failed and is off:\n%s", trace())
            self._observer = None

    def _fault(self, agent: str, member: Member, error: BaseException) -> None:
        """Report the exception at hand, once per agent."""
        if member.faulty:
            return
        member.faulty = True
        log.error("agent %r:\n%s", agent, trace())
        self._complain(agent, summary_of(error))

    def _complain(self, agent: str, text: str) -> None:
        self._outbox.error("agent_fault", text, {"agent": agent}, hint="see the server's log")
