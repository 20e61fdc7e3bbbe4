"""Commands about who is there and who runs."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from brains.debugger import arguments as args
from brains.debugger.expressions import Expression
from brains.debugger.messages import PROTOCOL_VERSION, AgentInfo, DebugError
from brains.debugger.paths import Glob, is_glob, resolve
from brains.debugger.plans import Into, Out, Over, Plan, Ticks, UntilNode, UntilTrue

if TYPE_CHECKING:
    from brains.debugger.control import Control
    from brains.debugger.debugger import Debugger
    from brains.debugger.session import DebugSession

__all__ = ["HANDLERS"]


def hello(debugger: Debugger, session: DebugSession, given: args.Hello) -> dict[str, Any]:
    """Greet a front end that speaks this version."""
    if given.version != PROTOCOL_VERSION:
        raise DebugError(
            "version",
            f"this is version {PROTOCOL_VERSION} of the debugger, not {given.version}",
            "use the `brains debug` of the same installation as the server",
        )
    session.name = given.name or session.name
    session.hears_all = given.events
    return {
        "version": PROTOCOL_VERSION,
        "server": debugger.server,
        "name": debugger.host.name,
        "pid": os.getpid(),
        "kind": debugger.host.kind,
        "commands": list(args.COMMANDS),
        "models": debugger.host.models(),
    }


def beat(debugger: Debugger, session: DebugSession, given: args.Beat) -> dict[str, Any]:
    """Do nothing: to be heard was all."""
    return {}


def agents(debugger: Debugger, session: DebugSession, given: args.Agents) -> dict[str, Any]:
    """List agents."""
    glob = Glob(given.match)
    found = [agent for agent in debugger.agents() if glob.matches(agent.id) or glob.matches(agent.brain)]
    infos = []
    for agent in found:
        control = debugger.known(agent)
        infos.append(debugger.info_of(agent) if control is None else control.info())
    return {"agents": infos, "selected": "" if session.selected is None else session.selected[1]}


def attach(debugger: Debugger, session: DebugSession, given: args.Attach) -> AgentInfo:
    """Begin to debug an agent, or to watch it."""
    control = debugger.control_of(debugger.find(given.agent, session))
    if given.mode == "control":
        debugger.take(control, session, by_force=given.take)
    elif session is not control.controller and session not in control.watchers:
        control.watchers.append(session)
    session.selected = control.place
    return control.info()


def detach(debugger: Debugger, session: DebugSession, given: args.Detach) -> dict[str, Any]:
    """Leave one agent, or all."""
    controls = debugger.controls()
    if given.agent:
        agent = debugger.find(given.agent, session)
        controls = [control for control in controls if control.agent is agent]
    names = [
        control.agent.id
        for control in controls
        if (control.controller is session or session in control.watchers)
        and (debugger.leave(control, session, hold=given.hold) or True)
    ]
    if session.selected is not None and (not given.agent or session.selected[1] in names):
        session.selected = None
    return {"agents": names}


def follow(debugger: Debugger, session: DebugSession, given: args.Follow) -> dict[str, Any]:
    """Begin or end to tell of each tick of an agent."""
    agent = debugger.find(given.agent, session)
    if given.on:
        control = debugger.control_of(agent)
        if session not in control.followers:
            control.followers.append(session)
        return {}
    known = debugger.known(agent)
    if known is not None and session in known.followers:
        known.followers.remove(session)
        debugger.drop_if_idle(known)
    return {}


def pause(debugger: Debugger, session: DebugSession, given: args.Pause) -> AgentInfo:
    """Have an agent stop at its next boundary."""
    control = debugger.commanded(given.agent, session)
    debugger.pause(control)
    return control.info()


def _resume(debugger: Debugger, session: DebugSession, agent: str, plan: Plan | None) -> AgentInfo:
    control = debugger.commanded(agent, session)
    control.resume(plan)
    return control.info()


def continue_(debugger: Debugger, session: DebugSession, given: args.Continue) -> AgentInfo:
    """Let an agent run."""
    control = debugger.commanded(given.agent, session)
    is_news = control.stop is not None and given.since is not None and control.stop.number > given.since
    if not is_news:
        control.resume(None)
    return control.info()


def step(debugger: Debugger, session: DebugSession, given: args.Step) -> AgentInfo:
    """Run to the next node."""
    return _resume(debugger, session, given.agent, Into(_count(given.count), ends=given.boundary == "any"))


def next_(debugger: Debugger, session: DebugSession, given: args.Next) -> AgentInfo:
    """Run over a subtree."""
    control = debugger.commanded(given.agent, session)
    return _resume(debugger, session, given.agent, Over(_here(control), control.depth, _count(given.count)))


def finish(debugger: Debugger, session: DebugSession, given: args.Finish) -> AgentInfo:
    """Run until the parent ends."""
    control = debugger.commanded(given.agent, session)
    return _resume(debugger, session, given.agent, Out(control.depth if _here(control) else 1))


def tick(debugger: Debugger, session: DebugSession, given: args.Tick) -> AgentInfo:
    """Run to the end of a tick."""
    return _resume(debugger, session, given.agent, Ticks(_count(given.count)))


def until(debugger: Debugger, session: DebugSession, given: args.Until) -> AgentInfo:
    """Run until a node is entered, or something is true."""
    control = debugger.commanded(given.agent, session)
    if given.expression:
        return _resume(debugger, session, given.agent, UntilTrue(Expression(given.expression)))
    if not given.node:
        raise DebugError("bad_arguments", "until what? Name a node, or give an expression", "until */Respond")
    path = given.node if is_glob(given.node) else resolve(control.agent, given.node)[0]
    return _resume(debugger, session, given.agent, UntilNode(path))


def restart(debugger: Debugger, session: DebugSession, given: args.Restart) -> AgentInfo:
    """Give up the tick that has begun."""
    control = debugger.commanded(given.agent, session)
    if not control.in_tick:
        raise DebugError("not_held", f"{control.agent.id} is in no tick", "pause it first")
    control.restart()
    return control.info()


def _here(control: Control) -> Any:
    return control.step if control.is_held else None


def _count(count: int) -> int:
    if count < 1:
        raise DebugError("bad_arguments", f"the count must be 1 or more, not {count}")
    return count


HANDLERS: dict[str, Callable[..., Any]] = {
    "hello": hello,
    "beat": beat,
    "agents": agents,
    "attach": attach,
    "detach": detach,
    "follow": follow,
    "pause": pause,
    "continue": continue_,
    "step": step,
    "next": next_,
    "finish": finish,
    "tick": tick,
    "until": until,
    "restart": restart,
}
