"""Breakpoints, log points and watches: where they are, and whether they are met.

They are kept by names, not by nodes: a path glob and a glob of agent ids or brains. So they survive that an agent
leaves and comes back, and one of them may mean many agents.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from brains.debugger.arguments import Break
from brains.debugger.expressions import Expression, Text
from brains.debugger.host import Debuggable
from brains.debugger.messages import BreakpointInfo, DebugError
from brains.debugger.paths import Glob, is_glob, nearest, nodes_of, resolve
from brains.debugger.sources import SourceMap

__all__ = ["ON", "Breakpoint", "made", "unset"]

ON = ("enter", "exit", "success", "failure", "running", "cancel", "error")
_LINE = re.compile(r"(?P<file>.+\.py):(?P<line>\d+)")
_MODEL_ERROR = ("model-error", "model_error")
_ERROR = ("error", "exception")
_MOST_NODES = 20
Kind = Literal["node", "line", "template", "model_error", "error", "data"]

unset: Any = type("Unset", (), {"__repr__": lambda self: "unset"})()
"""The value of what is watched while there is none."""


@dataclass(eq=False)
class Breakpoint:
    """One of them. `owner` is the front end that set it; None: the server itself."""

    number: int
    info: BreakpointInfo
    owner: object | None
    agents: Glob
    path: Glob
    condition: Expression | None = None
    log: Text | None = None
    watched: Expression | None = None
    values: dict[tuple[str, str], Any] = field(default_factory=dict)
    """What is watched, by agent, as it was last."""
    failed: set[str] = field(default_factory=set)
    """Agents at which the condition has failed: that stops each of them once."""
    _nodes: dict[Any, frozenset[str]] = field(default_factory=dict)

    def applies(self, agent: Debuggable) -> bool:
        """Tell whether it is about this agent: by its id, `SESSION/ID`, or its brain."""
        names = (agent.id, f"{agent.session}/{agent.id}", agent.brain)
        return any(self.agents.matches(name) for name in names)

    def is_at(self, agent: Debuggable, path: str, sources: SourceMap) -> bool:
        """Tell whether a node is one of those that it is about."""
        if self.info.kind == "line":
            return path in self.lines(agent, sources)
        return self.info.kind in ("node", "error") and self.path.matches_path(path)

    def lines(self, agent: Debuggable, sources: SourceMap) -> frozenset[str]:
        """Return the paths of the nodes made in its line, or in the first line after it that makes any."""
        key = agent.brain
        if key not in self._nodes:
            found = _LINE.fullmatch(self.info.where)
            assert found is not None
            self._nodes[key] = sources.paths_at(agent, found["file"], int(found["line"]))
        return self._nodes[key]

    def met(self, agent: Debuggable, context: dict[str, Any]) -> tuple[bool, str]:
        """Count a hit; tell whether it stops (or logs), and what went wrong with its condition, if anything did."""
        if self.condition is not None:
            try:
                if not self.condition.holds(context):
                    return False, ""
            except DebugError as error:
                if agent.id in self.failed:
                    return False, ""
                self.failed.add(agent.id)
                return True, f"the condition of breakpoint {self.number} fails: {error.message}"
        self.info.hits += 1
        if self.info.ignore > 0:
            self.info.ignore -= 1
            return False, ""
        return True, ""

    def shown(self, agents: list[Debuggable], sources: SourceMap) -> BreakpointInfo:
        """Return it as the wire has it, with the nodes that it matches now."""
        nodes: list[str] = []
        for agent in agents:
            if self.applies(agent) and self.info.kind in ("node", "line", "error"):
                nodes += [f"{agent.id}:{path}" for path in nodes_of(agent) if self.is_at(agent, path, sources)]
        return msgspec.structs.replace(self.info, nodes=nodes[:_MOST_NODES])


def made(
    number: int,
    given: Break,
    owner: object | None,
    agents: list[Debuggable],
    sources: SourceMap,
    *,
    selected: str = "",
    prompts: list[str] | None = None,
) -> Breakpoint:
    """Make a breakpoint of what was asked for.

    Args:
        number: its number.
        given: the request.
        owner: who sets it.
        agents: those that are there now: a name without a glob has to be one of theirs.
        sources: where nodes are made.
        selected: id of the agent that is meant if none is named.
        prompts: names of the templates.

    Raises:
        DebugError: it does not parse, or there is nothing that it could ever meet.
    """
    info = _read(given, selected)
    breakpoint = Breakpoint(
        number=number,
        info=info,
        owner=owner,
        agents=Glob(info.agents),
        path=Glob(info.where),
        condition=Expression(info.condition) if info.condition else None,
        log=Text(info.log) if info.log else None,
        watched=Expression(info.where) if info.kind == "data" else None,
    )
    info.number = number
    _check_names(breakpoint, agents, sources, prompts)
    return breakpoint


def _read(given: Break, selected: str) -> BreakpointInfo:
    """Take apart `[AGENT:]PATH[:ON]`, `FILE:LINE`, `template:NAME`, `model-error`, `error`."""
    where, kind, on, agents = given.where.strip(), given.kind, given.on, given.agents
    if not where:
        raise DebugError("bad_arguments", "a breakpoint needs a place", "such as '*/Respond' or 'guard:*/Respond:exit'")
    if kind == "":
        kind, where = _told(where)
    if kind == "line" and not _LINE.fullmatch(where):
        raise DebugError("bad_arguments", f"{where!r} is no FILE:LINE", "such as trees/guard.py:20")
    if kind in ("node", "error"):
        head, _, tail = where.rpartition(":")
        if head and tail in ON and not on:
            where, on = head, tail  # type: ignore[assignment]  # it is one of ON
        head, colon, tail = where.partition(":")
        if colon and "/" not in head and tail and not agents:
            agents, where = head, tail
        kind = "error" if on == "error" else kind
    return BreakpointInfo(
        number=0,
        kind=kind,
        where=where,
        agents=agents or selected or "*",
        on=on or ("exit" if kind in ("error", "template", "model_error") else "enter"),
        condition=given.condition,
        log=given.log,
        once=given.once,
        enabled=given.enabled,
        hits=0,
        ignore=given.ignore,
        commands=list(given.commands),
    )


def _told(where: str) -> tuple[Kind, str]:
    """Tell what kind of breakpoint is meant, and the rest of its place."""
    if where.startswith("template:"):
        return "template", where.removeprefix("template:")
    if where in _MODEL_ERROR:
        return "model_error", where
    if where in _ERROR:
        return "error", "*"
    return ("line" if _LINE.fullmatch(where) else "node"), where


def _check_names(
    breakpoint: Breakpoint, agents: list[Debuggable], sources: SourceMap, prompts: list[str] | None
) -> None:
    """Refuse a plain name that nothing has; warn of a glob that matches nothing now, since that may still come."""
    info = breakpoint.info
    meant = [agent for agent in agents if breakpoint.applies(agent)]
    if info.kind == "template" and prompts is not None and not is_glob(info.where) and info.where not in prompts:
        raise DebugError("no_prompt", f"there is no prompt {info.where!r}", nearest(info.where, prompts))
    if not meant:
        if agents:
            names = [name for agent in agents for name in (agent.id, agent.brain)]
            info.warning = f"no agent {info.agents!r} is there now; {nearest(info.agents, names)}"
        return
    if info.kind == "line":
        if not any(breakpoint.lines(agent, sources) for agent in meant):
            files = sorted({sources.file_of(agent) for agent in meant} - {""})
            raise DebugError("no_source", f"no node is made at {info.where}", f"trees are in {', '.join(files) or '?'}")
    elif info.kind in ("node", "error") and not any(
        breakpoint.path.matches_path(path) for agent in meant for path in nodes_of(agent)
    ):
        if not is_glob(info.where):
            path, _ = resolve(meant[0], info.where)
            info.where, breakpoint.path = path, Glob(path)
            return
        info.warning = f"no node matches {info.where!r} now"
