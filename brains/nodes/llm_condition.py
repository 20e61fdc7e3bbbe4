"""A condition that the model decides."""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping
from typing import Any, Literal

from py_trees.common import Status

from brains.errors import PromptError, TreeError
from brains.nodes.context import AgentContext
from brains.nodes.llm import Input, LLMLeaf
from brains.questions import NoAnswer, RenderedPrompt
from brains.snapshot import LeafReport

__all__ = ["LLMCondition", "OnPending", "WithoutAnswer"]

OnPending = Literal["keep", "default", "running", "success", "failure"]
"""What a condition says while an answer about the present world is on its way."""
WithoutAnswer = Literal["keep", "default", "success", "failure"]
"""What a condition says once it is known that no answer comes."""


class _Verdict:
    """The last answer of a condition."""

    def __init__(self, prompt: RenderedPrompt, probability: float, since: float) -> None:
        self._digest = prompt.digest
        self._calibrations = prompt.calibrations
        self.probability = probability
        self.fresh = since
        """When the world last looked as it did when the question was asked."""

    def is_of(self, prompt: RenderedPrompt) -> bool:
        """Tell whether this prompt would be answered the same: nothing of it has changed since."""
        return self._digest == prompt.digest and self._calibrations == prompt.calibrations


class LLMCondition(LLMLeaf):
    """Ask the model a question with two sides; SUCCESS or FAILURE by its probability.

    While a new answer is on its way the last verdict stands, so that a reactive tree does not thrash: a condition that
    went RUNNING would cancel the very action that it guards (py_trees composites.py:422, 542). It asks again when its
    rendered prompt has changed, and never otherwise: round in the template what jitters, `{{ distance | round }}`.

    Args:
        name: the node's name.
        prompt: the template's name, its path in the prompts folder without the ending: `guard/is_hostile`. An unknown
            or broken one is a fault in a tick; `brains check` tells it beforehand.
        inputs: values for the template by name: callables on the agent, called in every tick, or plain values. If one
            is None there is nothing to ask about: the open question is dropped, and `default` counts.
        threshold: becomes true at this probability (calibrated, 0 to 1) or more.
        release: becomes false again only below this one; at most `threshold`, which it is if not given.
        dwell: seconds for which a verdict stands before another answer may turn it. An answer that comes earlier turns
            it when they are over, if it is still the last one by then.
        ttl: seconds for which a verdict holds once the world no longer looks as it did when it was asked; None: until
            the next answer. It ends a verdict even within its `dwell`.
        default: the verdict before the first answer and after the ttl.
        about: who or what the question is about, such as an id: a callable on the agent. When it changes, the old
            verdict and the open question are dropped at once; without it a verdict on one stranger holds for the next
            one until there is a new answer.
        every: least seconds between two questions.
        on_pending: what it says while an answer about the present world is on its way, or waits for `every`: `keep`
            the last verdict (before the first one: the default), always the `default`, `success`, `failure`, or
            `running`, which suits a MemorySequence and never a reactive one.
        fallback: what it says when there was no answer in time, until there is one: `keep` the last verdict, the
            `default`, `success` or `failure`; all but the first drop the last verdict.

        deadline: seconds of agent time (5 if not given) from the question to its answer; after it the model is stopped,
            and `fallback` says what counts (reason `deadline`).
        priority: a whole number, 0 if not given; questions with a higher one are asked first.
        retry: seconds of agent time (2 if not given, 0 or more) for which it does not ask again after a question
            without a usable answer; after a deadline it asks again as `every` allows.
        model: which model of the configuration answers, by its name there (`[models.NAME]`); empty: the default one.

    The prompt's front matter says which labels mean yes: `answer: {danger: true, safe: false}`.

    Raises:
        TreeError: a setting that cannot work, or an option of the model (`temperature`, `num_ctx` ...), which belongs
            into the prompt or the configuration.
    """

    def __init__(
        self,
        name: str,
        *,
        prompt: str,
        inputs: Mapping[str, Input] | None = None,
        threshold: float = 0.5,
        release: float | None = None,
        dwell: float = 0.0,
        ttl: float | None = None,
        default: bool = False,
        about: Callable[[AgentContext], Any] | None = None,
        every: float = 0.5,
        on_pending: OnPending = "keep",
        fallback: WithoutAnswer = "keep",
        deadline: float = 5.0,
        priority: int = 0,
        retry: float = 2.0,
        model: str = "",
    ) -> None:
        super().__init__(
            name, prompt=prompt, inputs=inputs, deadline=deadline, priority=priority, retry=retry, model=model
        )
        self.threshold = threshold
        self.release = threshold if release is None else release
        if not 0 <= self.release <= self.threshold <= 1:
            raise TreeError(f"{name!r}: 0 <= release <= threshold <= 1 must hold, not {release!r} and {threshold!r}")
        for word, seconds in (("dwell", dwell), ("ttl", ttl), ("every", every)):
            if seconds is not None and not seconds >= 0:
                raise TreeError(f"{name!r}: {word} must be 0 seconds or more, not {seconds!r}")
        _one_of_words(name, "on_pending", on_pending, OnPending)
        _one_of_words(name, "fallback", fallback, WithoutAnswer)
        self.dwell = dwell
        self.ttl = ttl
        self.default = default
        self.about = about
        self.every = every
        self.on_pending = on_pending
        self.fallback = fallback
        self._subject: Any = None
        self._verdict: _Verdict | None = None
        self._holds = False
        """The verdict itself; it means something only while there is one."""
        self._turned = 0.0
        """When `_holds` last changed by an answer."""
        self._instead: bool | None = None
        """What the fallback says instead of a verdict."""
        self._did_without = False
        """The last question had no answer, and none has been asked since."""
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
        try:
            prompt = self.rendered()
            truth = self.agent.truth_of(self.prompt)
            if not truth:
                raise PromptError(f"{self.prompt}: a condition needs `answer: {{label: true, other_label: false}}`")
        except PromptError as error:
            self._take_answer(None, now)
            self.asking.stop("the prompt is broken")
            self.agent.fault(self, error)
            return self._status(now, pending=False)
        if prompt is None:
            self.asking.stop("nothing to ask about")
            self._forget()
            return Status.SUCCESS if self.default else Status.FAILURE
        fell_back = self._take_answer(prompt, now)
        if self._verdict is not None and self._verdict.is_of(prompt):
            self._verdict.fresh = now
            return self._status(now, pending=False)
        if not self.asking.open and not fell_back and not self.resting and self._may_ask(now):
            self._last_asked = now
            self._did_without = False
            # Kept with the question: an edit of the prompt may give its labels other meanings before the answer comes.
            self._truth = truth
            self.asking.start(prompt, labels=tuple(truth))
        return self._status(now, pending=self.asking.open or not self._did_without)

    def terminate(self, new_status: Status) -> None:
        """Stop the model if this leaf loses its branch while it waits (`on_pending="running"`)."""
        if self.is_real_cancel(new_status):
            self.asking.stop("the branch was lost")

    def _may_ask(self, now: float) -> bool:
        return self._last_asked is None or now - self._last_asked >= self.every

    def _forget(self) -> None:
        self._verdict = self._instead = None
        self._did_without = False

    def _look_whom_it_is_about(self) -> None:
        subject = None if self.about is None else self.about(self.agent)
        if subject != self._subject:
            self._subject = subject
            self._forget()
            self._last_asked = None
            self.asking.stop("it was about somebody else")

    def _take_answer(self, present: RenderedPrompt | None, now: float) -> bool:
        """Take what has come; tell whether it is known now that no answer comes."""
        asked = self.asking.prompt
        outcome = self.asking.poll()
        if outcome is None:
            return False
        if isinstance(outcome, NoAnswer):
            self._do_without(outcome)
            return True
        assert asked is not None
        probability = sum(p for label, p in outcome.probabilities.items() if self._truth.get(label))
        old = self._verdict
        if old is not None and present is not None and old.is_of(present) and not _Verdict(asked, 0, 0).is_of(present):
            # The world has changed and changed back: the verdict is about the present, and this answer is not.
            self.answered(outcome, f"not used, {probability:.2f}: things are as they were before")
            return False
        self._verdict = _Verdict(asked, probability, self.asking.since)
        if old is None:
            self._holds, self._turned = probability >= self.threshold, now
        self._turn(now)
        self._instead = None
        self.answered(outcome, f"{'yes' if self._holds else 'no'}, {probability:.2f}")
        return False

    def _do_without(self, outcome: NoAnswer) -> None:
        self.fell_back(outcome.reason, outcome.message)
        if outcome.reason != "deadline":
            self.rest()
        self._did_without = True
        if self.fallback != "keep":
            self._verdict = None
            self._instead = None if self.fallback == "default" else self.fallback == "success"

    def _turn(self, now: float) -> None:
        """Have the verdict follow the last answer, unless it has not stood long enough."""
        assert self._verdict is not None
        follows = self._verdict.probability >= (self.release if self._holds else self.threshold)
        if follows != self._holds and now - self._turned >= self.dwell:
            self._holds, self._turned = follows, now

    def _status(self, now: float, *, pending: bool) -> Status:
        verdict = self._verdict
        if verdict is not None and self.ttl is not None and now - verdict.fresh > self.ttl:
            self._verdict = verdict = None
            message = f"the last answer is older than {self.ttl:g} s"
            self.agent.note(
                LeafReport(kind="expired", leaf=self.path, prompt=self.prompt, text=message, reason="stale")
            )
        if verdict is not None:
            self._turn(now)
            self.feedback_message = f"{verdict.probability:.2f}"
        if pending and self.on_pending == "running":
            return Status.RUNNING
        if pending and self.on_pending != "keep":
            holds = self.default if self.on_pending == "default" else self.on_pending == "success"
        elif verdict is not None:
            holds = self._holds
        else:
            holds = self.default if self._instead is None else self._instead
        return Status.SUCCESS if holds else Status.FAILURE


def _one_of_words(name: str, what: str, value: str, allowed: Any) -> None:
    words = typing.get_args(allowed)
    if value not in words:
        raise TreeError(f"{name!r}: {what} must be one of {', '.join(words)}, not {value!r}")
