"""Read the front matter of a prompt file: YAML 1.2 between two lines `---`, every error with its line.

::

    description: what the prompt decides, for people
    answer:      {danger: true, safe: false}, or a list of labels, or `action`, or `text`
    inputs:      {stranger: [looks, says], rumour: []}   all that the template may know; [] is a plain value
    examples:    a list of {<input>: ..., answer: <label>}
    model:       {options: {temperature: 0}}             sampling only
    criteria:    {danger: means harm, safe: means none}  for models that decide by descriptions; else by examples
    off_label_limit: 0.9                                 with more of the probability off the labels: no answer
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Any, Literal

import msgspec

from brains.prompts.labels import label_problem
from brains.prompts.reading import Place, Reader, nearest, parse_yaml

__all__ = ["AnswerKind", "Example", "FrontMatter", "check_inputs", "parse_examples", "parse_front_matter", "split_file"]

AnswerKind = Literal["condition", "choice", "action", "text"]
"""What `answer:` says: labels that mean true or false, labels, an action's label, or free text."""

FIELDS = ("description", "answer", "inputs", "examples", "model", "criteria", "off_label_limit")
SAMPLING: Mapping[str, type | tuple[type, ...]] = {
    "temperature": (int, float),
    "top_k": int,
    "top_p": (int, float),
    "min_p": (int, float),
    "typical_p": (int, float),
    "repeat_last_n": int,
    "repeat_penalty": (int, float),
    "presence_penalty": (int, float),
    "frequency_penalty": (int, float),
    "seed": int,
    "stop": (str, list),
}
# Ollama loads a model anew when one of these differs from one request to the next: seconds, for every agent.
LOAD_TIME = frozenset(
    {"num_ctx", "num_batch", "num_gpu", "main_gpu", "num_thread", "use_mmap", "use_mlock", "low_vram", "numa"}
    | {"f16_kv", "vocab_only", "num_keep", "draft_num_predict"}
)


class Example(msgspec.Struct, frozen=True):
    """One entry of `examples:`, or one case of a case file."""

    inputs: Mapping[str, Any]
    answer: str
    number: int
    """Counted from 1."""
    line: int
    """In the file."""


class FrontMatter(msgspec.Struct, frozen=True, kw_only=True):
    """What the front matter says, checked."""

    kind: AnswerKind
    labels: tuple[str, ...] = ()
    """Of a condition or choice; an action's labels are known to the tree only."""
    truth: Mapping[str, bool] = {}
    """For a condition: what each label means."""
    answer_line: int = 1
    """Line of `answer:` in the file."""
    description: str = ""
    inputs: Mapping[str, tuple[str, ...]] = {}
    """Name to fields; no fields: a plain value."""
    input_lines: Mapping[str, int] = {}
    """Line of each input in the file."""
    inputs_known: bool = True
    """False where `inputs:` itself could not be read: then nothing can be said of names."""
    examples: tuple[Example, ...] = ()
    options: Mapping[str, Any] = {}
    criteria: Mapping[str, str] = {}
    """What labels stand for."""
    off_label_limit: float | None = None


def split_file(text: str, place: Place) -> tuple[str, str, int]:
    """Split a prompt file into front matter, body, and the body's first line number."""
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if lines[0].rstrip() != "---":
        place.fail("a prompt file starts with a line `---`, front matter, and another line `---`", 1)
    for index in range(1, len(lines)):
        if lines[index].rstrip() == "---":
            return "\n".join(lines[1:index]), "\n".join(lines[index + 1 :]), index + 2
    place.fail("the front matter has no end: a second line `---` is missing", 1)


def parse_front_matter(text: str, place: Place, first_line: int = 2) -> FrontMatter:
    """Parse and check the front matter, whose text starts at `first_line` of the file.

    Mistakes in single fields are kept in `place`; what is returned then lacks those fields.

    Raises:
        PromptError: with the line: nothing of it can be read.
    """
    reader = Reader(place, first_line)
    tree = parse_yaml(text, place, first_line)
    if tree is None:
        place.fail("the front matter is empty; it needs at least `answer:`", first_line)
    fields = reader.mapping(tree, "the front matter", first_line)
    lines = {key: reader.line(tree, key) for key in FIELDS}
    meant: set[str] = set()
    for key in fields:
        if key not in FIELDS:
            place.keep(place.error(f"unknown field {key!r}{nearest(key, FIELDS)}", reader.line(tree, key)))
            meant.update(get_close_matches(key, FIELDS, n=1))
    found: dict[str, Any] = {"kind": "text", "answer_line": lines["answer"]}
    with place.going_on():
        if "answer" in fields:
            found["kind"], found["labels"], found["truth"] = _answer(reader, fields["answer"], lines["answer"])
        elif "answer" not in meant:
            place.fail(
                "`answer:` is missing: {danger: true, safe: false}, a list of labels, `action` or `text`", first_line
            )
    labels = found.get("labels", ())
    with place.going_on():
        found["description"] = _description(reader, fields.get("description"), lines["description"])
    inputs: dict[str, tuple[str, ...]] | None = None
    with place.going_on():
        found["inputs"] = _inputs(reader, fields.get("inputs"), lines["inputs"])
        found["input_lines"] = {name: _line_in(reader, fields.get("inputs"), name) for name in found["inputs"]}
        inputs = None if "inputs" in meant else found["inputs"]
    with place.going_on():
        found["examples"] = parse_examples(reader, fields.get("examples"), lines["examples"], inputs, labels)
    with place.going_on():
        found["options"] = _options(reader, fields.get("model"), lines["model"])
    with place.going_on():
        found["criteria"] = _criteria(reader, fields.get("criteria"), lines["criteria"], labels)
    with place.going_on():
        found["off_label_limit"] = _limit(reader, fields.get("off_label_limit"), lines["off_label_limit"])
    return FrontMatter(**found, inputs_known=inputs is not None)


def _description(reader: Reader, value: Any, line: int) -> str:
    """Read `description:`."""
    if value is not None and not isinstance(value, str):
        reader.place.fail("`description:` is a line of text", line)
    return str(value or "").strip()


def _line_in(reader: Reader, node: Any, name: str) -> int:
    """Return the line of an input, in a mapping or a list of names."""
    return reader.line(node, name if isinstance(node, Mapping) else None)


def _answer(reader: Reader, node: Any, line: int) -> tuple[AnswerKind, tuple[str, ...], dict[str, bool]]:
    """Read `answer:`: its kind, its labels, and what they mean."""
    value = reader.plain(node, "`answer:`", line)
    if value == "action":
        return "action", (), {}
    if value == "text":
        return "text", (), {}
    if isinstance(value, dict):
        if any(not isinstance(meaning, bool) for meaning in value.values()) or len(set(value.values())) != 2:
            reader.place.fail("each label in `answer:` means true or false, and both must occur", line)
        _check_labels(reader, list(value), line)
        return "condition", tuple(value), value
    if isinstance(value, list):
        _check_labels(reader, value, line)
        return "choice", tuple(value), {}
    reader.place.fail("`answer:` is {danger: true, safe: false}, a list of labels, `action` or `text`", line)


def _check_labels(reader: Reader, labels: list[Any], line: int) -> None:
    for label in labels:
        if not isinstance(label, str):
            reader.place.fail(f"the label {label!r} is not a word; use words that carry the meaning", line)
    problem = label_problem(labels)
    if problem is not None:
        reader.place.fail(problem, line)


def _inputs(reader: Reader, node: Any, line: int) -> dict[str, tuple[str, ...]]:
    """Read `inputs:`; a plain list of names will do where all are plain values."""
    value = reader.plain(node, "`inputs:`", line)
    if value is None:
        return {}
    if isinstance(value, list):
        value = dict.fromkeys(name if isinstance(name, str) else repr(name) for name in value)
    if not isinstance(value, dict):
        reader.place.fail("`inputs:` is a mapping such as {stranger: [looks, says], rumour: []}", line)
    inputs: dict[str, tuple[str, ...]] = {}
    for name, fields in value.items():
        where = reader.line(node, name) if isinstance(node, Mapping) else line
        fields = [] if fields is None else fields
        if not isinstance(fields, list) or any(not isinstance(field, str) for field in fields):
            reader.place.fail(f"input {name!r}: give the list of its fields, or [] for a plain value", where)
        for word in (name, *fields):
            if not word.isidentifier():
                reader.place.fail(f"input {name!r}: {word!r} is not a name; use letters, digits and _", where)
        if name == "answer":
            reader.place.fail("an input cannot be called 'answer': examples keep their answer there", where)
        inputs[name] = tuple(dict.fromkeys(fields))
    return inputs


def parse_examples(
    reader: Reader,
    node: Any,
    line: int,
    inputs: Mapping[str, tuple[str, ...]] | None,
    labels: Collection[str] = (),
) -> tuple[Example, ...]:
    """Read a list of {<input>: ..., answer: ...}; mistakes in single examples are kept.

    Args:
        reader: of the file.
        node: the list.
        line: where it stands.
        inputs: the declared ones, with their fields; None: not known.
        labels: the answers that there are; none: any word.
    """
    if node is None:
        return ()
    if not isinstance(node, list):
        reader.place.fail("examples are a list: each starts with `- {` and has an `answer:`", line)
    examples = []
    for index, entry in enumerate(node):
        where, title = reader.line(node, index), f"example {index + 1}"
        with reader.place.going_on():
            values = dict(reader.plain(reader.mapping(entry, title, where), title, where))
            if "answer" not in values:
                reader.place.fail(f"{title} has no `answer:`", where)
            answer = values.pop("answer")
            if not isinstance(answer, str) or not answer.strip():
                reader.place.fail(f"{title}: the answer {answer!r} is not a word", where)
            if labels and answer.strip() not in labels:
                reader.place.fail(f"{title}: {answer.strip()!r} is not a label{nearest(answer, labels)}", where)
            if inputs is not None:
                check_inputs(values, inputs, reader.place, title, where)
            examples.append(Example(values, answer.strip(), index + 1, where))
    return tuple(examples)


def check_inputs(
    values: Mapping[str, Any], inputs: Mapping[str, tuple[str, ...]], place: Place, title: str, line: int
) -> None:
    """Refuse inputs and fields that are not declared: most likely they are misspelt.

    Raises:
        PromptError: with the line.
    """
    for name, value in values.items():
        if name not in inputs:
            place.fail(f"{title}: {name!r} is not an input{nearest(name, inputs)}", line)
        fields = inputs[name]
        for item in value if isinstance(value, list) else [value]:
            for field in item if fields and isinstance(item, dict) else ():
                if field not in fields:
                    place.fail(f"{title}: {name!r} has no field {field!r}{nearest(field, fields)}", line)


def _criteria(reader: Reader, node: Any, line: int, labels: tuple[str, ...]) -> dict[str, str]:
    """Read `criteria:`: what each label stands for. An action's labels are known to the tree only."""
    value = reader.plain(node, "`criteria:`", line)
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(text, str) and text.strip() for text in value.values()):
        reader.place.fail("`criteria:` says what each label stands for: {danger: means harm, safe: means none}", line)
    for label in value:
        if labels and label not in labels:
            reader.place.fail(
                f"`criteria:`: {label!r} is not a label{nearest(label, labels)}", reader.line(node, label)
            )
    return {label: " ".join(text.split()) for label, text in value.items()}


def _limit(reader: Reader, value: Any, line: int) -> float | None:
    """Read `off_label_limit:`."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        reader.place.fail(f"`off_label_limit:` is a number from 0 to 1, not {value!r}", line)
    return float(value)


def _options(reader: Reader, node: Any, line: int) -> dict[str, Any]:
    """Read `model: {options: ...}`."""
    if node is None:
        return {}
    model = reader.mapping(node, "`model:`", line)
    for key in model:
        if key != "options":
            reader.place.fail(f"unknown field {key!r} in `model:`{nearest(key, ['options'])}", reader.line(node, key))
    given = model.get("options")
    if given is None:
        return {}
    where = reader.line(node, "options")
    options = dict(reader.plain(reader.mapping(given, "`options:`", where), "`options:`", where))
    for key, value in options.items():
        with reader.place.going_on():
            _check_option(reader, key, value, reader.line(given, key))
    return options


def _check_option(reader: Reader, key: str, value: Any, line: int) -> None:
    if key in LOAD_TIME:
        reader.place.fail(
            f"{key!r} is set when the model is loaded, and a change loads it again for everyone; set it "
            "where the model is configured, not in a prompt",
            line,
            code="load-option",
        )
    if key == "num_predict":
        reader.place.fail("'num_predict' is not for prompts: the leaf says how long an answer may be", line)
    if key not in SAMPLING:
        reader.place.fail(f"unknown option {key!r}{nearest(key, SAMPLING)}", line)
    right = isinstance(value, SAMPLING[key]) and not isinstance(value, bool)
    if isinstance(value, float):
        right = right and math.isfinite(value)
    if isinstance(value, list):
        right = right and all(isinstance(item, str) for item in value)
    if not right:
        reader.place.fail(f"option {key!r} cannot be {value!r}", line)
