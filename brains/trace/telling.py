"""A recording for people: how it was in sum, and what one agent did, line by line."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from brains.questions import Decision
from brains.snapshot import LeafReport
from brains.trace.events import DoneEvent, HeldEvent, OrderRecord, ReleasedEvent, TouchedEvent
from brains.trace.recording import Life, Recording, Tick
from brains.trace.window import Window

__all__ = ["AgentSummary", "Line", "summary_of", "timeline"]


class AgentSummary(msgspec.Struct, kw_only=True):
    """One agent in sum."""

    agent: str
    session: str
    brain: str
    first: int
    """Its first tick in the recording."""
    last: int
    seconds: float
    """Of agent time."""
    actions: int = 0
    by_source: dict[str, int] = {}
    """Actions by who chose them: tree, llm, fallback."""
    asked: int = 0
    answered: int = 0
    fallbacks: dict[str, int] = {}
    """By reason."""
    faults: int = 0
    lines: int = 0
    """Lines of speech."""
    median_us: float = 0.0
    """Microseconds of a tick."""
    replayable: bool = True


class Line(NamedTuple):
    """One thing that happened."""

    tick: int
    time: float
    """Game time in seconds."""
    agent: str
    kind: str
    """`runs`, `asks`, `answer`, `FALLBACK`, `dropped`, `does`, `cancels`, `result`, `says`, `problem`, `held` ..."""
    path: str
    text: str


def summary_of(recording: Recording, window: Window) -> list[AgentSummary]:
    """Sum up each agent."""
    return [_agent(window, life) for life in window.lives]


def _agent(window: Window, life: Life) -> AgentSummary:
    ticks = list(window.ticks(life))
    done = [tick.done for tick in ticks if tick.done is not None]
    notes = [note for one in done for note in one.leaves]
    orders = [one.order for one in done if one.order is not None]
    return AgentSummary(
        agent=life.id,
        session=life.agent.session,
        brain=life.agent.brain,
        first=life.first,
        last=life.last,
        seconds=round(done[-1].time, 3) if done else 0.0,
        actions=len(orders),
        by_source=dict(Counter(order.source for order in orders)),
        asked=sum(note.kind == "asked" for note in notes),
        answered=sum(note.kind == "answered" for note in notes),
        fallbacks=dict(Counter(note.reason for note in notes if note.kind == "fallback")),
        faults=sum(len(one.faults) for one in done),
        lines=sum(is_done for one in done for _, _, is_done in one.speech),
        median_us=statistics.median(one.us for one in done) if done else 0.0,
        replayable=life.is_whole,
    )


def timeline(window: Window) -> Iterator[Line]:
    """Yield what the agents did, in the order in which it was recorded; what goes on is told when it begins."""
    meant = {life.agent.n for life in window.lives}
    running: dict[int, tuple[str, ...]] = {}
    for event in window.recording.events:
        n = getattr(event, "agent", None)
        if not isinstance(n, int) or n not in meant:
            continue
        life = window.recording.lives[n]
        match event:
            case DoneEvent() if window.first <= event.tick <= window.last:
                tick = life.ticks.get(event.tick)
                if tick is not None:
                    lines = _tick(life, tick, event, running.get(n, ()))
                    running[n] = event.running
                    yield from (line for line in lines if window.shows(line.path))
            case HeldEvent():
                yield Line(0, event.at, life.id, "held", "", event.reason)
            case ReleasedEvent():
                yield Line(0, event.at, life.id, "released", "", "")
            case TouchedEvent() if window.first <= event.tick <= window.last:
                value = "" if event.value is None else f" = {_json(event.value)}"
                yield Line(event.tick, 0.0, life.id, f"debugger: {event.kind}", event.place, value.strip())


def _tick(life: Life, tick: Tick, done: DoneEvent, before: tuple[str, ...]) -> Iterator[Line]:
    def line(kind: str, path: str, text: str) -> Line:
        return Line(done.tick, tick.turn.time, life.id, kind, path, text)

    for kind, text in _told(tick):
        yield line(kind, "", text)
    for note in done.leaves:
        kind, text = _note(note)
        yield line(kind, note.leaf, text)
    for order_id in done.cancels:
        yield line("cancels", "", order_id)
    if done.order is not None:
        yield line("does", done.order.leaf, _order(done.order))
    for name, text, is_done in done.speech:
        yield line("says", "", f"{text!r}{'' if is_done else ' ...'}  ({name})")
    for fault in done.faults:
        yield line("problem", fault.leaf, fault.error)
    for path in done.running:
        if path not in before:
            yield line("runs", path, "")


def _told(tick: Tick) -> Iterator[tuple[str, str]]:
    """Yield what the agent was told."""
    for event in tick.turn.events:
        yield "event", f"{event.name} {_json(event.data)}"
    for result in tick.turn.results:
        yield "result", " ".join(filter(None, (result.id, result.status, result.code, result.message)))


def _note(note: LeafReport) -> tuple[str, str]:
    match note.kind:
        case "asked":
            return "asks", note.text
        case "answered":
            return "answer", _decision(note.decision) or note.text
        case "fallback":
            was = f" (it was {_decision(note.decision)})" if note.decision is not None else ""
            return "FALLBACK", f"{note.reason}: {note.text}{was}" if note.text else f"{note.reason}{was}"
        case "cancelled":
            return "dropped", note.reason
        case _:
            return "expired", note.text


def _decision(decision: Decision | None) -> str:
    if decision is None:
        return ""
    took = f", {decision.latency.total * 1000:.0f} ms" if decision.latency.total else ""
    if decision.value is not None:
        return f"{_json(decision.value)}{took}"
    if not decision.probabilities:
        return f"{decision.answer!r}{took}"
    return f"{decision.answer} {decision.confidence:.2f}{took}"


def _order(order: OrderRecord) -> str:
    values = order.params if isinstance(order.params, dict) else {}
    shown = ", ".join(f"{name}={_json(value)}" for name, value in values.items())
    why = f"{order.source}: {order.reason}" if order.reason else order.source
    return f"{order.name}({shown})  [{why}]  {order.id}"


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
