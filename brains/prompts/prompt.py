"""One prompt file, compiled: what it declares, and how it is filled with an agent's world."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NoReturn

import msgspec

from brains.errors import PromptError
from brains.prompts.cases import Case, parse_cases
from brains.prompts.environment import MARK_END, MARK_START, Source
from brains.prompts.frontmatter import AnswerKind, Example, FrontMatter, parse_front_matter, split_file
from brains.prompts.reading import Place, nearest
from brains.prompts.safety import clean, one_line, scrub
from brains.prompts.template import Part, compile_parts
from brains.questions import Calibration, RenderedPrompt, Turn

__all__ = ["ENOUGH_EXAMPLES", "Prompt"]

MARKS = MARK_START + MARK_END
_MARKED_SPACE = re.compile(rf"[\s{MARKS}]*\s[\s{MARKS}]*")

ENOUGH_EXAMPLES = 12
"""Two do not suffice; fourteen gave an AUC of 1.00 on a 135M model."""
_LABEL_SETS = 256
"""Label sets whose turns are kept; a leaf whose choices come and go has a few."""


class Prompt:
    """A compiled prompt file. It never changes; an edit makes another one.

    Attributes:
        name: such as `guard/is_hostile`.
        text: the file's text.
        version: hash of that text, and of the files that it includes, imports or extends.
        files: those files, by their path in the prompts folder.
        file: where it came from, for messages; None if from nowhere.
        front: the front matter, checked.
        parts: the parts in the file's order; the last one is the question.
    """

    def __init__(
        self, name: str, text: str, *, file: str | None = None, sources: Mapping[str, Source] | None = None
    ) -> None:
        """Compile `text`; `sources` are the files of the folder that it may include, import or extend.

        Raises:
            PromptError: with the file and its line; `further` has the other mistakes that could be found at once.
        """
        self.name = name
        self.text = text
        self.file = file
        self._place = Place(file or name)
        head, _, line = split_file(text, self._place)
        self.front = self._front_matter(head)
        inputs = self.front.inputs if self.front.inputs_known else None
        self.parts: tuple[Part, ...] = ()
        files: dict[str, Source] = {}
        body = Place(self._place.file)
        with body.going_on():
            self.parts, files = compile_parts(text, line, inputs, body, name, sources or {})
        self._settle_with(body)
        self.files: Mapping[str, Source] = files
        self.version = _hash(text, files)
        with body.going_on():
            self._system, self._shown, self._user = self._arrange()
        self._settle_with(body)
        if inputs is None:  # then nothing can be said of what examples give
            self._place.settle()
        self._examples = tuple(self._example_turns())
        self._place.settle()
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
    def turns(self) -> tuple[Turn, ...]:
        """All examples, rendered."""
        return tuple(turn for _, turn in self._examples)

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
        marked: bool = False,
    ) -> RenderedPrompt:
        """Fill the prompt from a flat mapping of names to values.

        Args:
            context: may hold more than the prompt declares; the rest does not reach the template.
            labels: the answers that are possible now; examples with other answers are left out. None: all.
            all_labels: all that the leaf knows; an example with another answer is then an error.
            calibrations: by model digest, passed through.
            marked: put `MARK_START` and `MARK_END` around every value, to show what came from the world; such a text is
                for people, and never for a model.

        Raises:
            PromptError: something is missing or of the wrong kind; with the template's line.
        """
        if all_labels is not None:
            self.check_labels(all_labels)
        turns = self._turns_for(labels)
        values = self._project(context)
        if self._shown:
            turns = (*self._pairs(values, marked), *turns)
        return RenderedPrompt(
            name=self.name,
            version=self.version,
            system=self._text(self._system, values, marked) if self._system is not None else "",
            turns=turns,
            user=self._text(self._user, values, marked),
            options=self.options,
            calibrations=calibrations or {},
            criteria=self.front.criteria,
            off_label_limit=self.front.off_label_limit,
        )

    def cases(self, text: str, *, file: str | None = None, most: int | None = None) -> tuple[Case, ...]:
        """Read a case file: a YAML list of {<input>: ..., answer: ...}, as examples are written, or JSON Lines.

        With `most` no more than so many are read, and what is wrong with the others does not matter.

        Raises:
            PromptError: with the case file's line; `further` has what is wrong with other cases.
        """
        found, error = self.cases_and_error(text, file=file, most=most)
        if error is not None:
            raise error
        return found

    def cases_and_error(
        self, text: str, *, file: str | None = None, most: int | None = None
    ) -> tuple[tuple[Case, ...], PromptError | None]:
        """Read a case file; return the cases that are good, and what is wrong with the others."""
        place = Place(file or f"{self.name}.cases.yaml")
        known = self.labels or self.example_labels
        found = parse_cases(text, place, self.inputs, speech=self.kind == "text", labels=known, most=most)
        try:
            place.settle()
        except PromptError as error:
            return found, error
        return found, None

    def _settle_with(self, body: Place) -> None:
        """Raise what is wrong with the front matter and the body if anything is wrong with the body.

        Raises:
            PromptError: as `Place.settle`.
        """
        try:
            body.settle()
        except PromptError as error:
            self._place.keep(error)
            self._place.settle()

    def _front_matter(self, head: str) -> FrontMatter:
        """Read the front matter; where nothing of it can be read, look for mistakes in the body all the same."""
        with self._place.going_on():
            return parse_front_matter(head, self._place)
        return FrontMatter(kind="text", inputs_known=False)

    def _example_turns(self) -> Iterator[tuple[Example, Turn]]:
        """Render the examples, which must give all that the question uses; mistakes in single ones are kept."""
        lacking: dict[str, list[Example]] = {}
        for example in self.front.examples:
            what = self._lacks(example)
            if what:
                lacking.setdefault(what, []).append(example)
                continue
            with self._place.going_on():
                yield example, self._example_turn(example)
        for what, (first, *others) in lacking.items():
            message = f"example {first.number} does not give {what}, which `user:` uses"
            if others:
                message += f"; nor do {len(others)} more"
            self._place.keep(self._place.error(message, first.line, code="example-inputs"))

    def _arrange(self) -> tuple[Part | None, tuple[tuple[Part, Part], ...], Part]:
        """Check the order of the parts: system, then pairs of user and assistant, then user."""
        parts = list(self.parts)
        if not any(part.role == "user" for part in parts):
            self._refuse("a line `user:` is missing; the question stands below it", parts[-1])
        system = parts.pop(0) if parts[0].role == "system" else None
        for index, part in enumerate(parts):
            if part.role != ("assistant" if index % 2 else "user"):
                self._refuse(
                    f"`{part.role}:` cannot stand here; the order is system, user and assistant by turns, user last",
                    part,
                )
        if len(parts) % 2 == 0:
            self._refuse("the last part is the question: it must be `user:`", parts[-1])
        if len(parts) > 1 and self.kind != "text":
            self._refuse("only `answer: text` has `assistant:` parts; put this into `examples:`", parts[1])
        return system, tuple(zip(parts[:-1:2], parts[1:-1:2], strict=True)), parts[-1]

    def _refuse(self, message: str, part: Part) -> NoReturn:
        self._place.fail(message, part.line - 1, code="role-order")

    def _lacks(self, example: Example) -> str:
        """Return what an example does not give of that which the question uses; empty if it gives all."""
        for name, fields in self._user.uses.items():
            if name not in example.inputs:
                return repr(name)
            value = example.inputs[name]
            missing = sorted(fields - set(value)) if isinstance(value, dict) else []
            if missing:
                return f"{name}.{missing[0]}"
        return ""

    def _example_turn(self, example: Example) -> Turn:
        """Render one example."""
        try:
            user = self._text(self._user, example.inputs)
        except PromptError as error:
            where = f"line {error.line}" if error.file == self._place.file else f"{error.file}:{error.line}"
            message = f"example {example.number}, in {where}: {error.message}"
            raise self._place.error(message, example.line, code="example-inputs") from error
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
            turns = self.turns
        if len(self._turns) >= _LABEL_SETS:
            self._turns.clear()
        self._turns[key] = turns
        return turns

    def _pairs(self, values: Mapping[str, Any], marked: bool) -> list[Turn]:
        """Render the pairs of `user:` and `assistant:` that stand before the question."""
        return [Turn(*(self._text(part, values, marked) for part in pair)) for pair in self._shown]

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
        except RecursionError as error:
            raise self._place.error(f"{self.name}: the input {name!r} is nested too deeply") from error
        except TypeError as error:
            raise self._place.error(
                f"{self.name}: the input {name!r} is a {type(value).__name__}, which no prompt can show; "
                "give text, numbers, lists or mappings"
            ) from error

    def _text(self, part: Part, values: Mapping[str, Any], marked: bool = False) -> str:
        """Render a part to its final text; the question and its examples are one line each."""
        text = part.render(values, self._place, self.name, marked=marked)
        if marked:
            text = _MARKED_SPACE.sub(_outside, text)
        if part.role == "system":
            return scrub(text, arrows=part.arrows).strip()
        text = one_line(scrub(text, arrows=False))
        if not text:
            self._place.fail(f"{self.name}: `{part.role}:` is empty with these inputs", part.line)
        return text


def _hash(text: str, files: Mapping[str, Source]) -> str:
    """Return the version of a text: without other files, that of the text alone."""
    digest = hashlib.sha256(_as_committed(text).encode("utf-8", "surrogatepass"))
    for path in sorted(files):
        digest.update(f"\0{path}\0{_as_committed(files[path].text)}".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:16]


def _as_committed(text: str) -> str:
    """Return a text as it is on every system: git may give it other line ends on Windows, and an editor a mark.

    They change nothing of the prompt, and must not cost it its calibration.
    """
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def _outside(found: re.Match[str]) -> str:
    """Put the white space of a run with marks in it before them, where what joins the runs finds it."""
    run, at_an_end = found.group(), found.start() == 0 or found.end() == len(found.string)
    if at_an_end:
        return "".join(char for char in run if char in MARKS)
    return "".join(sorted(run, key=lambda char: char in MARKS))


def _only(value: Any, fields: Sequence[str]) -> Any:
    """Keep the declared fields of a mapping, or of each mapping in a list."""
    if isinstance(value, Mapping):
        return {field: value[field] for field in fields if field in value}
    if isinstance(value, list | tuple):
        return [_only(item, fields) for item in value]
    return value
