"""Leaves in which the model chooses what to do or what to say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

import msgspec
from py_trees.common import Status

from brains.actions import GameAction, action_schema, decode_action, label_of
from brains.errors import ActionError, PromptError, TreeError
from brains.nodes.leaves import ActionMaker, OrderedLeaf, emitted
from brains.nodes.llm import Input, LLMLeaf
from brains.questions import Decision, NoAnswer, RenderedPrompt

__all__ = ["Choice", "LLMAction", "Say"]

Choice = type[GameAction] | GameAction
"""An action class, whose values are filled in, or a whole action."""


class LLMAction(LLMLeaf, OrderedLeaf):
    """Let the model choose one of a few actions, then carry it out.

    RUNNING while the model thinks and while the game carries the action out. Only one of `choices` can come of it,
    whatever the model says.

    Args:
        choices: action classes (or whole actions), each known by its `label`; or a mapping that gives each a word for
            this prompt alone: `{"violent": Attack, "peaceful": Ignore}`. One that the game says is not possible now is
            not offered; if none is left the leaf fails, if one is left it is taken without asking.
        arguments: values for the chosen action's fields by name: callables on the agent, or plain values, taken when
            the question is asked, so that the answer about one stranger never meets another. Fields without a value
            here and without a default are asked of the model, by JSON Schema.
        fallback: what to do without an answer: an action, an action class (its values come from `arguments`), a
            callable that makes an action, or None: fail. What a callable can make is read from its return annotation;
            for a lambda, say it with `emits=[Attack]`.
    """

    def __init__(
        self,
        name: str,
        *,
        prompt: str,
        choices: Sequence[Choice] | Mapping[str, Choice],
        inputs: Mapping[str, Input] | None = None,
        arguments: Mapping[str, Input] | None = None,
        fallback: Choice | ActionMaker | None = None,
        emits: Sequence[type[GameAction]] = (),
        deadline: float = 5.0,
        priority: int = 0,
        retry: float = 2.0,
    ) -> None:
        super().__init__(name, prompt=prompt, inputs=inputs, deadline=deadline, priority=priority, retry=retry)
        pairs = list(choices.items() if isinstance(choices, Mapping) else [(None, choice) for choice in choices])
        self.choices = {_label(name, word, choice): choice for word, choice in pairs}
        if len(self.choices) != len(pairs) or not pairs:
            raise TreeError(f"{name!r}: give at least one choice, each with a `label` of its own")
        self.arguments = dict(arguments or {})
        self.fallback = fallback
        classes = [_class_of(choice) for _, choice in pairs]
        if isinstance(fallback, GameAction) or _is_action_class(fallback):
            classes.append(_class_of(fallback))
        elif fallback is not None:
            classes += emitted(name, fallback, emits)
        self.actions: tuple[type[GameAction], ...] = tuple(dict.fromkeys(classes))
        """The classes that this leaf can order: the game must have declared them."""
        self._chosen: Choice | None = None
        self._choice: Decision | None = None
        self._values: dict[str, Any] = {}

    @property
    def labels(self) -> tuple[str, ...]:
        """The choices' label words."""
        return tuple(self.choices)

    def initialise(self) -> None:
        """Forget the last choice."""
        self._chosen = self._choice = None
        self.asking.stop("asked anew")

    def update(self) -> Status:
        """Ask, take the answer, order the action, follow it: one step a tick at the most."""
        self.seen()
        if self._ordered is not None:
            return self.follow()
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

    def terminate(self, new_status: Status) -> None:
        """Stop the model, or the action, if this leaf loses its branch."""
        if self.is_real_cancel(new_status):
            self.asking.stop("the branch was lost")
        super().terminate(new_status)

    def _begin(self) -> Status:
        possible = {label: c for label, c in self.choices.items() if self.agent.can(_class_of(c))}
        values = {name: value(self.agent) if callable(value) else value for name, value in self.arguments.items()}
        self._values = {name: value for name, value in values.items() if value is not None}
        if not possible:
            self.feedback_message = "none of the choices is possible now"
            return Status.FAILURE
        if len(possible) == 1:
            (self._chosen,) = possible.values()
            return self._fill(None)
        if self.resting:
            return Status.FAILURE
        labels = tuple(possible)
        prompt = self.rendered(labels)
        if prompt is None:
            return Status.FAILURE
        self.asking.start(prompt, labels=labels)
        return Status.RUNNING

    def _take(self, decision: Decision) -> Status:
        """Go on with an answer: it is a label first and, if need be, the action's values after it."""
        if self._chosen is None:
            choice = self.choices.get(decision.answer)
            if choice is None:
                return self._fall_back("malformed", f"{decision.answer!r} is not one of the choices", decision)
            self._chosen, self._choice = choice, decision
            return self._fill(decision)
        assert isinstance(self._chosen, type)
        self.answered(decision, msgspec.json.encode(decision.value).decode())
        return self._finish(self._chosen, {**self._known(self._chosen), **(decision.value or {})}, decision)

    def _fill(self, decision: Decision | None) -> Status:
        """Make the chosen action, or ask for the values that are still missing."""
        choice = self._chosen
        assert choice is not None
        if decision is not None:
            self.answered(decision, f"{decision.answer}, {decision.confidence:.2f}")
        if isinstance(choice, GameAction):
            return self._order(choice, decision)
        known = self._known(choice)
        missing = [field.name for field in msgspec.structs.fields(choice) if field.required and field.name not in known]
        if not missing:
            return self._finish(choice, known, decision)
        prompt = self.rendered(self.labels)
        if prompt is None:
            return Status.FAILURE
        self.asking.start(
            _ask_for_values(prompt, choice, missing),
            since=None if decision is None else self.asking.since,
            schema=_part(action_schema(choice), missing),
        )
        return Status.RUNNING

    def _known(self, choice: type[GameAction]) -> dict[str, Any]:
        names = {field.name for field in msgspec.structs.fields(choice)}
        return {name: value for name, value in self._values.items() if name in names}

    def _finish(self, choice: type[GameAction], params: dict[str, Any], decision: Decision | None) -> Status:
        try:
            action = decode_action(choice, params)
        except ActionError as error:
            return self._fall_back("bad_arguments", str(error), decision)
        return self._order(action, decision)

    def _order(self, action: GameAction, decision: Decision | None) -> Status:
        if not self.agent.can(type(action)):
            return self._fall_back("not_possible", f"{type(action).__name__} is not possible any more", decision)
        if decision is None:
            return self.order(action, source="tree", reason="the only choice")
        first = self._choice or decision
        return self.order(action, source="llm", reason=f"{first.answer} {first.confidence:.2f}")

    def _fall_back(self, reason: str, message: str, decision: Decision | None = None) -> Status:
        self.fell_back(reason, message, decision=decision)
        fallback = self.fallback
        if fallback is None:
            return self.fail_for_a_while()
        if isinstance(fallback, GameAction):
            action = fallback
        elif _is_action_class(fallback):
            action = decode_action(fallback, self._known(fallback))
        else:
            action = fallback(self.agent)
        return self.order(action, source="fallback", reason=reason)


class Say(LLMLeaf):
    """Speak a line that the model makes up, piece by piece as it comes; SUCCESS when it is out.

    Args:
        fallback: the line to speak if there is no answer before the first word; None: fail.
        max_tokens: upper limit of the line's length for the model; 1 token is about 4 letters.
        max_chars: the line is cut at this length, at the end of a word.
    """

    def __init__(
        self,
        name: str,
        *,
        prompt: str,
        inputs: Mapping[str, Input] | None = None,
        fallback: str | None = None,
        max_tokens: int = 48,
        max_chars: int = 240,
        deadline: float = 10.0,
        priority: int = 0,
        retry: float = 2.0,
    ) -> None:
        super().__init__(name, prompt=prompt, inputs=inputs, deadline=deadline, priority=priority, retry=retry)
        self.fallback = fallback
        self.max_tokens = max_tokens
        self.max_chars = max_chars
        self._line = ""
        self._said = ""

    def initialise(self) -> None:
        """Begin a new line."""
        self._line = self._said = ""
        self.asking.stop("asked anew")

    def update(self) -> Status:
        """Ask, then pass on what has come."""
        self.seen()
        if not self.asking.open:
            return self._begin()
        ticket = self.asking.ticket
        assert ticket is not None
        outcome = self.asking.poll()
        if isinstance(outcome, Decision):
            self._speak(outcome.answer, done=True)
            self.answered(outcome, self._said)
            return Status.SUCCESS
        if outcome is None:
            self._speak(self.agent.text_of(ticket), done=False)
            return Status.RUNNING
        self.fell_back(outcome.reason, outcome.message)
        return self._without_answer()

    def terminate(self, new_status: Status) -> None:
        """Stop in the middle of the line if this leaf loses its branch."""
        if self.is_real_cancel(new_status):
            self.asking.stop("the branch was lost")
            self._end_line()

    def _begin(self) -> Status:
        if self.resting:
            return Status.FAILURE
        self._line = self.agent.new_line()
        try:
            prompt = self.rendered()
        except PromptError as error:
            self.agent.fault(self, error)
            self.fell_back("prompt_error", str(error))
            return self._without_answer()
        if prompt is None:
            return Status.FAILURE
        self.asking.start(prompt, max_tokens=self.max_tokens)
        return Status.RUNNING

    def _without_answer(self) -> Status:
        if self._said:
            self._end_line()
            return Status.SUCCESS
        if self.fallback is None:
            return self.fail_for_a_while()
        self._speak(self.fallback, done=True)
        return Status.SUCCESS

    def _speak(self, text: str, *, done: bool) -> None:
        """Send what is new of `text`. An open word waits for its end, so that a line never ends in half a word."""
        text = " ".join(_printable(text).split())
        if not done:
            text = text[: text.rfind(" ") + 1]
        if len(text) > self.max_chars:
            text = text[: self.max_chars].rpartition(" ")[0] or text[: self.max_chars]
        # What has been said cannot be taken back; should the whole answer differ from its pieces, its rest follows.
        new = text[len(self._said) :]
        if new or done:
            self._said += new
            self.agent.say(self._line, new, done=done)

    def _end_line(self) -> None:
        if self._said:
            self.agent.say(self._line, "", done=True)


def _printable(text: str) -> str:
    """Return text without control characters: it goes to a game, and may come from a model that went astray."""
    return "".join(" " if char.isspace() else char for char in text if char.isprintable() or char.isspace())


def _is_action_class(value: object) -> TypeGuard[type[GameAction]]:
    return isinstance(value, type) and issubclass(value, GameAction)


def _class_of(choice: Choice) -> type[GameAction]:
    return choice if isinstance(choice, type) else type(choice)


def _label(leaf: str, word: str | None, choice: Any) -> str:
    kind = choice if isinstance(choice, type) else type(choice)
    if not issubclass(kind, GameAction):
        raise TreeError(f"{leaf!r}: {choice!r} is not an action; choices are GameAction classes or actions")
    return label_of(kind) if word is None else word


def _part(schema: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """Return the flat schema of some of an object's values, all required, as grammars need it."""
    properties = {name: schema["properties"][name] for name in names}
    part = {"type": "object", "properties": properties, "required": names, "additionalProperties": False}
    return {**part, "$defs": schema["$defs"]} if "$defs" in schema else part


def _ask_for_values(prompt: RenderedPrompt, choice: type[GameAction], names: list[str]) -> RenderedPrompt:
    """Turn a question for a label into one for the values of what was chosen."""
    text = f"{prompt.user}\nYou chose: {label_of(choice)}. Answer with JSON that gives {', '.join(names)}."
    return msgspec.structs.replace(prompt, name=f"{prompt.name}#{choice.__name__}", user=text, turns=())
