"""What a recording consists of: one of these per line, as JSON, with its `type` first.

The first line is a `recording`. Things that others refer to (`text`, `prompts`, `tree`, `agent`, `world`) stand before
what refers to them. One tick of one agent is a `turn` (all that it depends on), a `question` for each that it asked,
`nodes` (which nodes it came out of; may be missing) and `done` (all that it brought).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from brains.jsontext import encoded
from brains.questions import Calibration, Decision, NoAnswer, Outcome
from brains.snapshot import Event, LeafReport, OrderResult, Source

__all__ = [
    "FORMAT",
    "AgentEvent",
    "AnswerRecord",
    "ClosedEvent",
    "DoneEvent",
    "DroppedEvent",
    "EndEvent",
    "FaultRecord",
    "GapEvent",
    "HeldEvent",
    "NodeRecord",
    "NodesEvent",
    "OrderRecord",
    "PromptRecord",
    "PromptsEvent",
    "QuestionEvent",
    "RecordingEvent",
    "ReleasedEvent",
    "TextEvent",
    "TouchedEvent",
    "TraceEvent",
    "TreeEvent",
    "TurnEvent",
    "WorldEvent",
    "encode",
    "encode_value",
]

FORMAT = "1.0"
"""Major and minor version of the format. A reader takes all minor versions of its major one: fields and types that it
does not know are left out, and those that are missing have their defaults."""


class _Event(msgspec.Struct, kw_only=True, omit_defaults=True, tag_field="type"):
    """Base of all lines."""


class RecordingEvent(_Event, tag="recording"):
    """The first line of each part."""

    format: str
    brains: str = ""
    """Version of the program that wrote it."""
    python: str = ""
    started: str = ""
    """When the run began, ISO 8601."""
    run: str = ""
    """Names the run, the same in all of its parts."""
    part: int = 1
    content: bool = True
    """False: texts of prompts, answers and speech have been left out."""
    trees: Mapping[str, str] = {}
    """Hash of each Python file of the trees folder, by its path in there; the texts are `text`s."""


class TextEvent(_Event, tag="text"):
    """A text that others refer to by its hash: a file of the trees or prompts folder."""

    hash: str
    text: str


class PromptRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One prompt as it was in use."""

    text: str
    """Hash of the file's text."""
    version: str = ""
    file: str | None = None
    """Where it came from, for messages."""
    files: Mapping[str, tuple[str, str]] = {}
    """The files that it uses, by path: hash of the text, and where it came from."""


class PromptsEvent(_Event, tag="prompts"):
    """All prompts as they were from here on, until the next such line."""

    n: int = 0
    """Counts them, from 1 on."""
    prompts: Mapping[str, PromptRecord] = {}
    calibrations: Mapping[str, Mapping[str, Calibration]] = {}
    errors: Mapping[str, tuple[str, str | None, int | None]] = {}
    """Of prompts that have no good version: message, file, line."""


class NodeRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One node of a tree."""

    path: str
    kind: str
    """Its class."""
    parent: int = -1
    """Place of its parent in the list; -1: it is the root."""


class TreeEvent(_Event, tag="tree"):
    """The shape of a tree; agents whose trees are alike share one."""

    hash: str
    brain: str
    nodes: tuple[NodeRecord, ...]
    """Parents before their children, and siblings in order."""
    file: str = ""
    """The brain's file."""


class AgentEvent(_Event, tag="agent"):
    """An agent, before its first tick in the recording. One that comes back is another one."""

    n: int
    """Its number in this recording."""
    id: str
    brain: str
    tree: str
    session: str = ""
    seed: int | str = 0
    declared: tuple[str, ...] = ()
    late: int = 0
    """Ticks that it had had before: it cannot be replayed, since what they depended on is not here."""
    at: float = 0.0


class WorldEvent(_Event, tag="world"):
    """What all agents of a game share, from one or more snapshots."""

    n: int
    world: msgspec.Raw


class AnswerRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The outcome of a question: a decision, or why there is none."""

    question: int
    """The question's number among those of its agent, from 0 on."""
    decision: Decision | None = None
    none: NoAnswer | None = None

    @classmethod
    def of(cls, question: int, outcome: Outcome) -> AnswerRecord:
        """Return the record of an outcome."""
        if isinstance(outcome, Decision):
            return cls(question=question, decision=outcome)
        return cls(question=question, none=outcome)

    @property
    def outcome(self) -> Outcome:
        """The outcome itself."""
        return self.decision or self.none or NoAnswer(reason="unknown")


class TurnEvent(_Event, tag="turn"):
    """All that one tick depends on."""

    agent: int
    tick: int
    at: float
    """Seconds since the run began."""
    seq: int = 0
    time: float = 0.0
    """Game time in seconds."""
    world: int = 0
    """0: an empty one."""
    me: msgspec.Raw = msgspec.Raw(b"{}")
    events: tuple[Event, ...] = ()
    results: tuple[OrderResult, ...] = ()
    available: tuple[str, ...] | None = None
    clock: float | None = None
    """Game time that the agent's clock stood at, where it had been moved since the last tick: it was held."""
    answers: tuple[AnswerRecord, ...] = ()
    """Outcomes that arrived since the last tick."""
    texts: tuple[tuple[int, str], ...] = ()
    """What had come so far of free-text answers, where that has grown."""


class QuestionEvent(_Event, tag="question"):
    """A question that was asked."""

    agent: int
    tick: int
    question: int
    """Its number among those of this agent, from 0 on."""
    leaf: str
    prompt: str
    digest: str
    """Of all that the answer depends on."""
    version: str = ""
    """Hash of the template."""
    user: str = ""
    """The question itself."""
    labels: tuple[str, ...] = ()
    schema: Mapping[str, Any] | None = None
    options: Mapping[str, Any] = {}
    max_tokens: int = 64
    timeout: float | None = None
    priority: int = 0
    model: str = ""


class NodesEvent(_Event, tag="nodes"):
    """Which nodes a tick came out of, in order; the first to be left out where there is too much to write."""

    agent: int
    tick: int
    ran: tuple[tuple[int, Literal["S", "F", "R", "I", "X"]], ...] = ()
    """(place in the tree, its status then); X: it was RUNNING and was cancelled."""
    why: Mapping[int, str] = {}
    """What a node says of itself, where that is new."""


class OrderRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An action."""

    id: str
    name: str
    params: Any
    source: Source = "tree"
    reason: str = ""
    leaf: str = ""


class FaultRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An exception in a node."""

    leaf: str
    error: str
    first: bool = True
    traceback: str = ""


class DoneEvent(_Event, tag="done"):
    """All that one tick brought."""

    agent: int
    tick: int
    time: float
    """Agent time in seconds."""
    status: str
    running: tuple[str, ...] = ()
    order: OrderRecord | None = None
    cancels: tuple[str, ...] = ()
    leaves: tuple[LeafReport, ...] = ()
    faults: tuple[FaultRecord, ...] = ()
    speech: tuple[tuple[str, str, bool], ...] = ()
    numbers: tuple[int, ...] = ()
    """Numbers for orders and lines that it drew; shared by the agents of a game, so they are an input, too."""
    us: int = 0
    """Microseconds that it took, with the recording of it."""


class HeldEvent(_Event, tag="held"):
    """A debugger holds an agent."""

    agent: int
    reason: str = ""
    at: float = 0.0


class ReleasedEvent(_Event, tag="released"):
    """It lives on."""

    agent: int
    at: float = 0.0


class TouchedEvent(_Event, tag="touched"):
    """A debugger has changed something in an agent."""

    agent: int
    tick: int
    """The present tick, or the last one."""
    kind: str
    place: str = ""
    value: Any = None
    boundary: int = -1
    """How many node boundaries of the tick had been passed; -1: it happened after that tick."""


class ClosedEvent(_Event, tag="closed"):
    """An agent has been stopped for good."""

    agent: int
    at: float = 0.0


class DroppedEvent(_Event, tag="dropped"):
    """So many `nodes` lines were left out here, because the disk was too slow."""

    nodes: int


class GapEvent(_Event, tag="gap"):
    """So many lines are missing here, and with them something that later ticks depend on."""

    lines: int
    why: str = ""


class EndEvent(_Event, tag="end"):
    """The recording was closed in order."""

    at: float = 0.0


TraceEvent = (
    RecordingEvent
    | TextEvent
    | PromptsEvent
    | TreeEvent
    | AgentEvent
    | WorldEvent
    | TurnEvent
    | QuestionEvent
    | NodesEvent
    | DoneEvent
    | HeldEvent
    | ReleasedEvent
    | TouchedEvent
    | ClosedEvent
    | DroppedEvent
    | GapEvent
    | EndEvent
)
"""Any line."""


def _plain(value: Any) -> Any:
    """Return something that JSON knows for a value that it does not know."""
    return dict(value) if isinstance(value, Mapping) else repr(value)


_encoder = msgspec.json.Encoder(enc_hook=_plain)


def encode(event: TraceEvent) -> bytes:
    """Return an event as a line, without its end. What JSON does not know becomes text."""
    return encoded(event, _encoder)


def encode_value(value: Any) -> msgspec.Raw:
    """Return a value of the game as JSON."""
    return msgspec.Raw(encoded(value, _encoder))
