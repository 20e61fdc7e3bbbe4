"""What all leaves that ask a model share, and the condition among them.

A leaf asks and goes on: it keeps a ticket, looks at it in later ticks, and has a deadline in agent time after which it
does without. Every question ends in exactly one report: answered, fallback (with a reason), or cancelled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from py_trees.common import Status

from brains.errors import PromptError, TreeError
from brains.nodes.context import AgentContext, Leaf
from brains.questions import Decision, NoAnswer, Question, RenderedPrompt, Ticket
from brains.snapshot import LeafReport

__all__ = ["Asking", "Input", "LLMCondition", "LLMLeaf"]

Input = Callable[[AgentContext], Any] | Any
"""A value for a template: a callable on the agent, or the value itself. None says: there is nothing to ask about."""


class Asking:
    """One leaf's open question."""

    def __init__(self, leaf: LLMLeaf) -> None:
        self._leaf = leaf
        self.ticket: Ticket | None = None
        self.prompt: RenderedPrompt | None = None
        self.since = 0.0

    @property
    def open(self) -> bool:
        """Whether an answer is being waited for."""
        return self.ticket is not None

    def start(self, prompt: RenderedPrompt, *, since: float | None = None, **what: Any) -> None:
        """Ask; `what` goes into the `Question`: labels, schema, max_tokens.

        `since` is when the deadline began to run, if a question before this one is part of the same decision.
        """
        leaf, agent = self._leaf, self._leaf.agent
        self.prompt = prompt
        now = agent.clock.now()
        self.since = now if since is None else since
        self.ticket = agent.ask(
            Question(
                session=agent.session,
                agent=agent.id,
                leaf=leaf.path,
                prompt=prompt,
                timeout=max(0.0, leaf.deadline - (now - self.since)),
                priority=leaf.priority,
                tick=agent.tick_number,
                **what,
            )
        )
        agent.note(LeafReport(kind="asked", leaf=leaf.path, prompt=prompt.name, text=prompt.user))

    def poll(self) -> Decision | NoAnswer | None:
        """Return the outcome once, or None while waiting.

        Past the deadline the question is stopped, and an answer that is there by then is late all the same: an agent
        that is ticked rarely must not act on a world of long ago.
        """
        if self.ticket is None:
            return None
        agent = self._leaf.agent
        outcome = agent.outcome_of(self.ticket)
        late = agent.clock.now() - self.since >= self._leaf.deadline
        if late and not isinstance(outcome, NoAnswer):
            self.ticket.cancel()
            outcome = NoAnswer(reason="deadline", message=f"no answer within {self._leaf.deadline:g} s")
        if outcome is not None:
            self.ticket = None
        return outcome

    def stop(self, why: str) -> None:
        """Say that nobody waits any more; the model stops."""
        if self.ticket is None:
            return
        self.ticket.cancel()
        self.ticket = None
        assert self.prompt is not None
        self._leaf.agent.note(LeafReport(kind="cancelled", leaf=self._leaf.path, prompt=self.prompt.name, reason=why))


class LLMLeaf(Leaf):
    """Base of the leaves that ask a model.

    Args:
        name: the node's name.
        prompt: the template, such as `guard/is_hostile`.
        inputs: values for the template by name: callables on the agent, or plain values. One that is None says that
            there is nothing to ask about.
        deadline: seconds of agent time after which the leaf does without an answer.
        priority: questions with a higher one are asked first.
        retry: seconds of agent time for which a leaf that got no answer does not ask again, so that a model that is
            away does not make a reactive tree start and stop this branch in every other tick.
    """

    def __init__(
        self,
        name: str,
        *,
        prompt: str,
        inputs: Mapping[str, Input] | None = None,
        deadline: float = 5.0,
        priority: int = 0,
        retry: float = 2.0,
    ) -> None:
        super().__init__(name)
        if not deadline > 0:
            raise TreeError(f"{name!r}: deadline must be more than 0 seconds, not {deadline!r}")
        self.prompt = prompt
        self.inputs = dict(inputs or {})
        self.deadline = float(deadline)
        self.priority = priority
        self.retry = retry
        self._rests_until = 0.0
        self.asking = Asking(self)
        self._ticked = -1

    def seen(self) -> None:
        """Remember that the tree came by in this tick; a leaf it no longer comes by gives up its question."""
        self._ticked = self.agent.tick_number

    def end_of_tick(self) -> None:
        """Give up a question that the tree no longer wants; the agent calls this after every tick."""
        if self.asking.open and self._ticked != self.agent.tick_number:
            self.asking.stop("the tree went elsewhere")

    def rendered(self, labels: tuple[str, ...] = ()) -> RenderedPrompt | None:
        """Fill the prompt; None if an input says that there is nothing to ask about.

        Raises:
            PromptError: it cannot be filled.
        """
        agent = self.agent
        values = {name: value(agent) if callable(value) else value for name, value in self.inputs.items()}
        if any(value is None for value in values.values()):
            missing = ", ".join(name for name, value in values.items() if value is None)
            self.feedback_message = f"nothing to ask about: no {missing}"
            return None
        return agent.render(self.prompt, values, labels)

    @property
    def resting(self) -> bool:
        """Whether this leaf failed so lately that it does not ask yet."""
        return self.agent.clock.now() < self._rests_until

    def fail_for_a_while(self) -> Status:
        """Do not ask again before `retry` seconds have passed; return FAILURE."""
        self._rests_until = self.agent.clock.now() + self.retry
        return Status.FAILURE

    def answered(self, decision: Decision, made_of_it: str) -> None:
        """Report an answer."""
        self.agent.note(
            LeafReport(kind="answered", leaf=self.path, prompt=self.prompt, text=made_of_it, decision=decision)
        )

    def fell_back(self, reason: str, message: str, *, decision: Decision | None = None) -> None:
        """Report that there was no usable answer, and why."""
        self.feedback_message = f"{reason}: {message}" if message else reason
        self.agent.note(
            LeafReport(
                kind="fallback", leaf=self.path, prompt=self.prompt, text=message, reason=reason, decision=decision
            )
        )


class _Verdict:
    """The last answer of a condition."""

    def __init__(self, prompt: RenderedPrompt, probability: float, holds: bool, since: float) -> None:
        self._digest = prompt.digest
        self._calibrations = prompt.calibrations
        self.probability = probability
        self.holds = holds
        self.fresh = since
        """When the world last looked as it did when the question was asked."""

    def is_of(self, prompt: RenderedPrompt) -> bool:
        """Tell whether this prompt would be answered the same: nothing of it has changed since."""
        return self._digest == prompt.digest and self._calibrations == prompt.calibrations


class LLMCondition(LLMLeaf):
    """Ask the model a question with two sides; SUCCESS or FAILURE by its probability, never RUNNING.

    While a new answer is on its way the last verdict stands, so that a reactive tree does not thrash: a condition that
    went RUNNING would cancel the very action that it guards (py_trees composites.py:422, 542).

    Args:
        threshold: becomes true at this probability (calibrated, 0 to 1) or more.
        release: becomes false again only below this one; at most `threshold`, which it is if not given.
        ttl: seconds for which a verdict holds once the world no longer looks as it did when it was asked; None: until
            the next answer.
        default: the verdict before the first answer and after the ttl.
        about: who or what the question is about, such as an id: a callable on the agent. When it changes, the old
            verdict and the open question are dropped at once; without it a verdict on one stranger holds for the next
            one until there is a new answer.
        every: least seconds between two questions.

    The prompt's front matter says which labels mean yes: `answer: {danger: true, safe: false}`.
    """

    def __init__(
        self,
        name: str,
        *,
        prompt: str,
        inputs: Mapping[str, Input] | None = None,
        threshold: float = 0.5,
        release: float | None = None,
        ttl: float | None = None,
        default: bool = False,
        about: Callable[[AgentContext], Any] | None = None,
        every: float = 0.5,
        deadline: float = 5.0,
        priority: int = 0,
        retry: float = 2.0,
    ) -> None:
        super().__init__(name, prompt=prompt, inputs=inputs, deadline=deadline, priority=priority, retry=retry)
        self.threshold = threshold
        self.release = threshold if release is None else release
        if not 0 <= self.release <= self.threshold <= 1:
            raise TreeError(f"{name!r}: 0 <= release <= threshold <= 1 must hold, not {release!r} and {threshold!r}")
        self.ttl = ttl
        self.default = default
        self.about = about
        self.every = every
        self._subject: Any = None
        self._verdict: _Verdict | None = None
        self._last_asked: float | None = None
        self._truth: Mapping[str, bool] = {}

    @property
    def probability(self) -> float | None:
        """The last answer's probability of yes; None before the first one and after the ttl."""
        return self._verdict.probability if self._verdict else None

    def update(self) -> Status:
        """Take an answer that has come, ask again if the world has changed, and return the verdict."""
        self.seen()
        now = self.agent.clock.now()
        self._look_whom_it_is_about()
        self._take_answer()
        try:
            prompt = self.rendered()
            truth = self.agent.truth_of(self.prompt)
            if not truth:
                raise PromptError(f"{self.prompt}: a condition needs `answer: {{label: true, other_label: false}}`")
        except PromptError as error:
            self.asking.stop("the prompt is broken")
            self.agent.fault(self, error)
            return self._status(now)
        if prompt is None:
            self.asking.stop("nothing to ask about")
            self._verdict = None
            return Status.SUCCESS if self.default else Status.FAILURE
        if self._verdict is not None and self._verdict.is_of(prompt):
            self._verdict.fresh = now
        elif (
            not self.asking.open
            and not self.resting
            and (self._last_asked is None or now - self._last_asked >= self.every)
        ):
            self._last_asked = now
            # Kept with the question: an edit of the prompt may give its labels other meanings before the answer comes.
            self._truth = truth
            self.asking.start(prompt, labels=tuple(truth))
        return self._status(now)

    def _look_whom_it_is_about(self) -> None:
        subject = None if self.about is None else self.about(self.agent)
        if subject != self._subject:
            self._subject = subject
            self._verdict = self._last_asked = None
            self.asking.stop("it was about somebody else")

    def _take_answer(self) -> None:
        asked = self.asking.prompt
        outcome = self.asking.poll()
        if outcome is None:
            return
        if isinstance(outcome, NoAnswer):
            self.fell_back(outcome.reason, outcome.message)
            if outcome.reason != "deadline":
                self.fail_for_a_while()
            return
        assert asked is not None
        probability = sum(p for label, p in outcome.probabilities.items() if self._truth.get(label))
        held = self._verdict.holds if self._verdict else False
        holds = probability >= (self.release if held else self.threshold)
        self._verdict = _Verdict(asked, probability, holds, self.asking.since)
        self.answered(outcome, f"{'yes' if holds else 'no'}, {probability:.2f}")

    def _status(self, now: float) -> Status:
        verdict = self._verdict
        if verdict is not None and self.ttl is not None and now - verdict.fresh > self.ttl:
            self._verdict = verdict = None
            message = f"the last answer is older than {self.ttl:g} s"
            self.agent.note(
                LeafReport(kind="expired", leaf=self.path, prompt=self.prompt, text=message, reason="stale")
            )
        if verdict is not None:
            self.feedback_message = f"{verdict.probability:.2f}"
        holds = self.default if verdict is None else verdict.holds
        return Status.SUCCESS if holds else Status.FAILURE
