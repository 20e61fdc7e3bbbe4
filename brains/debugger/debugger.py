"""The debugger of one process: who is connected, whose each agent is, and the agents' turns while they are debugged."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from functools import partial
from typing import Any

from py_trees.common import Status

from brains.agent import Agent
from brains.debugger.arguments import Arguments, Break, parse
from brains.debugger.breakpoints import Breakpoint, made
from brains.debugger.commands import HANDLERS
from brains.debugger.control import Control, Halt, Offer
from brains.debugger.host import Debuggable, Host
from brains.debugger.memory import Memory
from brains.debugger.messages import AgentInfo, DebugError
from brains.debugger.paths import Glob, nearest
from brains.debugger.plans import Into, Pause
from brains.debugger.rules import Rules
from brains.debugger.session import LEASE_S, DebugSession
from brains.debugger.shadows import Shadows
from brains.debugger.sources import SourceMap
from brains.debugger.values import status_word
from brains.debugger.work import WorkBench
from brains.nodes.llm import LLMNode
from brains.snapshot import AgentSnapshot, TickReport
from brains.ticking import Instrument

__all__ = ["Debugger"]


class Debugger:
    """Debugs the agents of one host; a session asks it for the turns of those that are debugged (`TurnGate`).

    Args:
        host: the program.
        server: its name and version, for people.
        now: tells the time in seconds, for leases and for how long an agent has been held.

    Attributes:
        rules: all breakpoints.
        sources: where nodes are made.
        shadows: copies of agents that go their own way.
        bench: what is done in slices; somebody has to call `work` while there is something.
    """

    def __init__(self, host: Host, *, server: str = "brains", now: Callable[[], float] = time.monotonic) -> None:
        self.host = host
        self.server = server
        self.now = now
        self.rules = Rules(self)
        self.sources = SourceMap()
        self.shadows = Shadows(self)
        self.bench = WorkBench()
        self.sessions: list[DebugSession] = []
        self._controls: dict[str, dict[str, Control]] = {}
        self._waits: list[Glob] = []
        self._lost: dict[tuple[str, str], DebugSession] = {}
        """Who commanded an agent that has left: if it comes back, it is theirs again. By id and brain."""
        self._number = 0
        self._stops = 0
        self._copied: tuple[str, int | None] = "", None

    # --- front ends ------------------------------------------------------------------------------------------------

    def connect(
        self, name: str, notify: Callable[[], None] | None = None, *, lease: float | None = LEASE_S
    ) -> DebugSession:
        """Begin a conversation.

        Args:
            name: who connects, until `hello` says it better.
            notify: is called when there is something in `outgoing`.
            lease: seconds of silence after which it counts as vanished; None: never (a front end in this process).
        """
        session = DebugSession(self, name, notify, lease, self.now())
        self.sessions.append(session)
        return session

    def disconnect(self, session: DebugSession, *, hold: bool = False) -> None:
        """End a conversation: its breakpoints go, and its agents go on, unless `hold`."""
        if session in self.sessions:
            self.sessions.remove(session)
        for number in [n for n, one in self.rules.breakpoints.items() if one.owner is session]:
            self.rules.delete(number)
        self._lost = {key: one for key, one in self._lost.items() if one is not session}
        for control in self.controls():
            self.leave(control, session, hold=hold)

    def run(self, session: DebugSession, number: int, command: str, given: Arguments) -> Any:
        """Do what a request says and return the answer's body; None: it comes later, through `session.put`.

        Raises:
            DebugError: it cannot be done.
        """
        session.heard(self.now())
        session.number = number
        answer = HANDLERS[command](self, session, given)
        if not isinstance(answer, Generator):
            return answer
        return self.bench.begin(answer, partial(session.settle, number), lambda: not session.closed)

    def work(self) -> bool:
        """Do a slice of what takes long; tell whether there is more. Whoever carries messages calls it till then."""
        return self.bench.go_on()

    def tell(self, control: Control, name: str, body: object) -> None:
        """Tell an event to those who attached an agent."""
        told = [] if control.controller is None else [control.controller]
        for session in [*told, *(one for one in control.watchers if one not in told)]:
            session.tell(name, body)

    def tell_all(self, name: str, body: object) -> None:
        """Tell an event to those who asked to hear of all agents."""
        for session in self.sessions:
            if session.hears_all:
                session.tell(name, body)

    # --- breakpoints of the server itself --------------------------------------------------------------------------

    def set_up(self, breakpoints: Sequence[Mapping[str, Any]], *, wait: bool = False) -> list[Breakpoint]:
        """Set breakpoints that are nobody's, before anybody connects; they stay until they are deleted.

        Args:
            breakpoints: arguments of `break`, such as `{"where": "guard:*/Respond"}`.
            wait: agents that they are about stand still before their first tick, until a debugger lets them go on.

        Raises:
            DebugError: one of them does not parse.
        """
        found = []
        for given in breakpoints:
            wanted = parse("break", dict(given))
            assert isinstance(wanted, Break)
            found.append(self.set_breakpoint(wanted, None))
        if wait:
            self._waits += [one.agents for one in found] or [Glob("*")]
        return found

    def set_breakpoint(self, given: Break, owner: DebugSession | None, selected: str = "") -> Breakpoint:
        """Set a breakpoint, and have the agents instrumented that it is about.

        Raises:
            DebugError: it does not parse, or names what nothing has.
        """
        agents = self.agents()
        prompts = None if self.host.prompts is None else self.host.prompts.names()
        one = made(self._number + 1, given, owner, agents, self.sources, selected=selected, prompts=prompts)
        self._number += 1
        self.rules.add(one)
        for agent in agents:
            if one.info.enabled and one.applies(agent):
                control = self.control_of(agent)
                self.rules.catch_up(control)
                if one.watched is not None and agent.tick_number:
                    one.values[control.place] = self.rules.value_of(one, control)
        return one

    # --- agents ----------------------------------------------------------------------------------------------------

    def agents(self) -> list[Debuggable]:
        """Return all agents that there are."""
        return [*self.host.agents(), *self.shadows.agents()]

    def controls(self) -> list[Control]:
        """Return the agents that are debugged."""
        return [control for controls in self._controls.values() for control in controls.values()]

    def find(self, name: str, session: DebugSession) -> Debuggable:
        """Return the agent that a request means.

        Raises:
            DebugError: there is none, or there are several.
        """
        agents = self.agents()
        if not name:
            return self._selected(session, agents)
        found = [agent for agent in agents if name in (agent.id, f"{agent.session}/{agent.id}")]
        # A shadow goes by the name of its agent; it is meant only where it is called by its whole name.
        found = [agent for agent in found if (agent.session, agent.id) not in self.shadows] or found
        # So does what a game has left that was killed, and has been started again since.
        found = [agent for agent in found if not self.host.is_away((agent.session, agent.id))] or found
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(f"{agent.session}/{agent.id}" for agent in found)
            raise DebugError("ambiguous_agent", f"{name!r} is in {len(found)} games", f"name one: {names}")
        hint = nearest(name, (agent.id for agent in agents)) if agents else "no game is connected; `agents` lists them"
        raise DebugError("unknown_agent", f"there is no agent {name!r}", hint)

    def _selected(self, session: DebugSession, agents: list[Debuggable]) -> Debuggable:
        if session.selected is None:
            if len(agents) == 1:
                return agents[0]
            raise DebugError("no_agent", "no agent is selected", nearest("", (agent.id for agent in agents)))
        for agent in agents:
            if (agent.session, agent.id) == session.selected:
                return agent
        id = session.selected[1]
        again = [agent for agent in agents if agent.id == id and not self.host.is_away((agent.session, agent.id))]
        if len(again) == 1:
            return again[0]
        raise DebugError("terminated", f"{id} is gone", "`agents` lists those that are there; breakpoints wait for it")

    def control_of(self, agent: Debuggable) -> Control:
        """Return what debugs an agent; from now on it is debugged."""
        controls = self._controls.setdefault(agent.session, {})
        control = controls.get(agent.id)
        if control is None or control.agent is not agent:
            control = controls[agent.id] = Control(self, agent)
        self._fit(control)
        return control

    def known(self, agent: Debuggable) -> Control | None:
        """Return what debugs an agent, if anything does."""
        return self._controls.get(agent.session, {}).get(agent.id)

    def commanded(self, name: str, session: DebugSession) -> Control:
        """Return an agent that this front end may command; one that nobody has becomes its own.

        Raises:
            DebugError: there is none, or somebody else has it.
        """
        control = self.control_of(self.find(name, session))
        if control.controller is not session:
            self.take(control, session, by_force=False)
        return control

    def take(self, control: Control, session: DebugSession, *, by_force: bool) -> None:
        """Make a front end the one that commands an agent.

        Raises:
            DebugError: somebody else does.
        """
        other = control.controller
        if other is not None and other is not session:
            if not by_force:
                raise DebugError(
                    "held_by_other",
                    f"{control.agent.id} is debugged by {other.name}",
                    "watch it, or take it: `attach` with mode watch, or with take",
                )
            other.tell("output", {"category": "console", "agent": control.agent.id, "session": control.agent.session,
                                  "text": f"{session.name} has taken {control.agent.id}"})  # fmt: skip
        self.give(control, session)

    def give(self, control: Control, session: DebugSession) -> None:
        """Make a front end the one that commands an agent; it becomes its selected one if it has none."""
        control.controller = session
        control.orphaned = False
        if session in control.watchers:
            control.watchers.remove(session)
        if session.selected is None:
            session.selected = control.place
        self._fit(control)

    def leave(self, control: Control, session: DebugSession, *, hold: bool = False) -> bool:
        """Have a front end leave an agent; what it commanded goes on, unless `hold`. Tell whether it was its own."""
        for those in (control.watchers, control.followers):
            if session in those:
                those.remove(session)
        mine = control.controller is session
        if mine:
            control.controller = None
            if control.instrument is not None:
                for node in list(control.instrument.forced):
                    control.instrument.force(node, None)
                    control.agent.touched("force", control.agent.path_of(node), {"status": "none"})
            if control.is_shadow:
                self.shadows.dissolve(control)
            elif hold:
                control.orphaned = control.is_held
            else:
                control.resume(None)
        self.drop_if_idle(control)
        return mine

    def drop_if_idle(self, control: Control) -> None:
        """Forget an agent that nobody debugs any more: from now on its ticks cost nothing again."""
        if self._fit(control) or control.in_tick or control.is_held or control.watchers or control.followers:
            return
        controls = self._controls.get(control.agent.session, {})
        if controls.get(control.agent.id) is control:
            self.rules.forget(control)
            del controls[control.agent.id]
            if not controls:
                del self._controls[control.agent.session]

    def _fit(self, control: Control) -> bool:
        """Instrument an agent if it has to be; tell whether it has."""
        forced = control.instrument is not None and bool(control.instrument.forced)
        needed = control.controller is not None or control.is_held or forced or bool(self.rules.for_agent(control))
        control.fit(needed)
        return needed

    def info_of(self, agent: Debuggable) -> AgentInfo:
        """Return an agent as it is in a list, as far as it itself tells."""
        busy = [node for node in agent.root.iterate() if node.status is Status.RUNNING]
        order = next(iter(agent.orders.values()), None)
        return AgentInfo(
            agent=agent.id,
            session=agent.session,
            brain=agent.brain,
            state="running",
            tick=agent.tick_number,
            time=agent.clock.now(),
            status=status_word(agent.root.status),
            running=[agent.path_of(node) for node in busy if not node.children],
            thinking=[agent.path_of(node) for node in agent.root.iterate()
                      if isinstance(node, LLMNode) and node.asking.open],
            action="" if order is None else type(order.action).__name__,
            stops=self._stops,
        )  # fmt: skip

    def memory_of(self, control: Control, seq: int | None = None) -> Memory | None:
        """Begin to remember an agent of a game; None: not this one, or not now.

        A breakpoint may be about a hundred agents: of those that nobody has attached, one is copied per snapshot of the
        game, whose number is `seq`.
        """
        if self.host.kind != "live" or control.is_shadow:
            return None
        if control.controller is None:
            if self._copied == (control.agent.session, seq):
                return None
            self._copied = control.agent.session, seq
        return Memory(control.agent, self.host.prompts, self.host.asker)

    def next_stop(self) -> int:
        """Count one more stop of some agent."""
        self._stops += 1
        return self._stops

    # --- what a session asks (`brains.session.turns.TurnGate`) -----------------------------------------------------

    def debugged(self, session: str, seconds: float) -> Mapping[str, object] | None:
        """Return the agents of a session whose turns come here; None: all of them take the plain way."""
        controls = self._controls.get(session)
        if controls is not None:
            for control in controls.values():
                control.passed(seconds)
        return controls

    def turn(
        self, session: str, agent: str, take: Callable[[], AgentSnapshot], seq: int, seconds: float
    ) -> TickReport | None:
        """Take a debugged agent's turn; return what it brought, None while it stands."""
        control = self._controls[session][agent]
        report = control.turn(Offer(take, seq, seconds))
        if control.controller is None:
            self.drop_if_idle(control)
        return report

    def joined(self, agent: object) -> None:
        """Note that there is a new agent: breakpoints may be about it, and it may have to wait for a debugger."""
        if not isinstance(agent, Agent):
            return
        self.tell_all("joined", {"agent": agent.id, "session": agent.session, "reason": agent.brain})
        waits = any(one.matches(agent.id) or one.matches(agent.brain) for one in self._waits)
        owner = self._lost.pop((agent.id, agent.brain), None)
        if waits or owner is not None or any(
            one.info.enabled and one.applies(agent) for one in self.rules.breakpoints.values()
        ):  # fmt: skip
            control = self.control_of(agent)
            if owner is not None:
                self.give(control, owner)
                if owner.selected is not None and owner.selected[1] == agent.id:
                    owner.selected = control.place
                owner.tell("joined", {"agent": agent.id, "session": agent.session, "reason": "it is back"})
            if waits:
                control.halt(Halt("entry", "before its first tick"))

    def left(self, agent: object) -> None:
        """Note that an agent is gone for good, perhaps in the middle of a tick."""
        if not isinstance(agent, Agent):
            return
        body = {"agent": agent.id, "session": agent.session, "reason": "the agent is gone"}
        controls = self._controls.get(agent.session, {})
        control = controls.get(agent.id)
        told: list[DebugSession] = []
        if control is not None and control.agent is agent:
            control.end()
            self.tell(control, "terminated", body)
            told = [*control.watchers, *([] if control.controller is None else [control.controller])]
            if control.controller is not None:
                self._lost[agent.id, agent.brain] = control.controller
            self.rules.forget(control)
            del controls[agent.id]
            if not controls:
                del self._controls[agent.session]
        for session in self.sessions:
            if session.hears_all and session not in told:
                session.tell("terminated", body)

    # --- hosts without a game --------------------------------------------------------------------------------------

    def pump(self, most: int = 100) -> bool:
        """Give turns to agents of a `replay` or a `tree` that are to run; tell whether any would take another one.

        A front end in the same process calls it again and again, and looks between two calls at what its person wants.
        """
        if self.host.kind == "live":
            return False
        for _ in range(most):
            running = self._to_pump()
            if not running:
                return False
            for control in running:
                self._pump(control)
        return bool(self._to_pump())

    def _to_pump(self) -> list[Control]:
        return [one for one in self.controls() if not one.is_held and one.controller is not None and not one.is_shadow]

    def _pump(self, control: Control) -> None:
        snapshot = self.host.next_turn(control.place)
        if snapshot is None:
            control.halt(Halt("pause", "this is the end: there is nothing to go on with"))
            return
        report = control.turn(Offer(lambda: snapshot, snapshot.seq, snapshot.time))
        if report is not None:
            self.deliver(control, report)

    def exchange(self, control: Control, tick: int, boundary: int = 1) -> Control:
        """In a replay: have an agent run again up to `tick`, and stand at one of its boundaries, the first if not said.

        What a debugger has changed in the agent is not so any more: it is again as it was recorded.

        Raises:
            DebugError: the recording cannot be followed so far.
        """
        control.end()
        control.fit(False)
        new = Control(self, self.host.go_to(control.place, tick))
        new.controller, new.watchers, new.followers = control.controller, control.watchers, control.followers
        self.rules.forget(control)
        self._controls.setdefault(new.agent.session, {})[new.agent.id] = new
        self._fit(new)
        new.plan, new.travels = Into(boundary, ends=True, reason="goto"), True
        self._pump(new)
        new.travels = False
        self.rules.look(new)
        return new

    def boundaries(self, control: Control, tick: int) -> int:
        """In a replay: count the boundaries of a tick. The agent has to be exchanged after that.

        Raises:
            DebugError: the recording cannot be followed so far.
        """
        agent = self.host.go_to(control.place, tick)
        snapshot = self.host.next_turn(control.place)
        assert snapshot is not None
        instrument = Instrument(agent.root)
        count = sum(1 for _ in agent.steps(snapshot, instrument))
        instrument.remove()
        return count

    def deliver(self, control: Control, report: TickReport) -> None:
        """Hand over what a tick brought that ended outside of its turn; what a shadow brings goes nowhere."""
        if control.place not in self.shadows:
            self.host.deliver(control.place, report)

    def pause(self, control: Control) -> None:
        """Have an agent stop at its next boundary."""
        if not control.is_held:
            control.plan = Pause()
