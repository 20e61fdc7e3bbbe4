"""Commands about breakpoints."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from brains.debugger import arguments as args
from brains.debugger.breakpoints import Breakpoint
from brains.debugger.expressions import Expression
from brains.debugger.messages import BreakpointInfo, DebugError

if TYPE_CHECKING:
    from brains.debugger.debugger import Debugger
    from brains.debugger.session import DebugSession

__all__ = ["HANDLERS"]


def break_(debugger: Debugger, session: DebugSession, given: args.Break) -> BreakpointInfo:
    """Set a breakpoint."""
    selected = "" if session.selected is None else session.selected[1]
    return _shown(debugger, debugger.set_breakpoint(given, session, selected))


def breakpoints(debugger: Debugger, session: DebugSession, given: args.Breakpoints) -> dict[str, Any]:
    """List all of them, those of others too, but without what those are to run after a stop."""
    found = []
    for one in debugger.rules.breakpoints.values():
        info = _shown(debugger, one)
        if one.owner not in (session, None):
            info.commands = []
        found.append(info)
    return {"breakpoints": found}


def change(debugger: Debugger, session: DebugSession, given: args.ChangeBreakpoint) -> dict[str, Any]:
    """Change some of them."""
    chosen = _chosen(debugger, session, given.numbers)
    condition = Expression(given.condition) if given.condition else None
    for one in chosen:
        if given.enabled is not None:
            one.info.enabled = given.enabled
        if given.condition is not None:
            one.info.condition, one.condition = given.condition, condition
            one.failed.clear()
        if given.ignore is not None:
            one.info.ignore = max(0, given.ignore)
        if given.commands is not None:
            one.info.commands = list(given.commands)
    debugger.rules.changed()
    _refit(debugger)
    return {"breakpoints": [_shown(debugger, one) for one in chosen]}


def delete(debugger: Debugger, session: DebugSession, given: args.Delete) -> dict[str, Any]:
    """Delete some of them."""
    chosen = _chosen(debugger, session, given.numbers)
    for one in chosen:
        debugger.rules.delete(one.number)
    _refit(debugger)
    return {"deleted": [one.number for one in chosen]}


def _chosen(debugger: Debugger, session: DebugSession, numbers: list[int]) -> list[Breakpoint]:
    """Return those with these numbers, else all that are the front end's own or the server's."""
    known = debugger.rules.breakpoints
    if not numbers:
        return [one for one in known.values() if one.owner in (session, None)]
    for number in numbers:
        if number not in known:
            there = ", ".join(map(str, known)) or "none"
            raise DebugError("unknown_breakpoint", f"there is no breakpoint {number}", f"there are: {there}")
        owner = known[number].owner
        if owner not in (session, None):
            raise DebugError("held_by_other", f"breakpoint {number} is {getattr(owner, 'name', 'somebody')}'s")
    return [known[number] for number in dict.fromkeys(numbers)]


def _refit(debugger: Debugger) -> None:
    """Have agents instrumented that are to be, and no others."""
    for agent in debugger.agents():
        if any(one.info.enabled and one.applies(agent) for one in debugger.rules.breakpoints.values()):
            debugger.control_of(agent)
    for control in debugger.controls():
        debugger.drop_if_idle(control)


def _shown(debugger: Debugger, one: Breakpoint) -> BreakpointInfo:
    info = one.shown(debugger.agents(), debugger.sources)
    info.owner = "server" if one.owner is None else getattr(one.owner, "name", "")
    return info


HANDLERS: dict[str, Callable[..., Any]] = {
    "break": break_,
    "breakpoints": breakpoints,
    "change_breakpoint": change,
    "delete": delete,
}
