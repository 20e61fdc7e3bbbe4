"""Commands that change what an agent remembers, or what a node comes to."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from py_trees.common import Status

from brains.debugger import arguments as args
from brains.debugger.commands.looking import node_for
from brains.debugger.messages import DebugError
from brains.debugger.paths import nearest
from brains.debugger.values import plain

if TYPE_CHECKING:
    from brains.debugger.debugger import Debugger
    from brains.debugger.session import DebugSession

__all__ = ["HANDLERS"]

_MISSING: Any = object()


def set_(debugger: Debugger, session: DebugSession, given: args.Set) -> dict[str, Any]:
    """Change a key of the agent's memory, or one inside it: `route.0`, `target.name`."""
    control = debugger.commanded(given.agent, session)
    agent = control.agent
    keys = given.key.removeprefix("blackboard.").split(".") if given.key else []
    if not keys or not all(keys):
        raise DebugError("bad_arguments", "set which key?", 'set alarm true, or set target "bandit_1"')
    holder: Any = agent.blackboard
    whole = ".".join(keys)
    if whole in agent.blackboard:
        keys = [whole]
    for key in keys[:-1]:
        holder = _item(holder, key, given.key)
        if holder is _MISSING:
            raise DebugError("unknown_key", f"{given.key!r}: there is no {key!r}", nearest(key, agent.blackboard))
    last = keys[-1]
    old = _item(holder, last, given.key)
    if given.delete:
        if old is _MISSING:
            raise DebugError("unknown_key", f"the blackboard has no {given.key!r}", nearest(last, agent.blackboard))
        del holder[int(last) if isinstance(holder, list) else last]
    elif isinstance(holder, list):
        if old is _MISSING:
            raise DebugError("unknown_key", f"{given.key!r}: the list has {len(holder)} items")
        holder[int(last)] = given.value
    else:
        holder[last] = given.value
    agent.touched("delete" if given.delete else "set", ".".join(keys), None if given.delete else given.value)
    found: dict[str, Any] = {"key": given.key, "old": None if old is _MISSING else plain(old)}
    return found if given.delete else {**found, "value": given.value}


def _item(holder: Any, key: str, whole: str) -> Any:
    if isinstance(holder, list):
        return holder[int(key)] if key.isdigit() and int(key) < len(holder) else _MISSING
    if hasattr(holder, "get") and hasattr(holder, "__setitem__"):
        return holder.get(key, _MISSING)
    raise DebugError("bad_arguments", f"{whole!r}: a {type(holder).__name__} cannot be changed from here")


def force(debugger: Debugger, session: DebugSession, given: args.Force) -> dict[str, Any]:
    """Give a node its result: now if the agent stands at its end, else when it would run."""
    control = debugger.commanded(given.agent, session)
    path, node = node_for(control, given.node)
    if control.instrument is None:
        # An agent that stands in no tick can be instrumented at any time, and one in a tick is already.
        control.fit(True)
    assert control.instrument is not None
    agent, instrument = control.agent, control.instrument
    if given.status == "none":
        instrument.force(node, None)
        agent.touched("force", path, {"status": "none"})
        return {"path": path, "status": "none", "keep": False, "at": "enter"}
    status = Status[given.status.upper()]
    at_end = control.is_held and control.step is not None and control.step == (node, "exit")
    if not at_end or given.keep:
        instrument.force(node, status, keep=given.keep)
    if at_end:
        instrument.become(node, status)
        control.facts.changed(node)
        control.refresh()
    agent.touched("force", path, {"status": given.status, "keep": given.keep, "at": "exit" if at_end else "enter"})
    return {"path": path, "status": given.status, "keep": given.keep, "at": "exit" if at_end else "enter"}


HANDLERS: dict[str, Callable[..., Any]] = {"set": set_, "force": force}
