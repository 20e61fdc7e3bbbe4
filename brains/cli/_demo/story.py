"""What is worth telling of a run, as values: the plain output prints it, the screen arranges it."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from brains.actions import params_of
from brains.questions import Decision
from brains.snapshot import LeafReport, Order, TickReport

__all__ = ["AgentState", "Item", "Story", "printable", "shown_action", "shown_decision"]

Kind = Literal["news", "says", "asks", "answer", "FALLBACK", "does", "cancels", "problem"]
RATE_SECONDS = 5.0
NOTICE_SECONDS = 5.0
MUCH_OFF = 0.5
"""Mass off the labels from which on it is worth telling."""


class Item(NamedTuple):
    """One thing that happened: one line."""

    time: float
    who: str
    kind: Kind
    text: str


class AgentState:
    """What the screen shows of one agent."""

    def __init__(self, agent: str, brain: str) -> None:
        self.agent = agent
        self.brain = brain
        self.perceives = ""
        self.running = ""
        self.action = ""
        self.action_source = ""
        self.question = ""
        self.answer = ""
        self.fell_back = False
        self.fallbacks = 0
        """How often one of its leaves did without an answer."""
        self.says = ""
        self.notice = ""
        self.notice_until = 0.0


class Story:
    """Turns reports and news into items, and remembers what the screen needs."""

    def __init__(self) -> None:
        self.time = 0.0
        self.agents: dict[str, AgentState] = {}
        self.asked = 0
        self.answered = 0
        self.fallbacks: Counter[str] = Counter()
        """By reason."""
        self._asked_at: deque[float] = deque()
        self._latest: dict[tuple[str, str], str] = {}

    def report(self, report: TickReport) -> Iterator[Item]:
        """Yield what one tick brought."""
        state = self.agents.setdefault(report.agent, AgentState(report.agent, report.brain))
        self.time = max(self.time, report.snapshot.time)
        now = report.snapshot.time
        for event in report.snapshot.events:
            state.notice = printable(f"{event.name}: {event.data.get('text', '')}")
            state.notice_until = now + NOTICE_SECONDS
        state.perceives = state.notice if now < state.notice_until else perceived(report.snapshot.me)
        state.running = report.running[0] if report.running else ""
        for note in report.leaves:
            kind, text = self._note(state, note, now)
            if text:
                yield Item(now, report.agent, kind, text)
        for order in report.cancels:
            yield Item(now, report.agent, "cancels", order)
        if report.order is not None:
            state.action = shown_action(report.order)
            state.action_source = report.order.source
            yield Item(now, report.agent, "does", f"{state.action}  [{_source(report.order)}]")
        for fault in report.faults:
            if fault.first:
                yield Item(now, report.agent, "problem", printable(f"{_short(fault.leaf)}: {fault.error}"))

    def _note(self, state: AgentState, note: LeafReport, now: float) -> tuple[Kind, str]:
        leaf, key = _short(note.leaf), (state.agent, note.leaf)
        if note.kind == "asked":
            self.asked += 1
            self._asked_at.append(now)
            state.question = f"{leaf}  {printable(note.text)}"
            state.answer, state.fell_back = "…", False
            self._latest[key] = state.question
            return "asks", state.question
        if note.kind == "answered":
            self.answered += 1
            answer = shown_answer(note)
            self._place(state, key, answer, fell_back=False)
            return "answer", f"{leaf}  {answer}"
        if note.kind == "fallback":
            text = printable(f"{note.reason}: {note.text}" if note.text else note.reason)
            if note.decision is not None:
                text += f" (it was {shown_decision(note.decision)})"
            self.fallbacks[printable(note.reason)] += 1
            state.fallbacks += 1
            self._place(state, key, f"FALLBACK {text}", fell_back=True)
            return "FALLBACK", f"{leaf}  {text}"
        if note.kind == "expired":
            return "answer", f"{leaf}  {printable(note.text)}"
        if state.question == self._latest.get(key):
            state.answer = f"not needed any more ({printable(note.reason)})"
        return "answer", f"{leaf}  not needed any more ({printable(note.reason)})"

    def _place(self, state: AgentState, key: tuple[str, str], answer: str, *, fell_back: bool) -> None:
        """Put an answer next to its question, also where another leaf of the agent has asked meanwhile."""
        state.question = self._latest.get(key, state.question)
        state.answer, state.fell_back = answer, fell_back

    def speech(self, agent: str, text: str, done: bool) -> Iterator[Item]:
        """Yield a line of speech once it is whole."""
        state = self.agents.get(agent)
        if state is not None:
            state.says = printable(text)
        if done and text.strip():
            yield Item(self.time, agent, "says", f'"{printable(text).strip()}"')

    def rate(self) -> float:
        """Return how many questions were asked per second of late."""
        while self._asked_at and self._asked_at[0] < self.time - RATE_SECONDS:
            self._asked_at.popleft()
        return len(self._asked_at) / max(1.0, min(self.time, RATE_SECONDS))


def printable(text: object) -> str:
    """Return text without control characters: game and model text must not move the cursor or ring the bell."""
    return " ".join("".join(char if char.isprintable() else " " for char in str(text)).split())


def perceived(me: Mapping[str, Any]) -> str:
    """Say in a line what an agent perceives: what it is out for, or who is nearest."""
    scene = me.get("scene")
    if isinstance(scene, Mapping) and scene:
        return printable(f"{scene['light']} the guard {scene['guard']}, the merchant {scene['merchant']}")
    for sight in me.get("sees", ()):
        if sight.get("kind") in ("stranger", "customer"):
            says = f': "{sight["says"]}"' if sight.get("says") else ""
            return printable(f"{sight['looks']} {sight['does']}{says} ({sight['distance']} m)")
    return "nobody of interest"


def shown_answer(note: LeafReport) -> str:
    """Return an answer with its probability and its time."""
    decision = note.decision
    if decision is None:
        return printable(note.text)
    if decision.probabilities:
        text = shown_decision(decision)
        verdict = note.text.partition(",")[0]
        if verdict in ("yes", "no"):
            text += f" = {verdict}"
    else:
        text = f'"{printable(note.text)}"'
    shared = ", shared" if decision.shared else ""
    return f"{printable(text)}  ({decision.latency.total * 1000:.0f} ms{shared})"


def shown_decision(decision: Decision) -> str:
    """Return an answer with its confidence, and how much the model wanted to say something else, if that was much."""
    answer = decision.answer or ", ".join(f"{name} {value}" for name, value in (decision.value or {}).items())
    if not decision.probabilities:
        return printable(answer)
    off = f", {decision.off_label:.0%} off the labels" if decision.off_label >= MUCH_OFF else ""
    return printable(f"{answer} {decision.confidence:.2f}{off}")


def shown_action(order: Order) -> str:
    """Return an action as it would be written in a tree."""
    values = ", ".join(f"{key}={value!r}" for key, value in params_of(order.action).items())
    return printable(f"{type(order.action).__name__}({values})")


def _source(order: Order) -> str:
    return printable(f"{order.source}: {order.reason}" if order.reason else order.source)


def _short(path: str) -> str:
    return printable(path.rpartition("/")[2])
