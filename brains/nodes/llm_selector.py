"""A composite whose child the model picks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from py_trees.behaviour import Behaviour
from py_trees.common import Status
from py_trees.composites import Composite

from brains.errors import TreeError
from brains.nodes.context import Predicate, is_true
from brains.nodes.llm import Input, PickingNode
from brains.prompts.labels import label_problem
from brains.questions import Decision, NoAnswer, Question
from brains.snapshot import Source

__all__ = ["LLMSelector"]


class LLMSelector(PickingNode, Composite):
    """Let the model pick which child to run; the pick stands until that child ends, and its end is the selector's own.

    RUNNING while the model thinks. The children that did not run are INVALID, and one that is replaced is stopped
    before the next one is ticked.

    Args:
        name: the node's name.
        prompt: the template's name, its path in the prompts folder without the ending: `villager/react`. An unknown or
            broken one is a fault in a tick; `brains check` tells it beforehand.
        inputs: values for the template by name: callables on the agent, called in the tick in which it asks, or plain
            values. If one is None there is nothing to ask about, and the selector fails.
        children: the children by the word that stands for each in the prompt: `{"fight": ..., "flee": ...}`; or a
            list, in which their names are the words.
        possible: tells by word which children are possible now: predicates on the agent. A child without one always
            is. What is not possible is not offered; if nothing is left the selector fails, if one is left it runs
            without asking.
        fallback: the word of the child that runs without a usable answer; None: fail.
        meanwhile: the word of a child that runs, again and again, while the model thinks about the first pick; None:
            nothing does.
        reask: seconds after which the model is asked again, if its prompt has changed, while the child that it picked
            runs; None: never. Without an answer that child runs on.
        margin: how much likelier than the running child another must be to take over (0 to 1).
        deadline: seconds of agent time (5 if not given) from the question to its answer; after it the model is stopped,
            and `fallback` runs (reason `deadline`).
        priority: a whole number, 0 if not given; questions with a higher one are asked first.
        retry: seconds of agent time (2 if not given, 0 or more) for which it does not ask again after a question
            without a usable answer and without a fallback, but fails.
        model: which model of the configuration answers, by its name there (`[models.NAME]`); empty: the default one.

    Raises:
        TreeError: a setting that cannot work, such as two children with one word, or an option of the model
            (`temperature`, `num_ctx` ...), which belongs into the prompt or the configuration.
    """

    def __init__(
        self,
        name: str,
        children: Mapping[str, Behaviour] | Sequence[Behaviour],
        *,
        prompt: str,
        inputs: Mapping[str, Input] | None = None,
        possible: Mapping[str, Predicate] | None = None,
        fallback: str | None = None,
        meanwhile: str | None = None,
        reask: float | None = None,
        margin: float = 0.2,
        deadline: float = 5.0,
        priority: int = 0,
        retry: float = 2.0,
        model: str = "",
    ) -> None:
        given = list(children.values() if isinstance(children, Mapping) else children)
        super().__init__(
            name, given, prompt=prompt, inputs=inputs, deadline=deadline, priority=priority, retry=retry, model=model
        )
        words = list(children) if isinstance(children, Mapping) else [child.name for child in given]
        self._words = dict(zip(given, words, strict=True))
        problem = "two children have one word" if len(set(words)) < len(words) else label_problem(words)
        if problem is not None:
            raise TreeError(f"{name!r}: {problem}. Give each child a word: {{'fight': ..., 'flee': ...}}")
        self.possible = dict(possible or {})
        for what, word in (*(("possible", word) for word in self.possible), ("fallback", fallback)):
            self._check_word(what, word)
        self._check_word("meanwhile", meanwhile)
        if reask is not None and not reask > 0:
            raise TreeError(f"{name!r}: reask must be more than 0 seconds, not {reask!r}")
        if not 0 <= margin <= 1:
            raise TreeError(f"{name!r}: margin must be from 0 to 1, not {margin!r}")
        self.fallback = fallback
        self.meanwhile = meanwhile
        self.reask = reask
        self.margin = margin
        self._picked: Behaviour | None = None
        self._next: Behaviour | None = None
        """What runs in this tick: the picked child, or what runs meanwhile."""
        self.source: Source = "tree"
        """Who picked the child that runs."""
        self.reason = ""
        """Why it was picked: the word and its probability, or why there was no answer."""
        self._offered: tuple[str, ...] = ()
        self._asked_at = 0.0
        self._answered: tuple[str, tuple[str, ...]] | None = None
        """Prompt and words of the last question that was answered since a child was picked."""

    def _check_word(self, what: str, word: str | None) -> None:
        if word is not None and word not in self.labels:
            raise TreeError(f"{self.name!r}: {what} names {word!r}, which is no child ({', '.join(self.labels)})")

    @property
    def labels(self) -> tuple[str, ...]:
        """The children's words."""
        return tuple(self._word(child) for child in self.children)

    @property
    def picked(self) -> str:
        """The word of the child that runs by the model's pick (or the fallback's); empty while there is none."""
        return "" if self._picked is None else self._word(self._picked)

    @property
    def thinking(self) -> bool:
        """Whether it waits for the model to pick the first child."""
        return bool(self.status == Status.RUNNING and self._picked is None)

    def _word(self, child: Behaviour) -> str:
        return self._words.get(child, child.name)

    def _child(self, word: str) -> Behaviour:
        return next(child for child in self.children if self._word(child) == word)

    # --- py_trees --------------------------------------------------------------------------------------------------

    def tick(self) -> Iterator[Behaviour]:
        """Tick the picked child, or what runs meanwhile."""
        if self.status != Status.RUNNING:
            self._picked = self._answered = None
            self._leave(None)
            self.asking.stop("asked anew")
            self.initialise()
        if self.update() == Status.FAILURE:
            self._leave(None)
            self.stop(Status.FAILURE)
            yield self
            return
        child = self._next
        self._leave(child)
        if child is not None:
            yield from child.tick()
        if child is None or child is not self._picked or child.status == Status.RUNNING:
            self.status = Status.RUNNING
        else:
            self.stop(Status.SUCCESS if child.status == Status.SUCCESS else Status.FAILURE)
        yield self

    def update(self) -> Status:
        """Take an answer that has come or ask: FAILURE if nothing can run, else RUNNING. `tick` calls it."""
        self.seen()
        if self._picked is not None:
            self._reconsider()
            status = Status.RUNNING
        else:
            status = self.step()
        # Here, and not in `tick`: what an author's predicate raises is caught in here.
        self._next = self._picked or self._meanwhile_now()
        return status

    def terminate(self, new_status: Status) -> None:
        """Stop the model: nobody waits any more."""
        self.asking.stop("the branch was lost" if new_status == Status.INVALID else "the child has ended")

    def _leave(self, child: Behaviour | None) -> None:
        """Go over to a child: every other one is stopped first."""
        for other in self.children:
            if other is not child and other.status != Status.INVALID:
                other.stop(Status.INVALID)
        self.current_child = child

    def would_ask(self) -> Question | None:
        """Return the question which of the children that are possible now should run."""
        offered = tuple(word for word in self.labels if self._possible_now(word))
        prompt = self.rendered(offered) if offered else None
        return None if prompt is None else self.question_of(prompt, labels=offered)

    # --- the first pick --------------------------------------------------------------------------------------------

    def _possible_now(self, word: str) -> bool:
        return word not in self.possible or is_true(self.possible[word](self.agent))

    def _meanwhile_now(self) -> Behaviour | None:
        if self.meanwhile is None or not self._possible_now(self.meanwhile):
            return None
        return self._child(self.meanwhile)

    def _begin(self) -> Status:
        offered = tuple(word for word in self.labels if self._possible_now(word))
        if not offered:
            self.feedback_message = "none of the children is possible now"
            return Status.FAILURE
        if len(offered) == 1:
            return self._pick(offered[0], "tree", "the only choice")
        if self.resting or not self._ask(offered):
            return Status.FAILURE
        return Status.RUNNING

    def _ask(self, offered: tuple[str, ...], unless: tuple[str, tuple[str, ...]] | None = None) -> bool:
        """Ask which child to run, unless that was answered already; tell whether it was asked."""
        prompt = self.rendered(offered)
        if prompt is None or (prompt.digest, offered) == unless:
            return False
        self._offered = offered
        self._asked_at = self.agent.clock.now()
        self.asking.start(prompt, labels=offered)
        return True

    def _take(self, decision: Decision) -> Status:
        word = decision.answer
        refused = self._refused(decision)
        if refused:
            return self._fall_back_to(refused)
        self.answered(decision, f"{word}, {decision.confidence:.2f}")
        return self._pick(word, "llm", f"{word} {decision.confidence:.2f}")

    def _refused(self, decision: Decision) -> str:
        """Report an answer that is no child that is possible now, and return why; empty if it is one."""
        word = decision.answer
        try:
            if word not in self._offered:
                reason, message = "malformed", f"{word!r} is not one of the children"
            elif not self._possible_now(word):
                reason, message = "not_possible", f"{word} is not possible any more"
            else:
                assert self.asking.prompt is not None
                self._answered = (self.asking.prompt.digest, self._offered)
                return ""
        except Exception as error:
            # The author's own predicate. Without this the question would end in no report.
            self.agent.fault(self, error)
            reason, message = "error", f"{type(error).__name__}: {error}"
        self.fell_back(reason, message, decision=decision)
        return reason

    def _pick(self, word: str, source: Source, reason: str) -> Status:
        self._picked = self._child(word)
        self.source, self.reason = source, reason
        if source != "fallback":
            self.feedback_message = reason
        return Status.RUNNING

    def _fall_back(self, reason: str, message: str) -> Status:
        self.fell_back(reason, message)
        return self._fall_back_to(reason)

    def _fall_back_to(self, reason: str) -> Status:
        if self.fallback is None or not self._possible_now(self.fallback):
            return self.fail_for_a_while()
        return self._pick(self.fallback, "fallback", reason)

    # --- while a child runs ----------------------------------------------------------------------------------------

    def _reconsider(self) -> None:
        """Ask again, and let a pick take over that beats the running one. Whatever goes wrong, that one runs on."""
        if self.reask is None:
            return
        try:
            if self.asking.open:
                outcome = self.asking.poll()
                if isinstance(outcome, NoAnswer):
                    self.fell_back(outcome.reason, outcome.message)
                    self.rest()
                elif outcome is not None:
                    self._compare(outcome)
            elif not self.resting and self.agent.clock.now() - self._asked_at >= self.reask:
                offered = tuple(word for word in self.labels if self._possible_now(word))
                if len(offered) > 1 or (offered and offered != (self.picked,)):
                    self._ask_again(offered)
        except Exception as error:
            self.agent.fault(self, error)
            self.rest()

    def _ask_again(self, offered: tuple[str, ...]) -> None:
        if len(offered) == 1:
            self._pick(offered[0], "tree", "the only choice")
        else:
            self._ask(offered, unless=self._answered)

    def _compare(self, decision: Decision) -> None:
        if self._refused(decision):
            return
        word, running = decision.answer, self.picked
        lead = decision.confidence - decision.probabilities.get(running, 0.0)
        told = f"{word}, {decision.confidence:.2f}"
        if word == running:
            self.answered(decision, told)
        elif lead < self.margin:
            self.answered(decision, f"{told}: too little to leave {running}")
        else:
            self.answered(decision, f"{told}: takes over from {running}")
            self._pick(word, "llm", f"{word} {decision.confidence:.2f}")
