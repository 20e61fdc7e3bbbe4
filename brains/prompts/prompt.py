"""One prompt file, compiled: what it declares, and how it is filled with an agent's world."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from brains.errors import PromptError
from brains.prompts.frontmatter import (
    AnswerKind,
    Example,
    FrontMatter,
    parse_examples,
    parse_front_matter,
    split_file,
)
from brains.prompts.reading import Place, Reader, nearest, parse_yaml
from brains.prompts.safety import clean, one_line, scrub
from brains.prompts.template import Part, compile_part, split_parts
from brains.questions import Calibration, RenderedPrompt, Turn

__all__ = ["ENOUGH_EXAMPLES", "Prompt"]

ENOUGH_EXAMPLES = 12
"""Two do not suffice; fourteen gave an AUC of 1.00 on a 135M model."""
_LABEL_SETS = 256
"""Label sets whose turns are kept; a leaf whose choices come and go has a few."""


class Prompt:
    """A compiled prompt file. It never changes; an edit makes another one.

    Attributes:
        name: such as `guard/is_hostile`.
        text: the file's text.
        version: hash of that text.
        file: where it came from, for messages; None if from nowhere.
        front: the front matter, checked.
        parts: the parts in the file's order; the last one is the question.
    """

    def __init__(self, name: str, text: str, *, file: str | None = None) -> None:
        """Compile `text`.

        Raises:
            PromptError: with the file and its line.
        """
        self.name = name
        self.text = text
        self.file = file
        self.version = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        self._place = Place(file or name)
        head, body, line = split_file(text, self._place)
        self.front: FrontMatter = parse_front_matter(head, self._place)
        self.parts: tuple[Part, ...] = tuple(
            compile_part(role, part, start, self.front.inputs, self._place, name)
            for role, part, start in split_parts(body, line, self._place)
        )
        self._system, self._shown, self._user = self._arrange()
        self._examples = tuple((example, self._example_turn(example)) for example in self.front.examples)
        self._turns: dict[frozenset[str] | None, tuple[Turn, ...]] = {}

    @property
    def description(self) -> str:
        """What the prompt decides, for people."""
        return self.front.description

    @property
    def kind(self) -> AnswerKind:
        """What is answered: `condition`, `choice`, `action` or `text`."""
        return self.front.kind

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of a condition or choice, in the file's order; empty for the others."""
        return self.front.labels

    @property
    def answers(self) -> Mapping[str, bool] | None:
        """For a condition: what each label means. None for the others."""
        return self.front.truth if self.kind == "condition" else None

    @property
    def inputs(self) -> Mapping[str, tuple[str, ...]]:
        """All that the template may know: name to fields; no fields means a plain value."""
        return self.front.inputs

    @property
    def examples(self) -> tuple[Example, ...]:
        """The examples as written."""
        return self.front.examples

    @property
    def options(self) -> Mapping[str, Any]:
        """Sampling options."""
        return self.front.options

    @property
    def example_labels(self) -> tuple[str, ...]:
        """The answers that the examples give, each once, in their order."""
        return tuple(dict.fromkeys(example.answer for example in self.examples))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What will work, but badly."""
        if self.kind == "text":
            return ()
        found = []
        count = Counter(example.answer for example in self.examples)
        if len(self.examples) < ENOUGH_EXAMPLES:
            found.append(f"{len(self.examples)} examples: small models need {ENOUGH_EXAMPLES} or more")
        found += [f"no example has the answer {label!r}" for label in self.labels if not count[label]]
        if count and max(count.values()) > 2 * min(count.values()):
            found.append("the examples are not balanced: " + ", ".join(f"{n} {label}" for label, n in count.items()))
        return tuple(found)

    def check_labels(self, labels: Collection[str]) -> None:
        """Check the examples against all labels that a leaf knows; only the leaf knows those of actions.

        Raises:
            PromptError: an example has another answer, or the prompt names other labels; with the line.
        """
        if self.labels:
            for label in labels:
                if label not in self.labels:
                    self._place.fail(f"{label!r} is not a label of this prompt{nearest(label, self.labels)}")
            return
        for example in self.examples:
            if self.kind == "action" and example.answer not in labels:
                self._place.fail(
                    f"example {example.number}: no action that may be chosen has the label {example.answer!r}"
                    f"{nearest(example.answer, labels)}",
                    example.line,
                )

    def render(
        self,
        context: Mapping[str, Any],
        *,
        labels: Collection[str] | None = None,
        all_labels: Collection[str] | None = None,
        calibrations: Mapping[str, Calibration] | None = None,
    ) -> RenderedPrompt:
        """Fill the prompt from a flat mapping of names to values.

        Args:
            context: may hold more than the prompt declares; the rest does not reach the template.
            labels: the answers that are possible now; examples with other answers are left out. None: all.
            all_labels: all that the leaf knows; an example with another answer is then an error.
            calibrations: by model digest, passed through.

        Raises:
            PromptError: something is missing or of the wrong kind; with the template's line.
        """
        if all_labels is not None:
            self.check_labels(all_labels)
        turns = self._turns_for(labels)
        values = self._project(context)
        if self._shown:
            turns = (*self._pairs(values), *turns)
        return RenderedPrompt(
            name=self.name,
            version=self.version,
            system=self._text(self._system, values) if self._system is not None else "",
            turns=turns,
            user=self._text(self._user, values),
            options=self.options,
            calibrations=calibrations or {},
            criteria=self.front.criteria,
            off_label_limit=self.front.off_label_limit,
        )

    def cases(self, text: str, *, file: str | None = None) -> tuple[Example, ...]:
        """Read a case file: a YAML list of {<input>: ..., answer: ...}, as examples are written.

        Raises:
            PromptError: with the case file's line.
        """
        place = Place(file or f"{self.name}.cases.yaml")
        cases = parse_examples(Reader(place, 1), parse_yaml(text, place, 1), 1, self.inputs, what="case")
        known = self.labels or self.example_labels
        for case in cases:
            if known and self.kind != "text" and case.answer not in known:
                place.fail(
                    f"case {case.number}: {case.answer!r} is not a label{nearest(case.answer, known)}",
                    case.line,
                )
        return cases

    def _arrange(self) -> tuple[Part | None, tuple[tuple[Part, Part], ...], Part]:
        """Check the order of the parts: system, then pairs of user and assistant, then user."""
        parts = list(self.parts)
        if not any(part.role == "user" for part in parts):
            self._place.fail("a line `user:` is missing; the question stands below it", parts[-1].line - 1)
        system = parts.pop(0) if parts[0].role == "system" else None
        for index, part in enumerate(parts):
            if part.role != ("assistant" if index % 2 else "user"):
                self._place.fail(
                    f"`{part.role}:` cannot stand here; the order is system, user and assistant by turns, user last",
                    part.line - 1,
                )
        if len(parts) % 2 == 0:
            self._place.fail("the last part is the question: it must be `user:`", parts[-1].line - 1)
        if len(parts) > 1 and self.kind != "text":
            self._place.fail("only `answer: text` has `assistant:` parts; put this into `examples:`", parts[1].line - 1)
        return system, tuple(zip(parts[:-1:2], parts[1:-1:2], strict=True)), parts[-1]

    def _example_turn(self, example: Example) -> Turn:
        """Render one example; it must give all that the question uses."""
        title = f"example {example.number}"
        for name, fields in self._user.uses.items():
            if name not in example.inputs:
                self._place.fail(f"{title} does not give {name!r}, which `user:` uses", example.line)
            value = example.inputs[name]
            missing = sorted(fields - set(value)) if isinstance(value, dict) else []
            if missing:
                self._place.fail(f"{title} does not give {name}.{missing[0]}, which `user:` uses", example.line)
        try:
            user = self._text(self._user, example.inputs)
        except PromptError as error:
            raise self._place.error(f"{title}, in line {error.line}: {error.message}", example.line) from error
        return Turn(user, one_line(clean(example.answer)))

    def _turns_for(self, labels: Collection[str] | None) -> tuple[Turn, ...]:
        """Return the examples whose answers are possible."""
        key = None if labels is None else frozenset(labels)
        turns = self._turns.get(key)
        if turns is not None:
            return turns
        strangers = self.kind == "action" and self._examples and not set(self.example_labels) & (key or set())
        if key is not None and (self.labels or strangers):
            self.check_labels(key)
        turns = tuple(turn for example, turn in self._examples if key is None or example.answer in key)
        if self.kind == "text":
            turns = tuple(turn for _, turn in self._examples)
        if len(self._turns) >= _LABEL_SETS:
            self._turns.clear()
        self._turns[key] = turns
        return turns

    def _pairs(self, values: Mapping[str, Any]) -> list[Turn]:
        """Render the pairs of `user:` and `assistant:` that stand before the question."""
        return [Turn(self._text(user, values), self._text(answer, values)) for user, answer in self._shown]

    def _project(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Take from the context what `inputs` declares, and nothing else."""
        values = {}
        for name, fields in self.inputs.items():
            if name in context:
                value = self._plain(context[name], name)
                values[name] = _only(value, fields) if fields else value
        return values

    def _plain(self, value: Any, name: str) -> Any:
        """Return a value that a template can show: structs and the like become mappings."""
        if value is None or isinstance(value, str | int | float | Mapping):
            return value
        try:
            return msgspec.to_builtins(value)
        except TypeError as error:
            raise self._place.error(
                f"{self.name}: the input {name!r} is a {type(value).__name__}, which no prompt can show; "
                "give text, numbers, lists or mappings"
            ) from error

    def _text(self, part: Part, values: Mapping[str, Any]) -> str:
        """Render a part to its final text; the question and its examples are one line each."""
        text = part.render(values, self._place, self.name)
        if part.role == "system":
            return scrub(text, arrows=part.arrows).strip()
        text = one_line(scrub(text, arrows=False))
        if not text:
            self._place.fail(f"{self.name}: `{part.role}:` is empty with these inputs", part.line)
        return text


def _only(value: Any, fields: Sequence[str]) -> Any:
    """Keep the declared fields of a mapping, or of each mapping in a list."""
    if isinstance(value, Mapping):
        return {field: value[field] for field in fields if field in value}
    if isinstance(value, list | tuple):
        return [_only(item, fields) for item in value]
    return value
