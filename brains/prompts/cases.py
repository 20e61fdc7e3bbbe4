"""Case files: situations with the answer that is right in them, as YAML or JSON Lines.

::

    - {stranger: {looks: a nun, does: hands out soup}, answer: safe}        as an example is written
    - {snapshot: {me: {...}, world: {...}}, answer: [suspicious, violent]}  the world, and answers that will all do
    - {snapshot: yard.json, agent: guard_1, answer: danger, tolerance: 0.1} a file beside the case file

A case of a prompt with `answer: text` says what the line must be like: `longest` (characters), `says` (one of these
words must occur) and `never` (none of these may).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, NoReturn

from brains.errors import PromptError
from brains.prompts.frontmatter import Example, check_inputs
from brains.prompts.labels import words_in
from brains.prompts.reading import Place, Reader, nearest, parse_yaml

__all__ = ["Case", "parse_cases"]

COMMON = ("inputs", "snapshot", "agent", "name")
DECIDING = ("answer", "tolerance")
SPEECH = ("longest", "says", "never")
_ENTRY = re.compile(r"^(?P<indent> *)-(?: |$)", re.MULTILINE)


class Case(Example, frozen=True, kw_only=True):
    """One case; `answer` is the first of `answers`."""

    answers: tuple[str, ...] = ()
    """All that are right; empty for speech."""
    tolerance: float = 0.0
    """The answer counts as right, too, if its probability is at most this much below that of the likeliest one."""
    snapshot: Mapping[str, Any] | str | None = None
    """What the agent perceives, as a `snapshot` message or {me, world}; or the file with it."""
    agent: str = ""
    """Which agent of the snapshot is asked."""
    name: str = ""
    longest: int | None = None
    says: tuple[str, ...] = ()
    never: tuple[str, ...] = ()

    @property
    def only(self) -> bool:
        """Whether one answer alone is right: only such a case can calibrate."""
        return len(self.answers) == 1

    def accepts(self, answer: str, probabilities: Mapping[str, float]) -> bool:
        """Tell whether an answer is right, or near enough."""
        if answer in self.answers:
            return True
        best = max((probabilities.get(one, 0.0) for one in self.answers), default=0.0)
        return self.tolerance > 0 and probabilities.get(answer, 1.0) - best <= self.tolerance

    def flaws(self, line: str) -> list[str]:
        """Say what is wrong with a line of speech."""
        found, words = [], words_in(line)
        if self.longest is not None and len(line) > self.longest:
            found.append(f"{len(line)} characters, more than {self.longest}")
        if self.says and not any(words_in(one) <= words for one in self.says):
            found.append(f"says none of {', '.join(self.says)}")
        found += [f"says {one!r}" for one in self.never if words_in(one) <= words]
        return found


Row = tuple[int, int, Callable[[], dict[str, Any]]]
"""Number and line of an entry, and what reads it."""


def parse_cases(
    text: str,
    place: Place,
    inputs: Mapping[str, tuple[str, ...]],
    *,
    speech: bool = False,
    labels: Collection[str] = (),
    most: int | None = None,
) -> tuple[Case, ...]:
    """Read the text of a case file; one whose name ends in `.jsonl` is JSON Lines. Mistakes are kept in `place`.

    Args:
        text: the file's.
        place: of the file.
        inputs: those of the prompt, with their fields.
        speech: the prompt is answered with text.
        labels: the answers that there are; none: any word.
        most: read no more than so many, and tell nothing of the others.
    """
    found: list[Case] = []
    with place.going_on():
        rows = _json_lines(text, place) if (place.file or "").endswith(".jsonl") else _yaml(text, place, most)
        for number, line, values in rows[:most]:
            with place.going_on():
                found.append(_Entry(values(), number, line, place, inputs).case(speech, labels))
    return tuple(found)


def _yaml(text: str, place: Place, most: int | None) -> list[Row]:
    reader = Reader(place, 1)
    try:
        tree = parse_yaml(text, place, 1)
    except PromptError:
        if most is None:
            raise
        tree = parse_yaml(_first_entries(text, most), place, 1)  # the mistake may be further down
    if tree is None:
        return []
    if not isinstance(tree, list):
        place.fail("cases are a list: each starts with `- {` and has an `answer:`", 1, code="cases")

    def values(index: int) -> dict[str, Any]:
        line, title = reader.line(tree, index), f"case {index + 1}"
        return dict(reader.plain(reader.mapping(tree[index], title, line), title, line))

    return [(index + 1, reader.line(tree, index), partial(values, index)) for index in range(len(tree))]


def _first_entries(text: str, most: int) -> str:
    """Return the beginning of a YAML list, up to where its next entry seems to begin."""
    starts = list(_ENTRY.finditer(text))
    own = [start for start in starts if start["indent"] == starts[0]["indent"]]
    return text[: own[most].start()] if len(own) > most else text


def _json_lines(text: str, place: Place) -> list[Row]:
    def values(row: str, line: int) -> dict[str, Any]:
        try:
            read = json.loads(row)
        except (ValueError, RecursionError) as error:
            what = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
            place.fail(f"this line is not JSON: {what}", line, code="cases")
        if not isinstance(read, dict):
            place.fail('each line is an object, such as {"answer": "danger"}', line, code="cases")
        return read

    rows = [(line, row) for line, row in enumerate(text.split("\n"), 1) if row.strip()]
    return [(number, line, partial(values, row, line)) for number, (line, row) in enumerate(rows, 1)]


class _Entry:
    """One entry of a case file."""

    def __init__(
        self, values: dict[str, Any], number: int, line: int, place: Place, inputs: Mapping[str, tuple[str, ...]]
    ) -> None:
        self._values = values
        self._number = number
        self._line = line
        self._place = place
        self._inputs = inputs

    def case(self, speech: bool, labels: Collection[str]) -> Case:
        """Read it; an input of the prompt that is called like one of our own keys is the input."""
        known = (*COMMON, *(SPEECH if speech else DECIDING))
        own = {key: self._values.pop(key) for key in known if key in self._values and key not in self._inputs}
        given = own.get("inputs", {})
        if not isinstance(given, dict):
            self._fail("`inputs:` is a mapping of names to values")
        inputs = {**self._values, **given}
        for key in inputs:
            if key not in self._inputs:
                self._fail(f"{key!r} is not an input{nearest(key, [*self._inputs, *known])}")
        check_inputs(inputs, self._inputs, self._place, f"case {self._number}", self._line)
        answers = () if speech else self._answers(own, labels)
        return Case(
            inputs,
            answers[0] if answers else "",
            self._number,
            self._line,
            answers=answers,
            tolerance=self._tolerance(own.get("tolerance", 0.0)),
            snapshot=self._snapshot(own.get("snapshot")),
            agent=self._text(own, "agent"),
            name=self._text(own, "name"),
            longest=self._longest(own.get("longest")),
            says=self._words(own, "says"),
            never=self._words(own, "never"),
        )

    def _answers(self, own: Mapping[str, Any], labels: Collection[str]) -> tuple[str, ...]:
        if "answer" not in own:
            self._fail("there is no `answer:`")
        given = own["answer"]
        found = given if isinstance(given, list) and given else [given]
        for one in found:
            if not isinstance(one, str) or not one.strip():
                self._fail(f"the answer {one!r} is not a word")
            if labels and one.strip() not in labels:
                self._fail(f"{one.strip()!r} is not a label{nearest(one, labels)}")
        return tuple(dict.fromkeys(one.strip() for one in found))

    def _tolerance(self, given: Any) -> float:
        if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given < 1:
            self._fail(f"`tolerance:` is a probability from 0 to 1, not {given!r}")
        return float(given)

    def _snapshot(self, given: Any) -> Mapping[str, Any] | str | None:
        if given is not None and not isinstance(given, dict | str):
            self._fail("`snapshot:` is a mapping with `me` and `world`, or the name of a JSON file")
        return given

    def _longest(self, given: Any) -> int | None:
        if given is not None and (isinstance(given, bool) or not isinstance(given, int) or given < 1):
            self._fail(f"`longest:` is a number of characters, not {given!r}")
        return given

    def _text(self, own: Mapping[str, Any], key: str) -> str:
        given = own.get(key, "")
        if not isinstance(given, str):
            self._fail(f"`{key}:` is a text, not {given!r}")
        return given

    def _words(self, own: Mapping[str, Any], key: str) -> tuple[str, ...]:
        given = own.get(key, [])
        if not isinstance(given, list) or any(not isinstance(one, str) or not one.strip() for one in given):
            self._fail(f"`{key}:` is a list of words")
        return tuple(given)

    def _fail(self, message: str) -> NoReturn:
        self._place.fail(f"case {self._number}: {message}", self._line, code="cases")
