"""The commands, each with its arguments. What a command answers stands in its docstring.

`agent` is an id, or `SESSION/ID` where two games have one of that id; left out, it is the agent that was attached last.
`node` is a path, a glob of paths, or the end of a path that is unique; left out, it is where the agent stands.
"""

from __future__ import annotations

import difflib
from typing import Any, Literal

import msgspec

from brains.debugger.messages import DebugError

__all__ = ["COMMANDS", "Arguments", "parse"]


class Arguments(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Base of all arguments."""


class OfAgent(Arguments, kw_only=True):
    """Arguments of what is done to one agent."""

    agent: str = ""


class OfNode(OfAgent, kw_only=True):
    """Arguments of what is done to one node."""

    node: str = ""


# --- who is there ------------------------------------------------------------------------------------------------


class Hello(Arguments, kw_only=True):
    """Say who you are; the first request.

    Answer: {version, server, pid, kind: live|replay|tree, commands, models}.
    """

    version: int
    name: str = ""
    """Shown to others as the controller of an agent."""
    events: bool = False
    """Also hear of `joined`, `held`, `released` and `terminated` of agents that are not attached."""


class Beat(Arguments, kw_only=True):
    """Say that you are still there: without a request for 5 s a debugger counts as vanished.

    Answer: {}.
    """


class Agents(Arguments, kw_only=True):
    """List agents, by a glob of their ids.

    Answer: {agents: [AgentInfo], selected}.
    """

    match: str = "*"


class Attach(OfAgent, kw_only=True):
    """Debug an agent, or only watch it; it becomes the selected one.

    Answer: AgentInfo.
    """

    mode: Literal["control", "watch"] = "control"
    take: bool = False
    """Take it from who controls it, who hears of that."""


class Detach(OfAgent, kw_only=True):
    """Leave an agent, which goes on; its tick is finished. Without an agent: leave all.

    Answer: {agents: [ids]}.
    """

    hold: bool = False
    """It stays held, until somebody continues or attaches it."""


class Follow(OfAgent, kw_only=True):
    """Get a `tick` event of every tick of an agent, or no more.

    Answer: {}.
    """

    on: bool = True


# --- running -----------------------------------------------------------------------------------------------------


class Pause(OfAgent, kw_only=True):
    """Stop an agent at the next node boundary.

    Answer: AgentInfo; `stopped` follows.
    """


class Continue(OfAgent, kw_only=True):
    """Let an agent run.

    Answer: AgentInfo; `continued`, and perhaps `stopped`.
    """

    since: int | None = None
    """Number of the last stop that is known of: if the agent has stopped since, unnoticed as yet, it stays there."""


class Step(OfAgent, kw_only=True):
    """Run to the next node that is entered (`step`).

    Answer: AgentInfo; `stopped` follows.
    """

    count: int = 1
    boundary: Literal["enter", "any"] = "enter"
    """`any`: stop at exits, too."""


class Next(OfAgent, kw_only=True):
    """Run over the subtree: to the end of this node, or from there to what comes next.

    Answer: AgentInfo; `stopped` follows.
    """

    count: int = 1


class Finish(OfAgent, kw_only=True):
    """Run until the parent ends.

    Answer: AgentInfo; `stopped` follows.
    """


class Tick(OfAgent, kw_only=True):
    """Run to the end of the tick; `count` ticks, this one included.

    Answer: AgentInfo; `stopped` follows.
    """

    count: int = 1


class Until(OfNode, kw_only=True):
    """Run until a node is entered, or an expression is true.

    Answer: AgentInfo; `stopped` follows.
    """

    expression: str = ""


class Restart(OfAgent, kw_only=True):
    """Give up the tick: the tree is stopped, so that the next one starts afresh.

    Answer: AgentInfo; `stopped` follows.
    """


# --- breakpoints -------------------------------------------------------------------------------------------------


class Break(Arguments, kw_only=True):
    """Set a breakpoint, log point (`log`) or watch (`kind: data`).

    Answer: BreakpointInfo.

    `where` is `[AGENT:]PATH` with globs (`guard:*/Respond`; without AGENT: the selected agent, or all), `FILE:LINE`, a
    prompt's name (`kind: template`), or a key such as `blackboard.alarm` or `me.hp` (`kind: data`). It survives that
    its agents leave and come back.
    """

    where: str
    kind: Literal["", "node", "line", "template", "model_error", "error", "data"] = ""
    """Left out: told from `where`."""
    agents: str = ""
    """Glob of agent ids, if it is not in `where`."""
    on: Literal["", "enter", "exit", "success", "failure", "running", "cancel", "error"] = ""
    condition: str = ""
    log: str = ""
    """Text with `{{ expressions }}`."""
    once: bool = False
    enabled: bool = True
    ignore: int = 0
    commands: list[str] = []


class Breakpoints(Arguments, kw_only=True):
    """List them.

    Answer: {breakpoints: [BreakpointInfo]}.
    """


class ChangeBreakpoint(Arguments, kw_only=True):
    """Enable, disable, ignore, make conditional.

    Answer: {breakpoints: [BreakpointInfo]}.
    """

    numbers: list[int] = []
    """None: all."""
    enabled: bool | None = None
    condition: str | None = None
    """Empty: none any more."""
    ignore: int | None = None
    commands: list[str] | None = None


class Delete(Arguments, kw_only=True):
    """Delete breakpoints.

    Answer: {deleted: [numbers]}.
    """

    numbers: list[int] = []
    """None: all."""


# --- looking -----------------------------------------------------------------------------------------------------


class Where(OfAgent, kw_only=True):
    """Tell where an agent stands.

    Answer: {stop: Stop | null, frames: [Frame] from the root, view: tick | null}.
    """


class Tree(OfNode, kw_only=True):
    """Show the tree, or the part below a node.

    Answer: {root: NodeInfo, tick, view: tick | null}.
    """


class Source(OfNode, kw_only=True):
    """Show where a node is made and its class.

    Answer: {path, file, line, first_line, lines, class_file, class_line}.
    """

    context: int = 5
    of_class: bool = False
    """Show the class instead."""


class Evaluate(OfAgent, kw_only=True):
    """Evaluate a Jinja expression.

    Answer: {value, text}.

    It knows me, world, events, blackboard, snapshot, node (name, path, status, feedback), tick, time, agent, orders.
    """

    expression: str


class Blackboard(OfAgent, kw_only=True):
    """Show the agent's memory, or one key.

    Answer: {blackboard: {...}, changed: [keys since the tick began]}.
    """

    key: str = ""


class Snapshot(OfAgent, kw_only=True):
    """Show the snapshot of this tick, or a part of it.

    Answer: {snapshot, seq, time, latest: {seq, time, dropped} | null}.
    """

    path: str = ""
    """Such as `me.hp`."""
    latest: bool = False
    """Show the newest one that has come since."""


class Why(OfAgent, kw_only=True):
    """Tell which branches this tick tried and refused.

    Answer: {tick, status, tried: [{path, status, verdict, reason, depth, probabilities, decision}], running: [paths],
    action}.
    """


class Running(OfAgent, kw_only=True):
    """Tell what is at work.

    Answer: {running: [{path, kind, ticks, seconds, action, order, thinking, model}]}.
    """


class Variables(OfAgent, kw_only=True):
    """List scopes, as the Debug Adapter Protocol has them.

    Answer: {scopes: [{name, values}]}: Node, Blackboard, Snapshot, Prompt.
    """

    node: str = ""


class Complete(OfAgent, kw_only=True):
    """List names for completion.

    Answer: {names: [...]}.
    """

    what: Literal["agents", "nodes", "keys", "prompts", "models", "commands"] = "nodes"
    prefix: str = ""


# --- changing ----------------------------------------------------------------------------------------------------


class Set(OfAgent, kw_only=True):
    """Change the agent's memory.

    Answer: {key, old, value}.
    """

    key: str
    value: Any = None
    delete: bool = False


class Force(OfNode, kw_only=True):
    """Give a node its result without running it.

    Answer: {path, status, keep, at: enter|exit}.

    Once, the next time that it would run; if the agent stands at the exit of this node, its result is changed at once.
    """

    status: Literal["success", "failure", "running", "none"]
    """`none`: no longer."""
    keep: bool = False


# --- prompts and the model ---------------------------------------------------------------------------------------


class Prompt(OfNode, kw_only=True):
    """Show a leaf's prompt.

    Answer: {leaf, prompt, file, version, errors, asked: {...} | null, now: {...} | null, variables}.

    `asked` and `now` (as it would be asked now) have system, turns: [{user, answer}], user, digest, labels; `changed`
    tells whether they differ.
    """


class Reply(OfNode, kw_only=True):
    """Show the model's last answer to a leaf.

    Answer: {leaf, waiting: seconds | null, decision: DecisionInfo | null}.
    """


class Rerun(OfNode, kw_only=True):
    """Ask the model a leaf's question again, with the template as it is now.

    Answer: {leaf, model, prompt, before, runs: [{decision, error}], same: bool, applied: bool}; comes when the last
    answer is there.
    """

    model: str = ""
    times: int = 1
    apply: bool = False
    """Have the leaf take the (last) answer as its own in its next visit."""


class Reload(Arguments, kw_only=True):
    """Read changed templates now.

    Answer: {prompts: [names], errors: [{prompt, message, file, line}]}.
    """


class Template(OfNode, kw_only=True):
    """Show a template's text, of a leaf or by name.

    Answer: {prompt, file, text, version, error}.
    """

    prompt: str = ""


# --- the past ----------------------------------------------------------------------------------------------------


class History(OfAgent, kw_only=True):
    """List the last ticks.

    Answer: {ticks: [TickInfo], first, last, view}.
    """

    last: int = 10


class Goto(OfAgent, kw_only=True):
    """View a past tick; `where`, `tree`, `blackboard`, `snapshot`, `why` then show it.

    Answer: {view: tick | null, stop}.

    Live it only looks; for a tick that is recorded, but was not seen, another agent is run again. In a replay the agent
    itself is run again from its beginning, to just before that tick.
    """

    tick: int | None = None
    """None: back to the present."""
    by: int | None = None
    """So many ticks forward or, if negative, back from what is viewed."""


class StepBack(OfAgent, kw_only=True):
    """Go back over so many node boundaries, in a replay: the agent is run again from its beginning to there.

    Answer: {view, stop}.
    """

    count: int = 1


class Replay(OfAgent, kw_only=True):
    """Run the agent again to a tick from its recorded inputs: from its beginning, or from where its debugging began.

    Answer: {tick, first, ticks, differences: [...], problems: [...]}; `first` is the tick with which that begins.
    """

    tick: int


class Fork(OfAgent, kw_only=True):
    """Make a shadow of the agent as it was at a tick; what it orders is not sent.

    Answer: AgentInfo of the shadow.
    """

    tick: int | None = None
    live: bool = False
    """It goes on with the game's snapshots, beside the agent."""


class Record(Arguments, kw_only=True):
    """Begin or end to record the session.

    Answer: {recording: file | null}.
    """

    on: bool
    file: str = ""


COMMANDS: dict[str, type[Arguments]] = {
    "hello": Hello,
    "beat": Beat,
    "agents": Agents,
    "attach": Attach,
    "detach": Detach,
    "follow": Follow,
    "pause": Pause,
    "continue": Continue,
    "step": Step,
    "next": Next,
    "finish": Finish,
    "tick": Tick,
    "until": Until,
    "restart": Restart,
    "break": Break,
    "breakpoints": Breakpoints,
    "change_breakpoint": ChangeBreakpoint,
    "delete": Delete,
    "where": Where,
    "tree": Tree,
    "source": Source,
    "evaluate": Evaluate,
    "blackboard": Blackboard,
    "snapshot": Snapshot,
    "why": Why,
    "running": Running,
    "variables": Variables,
    "complete": Complete,
    "set": Set,
    "force": Force,
    "prompt": Prompt,
    "reply": Reply,
    "rerun": Rerun,
    "reload": Reload,
    "template": Template,
    "history": History,
    "goto": Goto,
    "step_back": StepBack,
    "replay": Replay,
    "fork": Fork,
    "record": Record,
}


def parse(command: str, given: dict[str, Any]) -> Arguments:
    """Return the checked arguments of a command.

    Raises:
        DebugError: there is no such command, or the arguments do not fit it.
    """
    kind = COMMANDS.get(command)
    if kind is None:
        near = difflib.get_close_matches(command, COMMANDS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(COMMANDS)}"
        raise DebugError("unknown_command", f"there is no command {command!r}", hint)
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        fields = ", ".join(field.encode_name for field in msgspec.structs.fields(kind)) or "none"
        raise DebugError("bad_arguments", f"{command}: {error}", f"its arguments: {fields}") from error
