"""What all nodes that ask a model share: the open question, the deadline, the reports.

A node asks and goes on: it keeps a ticket, looks at it in later ticks, and has a deadline in agent time after which it
does without. Every question ends in exactly one report: answered, fallback (with a reason), or cancelled.
"""

from __future__ import annotations

import inspect
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Self

import msgspec
from py_trees.common import Status

from brains.errors import PromptError, TreeError
from brains.nodes.context import AgentContext, AgentNode, Leaf
from brains.prompts.frontmatter import LOAD_TIME, SAMPLING
from brains.questions import Decision, NoAnswer, Question, RenderedPrompt, Ticket
from brains.snapshot import LeafReport

__all__ = ["Asking", "Input", "LLMLeaf", "LLMNode", "PickingNode"]

Input = Callable[[AgentContext], Any] | Any
"""A value for a template: a callable on the agent, or the value itself. None says: there is nothing to ask about."""


class Asking:
    """One node's open question."""

    def __init__(self, node: LLMNode) -> None:
        self._node = node
        self.ticket: Ticket | None = None
        self.prompt: RenderedPrompt | None = None
        """What was asked last."""
        self.since = 0.0

    @property
    def open(self) -> bool:
        """Whether an answer is being waited for."""
        return self.ticket is not None

    def start(self, prompt: RenderedPrompt, *, since: float | None = None, **what: Any) -> None:
        """Ask; `what` goes into the `Question`: labels, schema, max_tokens.

        `since` is when the deadline began to run, if a question before this one is part of the same decision.
        """
        node, agent = self._node, self._node.agent
        self.prompt = prompt
        now = agent.clock.now()
        self.since = now if since is None else since
        self.ticket = agent.ask(
            Question(
                session=agent.session,
                agent=agent.id,
                leaf=node.path,
                prompt=prompt,
                timeout=max(0.0, node.deadline - (now - self.since)),
                priority=node.priority,
                tick=agent.tick_number,
                model=node.model,
                **what,
            )
        )
        agent.note(LeafReport(kind="asked", leaf=node.path, prompt=prompt.name, text=prompt.user))

    def poll(self) -> Decision | NoAnswer | None:
        """Return the outcome once, or None while waiting. A decision says what was asked, and when.

        Past the deadline the question is stopped, and an answer that is there by then is late all the same: an agent
        that is ticked rarely must not act on a world of long ago.
        """
        if self.ticket is None:
            return None
        agent, question = self._node.agent, self.ticket.question
        outcome = agent.outcome_of(self.ticket)
        late = agent.clock.now() - self.since >= self._node.deadline
        if late and not isinstance(outcome, NoAnswer):
            self.ticket.cancel(late=True)
            outcome = NoAnswer(reason="deadline", message=f"no answer within {self._node.deadline:g} s")
        if outcome is None:
            return None
        self.ticket = None
        if isinstance(outcome, NoAnswer):
            return outcome
        return msgspec.structs.replace(
            outcome,
            prompt=question.prompt.name,
            prompt_hash=question.prompt.digest,
            tick_asked=question.tick,
            tick_answered=agent.tick_number,
        )

    def stop(self, why: str) -> None:
        """Say that nobody waits any more; the model stops."""
        if self.ticket is None:
            return
        self.ticket.cancel()
        self.ticket = None
        assert self.prompt is not None
        self._node.agent.note(LeafReport(kind="cancelled", leaf=self._node.path, prompt=self.prompt.name, reason=why))


class LLMNode(AgentNode):
    """Base of all that asks a model: the leaves, and the composite whose child the model picks.

    Mixed into a leaf or a composite, it stands before it among the bases.

    Args:
        name: the node's name.
        prompt: the template, such as `guard/is_hostile`.
        inputs: values for the template by name: callables on the agent, or plain values. One that is None says that
            there is nothing to ask about.
        deadline: seconds of agent time after which the node does without an answer.
        priority: questions with a higher one are asked first.
        retry: seconds of agent time for which a node that got no answer does not ask again, so that a model that is
            away does not disturb the branches below it in every other tick.
        model: which of the configured models answers, by its name in the configuration; empty: the default one.

    Raises:
        TreeError: a setting that cannot work, or an option of the model, which does not belong here.
    """

    def __new__(cls, *args: Any, **given: Any) -> Self:
        """Refuse options of the model, with where they belong, before Python says only that it does not know them."""
        _refuse_options(cls, args[0] if args else given.get("name", cls.__name__), given)
        return super().__new__(cls)

    def __init__(
        self,
        *args: Any,
        prompt: str,
        inputs: Mapping[str, Input] | None = None,
        deadline: float = 5.0,
        priority: int = 0,
        retry: float = 2.0,
        model: str = "",
        **more: Any,
    ) -> None:
        super().__init__(*args, **more)
        if not deadline > 0:
            raise TreeError(f"{self.name!r}: deadline must be more than 0 seconds, not {deadline!r}")
        if not retry >= 0:
            raise TreeError(f"{self.name!r}: retry must be 0 seconds or more, not {retry!r}")
        if not isinstance(model, str):
            raise TreeError(
                f"{self.name!r}: model is the name of a model in the configuration, such as model='large', not "
                f"{model!r}; what it is loaded with stands there, too"
            )
        self.prompt = prompt
        self.inputs = dict(inputs or {})
        self.deadline = float(deadline)
        self.priority = priority
        self.retry = retry
        self.model = model
        self._rests_until = 0.0
        self.asking = Asking(self)
        self._ticked = -1

    @property
    def labels(self) -> tuple[str, ...]:
        """The words that it may offer, as far as they are known beforehand; empty if they are the prompt's own."""
        return ()

    def seen(self) -> None:
        """Remember that the tree came by in this tick; a node it no longer comes by gives up its question."""
        self._ticked = self.agent.tick_number

    def end_of_tick(self) -> None:
        """Give up a question that the tree no longer wants; the agent calls this after every tick."""
        if self.asking.open and self._ticked != self.agent.tick_number:
            self.asking.stop("the tree went elsewhere")

    def gathered(self) -> dict[str, Any] | None:
        """Return the template's values as they are now; None if one of them says that there is nothing to ask about."""
        agent = self.agent
        values = {name: value(agent) if callable(value) else value for name, value in self.inputs.items()}
        missing = ", ".join(name for name, value in values.items() if value is None)
        if missing:
            self.feedback_message = f"nothing to ask about: no {missing}"
            return None
        return values

    def rendered(self, labels: tuple[str, ...] = ()) -> RenderedPrompt | None:
        """Fill the prompt; None if an input says that there is nothing to ask about.

        Raises:
            PromptError: it cannot be filled.
        """
        values = self.gathered()
        return None if values is None else self.agent.render(self.prompt, values, labels)

    @property
    def resting(self) -> bool:
        """Whether this node failed so lately that it does not ask yet."""
        return self.agent.clock.now() < self._rests_until

    def rest(self) -> None:
        """Do not ask again before `retry` seconds have passed."""
        self._rests_until = self.agent.clock.now() + self.retry

    def fail_for_a_while(self) -> Status:
        """Do not ask again before `retry` seconds have passed; return FAILURE."""
        self.rest()
        return Status.FAILURE

    def answered(self, decision: Decision, made_of_it: str) -> None:
        """Report an answer."""
        self.agent.note(
            LeafReport(kind="answered", leaf=self.path, prompt=self.prompt, text=made_of_it, decision=decision)
        )

    def fell_back(self, reason: str, message: str, *, decision: Decision | None = None) -> None:
        """Report that there was no usable answer, and why. An unusable one says so itself."""
        self.feedback_message = f"{reason}: {message}" if message else reason
        if decision is not None:
            decision = msgspec.structs.replace(decision, fallback=reason)
        self.agent.note(
            LeafReport(
                kind="fallback", leaf=self.path, prompt=self.prompt, text=message, reason=reason, decision=decision
            )
        )


class LLMLeaf(LLMNode, Leaf):
    """Base of the leaves that ask a model; its arguments are those of `LLMNode`."""

    def __init__(
        self,
        name: str,
        *,
        prompt: str,
        inputs: Mapping[str, Input] | None = None,
        deadline: float = 5.0,
        priority: int = 0,
        retry: float = 2.0,
        model: str = "",
    ) -> None:
        super().__init__(
            name, prompt=prompt, inputs=inputs, deadline=deadline, priority=priority, retry=retry, model=model
        )


def _refuse_options(kind: type[LLMNode], name: object, options: Mapping[str, Any]) -> None:
    """Say where options of the model belong that somebody gave to a node.

    Raises:
        TreeError: it is an option of the model.
    """
    for option in sorted(set(options) - set(inspect.signature(kind.__init__).parameters)):
        if option in LOAD_TIME or option in ("options", "keep_alive"):
            raise TreeError(
                f"{name!r}: {option!r} is no setting of a node: a model is loaded anew, for every agent, when such an "
                "option differs. Set it for the model in the configuration, and name that model here: model='...'"
            )
        if option in SAMPLING:
            raise TreeError(
                f"{name!r}: {option!r} belongs into the prompt's front matter: model: {{options: {{{option}: ...}}}}"
            )


class PickingNode(LLMNode):
    """Base of the nodes that wait for what the model picks: RUNNING until there is an answer, or none in time."""

    def step(self) -> Status:
        """Ask, or see what has come of the question; called once a tick."""
        try:
            if not self.asking.open:
                return self._begin()
            outcome = self.asking.poll()
            if outcome is None:
                return Status.RUNNING
            if isinstance(outcome, NoAnswer):
                return self._fall_back(outcome.reason, outcome.message)
            return self._take(outcome)
        except PromptError as error:
            self.agent.fault(self, error)
            return self._fall_back("prompt_error", str(error))

    @abstractmethod
    def _begin(self) -> Status:
        """Ask, or do without asking."""

    @abstractmethod
    def _take(self, decision: Decision) -> Status:
        """Go on with an answer."""

    @abstractmethod
    def _fall_back(self, reason: str, message: str) -> Status:
        """Go on without one."""
