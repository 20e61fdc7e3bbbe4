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
    from brains.debugger.memory import RememberedLife
    from brains.debugger.past import RecordedLife
    from brains.debugger.session import DebugSession
    from brains.debugger.work import Work

__all__ = ["HANDLERS"]


def history(debugger: Debugger, session: DebugSession, given: args.History) -> Work[dict[str, Any]]:
    """List the last ticks: those that were seen, and before them those that are recorded."""
    control = control_for(debugger, session, given.agent)
    infos = [moment.info for moment in control.history]
    done = control.agent.tick_number - control.in_tick
    first, last = (infos[0].tick, infos[-1].tick) if infos else (0, 0)
    try:
        life = yield from _life(debugger, control)
    except DebugError:
        pass  # what was seen is all that there is
    else:
        earliest = first if infos else done + 1
        infos = [*life.ticks(earliest, max(given.last - len(infos), 0)), *infos]
        first, last = life.first, life.last if debugger.host.kind == "replay" else max(last, min(life.last, done))
    ticks = infos[-given.last :] if given.last > 0 else []
    return {"ticks": ticks, "first": first, "last": last, "view": control.view}


def goto(debugger: Debugger, session: DebugSession, given: args.Goto) -> dict[str, Any] | Work[dict[str, Any]]:
    """Look at a past tick; in a replay, go there."""
    if debugger.host.kind == "replay":
        return _go_there(debugger, session, given)
    control = control_for(debugger, session, given.agent)
    done = control.agent.tick_number - control.in_tick
    tick = given.tick
    if given.by is not None:
        tick = (control.view if control.view is not None else done + 1) + given.by
        if tick > done:
            tick = None
    if tick is None:
        control.view = None
        return {"view": None, "stop": control.stop}
    if any(moment.info.tick == tick for moment in control.history):
        return _viewed(control, tick)
    return _recalled(debugger, control, tick)


def _recalled(debugger: Debugger, control: Control, tick: int) -> Work[dict[str, Any]]:
    """Look at a tick that is not kept, but recorded: another agent is brought there and ticked."""
    ticks = [moment.info.tick for moment in control.history]
    try:
        life = yield from _life(debugger, control, tick)
    except DebugError as error:
        if not ticks:
            who = control.agent.id
            raise DebugError("unknown_tick", f"no tick of {who} has been seen yet", "attach it first") from error
        raise DebugError("unknown_tick", f"tick {tick} is not kept", f"there are {ticks[0]} to {ticks[-1]}") from error
    life.require(tick)
    agent, snapshot, _ = yield from life.rebuild(tick)
    assert snapshot is not None
    control.recalled = Control(debugger, agent).look(snapshot)
    agent.close()
    return _viewed(control, tick)


def _viewed(control: Control, tick: int) -> dict[str, Any]:
    control.view = tick
    moment = moment_of(control)
    assert moment is not None
    return {"view": tick, "stop": control.stop, "tick": moment.info}


def _go_there(debugger: Debugger, session: DebugSession, given: args.Goto) -> dict[str, Any]:
    control = debugger.commanded(given.agent, session)
    life = _recorded(debugger, control)
    now = control.agent.tick_number + (not control.in_tick)
    tick = now if given.tick is None else given.tick
    if given.by is not None:
        tick = now + given.by
    if not life.first <= tick <= life.last:
        raise DebugError("unknown_tick", f"tick {tick} is not in the recording", f"it has {life.first} to {life.last}")
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
    first = _recorded(debugger, control).first
    tick = control.agent.tick_number + (not control.in_tick)
    boundary = max(1, control.boundary if control.in_tick else 1) - given.count
    while boundary < 1:
        tick -= 1
        if tick < first:
            debugger.exchange(control, first)
            raise DebugError("unknown_tick", "this is the beginning", f"the recording begins with tick {first}")
        boundary += debugger.boundaries(control, tick)
    return {"view": None, "stop": debugger.exchange(control, tick, boundary).stop}


def replay(debugger: Debugger, session: DebugSession, given: args.Replay) -> Work[dict[str, Any]]:
    """Run another agent from the beginning with the same inputs, and compare."""
    control = control_for(debugger, session, given.agent)
    life = yield from _life(debugger, control, given.tick)
    life.require(given.tick)
    again, snapshot, differences = yield from life.rebuild(given.tick)
    body: dict[str, Any] = {
        "tick": given.tick,
        "ticks": again.tick_number - life.first + 1,
        "first": life.first,
        "differences": differences,
        "problems": life.problems,
    }
    if snapshot is not None:
        body["snapshot"] = plain(snapshot)
    body["blackboard"] = plain(again.blackboard)
    again.close()
    return body


def fork(debugger: Debugger, session: DebugSession, given: args.Fork) -> Work[AgentInfo]:
    """Make a shadow of an agent as it was before a tick, and hold it there."""
    control = control_for(debugger, session, given.agent)
    life = yield from _life(debugger, control, given.tick)
    tick = life.last if given.tick is None else given.tick
    life.require(tick)
    agent, inputs = yield from life.shadow(tick, debugger.shadows.new_session())
    shadow = debugger.shadows.add(control, agent, inputs, live=given.live)
    debugger.give(shadow, session)
    session.selected = shadow.place
    shadow.halt(Halt("entry", f"as {control.agent.id} was before tick {tick}; what it orders is not sent"))
    return shadow.info()


def record(debugger: Debugger, session: DebugSession, given: args.Record) -> dict[str, Any]:
    """Begin or end to record."""
    return {"recording": debugger.host.record(given.on, given.file)}


def _recorded(debugger: Debugger, control: Control) -> RecordedLife:
    """Return what is recorded of an agent.

    Raises:
        DebugError: nothing is.
    """
    if debugger.host.past is None:
        raise DebugError(
            "no_recording",
            f"what {control.agent.id} has seen is not recorded",
            "attach it, and it is remembered from then on; `serve --record FILE` records it from its beginning"
            if debugger.host.kind == "live"
            else "record a running server: --record FILE; a recording is debugged with --replay FILE",
        )
    return debugger.host.past.life(control.place)


def _life(debugger: Debugger, control: Control, tick: int | None = None) -> Work[RecordedLife | RememberedLife]:
    """Return what is recorded of an agent, or else what is remembered since it is debugged; `tick` should be in it.

    Raises:
        DebugError: neither is there.
    """
    try:
        life = _recorded(debugger, control)
    except DebugError:
        if control.memory is None:
            raise
        return (yield from control.memory.life())
    if tick is None or control.memory is None or life.first <= tick <= life.last:
        return life
    # The recording may have been read a while ago.
    try:
        remembered = yield from control.memory.life()
    except DebugError:
        return life
    return remembered if remembered.first <= tick <= remembered.last else life


HANDLERS: dict[str, Callable[..., Any]] = {
    "history": history,
    "goto": goto,
    "step_back": step_back,
    "replay": replay,
    "fork": fork,
    "record": record,
}
