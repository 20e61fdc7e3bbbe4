"""The leaf in which the model chooses what to do."""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeGuard

import msgspec
from py_trees.common import Status

from brains.actions import GameAction, check_action, decode_action, label_of
from brains.errors import ActionError, TreeError
from brains.nodes.arguments import Arguments
from brains.nodes.context import AgentContext, is_true
from brains.nodes.leaves import ActionMaker, OrderedLeaf, emitted
from brains.nodes.llm import Input, LLMLeaf, PickingNode
from brains.prompts.labels import label_problem
from brains.questions import Decision, Question

__all__ = ["Choice", "ChoiceMaker", "Choices", "LLMAction", "Still"]

Choice = type[GameAction] | GameAction
"""An action class, whose values are filled in, or a whole action."""
Choices = Sequence[Choice] | Mapping[str, Choice]
"""Choices by their `label`, or each with a word for this prompt alone."""
ChoiceMaker = Callable[[AgentContext], Iterable[Choice] | Mapping[str, Choice]]
"""Says what is possible now."""
Still = Callable[[AgentContext, Mapping[str, Any]], object]
"""Tells whether what was asked about is still so; the mapping holds the inputs and arguments of the question."""


class LLMAction(PickingNode, LLMLeaf, OrderedLeaf):
    """Let the model choose one of a few actions, then carry it out.

    RUNNING while the model thinks and while the game carries the action out. Only one of `choices` can come of it,
    whatever the model says, and only one that is possible in the tick in which it is ordered.

    Args:
        name: the node's name.
        prompt: the template's name, its path in the prompts folder without the ending: `guard/respond`. An unknown or
            broken one is a fault in a tick; `brains check` tells it beforehand.
        inputs: values for the template by name: callables on the agent, called in the tick in which it asks, or plain
            values. If one is None there is nothing to ask about, and the leaf fails.
        choices: action classes (or whole actions), each known by its `label`; or a mapping that gives each a word for
            this prompt alone: `{"violent": Attack, "peaceful": Ignore}`; or a callable on the agent that returns
            either, as it is possible now. One that the game says is not possible now is not offered; if none is left
            the leaf fails, if one is left it is taken without asking.
        arguments: values for the chosen action's fields by name: callables on the agent, or plain values, taken when
            the question is asked, so that the answer about one stranger never meets another; or `one_of(...)`, which
            limits a value to the ids that the agent perceives. Fields without a value here and without a default are
            asked of the model, by JSON Schema.
        still: tells whether the answer's premise still holds when it comes: `still(agent, asked)`, where `asked` has
            the inputs and arguments that were asked about, by name (of one name the input). If it does not, the answer
            is refused as `stale`.
        fallback: what to do without a usable answer: an action, an action class (its values are the `arguments` as
            they are by then), a callable that makes an action, or None: fail.
        emits: what callable `choices` and a callable `fallback` can make, unless that can be read from their return
            annotations: classes, or a mapping that gives each its word.
        deadline: seconds of agent time (5 if not given) from the question to its answer; after it the model is stopped,
            and `fallback` is done. It holds for the label and the values together (reason `deadline`).
        priority: a whole number, 0 if not given; questions with a higher one are asked first.
        retry: seconds of agent time (2 if not given, 0 or more) for which it does not ask again after a question
            without a usable answer and without a fallback, but fails.
        model: which model of the configuration answers, by its name there (`[models.NAME]`); empty: the default one.

    Raises:
        TreeError: a setting that cannot work, such as two choices with one word, or an option of the model
            (`temperature`, `num_ctx` ...), which belongs into the prompt or the configuration.
    """

    def __init__(
        self,
        name: str,
        *,
        prompt: str,
        choices: Choices | ChoiceMaker,
        inputs: Mapping[str, Input] | None = None,
        arguments: Mapping[str, Input] | None = None,
        still: Still | None = None,
        fallback: Choice | ActionMaker | None = None,
        emits: Sequence[type[GameAction]] | Mapping[str, type[GameAction]] = (),
        deadline: float = 5.0,
        priority: int = 0,
        retry: float = 2.0,
        model: str = "",
    ) -> None:
        super().__init__(
            name, prompt=prompt, inputs=inputs, deadline=deadline, priority=priority, retry=retry, model=model
        )
        self.maker: ChoiceMaker | None = None
        """Says what is possible now, where that is computed."""
        if callable(choices):
            self.maker = choices
            classes = _made_by(name, choices, emits)
            declared: Mapping[str, Choice] = emits if isinstance(emits, Mapping) else {}
        else:
            declared = _by_word(name, choices)
            classes = [_class_of(choice) for choice in declared.values()]
            if not declared:
                raise TreeError(f"{name!r}: give at least one choice, each with a `label` of its own")
        problem = label_problem(tuple(declared)) if len(declared) > 1 else None
        if problem is not None:
            raise TreeError(f"{name!r}: {problem}. Give the action another `label`, or a word here: {{'flee': Flee}}")
        self.choices: Mapping[str, Choice] = dict(declared)
        """By word. Where they are computed: those that `emits` gives a word, which may be none."""
        self.arguments = dict(arguments or {})
        self.still = still
        self.fallback = fallback
        if isinstance(fallback, GameAction) or _is_action_class(fallback):
            classes.append(_class_of(fallback))
        elif fallback is not None:
            classes += emitted(name, fallback, _classes_in(emits))
        self.actions: tuple[type[GameAction], ...] = tuple(dict.fromkeys(classes))
        """The classes that this leaf can order: the game must have declared them."""
        self._arguments = Arguments(self.arguments)
        self._inputs: dict[str, Any] = {}
        self._offered: Mapping[str, Choice] = {}
        self._missing: list[str] = []
        self._word = ""
        self._chosen: Choice | None = None
        self._choice: Decision | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """The choices' label words, as far as they are known beforehand."""
        return tuple(self.choices)

    def initialise(self) -> None:
        """Forget the last choice."""
        self._chosen = self._choice = None
        self._word = ""
        self.asking.stop("asked anew")

    def update(self) -> Status:
        """Ask, take the answer, order the action, follow it: one step a tick at the most."""
        self.seen()
        if self._ordered is not None:
            return self.follow()
        return self.step()

    def terminate(self, new_status: Status) -> None:
        """Stop the model, or the action, if this leaf loses its branch."""
        self.asking.stop("the branch was lost")
        super().terminate(new_status)

    # --- asking ----------------------------------------------------------------------------------------------------

    def _begin(self) -> Status:
        self._arguments.take(self.agent)
        self._offered = self._possible_now(self._arguments)
        if not self._offered:
            self.feedback_message = "none of the choices is possible now"
            return Status.FAILURE
        if len(self._offered) == 1:
            return self._take_the_only_one()
        if self.resting:
            return Status.FAILURE
        words = tuple(self._offered)
        problem = label_problem(words) if self.maker is not None else None
        if problem is not None:
            raise TreeError(f"{self.name!r}: {problem}; to choose among ids, use arguments={{...: one_of(...)}}")
        values = self.gathered()
        if values is None:
            return Status.FAILURE
        self._inputs = values
        self.asking.start(self.agent.render(self.prompt, values, words), labels=words)
        return Status.RUNNING

    def would_ask(self) -> Question | None:
        """Return the question that is open or was last asked, about the present; or that for one of the choices."""
        values = self.gathered()
        if values is None:
            return None
        if self.asking.open and isinstance(self._chosen, type):
            prompt = self.agent.render(self.prompt, self._inputs, self.labels or tuple(self._offered))
            schema = self._arguments.schema(self._chosen)
            return self.question_of(self._arguments.question(prompt, self._chosen), schema=schema)
        arguments = Arguments(self.arguments)
        arguments.take(self.agent)
        words = tuple(self._possible_now(arguments))
        return self.question_of(self.agent.render(self.prompt, values, words), labels=words) if words else None

    def _possible_now(self, arguments: Arguments) -> Mapping[str, Choice]:
        return {
            word: choice
            for word, choice in self._choices_now().items()
            if self.agent.can(_class_of(choice)) and (isinstance(choice, GameAction) or arguments.allow(choice))
        }

    def _choices_now(self) -> Mapping[str, Choice]:
        if self.maker is None:
            return self.choices
        found = _by_word(self.name, self.maker(self.agent), self.choices)
        for choice in found.values():
            if _class_of(choice) not in self.actions:
                made = _class_of(choice).__name__
                raise TreeError(f"{self.name!r}: choices made {made}, which is not declared: add it to emits=[...]")
        return found

    def _take_the_only_one(self) -> Status:
        ((self._word, choice),) = self._offered.items()
        self._chosen = choice
        if isinstance(choice, GameAction):
            return self._order(choice, None)
        if self._arguments.missing(choice):
            return Status.FAILURE if self.resting else self._ask_for_values(choice)
        try:
            action = decode_action(choice, self._arguments.known(choice))
        except ActionError as error:
            return self._fall_back("bad_arguments", str(error))
        return self._order(action, None)

    def _ask_for_values(self, choice: type[GameAction]) -> Status:
        """Ask for what is missing, about the same inputs as the question for the label, if there was one."""
        if self._choice is None:
            values = self.gathered()
            if values is None:
                return Status.FAILURE
            self._inputs = values
        self._missing = self._arguments.missing(choice)
        prompt = self.agent.render(self.prompt, self._inputs, self.labels or tuple(self._offered))
        self.asking.start(
            self._arguments.question(prompt, choice),
            since=None if self._choice is None else self.asking.since,
            schema=self._arguments.schema(choice),
        )
        return Status.RUNNING

    # --- answers ---------------------------------------------------------------------------------------------------

    def _take(self, decision: Decision) -> Status:
        """Go on with an answer: it is a label first and, if need be, the action's values after it."""
        is_label = self._chosen is None
        try:
            action = self._make(decision)
        except _Refused as refused:
            return self._fall_back(refused.reason, refused.message, decision)
        except ActionError as error:
            return self._fall_back("bad_arguments", str(error), decision)
        except Exception as error:
            # The author's own code: `still`, `choices` or `one_of`. Without this the question would end in no report.
            self.agent.fault(self, error)
            return self._fall_back("error", f"{type(error).__name__}: {error}", decision)
        if is_label:
            self.answered(decision, f"{decision.answer}, {decision.confidence:.2f}")
            self._choice = decision
        else:
            self.answered(decision, msgspec.json.encode(decision.value).decode())
        if action is not None:
            return self._order(action, decision)
        assert isinstance(self._chosen, type)
        return self._ask_for_values(self._chosen)

    def _make(self, decision: Decision) -> GameAction | None:
        """Make an action of an answer if it still fits the newest snapshot; None if values are missing.

        Raises:
            _Refused: it does not.
            ActionError: the values do not fit the action.
        """
        choice, said = self._chosen, {}
        if choice is None:
            self._word = decision.answer
            choice = self._offered.get(decision.answer)
            if choice is None:
                raise _Refused("malformed", f"{decision.answer!r} is not one of the choices")
        else:
            said = self._said(decision)
        if not self.agent.can(_class_of(choice)) or self._choices_now().get(self._word) != choice:
            raise _Refused("not_possible", f"{self._word} is not possible any more")
        self._arguments.look_again(self.agent)
        known = {} if isinstance(choice, GameAction) else self._arguments.known(choice)
        if isinstance(choice, type):
            gone = self._arguments.gone(choice, said)
            if gone or not self._arguments.allow(choice):
                raise _Refused("stale", f"{gone or f'what {self._word} was about'} is not there any more")
        if self.still is not None:
            asked = {**self._arguments.values, **known, **said, **self._inputs}
            if not is_true(self.still(self.agent, asked)):
                raise _Refused("stale", "what was asked about is not so any more")
        self._chosen = choice
        if isinstance(choice, GameAction):
            return check_action(choice)
        if not said and self._arguments.missing(choice):
            return None
        return decode_action(choice, {**known, **said})

    def _said(self, decision: Decision) -> dict[str, Any]:
        """Return the values of an answer if they are those that were asked for, each one of those offered."""
        assert isinstance(self._chosen, type)
        said = dict(decision.value or {})
        if set(said) != set(self._missing):
            raise _Refused(
                "bad_arguments", f"asked for {', '.join(self._missing)}, and got {', '.join(said) or 'nothing'}"
            )
        outside = self._arguments.gone(self._chosen, said)
        if outside:
            raise _Refused("bad_arguments", f"{outside} was not offered")
        return said

    def _order(self, action: GameAction, decision: Decision | None) -> Status:
        if decision is None:
            return self.order(action, source="tree", reason="the only choice")
        confidence = (self._choice or decision).confidence
        return self.order(action, source="llm", reason=f"{self._word} {confidence:.2f}")

    def _fall_back(self, reason: str, message: str, decision: Decision | None = None) -> Status:
        self.fell_back(reason, message, decision=decision)
        try:
            action = self._fallback_now()
            if action is not None:
                return self.order(action, source="fallback", reason=reason)
        except Exception:
            self.rest()  # else a broken fallback would have the model asked again in every other tick
            raise
        return self.fail_for_a_while()

    def _fallback_now(self) -> GameAction | None:
        """Make the fallback of the present: it is no answer about what was, but what to do now."""
        fallback = self.fallback
        if fallback is None or isinstance(fallback, GameAction):
            return fallback
        if not _is_action_class(fallback):
            return fallback(self.agent)
        self._arguments.take(self.agent)
        values = self._arguments.first(fallback)
        missing = [f.name for f in msgspec.structs.fields(fallback) if f.required and f.name not in values]
        if missing:
            self.feedback_message += f"; and no {', '.join(missing)} for {fallback.__name__}"
            return None
        return decode_action(fallback, values)


class _Refused(Exception):
    """An answer that the leaf does not act on."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


def _by_word(
    name: str, choices: Iterable[Choice] | Mapping[str, Choice], words: Mapping[str, Choice] | None = None
) -> dict[str, Choice]:
    """Return choices by word: those given, those that `words` has for their classes, or their labels."""
    if isinstance(choices, Mapping):
        pairs = list(choices.items())
    else:
        known = {_class_of(choice): word for word, choice in (words or {}).items()}
        pairs = [(known.get(_action_class(name, one)) or label_of(_class_of(one)), one) for one in choices]
    for _, choice in pairs:
        _action_class(name, choice)
    found = dict(pairs)
    if len(found) != len(pairs):
        raise TreeError(f"{name!r}: give at least one choice, each with a `label` of its own")
    return found


def _made_by(
    name: str, maker: ChoiceMaker, emits: Sequence[type[GameAction]] | Mapping[str, type[GameAction]]
) -> list[type[GameAction]]:
    """Return the classes that computed choices can be: by `emits`, or by the function's annotated return.

    Raises:
        TreeError: neither says so.
    """
    classes = list(_classes_in(emits))
    if not classes:
        try:
            classes = list(_annotated(typing.get_type_hints(maker).get("return")))
        except (NameError, TypeError):
            classes = []
    if classes and GameAction not in classes and all(_is_action_class(one) for one in classes):
        return classes
    raise TreeError(
        f"{name!r}: say what choices can be, `emits=[Attack, Flee]`, or annotate the function's return: "
        "`-> list[type[Attack] | type[Flee]]`"
    )


def _annotated(kind: Any) -> Iterator[type[GameAction]]:
    """Yield the action classes in an annotation, wherever they stand."""
    if _is_action_class(kind):
        yield kind
    for part in typing.get_args(kind):
        yield from _annotated(part)


def _classes_in(emits: Sequence[type[GameAction]] | Mapping[str, type[GameAction]]) -> tuple[type[GameAction], ...]:
    return tuple(emits.values() if isinstance(emits, Mapping) else emits)


def _is_action_class(value: object) -> TypeGuard[type[GameAction]]:
    return isinstance(value, type) and issubclass(value, GameAction)


def _class_of(choice: Choice) -> type[GameAction]:
    return choice if isinstance(choice, type) else type(choice)


def _action_class(name: str, choice: Any) -> type[GameAction]:
    kind = choice if isinstance(choice, type) else type(choice)
    if not issubclass(kind, GameAction):
        raise TreeError(f"{name!r}: {choice!r} is not an action; choices are GameAction classes or actions")
    return kind
