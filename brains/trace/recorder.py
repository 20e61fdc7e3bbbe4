"""Records the agents of a run: hands lines to a sink, which must not wait.

What it does in a tick is to put values into JSON, so that nothing that changes later changes the record.
"""

from __future__ import annotations

import platform
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

from py_trees.behaviour import Behaviour

from brains.prompts import PromptLibrary
from brains.questions import Ticket
from brains.snapshot import AgentSnapshot, TickReport
from brains.trace.events import (
    FORMAT,
    AgentEvent,
    ClosedEvent,
    EndEvent,
    NodesEvent,
    RecordingEvent,
    TextEvent,
    TraceEvent,
    WorldEvent,
    encode,
    encode_value,
)
from brains.trace.prompting import prompts_event, text_hash
from brains.trace.tape import Tape, tree_event
from brains.trace.witnesses import add_witness, change_witnesses

if TYPE_CHECKING:
    from brains.agent import Agent

__all__ = ["Kind", "MemorySink", "Recorder", "Sink"]

Kind = Literal["head", "definition", "input", "spare"]
"""How much a line matters: the first line, what others refer to (each with a key), what a replay cannot do without,
and what may be left out when there is too much to write."""

A = TypeVar("A", bound="Agent")


class Sink(Protocol):
    """Takes lines, without their ends. Never waits and never raises."""

    def put(self, line: bytes, kind: Kind, key: str = "", /) -> None:
        """Take a line. The last one of each `key` is what later lines refer to; an empty line forgets the key."""
        ...


class MemorySink:
    """Keeps lines in memory, for looking back in a live process.

    Args:
        max_bytes: so much is kept; later lines are dropped from then on, since without a beginning nothing replays.
    """

    def __init__(self, max_bytes: int = 64 * 1024 * 1024) -> None:
        self.lines: list[bytes] = []
        self.bytes = 0
        self.dropped = 0
        self._max_bytes = max_bytes

    def put(self, line: bytes, kind: Kind, key: str = "") -> None:
        """Keep a line if there is room."""
        if not line:
            return
        if self.dropped or self.bytes + len(line) > self._max_bytes:
            self.dropped += 1
            return
        self.lines.append(line)
        self.bytes += len(line)


class Recorder:
    """Records all agents that are made by its `factory`, or given to `watch`.

    Args:
        sink: takes the lines.
        prompts: the templates that the agents use; edits are recorded, too.
        content: False: leave texts of prompts, answers and speech out.
        trees: texts of the trees folder's files, by path.
        version: of the program.
        started: when the run began, ISO 8601.
        now: seconds; only differences matter.
        run: names the run.
        nodes: False: leave out which nodes ran: it is most of what a record costs, and no replay needs it.
    """

    def __init__(
        self,
        sink: Sink,
        *,
        prompts: PromptLibrary | None = None,
        content: bool = True,
        trees: Mapping[str, str] | None = None,
        version: str = "",
        started: str = "",
        now: Callable[[], float] = time.perf_counter,
        run: str = "",
        nodes: bool = True,
    ) -> None:
        self.hears_nodes = nodes
        self._sink = sink
        self._prompts = prompts
        self._content = content
        self._clock = now
        self._began = now()
        self._agents = 0
        self._worlds = 0
        self._world: object = None
        self._world_line = b""
        self._trees: set[str] = set()
        self._texts: set[str] = set()
        self._revision = -1
        self._prompts_n = 0
        self._ended = False
        texts = {text_hash(text): text for text in (trees or {}).values()}
        head = RecordingEvent(
            format=FORMAT,
            brains=version,
            python=platform.python_version(),
            started=started,
            run=run or secrets.token_hex(4),
            content=content,
            trees={path: text_hash(text) for path, text in (trees or {}).items()},
        )
        sink.put(encode(head), "head")
        for digest, text in texts.items():
            self._text(digest, text)
        self._look()

    def factory(self, make: Callable[..., A]) -> Callable[..., A]:
        """Return a factory of agents that are recorded, from one of plain agents: `functools.partial(Agent, ...)`."""

        def made(*args: Any, **given: Any) -> A:
            agent = make(*args, **given)
            brain = args[1] if len(args) > 1 else given.get("brain")
            self.watch(agent, file=getattr(brain, "file", None) or "")
            return agent

        return made

    def watch(self, agent: Agent, *, file: str = "", tickets: Sequence[Ticket] = ()) -> None:
        """Record an agent from its next tick on; others who hear of it go on hearing.

        Args:
            agent: the agent.
            file: that of its brain.
            tickets: its questions that are open already; they get the first numbers.
        """
        add_witness(agent, _Unwritten(agent, self, file, tickets))

    def unwatch(self, agent: Agent) -> None:
        """Record an agent no longer."""
        change_witnesses(agent, lambda one: None if getattr(one, "recorder", None) is self else one)

    def end(self) -> None:
        """Write that the recording is complete. Any number of times; nothing is written after that."""
        if not self._ended:
            self.emit(EndEvent(at=round(self.now(), 6)))
            self._ended = True

    def now(self) -> float:
        """Return the seconds since the run began."""
        return self._clock() - self._began

    def emit(self, event: TraceEvent) -> None:
        """Write an event."""
        if self._ended:
            return
        kind: Kind = "spare" if isinstance(event, NodesEvent) else "input"
        self._sink.put(encode(event), kind, "world" if isinstance(event, WorldEvent) else "")
        if isinstance(event, ClosedEvent):
            self._sink.put(b"", "definition", f"agent {event.agent}")

    def enter(self, agent: Agent, *, late: int, file: str = "", tickets: Sequence[Ticket] = ()) -> Tape:
        """Write that an agent is there after `late` ticks, with its tree, and return what writes its ticks."""
        tree = tree_event(agent, file=file)
        if tree.hash not in self._trees:
            self._trees.add(tree.hash)
            self._define(tree, f"tree {tree.hash}")
        self._agents += 1
        n = self._agents
        self._define(
            AgentEvent(
                n=n,
                id=agent.id,
                brain=agent.brain,
                tree=tree.hash,
                session=agent.session,
                seed=agent.seed,
                declared=tuple(sorted(agent.declared)),
                late=late,
                at=round(self.now(), 6),
            ),
            f"agent {n}",
        )
        return Tape(
            agent,
            n,
            self.emit,
            world=self._world_of,
            content=self._content,
            now=self.now,
            prompts=self._look,
            nodes=self.hears_nodes,
            tickets=tickets,
            recorder=self,
        )

    def _world_of(self, snapshot: AgentSnapshot) -> int:
        """Write a world, unless it is the last one; it is one object for all agents of a snapshot."""
        if snapshot.world is self._world:
            return self._worlds if self._world_line else 0
        self._world = snapshot.world
        if not snapshot.world:
            self._world_line = b""
            return 0
        raw = encode_value(snapshot.world)
        line = bytes(raw)
        if line != self._world_line:
            self._world_line = line
            self._worlds += 1
            self.emit(WorldEvent(n=self._worlds, world=raw))
        return self._worlds

    def _look(self) -> int:
        """Write the prompts if they have changed; return their number."""
        library = self._prompts
        if library is not None and library.revision != self._revision:
            self._revision = library.revision
            self._prompts_n += 1
            event, texts = prompts_event(library, self._prompts_n)
            for digest, text in texts.items():
                if self._content:
                    self._text(digest, text)
            self._define(event, "prompts")
        return self._prompts_n

    def _text(self, digest: str, text: str) -> None:
        if digest not in self._texts:
            self._texts.add(digest)
            self._define(TextEvent(hash=digest, text=text), f"text {digest}")

    def _define(self, event: TraceEvent, key: str) -> None:
        if not self._ended:
            self._sink.put(encode(event), "definition", key)


class _Unwritten:
    """The witness of an agent that has not been ticked yet: it is written down with its first tick.

    A game that declares an agent anew has one made only to see whether it can be.
    """

    def __init__(self, agent: Agent, recorder: Recorder, file: str, tickets: Sequence[Ticket]) -> None:
        self._agent = agent
        self.recorder = recorder
        self._file = file
        self._tickets = tickets
        self.hears_nodes = recorder.hears_nodes

    def begins(self, snapshot: AgentSnapshot) -> None:
        """Write the agent down, and then its first tick; it has been counted already."""
        self._enter(self._agent.tick_number - 1).begins(snapshot)

    def _enter(self, late: int) -> Tape:
        tape = self.recorder.enter(self._agent, late=late, file=self._file, tickets=self._tickets)
        change_witnesses(self._agent, lambda one: tape if one is self else one)
        return tape

    def touched(self, kind: str, place: str, value: Any, boundary: int) -> None:
        """Write the agent down, too: a debugger has changed it before its first tick."""
        self._enter(self._agent.tick_number).touched(kind, place, value, boundary)

    def drew(self, number: int) -> None:
        """Nothing: there is no tick."""

    def asked(self, ticket: Ticket) -> None:
        """Nothing: there is no tick."""

    def left(self, node: Behaviour) -> None:
        """Nothing: there is no tick, or one that had begun before."""

    def went_on(self, boundary: int) -> None:
        """Nothing: there is no tick, or one that had begun before."""

    def cancelled(self, node: Behaviour) -> None:
        """Nothing: there is no tick."""

    def ended(self, report: TickReport) -> None:
        """Nothing: it is the end of a tick that had begun before."""

    def held(self, reason: str) -> None:
        """Nothing: there is no tick."""

    def released(self) -> None:
        """Nothing: there is no tick."""

    def closed(self) -> None:
        """Nothing: there was no tick."""
