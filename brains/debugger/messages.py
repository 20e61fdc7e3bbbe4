"""What a debugger's front end and the core say to each other: requests, answers, events, as JSON.

A request is `{"id": 7, "command": "break", "arguments": {"where": "*/Talk"}}`. Its answer is
`{"id": 7, "ok": true, "body": {...}}`, or
`{"id": 7, "ok": false, "error": {"kind": "unknown_node", "message": "...", "hint": "..."}}`.
An event is `{"event": "stopped", "body": {...}}`. Answers may come late and in another order. Reasons of stops and
names of scopes are those of the Debug Adapter Protocol. Fields that have their default are left out of bodies.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

__all__ = [
    "ERROR_KINDS",
    "EVENTS",
    "PROTOCOL_VERSION",
    "AgentInfo",
    "BreakpointInfo",
    "CancelInfo",
    "DebugError",
    "DecisionInfo",
    "ErrorKind",
    "Frame",
    "NodeInfo",
    "Phase",
    "Request",
    "StatusWord",
    "Stop",
    "StopReason",
    "TickInfo",
    "Visit",
    "answer",
    "event",
    "failure",
]

PROTOCOL_VERSION = 1
"""Of this vocabulary. A front end says its own in `hello`; another one is refused with `version`."""

ErrorKind = Literal[
    "version",
    "bad_request",
    "unknown_command",
    "bad_arguments",
    "unknown_agent",
    "ambiguous_agent",
    "unknown_node",
    "unknown_key",
    "unknown_breakpoint",
    "unknown_tick",
    "unknown_model",
    "bad_expression",
    "no_agent",
    "not_attached",
    "not_held",
    "held_by_other",
    "no_prompt",
    "prompt_error",
    "model_error",
    "no_source",
    "no_recording",
    "unsupported",
    "terminated",
    "internal",
]
"""All that can be wrong with a request. The front ends add their own, such as `timeout`."""

ERROR_KINDS: tuple[str, ...] = ErrorKind.__args__  # type: ignore[attr-defined]

EVENTS = ("stopped", "continued", "output", "held", "released", "joined", "terminated", "tick")
"""`stopped` (a `Stop`), `continued` {agent, session}, `output` {category, text, agent, session, breakpoint},
`held` {agent, session, controller, reason}, `released` {agent, session}, `joined` and `terminated` {agent, session,
reason}, and `tick` (a `TickInfo`) of agents that are followed."""

StopReason = Literal[
    "step",
    "breakpoint",
    "pause",
    "entry",
    "exception",
    "data breakpoint",
    "goto",
    "tick",
    "until",
    "cancel",
    "model error",
]
"""Why an agent stopped. `entry`: before its first tick; `tick`: a tick that was asked for is over."""

Phase = Literal["enter", "exit", "cancel", "tick"]
"""Where in a node: before it runs, after it ran, just stopped by something higher; or between two ticks of the tree."""

StatusWord = Literal["SUCCESS", "FAILURE", "RUNNING", "INVALID"]
"""py_trees' own; a node that has not run, or was reset, is INVALID."""


class DebugError(Exception):
    """A request that cannot be done.

    Attributes:
        kind: one of `ERROR_KINDS`.
        message: what is wrong.
        hint: what to do next, such as the nearest name.
    """

    def __init__(self, kind: ErrorKind, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.hint = hint


class Request(msgspec.Struct, kw_only=True):
    """One request; `arguments` are those of `brains.debugger.arguments`."""

    id: int
    command: str
    arguments: dict[str, Any] = {}


class _Body(msgspec.Struct, omit_defaults=True):
    """Base of what answers and events are made of."""


class Visit(_Body, kw_only=True):
    """A node that ran in this tick."""

    path: str
    status: StatusWord


class CancelInfo(_Body, kw_only=True):
    """A node that was stopped while it ran."""

    path: str
    by: str
    """Path of the node that stopped it."""
    because: str = ""
    """Path of the node whose result made that one do so, if it was one."""
    tick: int = 0


class DecisionInfo(_Body, kw_only=True):
    """The model's last word to one leaf, or why there was none."""

    leaf: str
    kind: str
    """`asked`, `answered`, `fallback`, `cancelled` or `expired`, as in `brains.snapshot.LeafReport`."""
    prompt: str = ""
    text: str = ""
    reason: str = ""
    answer: str = ""
    value: Any = None
    probabilities: dict[str, float] = {}
    model: str = ""
    seconds: float = 0.0
    """From ask to answer."""
    prompt_tokens: int = 0
    output_tokens: int = 0
    tick_asked: int = 0
    tick_answered: int = 0
    forced: bool = False
    """It came of `rerun --apply`."""


class Stop(_Body, kw_only=True):
    """Where and why an agent stands still."""

    reason: StopReason
    number: int = 0
    """Stops of all agents are counted, from 1."""
    agent: str
    session: str
    brain: str = ""
    tick: int
    time: float
    """Agent time in seconds."""
    phase: Phase
    node: str
    """Name of the node; empty between ticks."""
    path: str
    kind: str
    """Class of the node."""
    status: StatusWord
    """Of the node; at `enter` that of its last run."""
    feedback: str = ""
    """The node's feedback message."""
    file: str = ""
    line: int = 0
    """Of the constructor call; 0 if it is not known."""
    text: str = ""
    """More on the reason, for people: the value that changed, the error, the expression that failed."""
    breakpoint: int = 0
    """Number of the breakpoint that stopped it, if one did."""
    so_far: list[Visit] = []
    """Nodes that have ended in this tick, in order."""
    cancelled: list[CancelInfo] = []
    """Nodes that were stopped in this tick."""
    decision: DecisionInfo | None = None
    """The last one of this node, or else of this agent."""


class AgentInfo(_Body, kw_only=True):
    """One agent in a list."""

    agent: str
    session: str
    brain: str
    state: Literal["running", "held", "waiting"]
    """`held`: stands still; `waiting`: goes on at the next snapshot of the game, by command."""
    tick: int
    time: float = 0.0
    status: StatusWord
    running: list[str] = []
    """Paths of the leaves at work."""
    thinking: list[str] = []
    """Paths of those that wait for the model."""
    action: str = ""
    """Name of the action under way."""
    controller: str = ""
    """Who debugs it."""
    watchers: int = 0
    dropped: int = 0
    """Snapshots that have gone by since it is held."""
    held_for: float = 0.0
    """Seconds."""
    stop: Stop | None = None
    stops: int = 0
    """Number of the newest stop of any agent: those that come after this answer have higher ones."""


class NodeInfo(_Body, kw_only=True):
    """One node of a tree, its children inside it."""

    path: str
    name: str
    kind: str
    status: StatusWord
    last_status: StatusWord = "INVALID"
    """That of the last time it ran, kept after a reset."""
    last_tick: int = 0
    """In which that was; 0 if it has not been seen to run."""
    visited: bool = False
    """It ran in this tick (or in the last one, between ticks)."""
    here: bool = False
    """The agent stands at this node."""
    on_path: bool = False
    """It is this node, or one above it."""
    feedback: str = ""
    forced: StatusWord = "INVALID"
    """What it is forced to; INVALID if it is not."""
    breakpoints: list[int] = []
    cancelled: CancelInfo | None = None
    decision: DecisionInfo | None = None
    file: str = ""
    line: int = 0
    children: list[NodeInfo] = []


class Frame(_Body, kw_only=True):
    """One node on the way from the root to where the agent stands."""

    path: str
    name: str
    kind: str
    status: StatusWord
    file: str = ""
    line: int = 0


class BreakpointInfo(_Body, kw_only=True):
    """A breakpoint, log point or watch."""

    number: int
    kind: Literal["node", "line", "template", "model_error", "error", "data"]
    where: str
    agents: str
    """Glob of the agents' ids."""
    on: str
    """`enter`, `exit`, `success`, `failure`, `running`, `cancel` or `error`."""
    condition: str = ""
    log: str = ""
    """The text of a log point, which does not stop."""
    once: bool = False
    enabled: bool
    ignore: int = 0
    """So many more hits are let by."""
    hits: int
    commands: list[str] = []
    """What the front end runs after a stop; the core only keeps it."""
    nodes: list[str] = []
    """`AGENT:PATH` of what it matches now, of agents that are there; at most 20."""
    owner: str = ""
    warning: str = ""
    """What may be a slip: nothing matches now."""


class TickInfo(_Body, kw_only=True):
    """One finished tick of one agent, in a history or as an event."""

    agent: str
    tick: int
    session: str
    time: float
    seq: int = 0
    """Number of the game's snapshot."""
    status: StatusWord
    running: list[str] = []
    action: str = ""
    """What it ordered."""
    params: dict[str, Any] = {}
    source: str = ""
    reason: str = ""
    cancels: list[str] = []
    decisions: list[DecisionInfo] = []
    faults: list[str] = []
    speech: list[str] = []
    held: bool = False
    """A debugger stood in it."""


def answer(id: int, body: object) -> dict[str, Any]:
    """Return the answer of a request that was done."""
    return {"id": id, "ok": True, "body": msgspec.to_builtins(body)}


def failure(id: int, error: DebugError) -> dict[str, Any]:
    """Return the answer of a request that cannot be done."""
    said = {"kind": error.kind, "message": error.message}
    return {"id": id, "ok": False, "error": {**said, "hint": error.hint} if error.hint else said}


def event(name: str, body: object) -> dict[str, Any]:
    """Return an event: one of `EVENTS`."""
    return {"event": name, "body": msgspec.to_builtins(body)}
