"""Commands about what has been: ticks to look at, and agents that are run again from their beginning."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from brains.debugger import arguments as args
from brains.debugger.commands.looking import control_for, moment_of
from brains.debugger.control import Control, Halt
from brains.debugger.messages import AgentInfo, DebugError
from brains.debugger.values import plain

if TYPE_CHECKING:
    from brains.debugger.debugger import Debugger
    from brains.debugger.session import DebugSession

__all__ = ["HANDLERS"]


def history(debugger: Debugger, session: DebugSession, given: args.History) -> dict[str, Any]:
    """List the last ticks that were seen."""
    control = control_for(debugger, session, given.agent)
    infos = [moment.info for moment in control.history]
    ticks = infos[-given.last :] if given.last > 0 else []
    first, last = (infos[0].tick, infos[-1].tick) if infos else (0, 0)
    past = debugger.host.past
    if past is not None and debugger.host.kind == "replay":
        first, last = past.first_and_last(control.place)
    return {"ticks": ticks, "first": first, "last": last, "view": control.view}


def goto(debugger: Debugger, session: DebugSession, given: args.Goto) -> dict[str, Any]:
    """Look at a past tick; in a replay, go there."""
    if debugger.host.kind == "replay":
        return _go_there(debugger, session, given)
    control = control_for(debugger, session, given.agent)
    ticks = [moment.info.tick for moment in control.history]
    tick = given.tick
    if given.by is not None:
        here = control.view if control.view is not None else control.agent.tick_number + (not control.in_tick)
        tick = here + given.by
        if ticks and tick > ticks[-1]:
            tick = None
    if tick is None:
        control.view = None
        return {"view": None, "stop": control.stop}
    if tick not in ticks:
        if not ticks:
            raise DebugError("unknown_tick", f"no tick of {control.agent.id} has been seen yet", "attach it first")
        raise DebugError("unknown_tick", f"tick {tick} is not kept", f"there are {ticks[0]} to {ticks[-1]}")
    control.view = tick
    moment = moment_of(control)
    assert moment is not None
    return {"view": tick, "stop": control.stop, "tick": moment.info}


def _go_there(debugger: Debugger, session: DebugSession, given: args.Goto) -> dict[str, Any]:
    control = debugger.commanded(given.agent, session)
    first, last = _range(debugger, control)
    now = control.agent.tick_number + (not control.in_tick)
    tick = now if given.tick is None else given.tick
    if given.by is not None:
        tick = now + given.by
    if not first <= tick <= last:
        raise DebugError("unknown_tick", f"tick {tick} is not in the recording", f"it has {first} to {last}")
    control = debugger.exchange(control, tick)
    return {"view": None, "stop": control.stop}


def step_back(debugger: Debugger, session: DebugSession, given: args.StepBack) -> dict[str, Any]:
    """In a replay: go back over so many boundaries, into earlier ticks if need be."""
    if debugger.host.kind != "replay":
        raise DebugError(
            "unsupported",
            "what has been done in a running game stays done",
            "`goto` looks at past ticks, `fork` tries again beside it, --replay FILE goes back over a recording",
        )
    if given.count < 1:
        raise DebugError("bad_arguments", f"the count must be 1 or more, not {given.count}")
    control = debugger.commanded(given.agent, session)
    first, _ = _range(debugger, control)
    tick = control.agent.tick_number + (not control.in_tick)
    boundary = max(1, control.boundary if control.in_tick else 1) - given.count
    while boundary < 1:
        tick -= 1
        if tick < first:
            debugger.exchange(control, first)
            raise DebugError("unknown_tick", "this is the beginning", f"the recording begins with tick {first}")
        boundary += debugger.boundaries(control, tick)
    return {"view": None, "stop": debugger.exchange(control, tick, boundary).stop}


def replay(debugger: Debugger, session: DebugSession, given: args.Replay) -> dict[str, Any]:
    """Run another agent from the beginning with the same inputs, and compare."""
    control = control_for(debugger, session, given.agent)
    first, last = _range(debugger, control)
    if not first <= given.tick <= last:
        raise DebugError("unknown_tick", f"tick {given.tick} is not recorded", f"there are {first} to {last}")
    past = debugger.host.past
    assert past is not None
    again, snapshot, differences = past.rebuild(control.place, given.tick)
    body: dict[str, Any] = {"tick": given.tick, "ticks": again.tick_number, "differences": differences}
    if snapshot is not None:
        body["snapshot"] = plain(snapshot)
    body["blackboard"] = plain(again.blackboard)
    return body


def fork(debugger: Debugger, session: DebugSession, given: args.Fork) -> AgentInfo:
    """Make a shadow of an agent as it was before a tick, and hold it there."""
    control = control_for(debugger, session, given.agent)
    first, last = _range(debugger, control)
    tick = last if given.tick is None else given.tick
    if not first <= tick <= last:
        raise DebugError("unknown_tick", f"tick {tick} is not recorded", f"there are {first} to {last}")
    shadow = debugger.fork(control, tick, live=given.live)
    debugger.give(shadow, session)
    session.selected = shadow.place
    shadow.halt(Halt("entry", f"as {control.agent.id} was before tick {tick}; what it orders is not sent"))
    return shadow.info()


def record(debugger: Debugger, session: DebugSession, given: args.Record) -> dict[str, Any]:
    """Begin or end to record."""
    return {"recording": debugger.host.record(given.on, given.file)}


def _range(debugger: Debugger, control: Control) -> tuple[int, int]:
    if debugger.host.past is None:
        raise DebugError(
            "no_recording",
            f"what {control.agent.id} has seen is not recorded",
            "`record on`, or start with --record FILE; a recording is debugged with --replay FILE",
        )
    return debugger.host.past.first_and_last(control.place)


HANDLERS: dict[str, Callable[..., Any]] = {
    "history": history,
    "goto": goto,
    "step_back": step_back,
    "replay": replay,
    "fork": fork,
    "record": record,
}
