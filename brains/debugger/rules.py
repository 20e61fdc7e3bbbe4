"""Whether a breakpoint stops an agent at a boundary."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from py_trees.common import Status

from brains.debugger.breakpoints import Breakpoint, unset
from brains.debugger.control import Control, Halt
from brains.debugger.messages import DebugError
from brains.debugger.paths import resolve
from brains.debugger.session import DebugSession
from brains.debugger.values import plain
from brains.snapshot import LeafReport, TickReport
from brains.ticking import Step

if TYPE_CHECKING:
    from brains.debugger.debugger import Debugger

__all__ = ["Rules"]

_STATUS = {"success": Status.SUCCESS, "failure": Status.FAILURE, "running": Status.RUNNING}
_UNWANTED = ("cancelled", "superseded")
"""Reasons for which there is no answer that are no errors."""


class Rules:
    """All breakpoints of one debugger, in the order of their numbers."""

    def __init__(self, debugger: Debugger) -> None:
        self.breakpoints: dict[int, Breakpoint] = {}
        self._debugger = debugger
        # Agents that are only looked at have controls, too, which nobody ever forgets by name.
        self._seen: WeakKeyDictionary[Control, tuple[int, int, int]] = WeakKeyDictionary()
        self._mine: WeakKeyDictionary[Control, list[Breakpoint]] = WeakKeyDictionary()

    def add(self, one: Breakpoint) -> None:
        """Take a new breakpoint."""
        self.breakpoints[one.number] = one
        self._mine.clear()

    def delete(self, number: int) -> None:
        """Forget a breakpoint; no such breakpoint is no error."""
        self.breakpoints.pop(number, None)
        self._mine.clear()

    def changed(self) -> None:
        """Note that breakpoints have been changed."""
        self._mine.clear()

    def for_agent(self, control: Control) -> list[Breakpoint]:
        """Return the breakpoints that are on and are about this agent."""
        mine = self._mine.get(control)
        if mine is None:
            mine = [one for one in self.breakpoints.values() if one.info.enabled and one.applies(control.agent)]
            self._mine[control] = mine
        return mine

    def forget(self, control: Control) -> None:
        """Forget what was counted for an agent."""
        self._seen.pop(control, None)
        self._mine.pop(control, None)
        for one in self.breakpoints.values():
            one.values.pop(control.place, None)

    def catch_up(self, control: Control) -> None:
        """Count what has happened in this tick as seen: a new breakpoint is about what comes after it."""
        agent = control.agent
        self._seen[control] = len(control.facts.cancels), len(agent.faults), len(agent.notes)

    def begin(self, control: Control) -> None:
        """Note that a tick begins: its cancels, faults and reports are counted from here."""
        self._seen[control] = 0, 0, 0

    def at_boundary(self, control: Control, step: Step) -> Halt | None:
        """Count the hits of this boundary; return why the agent is to stop, if it is."""
        mine = self.for_agent(control)
        if not mine:
            return None
        found = list(self._happened(control, mine))
        for one in mine:
            if self._is_met(one, control, step):
                found += self._hit(one, control, Halt("breakpoint"))
        found += self._changed(control, mine)
        return found[0] if found else None

    def at_end(self, control: Control, report: TickReport) -> Halt | None:
        """Return why the agent is to stop between ticks: something happened after the last boundary."""
        if control.instrument is None:
            return None
        mine = self.for_agent(control)
        if not mine:
            return None
        found = list(self._happened(control, mine)) + self._changed(control, mine)
        return found[0] if found else None

    def _is_met(self, one: Breakpoint, control: Control, step: Step) -> bool:
        on = one.info.on
        if one.info.kind not in ("node", "line") or on in ("cancel", "error"):
            return False
        if step.phase == "enter":
            if on != "enter":
                return False
        elif on == "enter" or (on != "exit" and step.node.status is not _STATUS[on]):
            return False
        return one.is_at(control.agent, control.agent.path_of(step.node), self._debugger.sources)

    def _happened(self, control: Control, mine: list[Breakpoint]) -> Iterator[Halt]:
        """Look at what has happened since the last boundary: cancels, exceptions, questions and answers."""
        agent, facts = control.agent, control.facts
        cancels, faults, notes = self._seen.get(control, (0, 0, 0))
        self._seen[control] = len(facts.cancels), len(agent.faults), len(agent.notes)
        for one in mine:
            for info in facts.cancels[cancels:]:
                if one.info.on == "cancel" and one.is_at(agent, info.path, self._debugger.sources):
                    text = f"stopped by {info.by or 'nobody in the tree'}" + (info.because and f": {info.because}")
                    _, node = resolve(agent, info.path)
                    yield from self._hit(one, control, Halt("cancel", text, phase="cancel", node=node))
            for fault in agent.faults[faults:]:
                if one.info.kind == "error" and one.path.matches_path(fault.leaf):
                    yield from self._hit(one, control, Halt("exception", f"{fault.leaf}: {fault.error}"))
            for report in agent.notes[notes:]:
                halt = _reported(one, report)
                if halt is not None:
                    yield from self._hit(one, control, halt)

    def _changed(self, control: Control, mine: list[Breakpoint]) -> list[Halt]:
        """Compare what is watched with what it was."""
        found: list[Halt] = []
        for one in mine:
            if one.watched is None:
                continue
            now = self.value_of(one, control)
            old = one.values.get(control.place, now)
            one.values[control.place] = now
            if _differ(old, now):
                text = f"{one.info.where}: {_short(old)} -> {_short(now)}"
                found += self._hit(one, control, Halt("data breakpoint", text))
        return found

    def look(self, control: Control) -> None:
        """Take what watches see now as what they have seen last: the agent is somewhere else all of a sudden."""
        for one in self.for_agent(control):
            if one.watched is not None:
                one.values[control.place] = self.value_of(one, control)

    def value_of(self, one: Breakpoint, control: Control) -> Any:
        """Return what a watch sees now."""
        assert one.watched is not None
        try:
            return plain(one.watched.value(control.context()))
        except DebugError:
            return unset

    def _hit(self, one: Breakpoint, control: Control, halt: Halt) -> list[Halt]:
        """Count a hit, log; return the halt if it is one."""
        owner = one.owner
        stops, problem = one.met(control.agent, control.context() if one.condition is not None else {})
        if not stops:
            return []
        if one.log is not None:
            text = one.log.render(control.context())
            body = {"category": "log", "text": text, "agent": control.agent.id, "session": control.agent.session,
                    "breakpoint": one.number}  # fmt: skip
            if isinstance(owner, DebugSession):
                owner.tell("output", body)
            else:
                self._debugger.tell_all("output", body)
            return []
        if isinstance(owner, DebugSession) and control.controller not in (None, owner):
            return []
        if one.info.once:
            self.delete(one.number)
        text = problem or halt.text
        return [
            halt._replace(breakpoint=one.number, text=text, owner=owner if isinstance(owner, DebugSession) else None)
        ]


def _reported(one: Breakpoint, report: LeafReport) -> Halt | None:
    """Tell whether a breakpoint is about what an LLM leaf has reported."""
    if one.info.kind == "template" and one.path.matches(report.prompt.partition("#")[0]):
        return Halt("breakpoint", f"{report.leaf} {report.kind} {report.prompt}")
    if one.info.kind == "model_error" and report.kind == "fallback" and report.reason not in _UNWANTED:
        return Halt("model error", f"{report.leaf}: {report.reason}" + (report.text and f": {report.text}"))
    return None


def _differ(old: Any, new: Any) -> bool:
    """Tell whether a value has changed; 1 and True are not the same, and neither are two kinds of nothing."""
    return (old is unset) != (new is unset) or type(old) is not type(new) or bool(old != new)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
