"""Commands that only look."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from py_trees.behaviour import Behaviour
from py_trees.common import Status

from brains.debugger import arguments as args
from brains.debugger.control import Control, Moment
from brains.debugger.expressions import Expression
from brains.debugger.messages import DebugError, Frame, NodeInfo
from brains.debugger.paths import nearest, nodes_of, resolve
from brains.debugger.sources import class_place
from brains.debugger.values import decision_info, feedback_of, plain, status_word
from brains.nodes.leaves import OrderedLeaf
from brains.nodes.llm import LLMNode

if TYPE_CHECKING:
    from brains.debugger.debugger import Debugger
    from brains.debugger.session import DebugSession

__all__ = ["HANDLERS", "control_for", "moment_of", "node_for"]


def control_for(debugger: Debugger, session: DebugSession, agent: str) -> Control:
    """Return what debugs an agent; for one that nobody debugs something to look through, that changes nothing."""
    found = debugger.find(agent, session)
    return debugger.known(found) or Control(debugger, found)


def moment_of(control: Control) -> Moment | None:
    """Return the past tick that is looked at; None: it is the present."""
    kept = [*control.history, *([] if control.recalled is None else [control.recalled])]
    return None if control.view is None else next((m for m in kept if m.info.tick == control.view), None)


def node_for(control: Control, text: str) -> tuple[str, Behaviour]:
    """Return the node that is named, or else the one that the agent stands at, or its root.

    Raises:
        DebugError: there is no such node.
    """
    if text:
        return resolve(control.agent, text)
    node = control.node or control.agent.root
    return control.agent.path_of(node), node


def where(debugger: Debugger, session: DebugSession, given: args.Where) -> dict[str, Any]:
    """Tell where an agent stands."""
    control = control_for(debugger, session, given.agent)
    frames: list[Frame] = []
    node: Behaviour | None = control.node
    while node is not None:
        path = control.agent.path_of(node)
        file, line = debugger.sources.place(control.agent, path)
        frames.append(
            Frame(path=path, name=node.name, kind=type(node).__name__, status=status_word(node.status), file=file,
                  line=line)
        )  # fmt: skip
        node = node.parent
    return {"stop": control.stop, "frames": frames[::-1], "view": control.view, "agent": control.info()}


def tree(debugger: Debugger, session: DebugSession, given: args.Tree) -> dict[str, Any]:
    """Show the tree."""
    control = control_for(debugger, session, given.agent)
    root = resolve(control.agent, given.node)[1] if given.node else control.agent.root
    moment = moment_of(control)
    tick = control.agent.tick_number if moment is None else moment.info.tick
    return {"root": _TreeView(debugger, control, moment).node(root), "tick": tick, "view": control.view}


class _TreeView:
    """Makes the picture of one tree."""

    def __init__(self, debugger: Debugger, control: Control, moment: Moment | None) -> None:
        self._debugger = debugger
        self._control = control
        self._moment = moment
        self._visited = control.facts.visited()
        self._here = None if moment is not None else control.node
        self._above: set[Behaviour] = set()
        node = self._here
        while node is not None:
            self._above.add(node)
            node = node.parent
        self._breakpoints = debugger.rules.for_agent(control)

    def node(self, node: Behaviour) -> NodeInfo:
        control, agent = self._control, self._control.agent
        path = agent.path_of(node)
        info = NodeInfo(
            path=path, name=node.name, kind=type(node).__name__, status="INVALID", feedback=feedback_of(node)
        )
        if self._moment is None:
            info.status = status_word(node.status)
            info.visited = node in self._visited
            last, info.last_tick = control.facts.last.get(node, (Status.INVALID, 0))
            info.last_status = status_word(last)
            info.cancelled = control.facts.cancelled.get(node)
            report = agent.decisions.get(path)
            info.decision = None if report is None else decision_info(report)
        else:
            info.status = self._moment.statuses.get(path, "INVALID")  # type: ignore[assignment]  # they were made of it
            info.visited = path in self._moment.visited
            info.feedback = next((str(one.get("reason", "")) for one in self._moment.why if one["path"] == path), "")
            decisions = [one for one in self._moment.info.decisions if one.leaf == path]
            info.decision = decisions[-1] if decisions else None
        info.here, info.on_path = node is self._here, node in self._above
        if control.instrument is not None and node in control.instrument.forced:
            info.forced = status_word(control.instrument.forced[node])
        info.breakpoints = [one.number for one in self._breakpoints if one.is_at(agent, path, self._debugger.sources)]
        info.file, info.line = self._debugger.sources.place(agent, path)
        info.children = [self.node(child) for child in node.children]
        return info


def source(debugger: Debugger, session: DebugSession, given: args.Source) -> dict[str, Any]:
    """Tell where a node is made, and its class."""
    control = control_for(debugger, session, given.agent)
    path, node = node_for(control, given.node)
    file, line = debugger.sources.place(control.agent, path)
    class_file, class_line = class_place(node)
    if not file and not class_file:
        raise DebugError("no_source", f"it is not known where {path} is made")
    return {
        "path": path,
        "kind": type(node).__name__,
        "file": file,
        "line": line,
        "class_file": class_file,
        "class_line": class_line,
    }


def evaluate(debugger: Debugger, session: DebugSession, given: args.Evaluate) -> dict[str, Any]:
    """Evaluate an expression, in the past tick that is looked at if one is."""
    control = control_for(debugger, session, given.agent)
    value = plain(Expression(given.expression).value(_context(control)))
    return {"value": value}


def _context(control: Control) -> Mapping[str, Any]:
    context = control.context()
    moment = moment_of(control)
    if moment is not None:
        snapshot = plain(moment.snapshot)
        context.update(tick=moment.info.tick, time=moment.info.time, me=snapshot["me"], world=snapshot["world"],
                       events=snapshot["events"], blackboard=moment.blackboard, snapshot=snapshot)  # fmt: skip
    return context


def blackboard(debugger: Debugger, session: DebugSession, given: args.Blackboard) -> dict[str, Any]:
    """Show the agent's memory."""
    control = control_for(debugger, session, given.agent)
    moment = moment_of(control)
    memory = plain(control.agent.blackboard) if moment is None else moment.blackboard
    before = control.before if moment is None else memory
    changed = sorted(key for key in {*memory, *before} if memory.get(key, _NONE) != before.get(key, _NONE))
    if not given.key:
        return {"blackboard": memory, "changed": changed if control.in_tick else []}
    if given.key not in memory:
        raise DebugError("unknown_key", f"the blackboard has no {given.key!r}", nearest(given.key, memory))
    return {"blackboard": {given.key: memory[given.key]}, "changed": [key for key in changed if key == given.key]}


_NONE = object()


def snapshot(debugger: Debugger, session: DebugSession, given: args.Snapshot) -> dict[str, Any]:
    """Show what this tick is on."""
    control = control_for(debugger, session, given.agent)
    moment = moment_of(control)
    shown = control.agent.snapshot if moment is None else moment.snapshot
    latest = None
    if control.offer is not None:
        latest = {"seq": control.offer.seq, "time": control.offer.time, "dropped": control.dropped}
    value: Any = plain(shown)
    for part in filter(None, given.path.split(".")):
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            there = value if isinstance(value, dict) else [str(n) for n in range(len(value))] \
                if isinstance(value, list) else []  # fmt: skip
            raise DebugError("unknown_key", f"{given.path!r}: there is no {part!r}", nearest(part, there))
    return {"snapshot": value, "seq": shown.seq, "time": shown.time, "latest": latest}


def why(debugger: Debugger, session: DebugSession, given: args.Why) -> dict[str, Any]:
    """Tell which branches were tried and refused."""
    control = control_for(debugger, session, given.agent)
    moment, agent = moment_of(control), control.agent
    if moment is None and not control.in_tick and control.history:
        moment = control.history[-1]
    if moment is not None:
        info = moment.info
        return {"tick": info.tick, "status": info.status, "tried": moment.why, "running": info.running,
                "action": info.action}  # fmt: skip
    if not control.in_tick:
        raise DebugError(
            "not_attached", f"nothing has been seen yet of {agent.id}'s ticks", "attach it, and wait for its next tick"
        )
    order = "" if agent.order is None else type(agent.order.action).__name__
    return {"tick": agent.tick_number, "status": status_word(agent.root.status), "tried": control.facts.why(),
            "running": debugger.info_of(agent).running, "action": order}  # fmt: skip


def running(debugger: Debugger, session: DebugSession, given: args.Running) -> dict[str, Any]:
    """Tell what is at work."""
    control = control_for(debugger, session, given.agent)
    agent = control.agent
    found = []
    for path, node in nodes_of(agent).items():
        thinking = isinstance(node, LLMNode) and node.asking.open
        if not thinking and (node.status is not Status.RUNNING or node.children):
            continue
        entry: dict[str, Any] = {"path": path, "kind": type(node).__name__, "status": status_word(node.status)}
        since = control.facts.since.get(node)
        if since is not None:
            entry["ticks"] = agent.tick_number - since[0] + 1
            entry["seconds"] = round(agent.clock.now() - since[1], 3)
        if isinstance(node, OrderedLeaf) and node.ordered is not None:
            entry["action"], entry["order"] = type(node.ordered.action).__name__, node.ordered.id
        if thinking:
            assert isinstance(node, LLMNode)
            entry["thinking"] = round(agent.clock.now() - node.asking.since, 3)
            entry["model"] = node.model
        if feedback := feedback_of(node):
            entry["feedback"] = feedback
        found.append(entry)
    return {"running": found}


def variables(debugger: Debugger, session: DebugSession, given: args.Variables) -> dict[str, Any]:
    """List the scopes of the Debug Adapter Protocol."""
    control = control_for(debugger, session, given.agent)
    path, node = node_for(control, given.node)
    context = control.context()
    status, feedback = status_word(node.status), feedback_of(node)
    scopes: list[dict[str, Any]] = [
        {"name": "Node", "values": {"path": path, "kind": type(node).__name__, "status": status, "feedback": feedback}},
        {"name": "Blackboard", "values": plain(context["blackboard"])},
        {"name": "Snapshot", "values": plain(context["snapshot"])},
    ]
    if isinstance(node, LLMNode) and node.asking.prompt is not None:
        prompt = node.asking.prompt
        values = {"prompt": prompt.name, "version": prompt.version, "system": prompt.system, "user": prompt.user}
        scopes.append({"name": "Prompt", "values": values})
    return {"scopes": scopes}


def complete(debugger: Debugger, session: DebugSession, given: args.Complete) -> dict[str, Any]:
    """List names that begin with a prefix; of nodes also those whose own name does."""
    names: list[str]
    match given.what:
        case "agents":
            names = [agent.id for agent in debugger.agents()]
        case "commands":
            names = list(args.COMMANDS)
        case "models":
            names = debugger.host.models()
        case "prompts":
            names = [] if debugger.host.prompts is None else debugger.host.prompts.names()
        case "keys":
            control = control_for(debugger, session, given.agent)
            context = control.context()
            names = [f"blackboard.{key}" for key in control.agent.blackboard]
            names += [f"me.{key}" for key in control.agent.me] + [f"world.{key}" for key in control.agent.world]
            names += sorted(context)
        case _:
            names = list(nodes_of(control_for(debugger, session, given.agent).agent))
            own = [name for name in names if name.rpartition("/")[2].startswith(given.prefix)]
            names = list(dict.fromkeys([*(name for name in names if name.startswith(given.prefix)), *own]))
            return {"names": names}
    return {"names": [name for name in names if name.startswith(given.prefix)]}


HANDLERS: dict[str, Callable[..., Any]] = {
    "where": where,
    "tree": tree,
    "source": source,
    "evaluate": evaluate,
    "blackboard": blackboard,
    "snapshot": snapshot,
    "why": why,
    "running": running,
    "variables": variables,
    "complete": complete,
}
