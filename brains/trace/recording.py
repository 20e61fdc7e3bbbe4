"""A recording, read: its agents, and what happened to them in order. It opens no files: it is given lines."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from brains.errors import RecordingError
from brains.trace.events import (
    FORMAT,
    AgentEvent,
    ClosedEvent,
    DoneEvent,
    DroppedEvent,
    EndEvent,
    GapEvent,
    NodesEvent,
    PromptsEvent,
    QuestionEvent,
    RecordingEvent,
    TextEvent,
    TouchedEvent,
    TraceEvent,
    TreeEvent,
    TurnEvent,
    WorldEvent,
)

__all__ = ["Life", "Recording", "Tick"]

MAJOR, MINOR = (int(number) for number in FORMAT.split("."))
_decoder = msgspec.json.Decoder(TraceEvent)


class Tick:
    """One tick of one agent: what was written of it.

    Attributes:
        place: where its turn stands among the recording's events.
        turn: what it depended on.
        done: what it brought; None: the recording ends in the middle of it.
        nodes: which nodes it came out of; None: left out.
        questions: what it asked.
        touched: what a debugger changed in it, or after it and before the next one.
    """

    __slots__ = ("done", "nodes", "place", "questions", "touched", "turn")

    def __init__(self, place: int, turn: TurnEvent) -> None:
        self.place = place
        self.turn = turn
        self.done: DoneEvent | None = None
        self.nodes: NodesEvent | None = None
        self.questions: list[QuestionEvent] = []
        self.touched: list[TouchedEvent] = []


class Life:
    """One agent of the recording, from where it was added to where it was removed.

    Attributes:
        agent: who it is.
        ticks: all of its ticks in the recording, by number.
        questions: all that it asked, by the question's number.
        before: what a debugger changed before its first tick.
        closed: it was removed.
    """

    def __init__(self, agent: AgentEvent) -> None:
        self.agent = agent
        self.ticks: dict[int, Tick] = {}
        self.questions: dict[int, QuestionEvent] = {}
        self.before: list[TouchedEvent] = []
        self.closed = False

    @property
    def id(self) -> str:
        """The agent's id in its game."""
        return self.agent.id

    @property
    def first(self) -> int:
        """Its first tick in the recording; 0: there is none."""
        return min(self.ticks, default=0)

    @property
    def last(self) -> int:
        """Its last tick in the recording; 0: there is none."""
        return max(self.ticks, default=0)

    @property
    def is_whole(self) -> bool:
        """Whether its beginning is in the recording, so that it can be replayed."""
        return self.agent.late == 0 and self.first <= 1


class Recording:
    """Everything that was written of a run.

    Feed it line by line, then `finish`; or use `Recording.of(lines)`. It may be looked at in between, too.

    Attributes:
        name: for messages: the file.
        head: the first line.
        events: all events in order.
        lives: the agents by their number.
        texts: texts by their hash.
        trees: trees by their hash.
        prompts: the prompts as they were at the end; `prompts_by_number`: as they were at any time.
        worlds: what all agents share, by number.
        dropped: how many `nodes` lines were left out.
        gaps: places among the events at which something is missing.
        skipped: lines of a newer minor version that this one does not know.
        is_cut: the last line is not whole: the program was killed while it wrote it.
        is_ended: the recording was closed in order.
        damage: what is wrong with a line, and which it is; nothing after it was read.
    """

    def __init__(self, name: str = "the recording") -> None:
        self.name = name
        self.head: RecordingEvent | None = None
        self.events: list[TraceEvent] = []
        self.lives: dict[int, Life] = {}
        self.texts: dict[str, str] = {}
        self.trees: dict[str, TreeEvent] = {}
        self.prompts = PromptsEvent()
        self.prompts_by_number: dict[int, PromptsEvent] = {}
        self.worlds: dict[int, msgspec.Raw] = {}
        self.dropped = 0
        self.gaps: list[int] = []
        self.skipped = 0
        self.is_cut = False
        self.is_ended = False
        self.damage = ""
        self._line = 0
        self._bad: tuple[int, str] | None = None

    @classmethod
    def of(cls, lines: Iterable[bytes], name: str = "the recording") -> Recording:
        """Read a whole recording.

        Raises:
            RecordingError: it is none, or of a version that cannot be read.
        """
        recording = cls(name)
        for line in lines:
            recording.feed(line)
            if recording.damage:
                break
        recording.finish()
        return recording

    def feed(self, line: bytes) -> None:
        """Take the next line, with or without its end.

        Raises:
            RecordingError: this is no recording, or of a version that cannot be read.
        """
        if self.damage:
            return
        if self._bad is not None:
            # Only the last line may be cut off; this one was damaged where it lies.
            number, why = self._bad
            self.damage = f"line {number} is damaged ({why})"
            return
        self._line += 1
        if not line.strip():
            return
        try:
            if not line.isascii():
                line.decode()  # what is kept raw is looked at later, or never
            event = _decoder.decode(line)
            _check_raw(event)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self._not_understood(line, error)
            return
        if self.head is None and not isinstance(event, RecordingEvent):
            raise self._foreign()
        self._take(event)

    def finish(self) -> None:
        """Note that there are no more lines.

        Raises:
            RecordingError: there was none at all.
        """
        if self.head is None:
            raise self._foreign()
        if self._bad is not None and not self.damage:
            self.is_cut = True

    def _not_understood(self, line: bytes, error: Exception) -> None:
        if self.head is None:
            _check_version(self.name, line)
            raise self._foreign()
        try:
            kind = msgspec.json.decode(line)["type"]
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError, TypeError):
            begin = one_line(line[:60].decode(errors="replace"))
            self._bad = self._line, f"it is not JSON: {begin!r}"
            return
        if isinstance(kind, str) and _minor_of(self.head) > MINOR and kind not in _KINDS:
            self.skipped += 1
            return
        self._bad = self._line, one_line(str(error))

    def _foreign(self) -> RecordingError:
        if not self._line:
            return RecordingError(
                "this is empty, and no recording: `brains demo --record FILE` makes one", file=self.name
            )
        return RecordingError(
            "this is no recording of brains: its first line does not say so. `brains serve --record FILE` and "
            "`brains demo --record FILE` make recordings",
            file=self.name,
            line=self._line,
        )

    def _take(self, event: TraceEvent) -> None:
        place = len(self.events)
        self.events.append(event)
        match event:
            case TurnEvent():
                life = self.lives.get(event.agent)
                if life is not None:
                    life.ticks[event.tick] = Tick(place, event)
            case NodesEvent() | DoneEvent() | QuestionEvent() | TouchedEvent():
                self._add_to_tick(event)
            case WorldEvent():
                self.worlds[event.n] = event.world
            case AgentEvent():
                self.lives.setdefault(event.n, Life(event))
            case ClosedEvent():
                if event.agent in self.lives:
                    self.lives[event.agent].closed = True
            case GapEvent():
                self.gaps.append(place)
            case DroppedEvent():
                self.dropped += event.nodes
            case _:
                self._define(event)

    def _define(self, event: TraceEvent) -> None:
        match event:
            case RecordingEvent():
                self._begin(event)
            case TextEvent():
                self.texts[event.hash] = event.text
            case TreeEvent():
                self.trees[event.hash] = event
            case PromptsEvent():
                self.prompts = self.prompts_by_number[event.n] = event
            case EndEvent():
                self.is_ended = True

    def _begin(self, head: RecordingEvent) -> None:
        _check_format(self.name, head.format)
        if self.head is None:
            self.head = head
        elif head.run != self.head.run:
            raise RecordingError(
                f"part {head.part} is of another run ({head.run}) than the first one ({self.head.run})", file=self.name
            )

    def _add_to_tick(self, event: NodesEvent | DoneEvent | QuestionEvent | TouchedEvent) -> None:
        life = self.lives.get(event.agent)
        if life is None:
            return
        if isinstance(event, QuestionEvent):
            life.questions[event.question] = event
        tick = life.ticks.get(event.tick)
        match event:
            case TouchedEvent():
                (life.before if tick is None else tick.touched).append(event)
            case _ if tick is None:
                pass
            case NodesEvent():
                tick.nodes = event
            case DoneEvent():
                tick.done = event
            case QuestionEvent():
                tick.questions.append(event)

    # --- looking ---------------------------------------------------------------------------------------------------

    def lives_by_agent(self) -> dict[tuple[str, str], list[Life]]:
        """Return by (game, agent) the lives in which it was ticked, in order: declared again, an agent begins anew."""
        found: dict[tuple[str, str], list[Life]] = {}
        for life in self.lives.values():
            if life.ticks:
                found.setdefault((life.agent.session, life.id), []).append(life)
        return found

    def leave_lives(self, number: int) -> None:
        """Forget all lives but that with this number, from 1, of agents that lived so often, and the last of others.

        Raises:
            RecordingError: no agent did; says how often they did.
        """
        by_agent = self.lives_by_agent()
        most = max((len(lives) for lives in by_agent.values()), default=0)
        if number > most:
            names = ", ".join(dict.fromkeys(id for (_, id), lives in by_agent.items() if len(lives) == most))
            times = "once" if most == 1 else f"{most} times"
            raise RecordingError(
                f"no agent lived {number} times in here: {names or 'nobody'} did {times}", file=self.name
            )
        kept = {lives[min(number, len(lives)) - 1].agent.n for lives in by_agent.values()}
        self.lives = {n: life for n, life in self.lives.items() if n in kept}

    def ticks(self) -> Iterator[tuple[Life, Tick]]:
        """Yield all ticks in the order in which they began."""
        for place, event in enumerate(self.events):
            if isinstance(event, TurnEvent) and event.agent in self.lives:
                life = self.lives[event.agent]
                tick = life.ticks.get(event.tick)
                if tick is not None and tick.place == place:
                    yield life, tick

    def find(self, agent: str, tick: int | None = None, session: str | None = None) -> Life:
        """Return the agent with this id; of several that had it the last one that has this tick.

        Raises:
            RecordingError: there is none, or it has no such tick; names the nearest.
        """
        lives = [
            life
            for life in self.lives.values()
            if life.id == agent and life.ticks and (session is None or life.agent.session == session)
        ]
        if not lives:
            known = sorted({life.id for life in self.lives.values() if life.ticks})
            near = difflib.get_close_matches(agent, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known) or 'none'}"
            raise RecordingError(f"there is no agent {agent!r} in here; {hint}", file=self.name)
        if tick is None:
            return lives[-1]
        for life in reversed(lives):
            if tick in life.ticks:
                return life
        life = lives[-1]
        raise RecordingError(
            f"agent {agent!r} has no tick {tick} in here; it has {life.first} to {life.last}", file=self.name
        )

    def world(self, turn: TurnEvent) -> dict[str, Any]:
        """Return what all agents shared in a turn; the same object for the same world is not promised."""
        raw = self.worlds.get(turn.world)
        found: dict[str, Any] = {} if raw is None else msgspec.json.decode(raw)
        return found

    def path(self, life: Life, place: int) -> str:
        """Return the path of a node by its place in the agent's tree."""
        tree = self.trees.get(life.agent.tree)
        if tree is None or not 0 <= place < len(tree.nodes):
            return f"node {place}"
        return tree.nodes[place].path


_KINDS = frozenset(
    kind.__struct_config__.tag
    for kind in TraceEvent.__args__  # of the union
)


def one_line(text: str, longest: int | None = 200) -> str:
    """Return text of a file in one line that cannot steer a terminal; `longest` characters of it, None: all."""
    return "".join(char if char.isprintable() else " " for char in text[:longest])


def _check_raw(event: TraceEvent) -> None:
    """Refuse an event that has something else where an object is kept raw.

    Raises:
        DecodeError: it has.
    """
    if isinstance(event, TurnEvent):
        field, raw = "me", event.me
    elif isinstance(event, WorldEvent):
        field, raw = "world", event.world
    else:
        return
    if bytes(memoryview(raw)[:1]) != b"{":
        raise msgspec.DecodeError(f"`{field}` is no object")


def _check_version(name: str, line: bytes) -> None:
    """Refuse a first line that is of a version which looks different altogether."""
    try:
        head = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    if isinstance(head, dict) and head.get("type") == "recording":
        _check_format(name, str(head.get("format")))


def _check_format(name: str, version: str) -> None:
    major, _, minor = version.partition(".")
    if not (major.isdecimal() and minor.isdecimal()):
        raise RecordingError(f"the format {one_line(version, 20)!r} is none that was ever written", file=name, line=1)
    if int(major) != MAJOR:
        which = "a newer" if int(major) > MAJOR else "an older"
        raise RecordingError(
            f"this was written in format {one_line(version, 20)}, and this version of brains reads {MAJOR}.x: "
            f"read it with {which} version of brains",
            file=name,
            line=1,
        )


def _minor_of(head: RecordingEvent) -> int:
    return int(head.format.partition(".")[2])
