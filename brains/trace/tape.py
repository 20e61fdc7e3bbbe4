"""What one agent's ticks depend on and bring, as events: the one place where a tick becomes a record.

The recorder writes these events; the replay makes them again and compares. So both say the same of the same tick.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from py_trees.behaviour import Behaviour
from py_trees.common import Status

from brains.questions import Ticket
from brains.snapshot import AgentSnapshot, Order, TickReport
from brains.trace.content import masked, outcome_without_text, report_without_text
from brains.trace.events import (
    AnswerRecord,
    ClosedEvent,
    DoneEvent,
    FaultRecord,
    HeldEvent,
    NodeRecord,
    NodesEvent,
    OrderRecord,
    QuestionEvent,
    ReleasedEvent,
    TouchedEvent,
    TraceEvent,
    TreeEvent,
    TurnEvent,
    encode_value,
)

if TYPE_CHECKING:
    from brains.agent import Agent

__all__ = ["Tape", "tree_event"]

_SUCCESS, _FAILURE, _RUNNING = Status.SUCCESS, Status.FAILURE, Status.RUNNING
LONGEST_WHY = 500
"""Characters of what a node says of itself."""


class Tape:
    """The `Witness` of one agent: puts its ticks into events.

    Args:
        agent: the agent.
        n: its number in the recording.
        emit: takes the events.
        world: returns the number of a world, after it has been written.
        content: False: leave texts out.
        now: seconds since the run began.
        prompts: returns the number of the prompts that are in use, after they have been written.
        nodes: False: leave out which nodes ran. It is most of what a record costs, and no replay needs it.
        tickets: questions that are open already, if the record begins in the middle of a life; they get the first
            numbers.
        recorder: whose tape it is, if it is a recorder's.
    """

    def __init__(
        self,
        agent: Agent,
        n: int,
        emit: Callable[[TraceEvent], None],
        *,
        world: Callable[[AgentSnapshot], int] = lambda snapshot: 0,
        content: bool = True,
        now: Callable[[], float] = lambda: 0.0,
        prompts: Callable[[], int] = lambda: 0,
        nodes: bool = True,
        tickets: Sequence[Ticket] = (),
        recorder: object = None,
    ) -> None:
        self.n = n
        self.recorder = recorder
        self.hears_nodes = nodes
        self._agent = agent
        self._emit = emit
        self._world = world
        self._content = content
        self._now = now
        self._prompts = prompts
        self._prompts_now = 0
        self._places = {node: place for place, node in enumerate(_in_order(agent.root))}
        self._said = [""] * len(self._places)
        self._questions = len(tickets)
        self._open: list[tuple[int, Ticket]] = list(enumerate(tickets))
        self._grown: dict[int, str] = dict.fromkeys(range(len(tickets)), "")
        self._game_time: float | None = None
        self._began = 0.0
        self._numbers: list[int] = []
        self._ran: list[tuple[int, Any]] = []
        self._why: dict[int, str] = {}

    # --- what a tick depends on ------------------------------------------------------------------------------------

    def begins(self, snapshot: AgentSnapshot) -> None:
        """Write all that the tick depends on."""
        self._began = time.perf_counter()
        self._numbers, self._ran, self._why = [], [], {}
        agent = self._agent
        self._prompts_now = self._prompts()
        stood = agent.clock.game_time
        moved = stood if stood != self._game_time else None
        self._game_time = snapshot.time
        available = snapshot.available
        answers, texts = self._arrived() if self._open else ((), ())
        self._emit(
            TurnEvent(
                agent=self.n,
                tick=agent.tick_number,
                at=round(self._now(), 6),
                seq=snapshot.seq,
                time=snapshot.time,
                world=self._world(snapshot),
                me=encode_value(snapshot.me),
                events=snapshot.events,
                results=snapshot.results,
                available=None if available is None else tuple(sorted(available)),
                clock=moved,
                answers=answers,
                texts=texts,
            )
        )

    def _arrived(self) -> tuple[tuple[AnswerRecord, ...], tuple[tuple[int, str], ...]]:
        """Take what has come of the open questions since the last tick."""
        answers: list[AnswerRecord] = []
        texts: list[tuple[int, str]] = []
        for number, ticket in self._open:
            text = ticket.text
            if text != self._grown[number]:
                self._grown[number] = text
                texts.append((number, text if self._content else masked(text)))
            outcome = ticket.outcome
            if outcome is not None:
                kept = outcome if self._content else outcome_without_text(outcome)
                answers.append(AnswerRecord.of(number, kept))
        ended = {answer.question for answer in answers}
        if ended:
            self._open = [one for one in self._open if one[0] not in ended]
            for number in ended:
                del self._grown[number]
        return tuple(answers), tuple(texts)

    def drew(self, number: int) -> None:
        """Keep a number that was drawn."""
        self._numbers.append(number)

    # --- what it brings --------------------------------------------------------------------------------------------

    def asked(self, ticket: Ticket) -> None:
        """Write a question."""
        question, number = ticket.question, self._questions
        self._questions += 1
        self._open.append((number, ticket))
        self._grown[number] = ""
        prompt = question.prompt
        self._emit(
            QuestionEvent(
                agent=self.n,
                tick=self._agent.tick_number,
                question=number,
                leaf=question.leaf,
                prompt=prompt.name,
                digest=prompt.digest,
                version=prompt.version,
                user=prompt.user if self._content else "",
                labels=question.labels,
                schema=question.schema,
                options=prompt.options,
                max_tokens=question.max_tokens,
                timeout=question.timeout,
                priority=question.priority,
                model=question.model,
            )
        )

    def left(self, node: Behaviour) -> None:
        """Keep which node the tick came out of."""
        place = self._places.get(node)
        if place is None or not self.hears_nodes:
            return  # the tree has been changed under us; its faults tell of it
        status = node.status
        # By far the most frequent call of a recording: a dictionary of statuses would take twice as long.
        self._ran.append(
            (place, "F" if status is _FAILURE else "S" if status is _SUCCESS else "R" if status is _RUNNING else "I")
        )
        why = node.feedback_message
        if why != self._said[place]:
            self._said[place] = why
            if self._content:
                self._why[place] = str(why)[:LONGEST_WHY]

    def went_on(self, boundary: int) -> None:
        """Write that prompts have changed in mid-tick, while a debugger held the agent, if they have."""
        now = self._prompts()
        if now != self._prompts_now:
            self._prompts_now = now
            self.touched("prompts", "", now, boundary)

    def cancelled(self, node: Behaviour) -> None:
        """Keep which node was cancelled."""
        place = self._places.get(node)
        if place is not None:
            self._ran.append((place, "X"))

    def ended(self, report: TickReport) -> None:
        """Write what the tick brought."""
        if self.hears_nodes:
            self._emit(NodesEvent(agent=self.n, tick=report.tick, ran=tuple(self._ran), why=self._why))
        leaves, speech = report.leaves, report.speech
        if not self._content:
            leaves = tuple(report_without_text(leaf) for leaf in leaves)
            speech = tuple((line, masked(text), done) for line, text, done in speech)
        self._emit(
            DoneEvent(
                agent=self.n,
                tick=report.tick,
                time=report.time,
                status=report.status,
                running=report.running,
                order=None if report.order is None else _order(report.order),
                cancels=report.cancels,
                leaves=leaves,
                faults=tuple(
                    FaultRecord(leaf=one.leaf, error=one.error, first=one.first, traceback=one.traceback)
                    for one in report.faults
                ),
                speech=speech,
                numbers=tuple(self._numbers),
                us=round((time.perf_counter() - self._began) * 1e6),
            )
        )
        self._numbers, self._ran, self._why = [], [], {}

    # --- what a debugger does --------------------------------------------------------------------------------------

    def held(self, reason: str) -> None:
        """Write that the agent is held."""
        self._emit(HeldEvent(agent=self.n, reason=reason, at=round(self._now(), 6)))

    def released(self) -> None:
        """Write that it lives on."""
        self._emit(ReleasedEvent(agent=self.n, at=round(self._now(), 6)))

    def touched(self, kind: str, place: str, value: Any, boundary: int) -> None:
        """Write what a debugger has changed."""
        tick = self._agent.tick_number
        if kind == "answer" and not self._content:
            value = None  # it holds the prompt
        self._emit(TouchedEvent(agent=self.n, tick=tick, kind=kind, place=place, value=value, boundary=boundary))

    def closed(self) -> None:
        """Write the end."""
        self._emit(ClosedEvent(agent=self.n, at=round(self._now(), 6)))


def tree_event(agent: Agent, *, file: str = "") -> TreeEvent:
    """Return the shape of an agent's tree."""
    nodes = _in_order(agent.root)
    places = {node: place for place, node in enumerate(nodes)}
    records = tuple(
        NodeRecord(
            path=agent.path_of(node),
            kind=type(node).__name__,
            parent=-1 if node.parent is None else places[node.parent],
        )
        for node in nodes
    )
    digest = hashlib.sha256(msgspec.json.encode([agent.brain, records])).hexdigest()
    return TreeEvent(hash=digest, brain=agent.brain, nodes=records, file=file)


def _in_order(root: Behaviour) -> list[Behaviour]:
    """Return all nodes, each parent before its children, and siblings in order."""
    found: list[Behaviour] = []
    waiting = [root]
    while waiting:
        node = waiting.pop()
        found.append(node)
        waiting.extend(reversed(node.children))
    return found


def _order(order: Order) -> OrderRecord:
    return OrderRecord(
        id=order.id,
        name=type(order.action).__name__,
        params=order.action,
        source=order.source,
        reason=order.reason,
        leaf=order.leaf,
    )
