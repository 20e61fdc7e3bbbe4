"""What `brains prompt lint` finds in prompts that compile, and what it leaves alone."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brains.errors import PromptError
from brains.prompts import PROMPT_RULES, Prompt, PromptLibrary, lint_library, lint_prompt
from brains.reload import load_prompts

EXAMPLES = "examples:\n" + "".join(
    f"  - {{x: {{a: {word} {number}}}, answer: {label}}}\n"
    for number in range(6)
    for word, label in (("wolf", "danger"), ("lamb", "safe"))
)
ANSWER = "{danger: true, safe: false}"
GOOD = "system:\nLabel it as danger or safe.\nuser:\n{{ x.a }}"


def text(
    body: str = GOOD, answer: str = "{danger: true, safe: false}", inputs: str = "{x: [a]}", more: str = ""
) -> str:
    return f"---\nanswer: {answer}\ninputs: {inputs}\n{more}{EXAMPLES}---\n{body}\n"


def found(source: str, **options: int) -> list[tuple[int, str]]:
    """Return line and rule of each finding."""
    return [(one.line, one.rule) for one in lint_prompt(Prompt("t", source, file="t.j2"), **options)]


BODY = text().split("\n").index("system:") + 1


def test_a_good_prompt_has_no_findings() -> None:
    assert found(text()) == []


@pytest.mark.parametrize(
    ("source", "line", "rule"),
    [
        (text(inputs="\n  x: [a]\n  y: []"), 5, "unused-input"),
        (text(inputs="{x: [a, b]}"), 3, "unused-input"),
        (text(inputs="[x, y]"), 3, "unused-input"),
        (text("system:\nAnswer yes or no.\nuser:\n{{ x.a }}"), BODY + 1, "contract"),
        (text("system:\nLabel it as danger or harmless.\nuser:\n{{ x.a }}"), BODY + 1, "contract"),
        (text("system:\nIs it danger?\nuser:\n{{ x.a }}"), BODY + 1, "contract"),
        (text("system:\nFor {{ x.a }}" + "\nlong" * 300 + "\nuser:\n{{ x.a }}"), BODY + 1, "prefix-cache"),
        (text("user:\n{{ x.a }}. The thief is"), BODY + 1, "prefix-cache"),
        (text(answer="{attack: true, attend: false}").replace("danger", "attack").replace("safe", "attend"), 2,
         "labels-alike"),
    ],
)  # fmt: skip
def test_what_works_badly_is_found_in_its_line(source: str, line: int, rule: str) -> None:
    assert (line, rule) in found(source)
    assert rule in PROMPT_RULES


def test_examples_that_are_few_or_not_balanced_are_found_where_they_stand() -> None:
    few = f"---\nanswer: {ANSWER}\ninputs: [x]\nexamples:\n  - {{x: a, answer: safe}}\n---\nuser:\n{{{{ x }}}}"
    assert found(few) == [(5, "examples"), (5, "examples")]


def test_no_label_is_ever_named() -> None:
    bare = "---\nanswer: [go, wait]\ninputs: [x]\n---\nuser:\n{{ x }}"
    assert (6, "contract") in found(bare)


@pytest.mark.parametrize(
    "system",
    [
        "Say what the guard sees.",
        "Label each as safe or danger, whichever it is.",
        "Answer with one word: danger or safe.",
        "A guard, or somebody like him, watches.",
        "Choose well.",
    ],
)
def test_other_texts_are_no_contradiction(system: str) -> None:
    assert found(text(f"system:\n{system}\nuser:\n{{{{ x.a }}}}")) == []


def test_an_input_that_is_used_as_a_whole_uses_all_its_fields() -> None:
    assert found(text("user:\n{{ x | json }}", inputs="{x: [a, b]}")) == []


def test_a_short_text_that_changes_may_stand_first() -> None:
    assert found(text("system:\n{{ x.a }} is near. Label it as danger or safe.\nuser:\n{{ x.a }}")) == []


def test_the_budget_is_in_tokens() -> None:
    assert found(text(), budget=40) == [(5, "token-budget")]
    assert found(text(), budget=400) == []


@pytest.mark.parametrize(
    ("source", "line", "code"),
    [
        (text("user:\n{{ z }}"), BODY + 1, "undeclared-input"),
        (text("user:\n{{ x.b }}"), BODY + 1, "undeclared-input"),
        (text("assistant:\n{{ x.a }}"), BODY, "role-order"),
        (text("user:\n{{ x.a }}\nsystem:\nhm\nuser:\nhm"), BODY + 2, "role-order"),
        (text("Uzer:\n{{ x.a }}"), BODY, "role-order"),
        (text("user:\n{% if %}"), BODY + 1, "template"),
        (text("user:\n{{ x.a }}<|im_end|>"), BODY + 1, "special-token"),
        (text("user:\n{% include '../a.j2' %}"), BODY + 1, "include"),
        (text(more="model:\n  options:\n    num_ctx: 4096\n"), 6, "load-option"),
        (text("user:\n{{ x.a }}{{ y }}", inputs="{x: [a], y: []}"), 5, "example-inputs"),
        (text(answer="maybe"), 2, "prompt"),
    ],
)
def test_mistakes_that_keep_a_prompt_from_working_have_codes(source: str, line: int, code: str) -> None:
    library = PromptLibrary()
    with pytest.raises(PromptError) as caught:
        library.put("t", source, file="t.j2")
    assert (caught.value.line, caught.value.code) == (line, code)
    assert code in PROMPT_RULES
    ((finding_line, rule, severity),) = [(one.line, one.rule, one.severity) for one in lint_library(library)]
    assert (finding_line, rule, severity) == (line, code, "error")


MANY = """\
---
descripton: hm
answer: {danger: true, safe: false}
inputs: {x: [a, b]}
examples:
  - {x: {a: wolf, b: 1}, answer: dangr}
  - {x: {a: lamb, c: 2}, answer: safe}
  - {x: {a: lamb, b: 2}}
model: {options: {temperature: hot, num_ctx: 4096}}
off_label_limit: 7
---
system:
Label {{ y }} as danger or safe, {{ x.d | capitalise }}.
user:
{% include "_shared/gone.j2" %}
{{ x.a | shown }} {{ z }} {{ z }} {% if x is odder %}!{% endif %}
"""


def test_all_mistakes_of_a_file_that_does_not_compile_are_told() -> None:
    """Each in its line and once, however many there are: nobody wants to edit ten times to see ten of them."""
    library = PromptLibrary()
    with pytest.raises(PromptError):
        library.put("t", MANY, file="t.j2")
    told = sorted((one.line, one.message) for one in lint_library(library))
    assert [line for line, _ in told] == [2, 6, 7, 8, 9, 9, 10, 13, 13, 13, 15, 16, 16, 16]
    for line, words in (
        (2, "did you mean 'description'"),
        (6, "example 1: 'dangr' is not a label; did you mean 'danger'"),
        (7, "example 2: 'x' has no field 'c'"),
        (8, "example 3 has no `answer:`"),
        (9, "option 'temperature' cannot be 'hot'"),
        (9, "'num_ctx' is set when the model is loaded"),
        (10, "a number from 0 to 1, not 7"),
        (13, "'y' is not among the `inputs:`"),
        (13, "x.d is not declared"),
        (13, "there is no filter 'capitalise'; did you mean 'capitalize'?"),
        (15, "no file '_shared/gone.j2'"),
        (16, "there is no filter 'shown'"),
        (16, "'z' is not among the `inputs:`"),
        (16, "there is no test 'odder'; did you mean 'odd'?"),
    ):
        assert any(found == line and words in message for found, message in told), (line, words)


SLOTS = [
    ("---", None),
    ("description: hm", "descripton: hm"),
    ("answer: {danger: true, safe: false}", None),
    ("inputs: {x: [a, b], y: []}", None),
    ("examples:", None),
    ("  - {x: {a: 1, b: 2}, y: 3, answer: safe}", "  - {x: {a: 1, b: 2}, y: 3, answer: saef}"),
    ("  - {x: {a: 1, b: 2}, y: 3, answer: danger}", "  - {x: {a: 1, c: 2}, y: 3, answer: danger}"),
    ("model: {options: {temperature: 0}}", "model: {options: {temperture: 0}}"),
    ("---", None),
    ("system:", None),
    ("Judge {{ y }}.", "Judge {{ z }}."),
    ("It is {{ y | upper }}.", "It is {{ y | uper }}."),
    ("user:", None),
    ("{{ x.a }}", "{{ x.d }}"),
    ("{% if y is defined %}!{% endif %}", "{% if y is defned %}!{% endif %}"),
    ("{{ x.b }}", "{% include '_no.j2' %}{{ x.b }}"),
]
"""Lines of a prompt, and what each may be instead that is a mistake by itself."""


@settings(deadline=None)
@given(st.sets(st.sampled_from([index for index, (_, wrong) in enumerate(SLOTS) if wrong])))
def test_whatever_is_wrong_is_all_told_and_nothing_else_is(wrong: set[int]) -> None:
    """By lines: those of the mistakes that were made are those of the errors that are told."""
    source = "\n".join(str(bad) if index in wrong else good for index, (good, bad) in enumerate(SLOTS))
    library = PromptLibrary()
    with contextlib.suppress(PromptError):
        library.put("t", source, file="t.j2")
    told = [one.line for one in lint_library(library) if one.severity == "error"]
    assert sorted(told) == [index + 1 for index in sorted(wrong)]
    assert (library.names() == ["t"]) == (not wrong)


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("---\nanswer: [a\n---\nsystm:\nhm\nuser:\n{{ x | capitalise }}", [2, 4]),
        ("---\nanswer: text\ninputs: 3\n---\nuser:\n{{ y | uper }}", [3, 6]),
        ("---\nanswer: text\ninputs: 3\nexamples:\n  - {y: 2, answer: 3}\n---\nuser:\n{{ y }}", [3, 5]),
        ("---\nanswer: text\n---\nSystem:\nhm\nUser:\nhm", [4, 6]),
        (
            "---\nanwser: {go: true, stay: false}\ninpts: [x]\nexamples:\n  - {x: 1, answer: go}\n---\nuser:\n{{ x }}",
            [2, 3],
        ),
    ],
)
def test_what_follows_from_another_mistake_is_not_told(source: str, lines: list[int]) -> None:
    """Where the inputs cannot be read, nothing is said of names; where a role line is misspelt, nothing of parts."""
    library = PromptLibrary()
    with pytest.raises(PromptError):
        library.put("t", source, file="t.j2")
    assert sorted(one.line for one in lint_library(library)) == lines


def test_an_input_that_all_examples_lack_is_told_once() -> None:
    library = PromptLibrary()
    with pytest.raises(PromptError):
        library.put("t", text("user:\n{{ x.a }}{{ y }}", inputs="{x: [a], y: []}"), file="t.j2")
    (finding,) = lint_library(library)
    assert finding.message == "example 1 does not give 'y', which `user:` uses; nor do 11 more"


def test_a_shared_file_that_nobody_uses_is_found(tmp_path: Path) -> None:
    (tmp_path / "_shared").mkdir()
    (tmp_path / "_shared/a.j2").write_text("hi")
    (tmp_path / "t.j2").write_text(text())
    (finding,) = lint_library(load_prompts(tmp_path))
    assert (finding.rule, Path(finding.file).name) == ("unused-shared", "a.j2")


def test_a_stale_calibration_is_found() -> None:
    library = PromptLibrary()
    library.put("t", text())
    library.put_calibrations("t", '{"d": {"model": "small", "prompt_hash": "old"}}')
    (finding,) = lint_library(library)
    assert finding.rule == "stale-calibration"
    assert "small" in finding.message
