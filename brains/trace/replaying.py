"""Replays a recording: the same agents on the same inputs, tick by tick, held against what the recording says."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterator, Mapping
from typing import Any

import msgspec

from brains.agent import Agent
from brains.errors import RecordingError
from brains.library import BrainLibrary
from brains.prompts import PromptLibrary
from brains.questions import Question
from brains.snapshot import AgentSnapshot, TickReport
from brains.trace.comparing import Difference, first_difference
from brains.trace.events import (
    ClosedEvent,
    DoneEvent,
    GapEvent,
    NodesEvent,
    PromptsEvent,
    QuestionEvent,
    TouchedEvent,
    TraceEvent,
    TurnEvent,
)
from brains.trace.prompting import RecordedPrompts
from brains.trace.recording import Life, Recording, Tick
from brains.trace.replayed import Origin, ReplayAsker, Replayed, ReplayTicket, shape_difference

__all__ = ["Rebuilt", "Replayer", "Turn"]


class Turn:
    """One recorded tick, and the agent as it was just before it.

    `run` ticks the agent and compares; or the agent is ticked on `snapshot` by somebody else (who calls
    `agent.witness.left(node)` for each node that the tick comes out of, as agents themselves do), and `check` compares.

    Attributes:
        agent: the agent.
        life: which of the recording's agents it is.
        number: of the tick.
        snapshot: what it was ticked on.
        recorded: what the tick brought; None: the recording ends in the middle of it.
        difference: what was found to be different.
    """

    def __init__(self, replayer: Replayer, replayed: Replayed, tick: Tick, snapshot: AgentSnapshot) -> None:
        self.agent = replayed.agent
        self.life = replayed.life
        self.number = tick.turn.tick
        self.snapshot = snapshot
        self.recorded: DoneEvent | None = tick.done
        self.difference: Difference | None = None
        self.is_done = False
        self._replayer = replayer
        self._replayed = replayed
        self._tick = tick
        self._asked_before = len(replayed.tape.tickets)

    @property
    def asked(self) -> dict[int, Question]:
        """What the agent has asked in it, by the question's number; once it has been run."""
        tickets = self._replayed.tape.tickets
        return {number: tickets[number].question for number in range(self._asked_before, len(tickets))}

    @property
    def prompts(self) -> PromptLibrary:
        """The agent's prompts."""
        return self._replayed.prompts

    def run(self) -> Difference | None:
        """Tick the agent, and return what is different from the recording."""
        return self.check(self._replayed.hand.tick(self.snapshot, self._tick.touched))

    def check(self, report: TickReport) -> Difference | None:
        """Return what is different between the recording and the tick that has just been run."""
        assert report.agent == self.life.id, "this is the report of another agent"
        made, self._replayed.made[:] = list(self._replayed.made), []
        self.is_done = True
        done = next((one for one in made if isinstance(one, DoneEvent)), None)
        if self.recorded is None or done is None:
            return None
        found = first_difference(
            (self._tick.nodes, self._tick.questions, self.recorded),
            (
                next((one for one in made if isinstance(one, NodesEvent)), None),
                [one for one in made if isinstance(one, QuestionEvent)],
                done,
            ),
            lambda place: self._replayer.recording.path(self.life, place),
            self._replayed.path,
        )
        self._replayer.note(self, found)
        return self.difference


class Rebuilt(msgspec.Struct, frozen=True):
    """An agent, made again as it was before a tick."""

    agent: Agent
    asker: ReplayAsker
    """Set its `live` to let the agent go its own way from here on."""
    turn: Turn | None
    """The tick; None: there is none after the last one."""
    differences: tuple[Difference, ...]
    """What was different on the way."""


class Replayer:
    """Replays a recording. Iterate over it for turns; one that nobody has run when the next one is wanted is run.

    Agents that had lived before the recording began are left out (`left_out`). An agent that does something else than
    the recording says is not replayed any further, and the others are. At a gap all of it stops (`stopped`).

    Args:
        recording: what to replay.
        library: the brains as they are now.
        prompts: where to take texts from that the recording has left out.
        only: numbers of the agents to replay; all if not given.
        new_library: makes the library that an agent's prompts are put into.
        origins: agents that had lived before, as they were when the recording began, by their number in it.

    Attributes:
        ticks: how many were replayed.
        actions: how many actions they brought.
        differences: one for each agent that did something else.
        left_out: agents that cannot be replayed, by id with the reason.
        reshaped: by brain, what is different in the shape of its tree since.
        stopped: why it could not go on to the end; empty if it could.

    Raises:
        RecordingError: while iterating: a brain or a prompt is not there any more, or cannot be built.
    """

    def __init__(
        self,
        recording: Recording,
        library: BrainLibrary,
        prompts: PromptLibrary | None = None,
        *,
        only: Collection[int] | None = None,
        new_library: Callable[[], PromptLibrary] = PromptLibrary,
        origins: Mapping[int, Origin] | None = None,
    ) -> None:
        self.new_library = new_library
        self.recording = recording
        self.library = library
        self.content = recording.head is None or recording.head.content
        self.ticks = 0
        self.actions = 0
        self.differences: list[Difference] = []
        self.left_out: dict[str, str] = {}
        self.reshaped: dict[str, str] = {}
        self.stopped = ""
        self._instead = prompts
        self._prompts = RecordedPrompts(recording.texts, prompts)
        self._prompts_event: PromptsEvent | None = None
        self._only = only
        self._origins = origins or {}
        self._replayed: dict[int, Replayed] = {}
        self._world: tuple[int, dict[str, Any]] = (0, {})

    def __iter__(self) -> Iterator[Turn]:
        for event in self.recording.events:
            if self.stopped:
                return
            match event:
                case PromptsEvent():
                    self._prompts_event = event
                case TurnEvent():
                    turn = self._turn(event)
                    if turn is not None:
                        yield turn
                        if not turn.is_done:
                            turn.run()
                case TouchedEvent() if event.boundary < 0:
                    self._touch(event)
                case _:
                    self._look_at(event)
        if self.recording.damage:
            self.stopped = self.recording.damage

    def run(self) -> Difference | None:
        """Replay everything; return the first difference."""
        for turn in self:
            turn.run()
        return self.differences[0] if self.differences else None

    def go_to(self, agent: str, tick: int, session: str | None = None) -> Turn:
        """Return a recorded tick with its agent as it was before; only that agent is replayed, from its beginning on.

        Raises:
            RecordingError: there is no such agent or tick, or it cannot be replayed so far.
        """
        self.recording.find(agent, tick, session)
        turn = self.rebuild(agent, tick, session).turn
        assert turn is not None
        return turn

    def rebuild(self, agent: str, tick: int, session: str | None = None) -> Rebuilt:
        """Make an agent again as it was before `tick`, which may also be the one after its last.

        Raises:
            RecordingError: there is no such agent or tick, or it cannot be replayed so far.
        """
        steps = self.rebuilding(agent, tick, session)
        while True:
            try:
                next(steps)
            except StopIteration as over:
                rebuilt: Rebuilt = over.value
                return rebuilt

    def rebuilding(self, agent: str, tick: int, session: str | None = None) -> Generator[None, None, Rebuilt]:
        """Do what `rebuild` does, and yield after each tick: for those who must not stand still for all of them.

        Raises:
            RecordingError: as `rebuild`.
        """
        life = self.recording.find(agent, None, session)
        if tick != life.last + 1:
            life = self.recording.find(agent, tick, session)
        if not self._has_beginning(life):
            raise RecordingError(f"agent {agent!r} cannot be rebuilt: {_why_late(life)}", file=self.recording.name)
        n = life.agent.n
        other = Replayer(self.recording, self.library, self._instead, only={n}, origins=self._origins)
        for turn in other:
            if turn.number == tick:
                return Rebuilt(turn.agent, other._replayed[n].asker, turn, tuple(other.differences))
            turn.run()
            if turn.number == tick - 1 == life.last:
                return Rebuilt(turn.agent, other._replayed[n].asker, None, tuple(other.differences))
            yield
        why = "its replay does not come so far"
        if other.differences:
            why += f": {other.differences[0]}"
        elif other.stopped:
            why = other.stopped
        raise RecordingError(f"agent {agent!r} cannot be brought to tick {tick}: {why}", file=self.recording.name)

    def _has_beginning(self, life: Life) -> bool:
        return life.is_whole or (life.agent.n in self._origins and life.first == life.agent.late + 1)

    # --- one turn --------------------------------------------------------------------------------------------------

    def _turn(self, event: TurnEvent) -> Turn | None:
        if self._only is not None and event.agent not in self._only:
            return None
        replayed = self._agent(event)
        if replayed is None or replayed.is_over:
            return None
        tick = replayed.life.ticks.get(event.tick)
        if tick is None:
            return None  # it stands before its agent, as in no recording that was written by us
        if replayed.agent.tick_number != event.tick - 1:
            self._end(replayed, f"its ticks {replayed.agent.tick_number + 1} to {event.tick - 1} are missing")
            return None
        self._prepare(replayed, tick)
        if replayed.is_over:
            return None
        return Turn(self, replayed, tick, self.snapshot(event))

    def _agent(self, event: TurnEvent) -> Replayed | None:
        """Return the agent of a turn, built if it is its first one."""
        replayed = self._replayed.get(event.agent)
        if replayed is not None:
            return replayed
        life = self.recording.lives.get(event.agent)
        if life is None:
            return None
        if not self._has_beginning(life):
            self.left_out.setdefault(life.id, _why_late(life))
            return None
        replayed = Replayed(
            life,
            self.library,
            self.new_library(),
            self._bring_numbered,
            content=self.content,
            origin=self._origins.get(event.agent),
        )
        recorded = self.recording.trees.get(life.agent.tree)
        if recorded is not None and recorded.hash != replayed.tree.hash:
            self.reshaped[recorded.brain] = shape_difference(recorded, replayed.tree)
        self._replayed[event.agent] = replayed
        for touched in life.before:
            self._touch(touched)
        return replayed

    def _prepare(self, replayed: Replayed, tick: Tick) -> None:
        """Put in place all that the tick depends on, beside its snapshot."""
        turn = tick.turn
        replayed.made.clear()
        self._bring_prompts(replayed, self._prompts_event)
        if turn.clock is not None:
            replayed.agent.clock.skip_to(turn.clock)
        tickets = replayed.tape.tickets
        for number, text in turn.texts:
            ticket = tickets[number] if number < len(tickets) else None
            if isinstance(ticket, ReplayTicket):
                ticket.text = text
        for answer in turn.answers:
            ticket = tickets[answer.question] if answer.question < len(tickets) else None
            if isinstance(ticket, ReplayTicket):
                ticket.outcome = answer.outcome
        replayed.give_numbers(() if tick.done is None else tick.done.numbers)
        problem = replayed.hand.problem([one for one in tick.touched if one.boundary >= 0])
        if problem:
            self._end(replayed, f"in tick {turn.tick} {problem}")

    def _bring_numbered(self, replayed: Replayed, n: int) -> None:
        self._bring_prompts(replayed, self.recording.prompts_by_number.get(n))

    def _bring_prompts(self, replayed: Replayed, event: PromptsEvent | None) -> None:
        if event is not None and replayed.prompts_event is not event:
            self._prompts.bring(replayed.prompts, event)
            replayed.prompts_event = event

    def snapshot(self, turn: TurnEvent) -> AgentSnapshot:
        """Return what an agent was ticked on."""
        if turn.world != self._world[0]:
            self._world = turn.world, self.recording.world(turn)
        return AgentSnapshot(
            seq=turn.seq,
            time=turn.time,
            me=msgspec.json.decode(turn.me),
            world=self._world[1] if turn.world else {},
            events=turn.events,
            results=turn.results,
            available=None if turn.available is None else frozenset(turn.available),
        )

    # --- what comes of it ------------------------------------------------------------------------------------------

    def note(self, turn: Turn, found: tuple[str, str, str, str] | None) -> None:
        """Count a turn that was run, with its difference, if any. `Turn.check` calls it."""
        self.ticks += 1
        self.actions += turn.recorded is not None and turn.recorded.order is not None
        if found is None:
            return
        path, what, expected, got = found
        who = turn.life.agent
        turn.difference = Difference(
            agent=who.id, session=who.session, tick=turn.number, path=path, what=what, expected=expected, got=got
        )
        self.differences.append(turn.difference)
        self._replayed[who.n].is_over = True

    def _touch(self, event: TouchedEvent) -> None:
        """Do between two ticks what a debugger did there."""
        replayed = self._replayed.get(event.agent)
        if replayed is None or replayed.is_over:
            return
        problem = replayed.hand.problem([event])
        if problem:
            self._end(replayed, f"after tick {event.tick} {problem}")
        else:
            replayed.hand.touch(event)

    def _end(self, replayed: Replayed, why: str) -> None:
        replayed.is_over = True
        self.left_out.setdefault(replayed.life.id, why)

    def _look_at(self, event: TraceEvent) -> None:
        if isinstance(event, GapEvent):
            self.stopped = _why_gap(event)
        elif isinstance(event, ClosedEvent):
            replayed = self._replayed.get(event.agent)
            if replayed is not None and self._only is None:
                # What is gone needs no memory any more. Nobody looks at it: `rebuild` replays one agent only.
                replayed.is_over = True
                replayed.agent.close()


def _why_late(life: Life) -> str:
    if life.agent.late:
        return f"it had lived for {life.agent.late} ticks before it was recorded"
    return f"the recording has its ticks from {life.first} on only"


def _why_gap(event: GapEvent) -> str:
    why = f" ({event.why})" if event.why else ""
    return f"there is a gap in the recording: {event.lines} lines could not be written{why}"
