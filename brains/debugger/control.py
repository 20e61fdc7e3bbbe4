"""One agent that is debugged: its tick, suspended at a node boundary, and what it is to stop at.

Nothing here waits. A held agent is a generator that nobody advances; the session answers its game without it.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from py_trees.behaviour import Behaviour
from py_trees.common import Status

from brains.debugger.context import context_of, decision_of
from brains.debugger.facts import Facts
from brains.debugger.host import Debuggable, Place
from brains.debugger.messages import AgentInfo, Phase, Stop, StopReason, TickInfo
from brains.debugger.plans import Plan
from brains.debugger.values import feedback_of, plain, status_word, tick_info
from brains.snapshot import AgentSnapshot, TickReport
from brains.ticking import Instrument, Step

if TYPE_CHECKING:
    from brains.debugger.debugger import Debugger
    from brains.debugger.memory import Memory
    from brains.debugger.session import DebugSession
    from brains.debugger.work import Work

__all__ = ["Control", "Halt", "Moment", "Offer"]

log = logging.getLogger("brains.debugger")

REMEMBERED = 200
"""Ticks that can be viewed later."""


class Offer(NamedTuple):
    """A snapshot of the game that a tick may begin with."""

    take: Callable[[], AgentSnapshot]
    """Returns it with the agent's mail, once."""
    seq: int
    time: float


class Halt(NamedTuple):
    """A reason to stop at a boundary."""

    reason: StopReason
    text: str = ""
    breakpoint: int = 0
    owner: DebugSession | None = None
    phase: Phase | None = None
    """Another one than the boundary's."""
    node: Behaviour | None = None


class Moment(NamedTuple):
    """A finished tick, to be looked at later."""

    info: TickInfo
    snapshot: AgentSnapshot
    statuses: Mapping[str, str]
    visited: frozenset[str]
    blackboard: Any
    why: list[dict[str, Any]]


class Control:
    """Steps one agent.

    Attributes:
        agent: the agent.
        place: where it is: (session, id).
        controller: the front end that commands it, if one does.
        watchers: front ends that hear of its stops.
        followers: front ends that hear of each of its ticks.
        stop: where it stands; None: it does not.
        step: the boundary that it stands at; None: it is between ticks.
        boundary: how many boundaries of this tick it has come to, the one that it stands at included.
        travels: it is on its way to a place in the past: breakpoints do not count.
        plan: what it is to stop at besides breakpoints.
        view: the past tick that is looked at, if one is.
        offer: the newest snapshot that has come since it stands.
        dropped: how many came before that one.
        facts: what has been seen of it.
        before: its memory as it was when the tick began.
        history: its last ticks.
        memory: by which it can be made again as it was in a tick since it is debugged; None: it cannot.
        recalled: a tick before those, that was looked at.
        orphaned: it stays held although nobody commands it.
        shadows: copies of it that are to be ticked on what it is ticked on.
        inputs: of such a copy, what it is still to be ticked on from the recording.
        is_shadow: it is such a copy; `is_live`: one that goes on with what its agent is ticked on.
    """

    def __init__(self, debugger: Debugger, agent: Debuggable) -> None:
        self.agent = agent
        self.place: Place = (agent.session, agent.id)
        self.controller: DebugSession | None = None
        self.watchers: list[DebugSession] = []
        self.followers: list[DebugSession] = []
        self.instrument: Instrument | None = None
        self.stop: Stop | None = None
        self.step: Step | None = None
        self.depth = self.boundary = 0
        self.travels = False
        self.plan: Plan | None = None
        self.view: int | None = None
        self.offer: Offer | None = None
        self.dropped = 0
        self.held_since = 0.0
        self.orphaned = False
        self.shadows: list[Control] = []
        self.inputs: Iterator[AgentSnapshot] = iter(())
        self.is_shadow = self.is_live = False
        self.facts = Facts(agent)
        self.before: dict[str, Any] = {}
        self.history: deque[Moment] = deque(maxlen=REMEMBERED)
        self.recalled: Moment | None = None
        self.memory: Memory | None = None
        self._debugger = debugger
        self._steps: Generator[Step, None, TickReport] | None = None
        self._feeding: Work[None] | None = None
        self._told = False
        self._stood = False
        self._passed: deque[float] = deque(maxlen=2)

    @property
    def in_tick(self) -> bool:
        """A tick has begun and not ended."""
        return self._steps is not None

    @property
    def is_held(self) -> bool:
        """It stands still until somebody says otherwise."""
        return self.stop is not None

    @property
    def node(self) -> Behaviour | None:
        """The node that it stands at."""
        return None if self.step is None or self.stop is None else self.step.node

    # --- instrumenting, between ticks ------------------------------------------------------------------------------

    def fit(self, instrumented: bool) -> None:
        """Instrument the tree, or no longer; nothing happens in the middle of a tick."""
        if self.in_tick or instrumented == (self.instrument is not None):
            return
        if instrumented:
            self.instrument = Instrument(self.agent.root, self.facts.stopped, self.facts.forced)
            if self.controller is not None:
                self.memory = self._debugger.memory_of(self)
        elif self.instrument is not None:
            self.instrument.remove()
            self.instrument = None
            self.agent.touched("free", "", None)
            self._forget()

    def _forget(self) -> None:
        if self.memory is not None:
            self.memory.end()
            self.memory = None

    def end(self) -> None:
        """Note that the agent is gone, in the middle of a tick or not."""
        if self._steps is not None:
            self._steps.close()
            self._steps = None
        self.stop = self.step = self.plan = self.offer = self._feeding = None
        self._forget()

    # --- ticking ---------------------------------------------------------------------------------------------------

    def turn(self, offer: Offer) -> TickReport | None:
        """Take the agent's turn in a tick of its session; return what it brought, None while it stands."""
        if self.is_held or self.in_tick or self._feeding is not None:
            if self.offer is not None:
                self.dropped += 1
            self.offer = offer
            return None
        report = self._begin(offer)
        if report is not None:
            self._tick_over(report)
        return report

    def resume(self, plan: Plan | None) -> None:
        """Go on until the plan or a breakpoint stops it, or there is no snapshot to go on with."""
        self.plan, self.view = plan, None
        if self.stop is None and not self.in_tick:
            return
        stood, self.stop, self.orphaned = self.stop, None, False
        if self.in_tick:
            self._pass()
            report = self._advance()
            if report is not None:
                self._finish(report)
        elif stood is not None and stood.phase == "tick":
            self.step = None
        self._feeding = feeding = self._feed()
        self._debugger.bench.begin(feeding, self._fed, lambda: self._feeding is feeding)
        self.dropped = 0
        if not self.is_held:
            self.let_go()
            self._debugger.tell(self, "continued", {"agent": self.agent.id, "session": self.agent.session})

    def restart(self) -> None:
        """Give up the tick that has begun: the tree is stopped, and the next tick starts afresh."""
        if self._steps is None:
            return
        self.agent.touched("restart", "", None)
        self._steps.close()
        self._steps = None
        self.agent.root.stop(Status.INVALID)
        self.facts.stack.clear()
        self.step = None
        report = self.agent.finish()
        self.stop = None
        self._finish(report)
        if not self.is_held:
            self.halt(Halt("goto", "the tick was given up"))

    def _feed(self) -> Work[None]:
        """Tick it on what there is. Of a shadow that may be much, and the server must not stand still for it."""
        try:
            while (offer := self.next_offer()) is not None:
                self.let_go()
                report = self._begin(offer)
                if report is not None:
                    self._finish(report)
                yield
        except Exception:
            self._feeding = None
            raise
        self._feeding = None
        if self.is_shadow and not self.is_held and not self.is_live:
            self.halt(Halt("pause", "it has had all that was recorded"))

    def _fed(self, result: Callable[[], None]) -> None:
        try:
            result()
        except Exception:
            log.exception("agent %s: its shadow cannot be ticked", self.agent.id)

    def next_offer(self) -> Offer | None:
        """Return what a tick can begin with now: the next snapshot of a recording, or the newest that has come."""
        if self.is_held:
            return None
        if (snapshot := next(self.inputs, None)) is not None:
            return Offer(lambda: snapshot, snapshot.seq, snapshot.time)
        offer, self.offer = self.offer, None
        return offer

    def look(self, snapshot: AgentSnapshot) -> Moment:
        """Tick the agent, which is in no game, without a stop, and return what was seen of it."""
        self.fit(True)
        assert self.instrument is not None
        self.facts.begin()
        self.travels = True
        self._steps = self.agent.steps(snapshot, self.instrument)
        self._advance()
        self.fit(False)
        return self.history[-1]

    def passed(self, seconds: float) -> None:
        """Note a tick of the game while the agent stands, perhaps one that leaves it out."""
        if self.is_held or self.in_tick:
            self._passed.append(seconds)

    def _begin(self, offer: Offer) -> TickReport | None:
        # Time stood still but for the way from the last tick of the game to the one that the agent goes on with.
        present = self.agent.clock.game_time
        missed = [time for time in self._passed if present is not None and present < time < offer.time]
        if missed:
            self.agent.clock.skip_to(missed[-1])
        if self.memory is not None:
            self.memory.look()
        elif self.instrument is not None:
            self.memory = self._debugger.memory_of(self, offer.seq)
        snapshot = offer.take()
        for shadow in self.shadows:
            shadow.turn(Offer(lambda: snapshot, offer.seq, offer.time))
        self.boundary = 0
        self.facts.begin()
        self.before = plain(self.agent.blackboard)
        self._stood = False
        if self.instrument is None:
            return self._ended(self.agent.tick(snapshot))
        self._debugger.rules.begin(self)
        self._steps = self.agent.steps(snapshot, self.instrument)
        return self._advance()

    def _advance(self) -> TickReport | None:
        """Run to the next stop, or to the end of the tick: then return what it brought."""
        assert self._steps is not None
        while True:
            try:
                self.step = step = next(self._steps)
            except StopIteration as over:
                self._steps = self.step = None
                report: TickReport = over.value
                return self._ended(report)
            except BaseException:
                self._steps = self.step = None
                raise
            if step.phase == "enter":
                self.facts.entered(step.node)
                self.depth = len(self.facts.stack)
            else:
                self.depth = self.facts.leaving(step)
            self.boundary += 1
            halt = None if self.travels else self._debugger.rules.at_boundary(self, step)
            if halt is None and self.plan is not None:
                path = self.agent.path_of(step.node)
                if self.plan.is_here(step, self.depth, path, self.context):
                    halt = Halt(self.plan.reason, self.plan.text)
            if halt is not None:
                self.halt(halt)
                return None
            self._pass()

    def _pass(self) -> None:
        if self.step is not None and self.step.phase == "exit":
            self.facts.left(self.step.node)

    def _ended(self, report: TickReport) -> TickReport:
        agent = self.agent
        info = tick_info(agent.session, report, held=self._stood)
        paths = {node: agent.path_of(node) for node in agent.root.iterate()}
        self.history.append(
            Moment(
                info=info,
                snapshot=report.snapshot,
                statuses={path: status_word(node.status) for node, path in paths.items()},
                visited=frozenset(paths.get(node, "") for node in self.facts.visited()),
                blackboard=plain(agent.blackboard),
                why=self.facts.why(),
            )
        )
        hears = self.followers
        if self.is_shadow and self.controller is not None and self.controller not in hears:
            hears = [*hears, self.controller]
        for session in hears:
            session.tell("tick", info)
        return report

    def _finish(self, report: TickReport) -> None:
        """Hand over what a tick brought that ended outside of the agent's turn."""
        self.let_go()
        self._debugger.deliver(self, report)
        self._tick_over(report)

    def _tick_over(self, report: TickReport) -> None:
        """Stop between two ticks, if that was asked for."""
        halt = self._debugger.rules.at_end(self, report)
        if halt is None and self.plan is not None and self.plan.is_over():
            halt = Halt(self.plan.reason)
        if halt is not None:
            self.halt(halt)

    # --- standing --------------------------------------------------------------------------------------------------

    def halt(self, halt: Halt) -> None:
        """Stand still here, and tell everybody."""
        self.plan = None
        self._stood = True
        if self.controller is None and halt.owner is not None:
            self._debugger.give(self, halt.owner)
        self.stop = self._stop(halt)
        self.held_since = self._debugger.now()
        if not self._told:
            self._told = True
            reason = f"{halt.reason}{f' at {self.stop.path}' if self.stop.path else ''}"
            if self.agent.witness is not None:
                self.agent.witness.held(reason)
            self._debugger.host.held(self.place, reason)
            self._debugger.tell_all(
                "held",
                {
                    "agent": self.agent.id,
                    "session": self.agent.session,
                    "reason": reason,
                    "controller": "" if self.controller is None else self.controller.name,
                },
            )
        self._debugger.tell(self, "stopped", self.stop)

    def let_go(self) -> None:
        """Tell the game that the agent goes on, if it was told that it stands."""
        if not self._told:
            return
        self._told = False
        if self.agent.witness is not None:
            self.agent.witness.released()
        self._debugger.host.released(self.place)
        self._debugger.tell_all("released", {"agent": self.agent.id, "session": self.agent.session})

    def _stop(self, halt: Halt) -> Stop:
        agent, step = self.agent, self.step
        stop = Stop(
            reason=halt.reason,
            number=self._debugger.next_stop(),
            agent=agent.id,
            session=agent.session,
            brain=agent.brain,
            tick=agent.tick_number,
            time=agent.clock.now(),
            phase="tick",
            node="",
            path="",
            kind="",
            status=status_word(agent.root.status),
            text=halt.text,
            breakpoint=halt.breakpoint,
            so_far=self.facts.so_far(),
            cancelled=list(self.facts.cancels),
        )
        node = halt.node if halt.node is not None else None if step is None else step.node
        if node is not None and step is not None:
            stop.phase = halt.phase or step.phase
            stop.node, stop.path, stop.kind = node.name, agent.path_of(node), type(node).__name__
            stop.status, stop.feedback = status_word(node.status), feedback_of(node)
            stop.file, stop.line = self._debugger.sources.place(agent, stop.path)
        stop.decision = decision_of(agent, node) or decision_of(agent, None)
        return stop

    def refresh(self) -> None:
        """Tell again where the agent stands: something has been changed there."""
        if self.stop is None:
            return
        node = self.node
        status = self.agent.root.status if node is None else node.status
        self.stop = msgspec.structs.replace(
            self.stop, status=status_word(status), so_far=self.facts.so_far(), cancelled=list(self.facts.cancels)
        )

    def context(self) -> dict[str, Any]:
        """Return what expressions know."""
        return context_of(self.agent, self.step)

    def info(self) -> AgentInfo:
        """Return the agent as it is in a list."""
        info = self._debugger.info_of(self.agent)
        info.controller = "" if self.controller is None else self.controller.name
        info.watchers = len(self.watchers)
        if self.stop is not None:
            info.state = "held"
            info.held_for = self._debugger.now() - self.held_since
            info.stop = self.stop
            info.dropped = self.dropped
        elif self.plan is not None:
            info.state = "waiting"
        return info
