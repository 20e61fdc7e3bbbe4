"""Fakes for testing trees and prompts without a game, a model, a server or a clock.

::

    def test_guard_fights_back():
        answers = {"guard/is_hostile": "danger", "guard/respond": "violent"}
        game = FakeGame(guard, prompts=load_prompts("prompts"), answers=answers)
        game.tick(sees=[BANDIT])            # asks whether he is hostile
        game.tick(sees=[BANDIT])            # he is; asks how to respond
        report = game.tick(sees=[BANDIT])   # the answer is there
        assert report.order.action == Attack(target="bandit_1")

`report.order` is the action that begins in this tick, None while one goes on; `game.doing` is what goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from brains.actions import GameAction
from brains.agent import Agent
from brains.errors import ConfigError
from brains.library import Brain, marked_brain
from brains.loading import load_trees
from brains.models.scripted import ScriptedModel
from brains.nodes.tree import actions_of, llm_leaves_of
from brains.prompts import PromptLibrary
from brains.questions import Decision, NoAnswer, Outcome, Question
from brains.reload import load_prompts
from brains.snapshot import ActionStatus, AgentSnapshot, Event, Order, OrderResult, TickReport

__all__ = ["FakeGame", "FakeTicket", "ManualClock", "ScriptedAsker", "ScriptedModel", "load_prompts", "load_trees"]

Answer = str | Mapping[str, Any] | Exception | Outcome | None
"""A label or a line of text; probabilities by label, or the values of an action; an outcome as it is; an exception is
raised, None leaves the question open."""


class ManualClock:
    """A clock that moves only when told to."""

    def __init__(self, now: float = 0.0) -> None:
        self._now = now

    def now(self) -> float:
        """Return the time in seconds."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        if seconds < 0:
            raise ValueError("time does not go back")
        self._now += seconds


class FakeTicket:
    """A ticket whose outcome a test sets."""

    def __init__(self, question: Question) -> None:
        self.question = question
        self.outcome: Outcome | None = None
        self.text = ""
        self.cancelled = False

    def cancel(self, *, late: bool = False) -> None:
        """Remember that nobody waits any more."""
        self.cancelled = True
        if self.outcome is None:
            self.outcome = NoAnswer(reason="cancelled")

    def answer(self, answer: Answer) -> None:
        """Give the outcome; a cancelled or answered ticket keeps what it has."""
        if self.outcome is None and answer is not None:
            self.outcome = as_outcome(self.question, answer)


class ScriptedAsker:
    """Answers questions by prompt name, or by a callable on the question; keeps every ticket it gave.

    A prompt that is not in the script stays open, so that a test can answer its ticket when it likes. Where an
    `LLMAction` asks for values after its label, that question goes by the prompt's name and the action's class:
    `{"dog/deal": "bad", "dog/deal#Bite": {"target": "postman"}}`. A callable gets the `Question`, in which
    `prompt.name`, `prompt.user`, `labels` and `schema` say what is asked.
    """

    def __init__(self, answers: Mapping[str, Answer] | Callable[[Question], Answer] | None = None) -> None:
        self.answers = answers or {}
        self.tickets: list[FakeTicket] = []

    def ask(self, question: Question) -> FakeTicket:
        """Take a question; a scripted answer is there at once, and the tree sees it in its next tick."""
        ticket = FakeTicket(question)
        self.tickets.append(ticket)
        answers = self.answers
        ticket.answer(answers(question) if callable(answers) else answers.get(question.prompt.name))
        return ticket

    @property
    def open(self) -> list[FakeTicket]:
        """The tickets that have no outcome."""
        return [ticket for ticket in self.tickets if ticket.outcome is None]


def as_outcome(question: Question, answer: Answer) -> Outcome:
    """Make an outcome of what a test wrote down.

    Raises:
        ConfigError: a label that the question does not offer.
    """
    if isinstance(answer, Exception):
        raise answer
    if isinstance(answer, Decision | NoAnswer):
        return answer
    if isinstance(answer, Mapping):
        if question.labels:
            for label in answer:
                _check_label(question, label)
            best = max(answer, key=lambda label: answer[label])
            return Decision(answer=best, probabilities=dict(answer), raw=dict(answer), model="scripted")
        return Decision(answer="", value=dict(answer), way="schema", model="scripted")
    assert answer is not None
    if not question.labels:
        return Decision(answer=answer, way="text", model="scripted")
    _check_label(question, answer)
    probabilities = {label: float(label == answer) for label in question.labels}
    return Decision(answer=answer, probabilities=probabilities, raw=probabilities, model="scripted")


def _check_label(question: Question, label: str) -> None:
    if label not in question.labels:
        raise ConfigError(f"{label!r} is none of the labels of {question.prompt.name!r}: {', '.join(question.labels)}")


class FakeGame:
    """One agent in a game that consists of what the test says it perceives.

    Args:
        brain: a factory marked with `@brain`, or a `Brain`.
        prompts: the templates; `brains.reload.load_prompts("prompts")` reads a folder.
        answers: what the model says; see `ScriptedAsker`.
        declared: names of the actions that the body can carry out; all that the tree can choose if not given.
        seconds: game time from one tick to the next.
        allow_faults: let a tick go on when a leaf raises, as a game does. A test wants to know: without this the
            exception comes out of `tick`.

    Raises:
        ConfigError: `answers` names a prompt that no leaf of the tree asks, or a prompt that is not in `prompts`.
    """

    def __init__(
        self,
        brain: Callable[..., object] | Brain,
        *,
        prompts: PromptLibrary | None = None,
        answers: Mapping[str, Answer] | Callable[[Question], Answer] | None = None,
        declared: Collection[str] | None = None,
        agent_id: str = "agent_1",
        seconds: float = 0.1,
        seed: int = 0,
        allow_faults: bool = False,
    ) -> None:
        found = brain if isinstance(brain, Brain) else marked_brain(brain)
        if found is None:
            raise ConfigError(f"{brain!r} is not marked with @brain")
        self.asker = ScriptedAsker(answers)
        self.seconds = seconds
        self.time = 0.0
        self._results: list[OrderResult] = []
        self.allow_faults = allow_faults
        root = found.build()
        names = actions_of(root) if declared is None else declared
        library = prompts or PromptLibrary()
        if not allow_faults:
            _check_prompts([leaf.prompt for leaf in llm_leaves_of(root)], library, answers)
        self.agent = Agent(agent_id, found, prompts=library, asker=self.asker, declared=list(names), seed=seed)

    @property
    def doing(self) -> list[GameAction]:
        """The actions that go on: ordered, and not reported to have ended."""
        return [order.action for order in self.agent.orders.values()]

    def tick(
        self,
        me: Mapping[str, Any] | None = None,
        *,
        world: Mapping[str, Any] | None = None,
        events: Collection[Event] = (),
        available: Collection[str] | None = None,
        **perceived: Any,
    ) -> TickReport:
        """Let `seconds` pass and tick the agent on what it perceives: `me`, or its parts as keywords.

        Raises:
            Exception: whatever a leaf raised, unless `allow_faults`.
        """
        self.time += self.seconds
        results, self._results = tuple(self._results), []
        report = self.agent.tick(
            AgentSnapshot(
                seq=self.agent.tick_number + 1,
                time=self.time,
                me={**(me or {}), **perceived},
                world=world or {},
                events=tuple(events),
                results=results,
                available=None if available is None else frozenset(available),
            )
        )
        if report.faults and not self.allow_faults:
            fault = report.faults[0]
            raise fault.cause if fault.cause is not None else AssertionError(f"{fault.leaf}: {fault.error}")
        return report

    def report(self, order: Order | str, status: ActionStatus, *, code: str = "", message: str = "") -> None:
        """Say how far the body is with an order; the next tick hears of it."""
        order_id = order if isinstance(order, str) else order.id
        self._results.append(OrderResult(id=order_id, status=status, code=code, message=message))


def _check_prompts(
    asked: list[str], prompts: PromptLibrary, answers: Mapping[str, Answer] | Callable[[Question], Answer] | None
) -> None:
    """Find slips of a test that would otherwise look like a tree that does nothing."""
    for name in asked:
        prompts.get(name)
    for name in answers if isinstance(answers, Mapping) else ():
        if name.partition("#")[0] not in asked:
            raise ConfigError(
                f"no leaf of this tree asks {name!r}; it asks: {', '.join(sorted(set(asked))) or 'nothing'}"
            )
