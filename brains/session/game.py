"""The sans-IO core of protocol 1: the game's frames go into `receive`, ours come out of `outgoing`.

Nothing here waits. The owner of the socket calls `tick` when a snapshot is `due`, after it has read what
there was to read: of several snapshots only the newest is ticked on, and each is answered by one `actions`
message.

A session may outlive its connection: see `brains.session.parking`.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Any

from brains.errors import ProtocolError
from brains.messages import (
    ActionResult,
    Actions,
    AgentsAck,
    AgentsMessage,
    Bye,
    ErrorMessage,
    GameEvent,
    Hello,
    Ping,
    Pong,
    Rejection,
    SessionInfo,
    SnapshotMessage,
    Track,
    Wake,
    close_reason,
    decode,
)
from brains.session.complaints import Complaints
from brains.session.counts import SessionCounts
from brains.session.heads import head_of
from brains.session.hello import check_hello, fatal, same_secret, welcome
from brains.session.holds import Holds
from brains.session.insight import Insight
from brains.session.limits import SessionLimits
from brains.session.mail import Mail
from brains.session.orders import Orders
from brains.session.outbox import Outbox
from brains.session.parking import Parking
from brains.session.pending import Pending
from brains.session.roster import AgentFactory, BrainSource, Roster, SessionAgent
from brains.session.turns import TurnGate, Turns
from brains.snapshot import TickReport

__all__ = ["GameSession"]


class GameSession:
    """One game's side of the conversation.

    Args:
        brains: the brains on offer.
        factory: makes the agents.
        limits: what the game may ask for.
        token: what `hello` has to say, if anything.
        server: name and version, for people.
        observer: gets the report of every tick.
        gate: takes the turns of agents that are debugged.
        parking: keeps sessions whose connection was lost; without it, none is resumed.
        new_id: makes the session's id.
        new_secret: makes what a game has to say to come back.
        now: tells the time in seconds, for `server_ms`, and for how often losses are told.

    Attributes:
        id: names the session to the gateway.
        client: what the game said of itself.
        open: `hello` was accepted.
        closing: (code, reason) with which the connection is to be closed, once `outgoing` is sent.
        successor: the session that the connection goes on with, because `hello` asked to resume it.
        epoch: the game's scene, counted.
        is_away: its connection was lost, and it has not come back yet.
        counts: what came and what was sent.
    """

    def __init__(
        self,
        brains: BrainSource,
        factory: AgentFactory,
        *,
        limits: SessionLimits | None = None,
        token: str | None = None,
        server: tuple[str, str] = ("brains", "0"),
        observer: Callable[[TickReport], None] | None = None,
        gate: TurnGate | None = None,
        parking: Parking[GameSession] | None = None,
        new_id: Callable[[], str] = lambda: secrets.token_hex(8),
        new_secret: Callable[[], str] = lambda: secrets.token_urlsafe(24),
        now: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.id = new_id()
        self.client: dict[str, Any] = {}
        self.open = False
        self.closing: tuple[int, str] | None = None
        self.successor: GameSession | None = None
        self.epoch = 0
        self.is_away = False
        self.counts = SessionCounts()
        self._limits = limits or SessionLimits()
        self._token = token
        self._server = server
        self._parking = parking
        self._new_secret = new_secret
        self._secret = ""
        self._old_secret = ""
        self._now = now
        self._brains = brains
        self._roster = Roster(self.id, brains, factory, self._limits)
        self._mail = Mail(self._limits.max_events)
        self._orders = Orders(self._limits.ttl_ms, self.counts)
        self._outbox = Outbox()
        self._pending = Pending()
        self._gate = gate
        self._turns = Turns(self.id, self._roster, self._mail, self._orders, self._outbox, observer, gate)
        self._holds = Holds(self._outbox)
        self._ticking = False
        self._insight = Insight(self._outbox)
        self._complaints = Complaints(self.id, self._outbox, self._limits.max_events, now)
        self._variant, self._bad = False, 0
        self._wake: dict[str, None] = {}
        self._woken: set[str] = set()

    # Frames in

    def receive(self, frame: str | bytes) -> None:
        """Take one frame. Never raises: what is wrong is answered, and only a fatal error sets `closing`."""
        if self.closing is not None:
            return
        try:
            if len(frame) > self._limits.max_message_bytes:
                text = f"a message may have {self._limits.max_message_bytes} bytes, this one has more"
                raise fatal("limit_exceeded", text)
            message = decode(frame, variant=self._variant)
            if not isinstance(message, Hello | Ping | Pong):
                # Only whoever has read the welcome goes on like this, and so knows the new secret.
                self._old_secret = ""
            self._handle(message)
            self._bad = 0
        except ProtocolError as error:
            self._refuse(frame, error)

    def _handle(self, message: object) -> None:
        if not self.open and not isinstance(message, Hello | Ping | Pong | Bye | ErrorMessage):
            raise ProtocolError("bad_message", "the first message has to be a hello", hint="then wait for welcome")
        match message:
            case SnapshotMessage():
                self._snapshot(message)
            case ActionResult():
                self._results([message])
            case AgentsMessage():
                self._agents(message)
            case Hello():
                self._hello(message)
            case Ping() | Pong() | Track():
                self._aside(message)
            case ErrorMessage():
                self._complaints.note(message)
            case Bye():
                self.close("bye")
            case _:
                raise ProtocolError("unknown_type", "chat is for clients that say no hello")

    def _aside(self, message: Ping | Pong | Track) -> None:
        """Take a message that no agent's tick depends on."""
        if isinstance(message, Track):
            self._insight.track(message.agent)
        elif isinstance(message, Ping):
            self._outbox.put(Pong(t=message.t))

    def _refuse(self, frame: str | bytes, error: ProtocolError) -> None:
        """Answer a frame that cannot be used."""
        self._bad += 1
        if self._bad > self._limits.max_bad_frames and not error.fatal:
            error = fatal("flooded", f"{self._bad} messages in a row could not be used; the last: {error}")
        if error.fatal:
            self._fail(error)
            return
        head = head_of(frame)
        self._outbox.error(error.code, error.message, head, hint=error.hint)
        if self.open and head.get("type") == "snapshot" and "seq" in head:
            self.counts.snapshots += 1
            # It brought nothing, but without its answer the game would wait for ever.
            self._answer_empty(self._pending.void(head["seq"]))

    def _hello(self, hello: Hello) -> None:
        if self.open:
            raise ProtocolError("bad_message", "hello was said already")
        check_hello(hello, self._token)
        kept = None
        if self._parking is not None and hello.session is not None:
            kept = self._parking.claim(hello.session)
        if kept is None:
            self.open = True
            if self._parking is not None:
                self._parking.enter(self)
            self._welcome(hello, resumed=False)
        else:
            self.closing = 1000, "resumed another session"
            self.successor = kept
            kept.resume(hello)

    def _welcome(self, hello: Hello, *, resumed: bool) -> None:
        self._outbox.max_bytes = int(hello.limits.max_message_bytes)
        self.client = hello.client
        ttl_s = 0.0 if self._parking is None else self._parking.ttl_s
        self._secret = self._new_secret() if ttl_s else ""
        info = SessionInfo(id=self.id, resume=self._secret or None, resumed=resumed, ttl_s=ttl_s)
        self._outbox.put(welcome(hello, info, self._server, self._limits, self._brains.names()))
        self._variant = "variant" in hello.features
        self._insight.on = "insight" in hello.features
        self._insight.track("")

    def _agents(self, message: AgentsMessage) -> None:
        epoch = int(message.epoch)
        if epoch < self.epoch:
            text = f"epoch {epoch} is over, this is {self.epoch}"
            refused = [Rejection(id=entry.id, code="stale", message=text) for entry in message.add]
            self._complaints.refused(refused)
            self._outbox.error("stale", text, {"type": "agents"}, hint="epoch grows when the scene changes")
            self._outbox.put(AgentsAck(epoch=self.epoch, ok=[], rejected=refused))
            return
        if epoch > self.epoch:
            self._begin_epoch(epoch)
        for agent in message.remove:
            self._remove(agent)
        before = set(self._roster)
        ok, rejected = self._roster.add(message.add)
        self._complaints.refused(rejected)
        for agent in ok:
            self._complaints.known(agent)
            self._woken.discard(agent)
            if agent in before:
                self._turns.resume(agent)
                self._holds.again(agent)
            else:
                self._mail.open(agent)
        self._outbox.put(AgentsAck(epoch=self.epoch, ok=ok, rejected=rejected))
        self._welcome_agents([agent for agent in ok if agent not in before])

    def _begin_epoch(self, epoch: int) -> None:
        """Void what is of the old scene. Who stays keeps its orders, and the game hears of them again."""
        self.epoch = epoch
        self._answer_empty(self._pending.clear())
        for agent in self._roster:
            self._woken.discard(agent)
            self._turns.resume(agent)

    def _remove(self, agent: str) -> None:
        member = self._roster.get(agent)
        known = member is not None
        if member is not None and self._gate is not None:
            self._gate.left(member.agent)
        for order in self._roster.remove(agent):
            self._orders.cancel(agent, order)
        if known:
            self._holds.forget(agent)
            self._orders.forget(agent)
            self._mail.close(agent)
            self._insight.forget(agent)
            self._pending.drop(agent)
            self._wake.pop(agent, None)
            self._woken.discard(agent)

    # Snapshots

    def _snapshot(self, snapshot: SnapshotMessage) -> None:
        self.counts.snapshots += 1
        self.counts.events += len(snapshot.events)
        self._results(snapshot.results)
        self._complaints.never_sent(int(snapshot.events_dropped))
        seq, epoch = int(snapshot.seq), int(snapshot.epoch)
        if epoch != self.epoch:
            lost = f"; its {len(snapshot.events)} events were dropped" if snapshot.events else ""
            self._stale(seq, f"snapshot {seq} is of epoch {epoch}, this is {self.epoch}{lost}")
            return
        self._events(snapshot.events, seq)
        if seq <= self._pending.last_seq:
            self._stale(seq, f"snapshot {seq} came after {self._pending.last_seq}")
            return
        strangers = self._pending.put(snapshot, self._roster)
        for agent in snapshot.agents:
            self._wake.pop(agent, None)
            self._woken.discard(agent)
        self._complaints.strangers(strangers, "snapshot", seq)

    def _stale(self, seq: int, text: str) -> None:
        self._outbox.error("stale", text, {"type": "snapshot", "seq": seq})
        self._answer_empty(self._pending.void(seq))

    def _events(self, events: list[GameEvent], seq: int) -> None:
        known: list[GameEvent] = []
        for_strangers: list[GameEvent] = []
        for event in events:
            (known if not event.agent or event.agent in self._roster else for_strangers).append(event)
        self._complaints.events(self._mail.add_events(known), for_strangers, seq)

    def _results(self, results: list[ActionResult]) -> None:
        strangers, late = [], []
        for result in results:
            self.counts.add_result(result.status)
            final = result.status != "running"
            known = result.agent in self._roster
            action = self._orders.result(result.agent, result.id, final=final) if known else None
            if action is not None:
                self._mail.add_result(result)
                self._complaints.rejected(result, action)
            elif self._orders.stray(result.id, final=final):
                pass
            elif known:
                late.append(result.id)
            else:
                strangers.append(result.agent)
        self._complaints.strangers(strangers, "action_result", None)
        if late:
            shown = ", ".join(late[:5]) + (f" and {len(late) - 5} more" if len(late) > 5 else "")
            ref = {"type": "action_result", "id": late[0]}
            self._outbox.error("stale", f"no such action is running: {shown}", ref, hint="report an end once")

    @property
    def due(self) -> bool:
        """A snapshot waits for `tick`."""
        return self._pending.due and self.closing is None

    def tick(self) -> list[TickReport]:
        """Tick the agents of the newest snapshot and of those that it superseded; queue the answers."""
        due = self._pending.take()
        if due is None or self.closing is not None:
            return []
        started = self._now()
        self._ticking = True
        try:
            reports = self._turns.run(due.snapshot, due.parts)
        finally:
            self._ticking = False
        self._answer_empty(due.before)
        answer = self._actions(int(due.snapshot.seq))
        answer.busy = self._turns.busy
        answer.server_ms = round((self._now() - started) * 1000, 3)
        for agent, order in self._orders.send(answer, self._outbox):
            self._turns.reject(agent, order, "limit_exceeded", "longer than the game's max_message_bytes")
        self._answer_empty(due.after)
        for report in reports:
            self._turns.speak(report)
        self._holds.answered()
        watched = self._roster.get(self._insight.tracked)
        self._insight.tell(reports, None if watched is None else getattr(watched.agent, "root", None))
        return reports

    # A debugger

    @property
    def agents(self) -> list[SessionAgent]:
        """The agents, in the order in which they came."""
        return [member.agent for member in map(self._roster.get, self._roster) if member is not None]

    def hold(self, agent: str, reason: str = "") -> None:
        """Tell the game that an agent stands still, after what it has ordered before."""
        self._holds.hold(agent, reason, later=self._ticking or self._orders.has_news(agent))

    def release(self, agent: str) -> None:
        """Tell the game that an agent goes on; it is asked for its newest snapshot."""
        self._holds.release(agent)
        if not self._ticking:
            self.answered(agent)

    def deliver(self, agent: str, report: TickReport) -> None:
        """Take what a tick brought that ended outside of the agent's turn; it goes with the next `actions`."""
        self._turns.deliver(agent, report)

    def _welcome_agents(self, new: list[str]) -> None:
        """Tell the gate of new agents; one may have to stand still at once."""
        if self._gate is None:
            return
        for agent in new:
            member = self._roster.get(agent)
            if member is not None:
                self._gate.joined(member.agent)

    def _farewell(self) -> None:
        """Tell the gate that all agents are gone."""
        if self._gate is not None:
            for agent in self.agents:
                self._gate.left(agent)

    def _answer_empty(self, numbers: list[int]) -> None:
        for seq in numbers:
            self._outbox.put(self._actions(seq))

    def _actions(self, seq: int) -> Actions:
        # The numbers go on after a resume, and so do the counts.
        self.counts.answered += 1
        return Actions(
            seq=self.counts.answered, snapshot=seq, epoch=self.epoch, cancel=[], actions=[], busy=[], server_ms=0.0
        )

    def answered(self, agent: str) -> None:
        """Note that the model has answered this agent: the game is asked for it, unless it is on its way."""
        if agent in self._roster and agent not in self._pending and agent not in self._woken:
            self._wake[agent] = None

    def outgoing(self) -> list[str]:
        """Return the frames that are to be sent now, in order."""
        if self._wake and self.closing is None:
            self._woken.update(self._wake)
            self._outbox.put(Wake(agents=list(self._wake)))
            self._wake.clear()
        return self._outbox.take()

    @property
    def backlog(self) -> int:
        """How many frames wait to be sent, and snapshots to be answered."""
        return len(self._outbox) + len(self._pending)

    # Losing the connection, and another one

    def is_secret(self, given: str) -> bool:
        """Tell whether this is the secret that the last welcome gave to the game.

        It may also be the one that was used last, until the game has shown that it has got the new one: a connection
        can be lost again before the welcome arrives.
        """
        return any(bool(secret) and same_secret(given, secret) for secret in (self._secret, self._old_secret))

    def suspend(self) -> None:
        """Forget what was only for the connection, which is lost: its frames, and its unanswered snapshots.

        Agents, orders, mail and questions stay as they are. Whoever was about to be ticked is woken later, and so is
        whoever was woken and has not come.
        """
        self.is_away = True
        self._outbox.take()
        due = self._pending.take()
        for agent in (*self._woken, *(due.parts if due else ())):
            self._wake[agent] = None
        self._woken.clear()
        self._mail.ticked()
        self._orders.disconnected()
        self._holds.disconnected()

    def resume(self, hello: Hello) -> None:
        """Go on with a new connection, whose `hello` is a good one; `suspend` came before."""
        self._bad = 0
        self.is_away = False
        self.counts.resumes += 1
        # A debugger may have had something to say meanwhile; a game hears nothing before the welcome.
        meanwhile = self._outbox.take()
        self._welcome(hello, resumed=True)
        self._outbox.put_back(meanwhile)
        self._old_secret = (hello.session.resume or "") if hello.session is not None else ""

    # The end

    def hello_timeout(self) -> None:
        """Note that the time for `hello` is over."""
        if not self.open and self.closing is None:
            self._fail(fatal("hello_timeout", "no hello came in time"))

    def close(self, reason: str = "", code: int = 1000) -> None:
        """Stop all agents. Any number of times; the first one sets `closing`."""
        if self.closing is None:
            self.closing = code, reason
            self._complaints.sum_up()
        self._farewell()
        for agent in self._roster:
            self._roster.remove(agent)
        self._pending.clear()

    def _fail(self, error: ProtocolError) -> None:
        self._outbox.error(error.code, error.message, hint=error.hint, fatal=True)
        self.close(close_reason(error.code, error.message), error.close_code)
