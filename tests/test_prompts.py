"""Prompt files: what they may say, and how each mistake is named with its line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brains.errors import PromptError
from brains.prompts import Prompt, Source, clean
from brains.prompts.safety import LIMIT

GUARD = """\
---
description: Is the stranger a threat?
answer: {danger: true, safe: false}
inputs: {me: [name], stranger: [looks, says]}
examples:
  - {stranger: {looks: a masked man, says: "Your gold!"}, answer: danger}
  - {stranger: {looks: a girl, says: ""}, answer: safe}
---
system:
Label what {{ me.name }} meets
as danger or safe.

user:
{{ stranger.looks | capitalize }}
{% if stranger.says %}
who says {{ stranger.says | quoted }}
{% endif %}
"""
WORLD = {"me": {"name": "Wat", "gold": 3}, "stranger": {"looks": "a tall man", "says": 'Say "cheese"!'}, "secret": "x"}


def body(text: str, inputs: str = "{x: []}", answer: str = "text") -> str:
    return f"---\nanswer: {answer}\ninputs: {inputs}\n---\n{text}"


def render(text: str, **values: Any) -> str:
    """Render a prompt whose question is `text`, over the inputs given."""
    inputs = "{" + ", ".join(f"{name}: []" for name in values) + "}"
    return Prompt("t", body("user:\n" + text, inputs)).render(values).user


def failure(text: str, context: dict[str, Any] | None = None) -> PromptError:
    """Return the error of loading, or of rendering if there is a context."""
    with pytest.raises(PromptError) as caught:
        Prompt("guard/x", text, file="prompts/guard/x.j2").render(context or {})
    return caught.value


def test_a_prompt_knows_what_it_declares() -> None:
    prompt = Prompt("guard/is_hostile", GUARD)
    assert prompt.description == "Is the stranger a threat?"
    assert (prompt.kind, prompt.labels, prompt.answers) == (
        "condition",
        ("danger", "safe"),
        {"danger": True, "safe": False},
    )
    assert prompt.inputs == {"me": ("name",), "stranger": ("looks", "says")}
    assert [(one.number, one.line, one.answer) for one in prompt.examples] == [(1, 6, "danger"), (2, 7, "safe")]


def test_it_is_rendered_in_parts() -> None:
    rendered = Prompt("guard/is_hostile", GUARD).render(WORLD)
    assert rendered.system == "Label what Wat meets\nas danger or safe."
    assert rendered.user == "A tall man who says \"Say 'cheese'!\""
    assert [(turn.user, turn.answer) for turn in rendered.turns] == [
        ('A masked man who says "Your gold!"', "danger"),
        ("A girl", "safe"),
    ]


def test_the_version_is_the_texts() -> None:
    assert Prompt("a", GUARD).version == Prompt("b", GUARD).version != Prompt("a", GUARD + " ").version


@pytest.mark.parametrize(
    ("answer", "kind", "labels"),
    [
        ("[low, high]", "choice", ("low", "high")),
        ("action", "action", ()),
        ("text", "text", ()),
        ("{yes: true, no: false}", "condition", ("yes", "no")),  # YAML 1.2: words
    ],
)
def test_answer_kinds(answer: str, kind: str, labels: tuple[str, ...]) -> None:
    prompt = Prompt("t", body("user:\nhm", answer=answer))
    assert (prompt.kind, prompt.labels) == (kind, labels)
    assert (prompt.answers is not None) == (kind == "condition")


@pytest.mark.parametrize(
    ("head", "line", "says"),
    [
        ("answer: text\nexample: []", 3, "did you mean 'examples'"),
        ("answer: [a\n", 3, "YAML"),
        ("answer: text\ninputs: {a: []\nexamples: []", 4, "that begins in line 3"),
        ("description: x", 2, "`answer:` is missing"),
        ("answer: {a: true, b: maybe}", 2, "true or false"),
        ("answer: {a: true, b: true}", 2, "true or false"),
        ("answer: [go, gone]", 2, "begin alike"),
        ("answer: [call help, call guard]", 2, "begin alike"),
        ("answer: [one]", 2, "only one"),
        ("answer: ['->', b]", 2, "cannot be a label"),
        ("answer: [1, 2]", 2, "not a word"),
        ("answer: maybe", 2, "a list of labels"),
        ("answer: text\nanswer: text", 3, "duplicate"),
        ("answer: text\ninputs:\n  a: []\n  b: x", 5, "list of its fields"),
        ("answer: text\ninputs: {a: [b-c]}", 3, "not a name"),
        ("answer: text\ninputs: {answer: []}", 3, "keep their answer"),
        ("answer: text\nmodel: {option: {}}", 3, "did you mean 'options'"),
        ("answer: text\nmodel:\n  options:\n    num_ctx: 2048", 5, "when the model is loaded"),
        ("answer: text\nmodel:\n  options: {num_predict: 3}", 4, "the leaf says"),
        ("answer: text\nmodel:\n  options: {temprature: 3}", 4, "did you mean 'temperature'"),
        ("answer: text\nmodel:\n  options: {temperature: hot}", 4, "cannot be 'hot'"),
        ("answer: text\nmodel:\n  options: {top_k: true}", 4, "cannot be True"),
        ("answer: text\nmodel:\n  options: {temperature: .nan}", 4, "cannot be nan"),
        ("answer: [a, b]\nexamples:\n  - {answer: a}\n  - {answer: c}", 5, "not a label"),
        ("answer: [a, b]\nexamples:\n  - {x: 1}", 4, "no `answer:`"),
        ("answer: [a, b]\ninputs: {looks: []}\nexamples:\n  - {answer: a, look: x}", 5, "did you mean 'looks'"),
        ("answer: [a, b]\ninputs: {s: [looks]}\nexamples:\n  - {answer: a, s: {look: x}}", 5, "did you mean 'looks'"),
        ("answer: [a, b]\nexamples: {x: 1}", 3, "a list"),
        ("- a\n- b", 2, "must be a mapping"),
        ("1: a", 2, "not a word; put it in quotes"),
        ("answer: text\ndescription: [a]", 3, "a line of text"),
        ("answer: text\ninputs: word", 3, "is a mapping"),
        ("answer: [a, b]\nexamples:\n  - {answer: 3}", 4, "not a word"),
        ("answer: text\nmodel: [a]", 3, "must be a mapping"),
        ("answer: !odd {a: b}", 2, "true or false"),
        ("answer: {a: true, b: !x y}", 2, "cannot be used here"),
        ("answer: [" + ", ".join(f"{chr(97 + i)}x" for i in range(21)) + "]", 2, "too many"),
        ("", 2, "empty"),
    ],
)
def test_mistakes_in_the_front_matter_have_their_line(head: str, line: int, says: str) -> None:
    error = failure(f"---\n{head}\n---\nuser:\nhm")
    assert error.line == line
    assert says in str(error)
    assert str(error).startswith(f"prompts/guard/x.j2:{line}: ")


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("user:\nok\n{{ y }}", 7, "'y' is not among the `inputs:`"),
        ("user:\nok {{ x | upcase }}", 6, "upcase"),
        ("user:\nok\n\n{% if x %}", 8, "endif"),
        ("system:\nok", 5, "`user:` is missing"),
        ("hello\nuser:\nok", 5, "before the first role line"),
        ("user:\nok\nassistant:\nyes", 7, "must be `user:`"),
        ("user:\nok\nsystem:\nyes\nuser:\nok", 7, "cannot stand here"),
        ("User:\nok", 5, "write `user:`"),
        ("sytem:\nok\nuser:\nok", 5, "write `system:`"),
        ("user:\nok\n<|im_start|>", 7, "special token"),
        ("user:\n{% include 'x' %}", 6, "no file 'x' in the prompts folder"),
        ("user:\n{{ 1 / 0 }}", 6, "division"),
    ],
)
def test_mistakes_in_the_body_have_the_files_line(text: str, line: int, says: str) -> None:
    error = failure(body(text), {"x": 1})
    assert error.line == line
    assert says in error.message


def test_a_field_must_be_declared() -> None:
    error = failure(body("user:\n{{ s.looks }}\n{{ s.say }}", "{s: [looks, says]}"))
    assert (error.line, error.message) == (7, "s.say is not declared in `inputs:`; did you mean 'says'?")


def test_loop_variables_hide_inputs() -> None:
    prompt = Prompt("t", body("user:\n{% for s in t %}{{ s.any }} {% endfor %}", "{s: [looks], t: []}"))
    assert prompt.render({"t": [{"any": 1}, {"any": 2}]}).user == "1 2"


def test_labels_and_assistant_parts_do_not_go_together() -> None:
    assert "examples" in failure(body("user:\na\nassistant:\nb\nuser:\nc", answer="[low, high]")).message


def test_text_prompts_may_show_turns() -> None:
    rendered = Prompt("t", body("user:\nHi {{ x }}\nassistant:\nHello!\nuser:\nBye {{ x }}")).render({"x": "Bo"})
    assert [(turn.user, turn.answer) for turn in rendered.turns] == [("Hi Bo", "Hello!")]
    assert rendered.user == "Bye Bo"


@pytest.mark.parametrize("broken", ["answer: text", "---\nanswer: text\nuser:\nhm"])
def test_front_matter_must_be_there_and_end(broken: str) -> None:
    assert failure(broken).line == 1


def test_line_ends_of_other_systems_and_a_byte_order_mark_do_not_matter() -> None:
    odd = Prompt("t", "\ufeff" + GUARD.replace("\n", "\r\n")).render(WORLD)
    assert msgspec.structs.replace(odd, version="") == msgspec.structs.replace(
        Prompt("t", GUARD).render(WORLD), version=""
    )


def test_line_ends_of_other_systems_do_not_cost_a_prompt_its_calibration() -> None:
    """A version is the same where git checks files out with other line ends; of those that it includes as well."""
    shared = "Label what the guard meets.\n{# for all #}\n"
    including = GUARD.replace("system:\n", "system:\n{% include '_shared/a.j2' %}\n")
    assert including != GUARD
    found = {
        Prompt(
            "t", mark + including.replace("\n", end), sources={"_shared/a.j2": Source(shared.replace("\n", end), "a")}
        )
        for mark in ("", "\ufeff")
        for end in ("\n", "\r\n", "\r")
    }
    assert len({prompt.version for prompt in found}) == 1
    assert {prompt.version for prompt in found} != {Prompt("t", GUARD).version}


def test_an_example_must_give_what_the_question_uses() -> None:
    error = failure(GUARD.replace('a girl, says: ""', "a girl"))
    assert (error.line, error.message) == (7, "example 2 does not give stranger.says, which `user:` uses")
    error = failure(GUARD.replace("user:\n", "user:\n{{ me.name }}"))
    assert (error.line, error.message) == (6, "example 1 does not give 'me', which `user:` uses; nor do 1 more")


def test_an_example_that_does_not_render_names_both_lines() -> None:
    error = failure("---\nanswer: [a, b]\ninputs: {x: []}\nexamples:\n  - {x: 1, answer: a}\n---\nuser:\n{{ x.y }}")
    assert error.line == 5
    assert error.message == "example 1, in line 8: t: '1' has no 'y'".replace("t:", "guard/x:")


def test_what_is_missing_in_a_tick_is_named_with_the_line() -> None:
    error = failure(GUARD, {"me": {}, "stranger": WORLD["stranger"]})
    assert (error.line, error.file) == (10, "prompts/guard/x.j2")
    assert error.message == "guard/x: there is no 'me.name'; there is none"
    error = failure(GUARD, {**WORLD, "stranger": {"looks": "x"}})
    assert (error.line, error.message) == (15, "guard/x: there is no 'stranger.says'; there is: looks")
    error = failure(GUARD, {"stranger": WORLD["stranger"]})
    assert (error.line, error.message) == (10, "guard/x: 'me' was not given (given: stranger)")
    error = failure(GUARD, {**WORLD, "stranger": None})
    assert (error.line, error.message) == (14, "guard/x: 'none' has no 'looks'")


@pytest.mark.parametrize(
    ("template", "world", "says"),
    [
        ("{{ x.does }}", {"x": {"looks": 1}}, "there is no 'x.does'; there is: looks"),
        ("{{ x['loks'] }}", {"x": {"looks": 1}}, "there is no 'x.loks'; did you mean 'looks'?"),
        ("{{ x.home.street | upper }}", {"x": {"home": {"town": 1}}}, "there is no 'x.home.street'"),
        ("{% for y in x %}{{ y.name }}{% endfor %}", {"x": [{"name": 1}, {"nam": 2}]}, "there is no 'x[1].name'"),
        ("{% for y in x %}{{ y.b }}{% endfor %}", {"x": [{"b": 1}] * 3000 + [{}]}, "there is no 'b'; there is none"),
    ],
)
def test_what_a_mapping_lacks_is_named_whole(template: str, world: dict[str, object], says: str) -> None:
    """By the input that it is in; unless that is too large to look for it."""
    assert f"guard/x: {says}" in failure(body(f"user:\n{template}"), world).message


def test_an_empty_question_is_an_error() -> None:
    error = failure(body("user:\n{{ x }}"), {"x": " \n "})
    assert (error.line, "empty" in error.message) == (6, True)


def test_only_declared_fields_reach_the_template() -> None:
    text = body("user:\n{{ me | json }} {{ all | json }}", "{me: [name], all: [a]}")
    rendered = Prompt("t", text).render({"me": {"name": "Wat", "gold": 3}, "all": [{"a": 1, "b": 2}]})
    assert rendered.user == '{"name": "Wat"} [{"a": 1}]'


def test_entries_are_data_and_not_methods() -> None:
    assert render("{{ me.items }} {{ me['keys'] }}", me={"items": "sword, shield", "keys": 2}) == "sword, shield 2"
    assert "there is no 'x.values'" in failure(body("user:\n{{ x.values }}"), {"x": {"a": 1}}).message


def test_world_data_is_no_template() -> None:
    assert render("{{ x }}", x="{{ 7 * 7 }} {% raw %}") == "{{ 7 * 7 }} {% raw %}"


def test_the_sandbox_holds() -> None:
    assert "unsafe" in failure(body("user:\n{{ x.__class__.__mro__ }}"), {"x": "a"}).message
    assert failure(body("user:\n{{ x.append(1) }}"), {"x": [1]}).line == 6


def test_structs_are_shown_as_mappings() -> None:
    class Spot(msgspec.Struct):
        name: str

    assert render("{{ x.name }}", x=Spot("well")) == "well"
    assert "no prompt can show" in failure(body("user:\n{{ x }}"), {"x": object()}).message
    endless: list[Any] = []
    endless.append(endless)
    assert "nested too deeply" in failure(body("user:\n{{ x }}"), {"x": endless}).message


@pytest.mark.parametrize(
    ("template", "value", "shown"),
    [
        ("{{ x }}", 3.0, "3"),
        ("{{ x }}", 0.30000000000000004, "0.3"),
        ("{{ x }}", True, "true"),
        ("{{ x }}", None, "none"),
        ("{{ x }}", ["a", 2.50], "a, 2.5"),
        ("{{ x }}", {"b": 1.23456, "a": [True]}, '{"a": [true], "b": 1.23}'),
        ("{{ x | round }}", 2.6, "3"),
        ("{{ x | round(1) }}", 2.649, "2.6"),
        ("{{ x | bucket(5) }}", 12.9, "10"),
        ("{{ x | bucket(0.25) }}", 0.8, "0.75"),
        ("{{ x | bucket(0.1) }}", 0.3, "0.3"),
        ("{{ x | bucket(0.1) }}", -0.7, "-0.7"),
        ("{{ x | bucket(0.1) }}", 0.2999, "0.2"),
        ("{{ x | quoted }}", 'a "b"', "\"a 'b'\""),
        ("{{ x | json }}", 'a\n"b"', '"a \\"b\\""'),
        ("{{ x | join(' and ') }}", ["a", "b"], "a and b"),
    ],
)
def test_values_are_shown_short(template: str, value: Any, shown: str) -> None:
    assert render(template, x=value) == shown


class CountedList(Sequence[Any]):
    """A long list of one item, which counts how often somebody takes it."""

    def __init__(self, item: Any, length: int) -> None:
        self.taken = 0
        self._item = item
        self._length = length

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: Any) -> Any:
        if index >= self._length:
            raise IndexError
        self.taken += 1
        return self._item


class CountedMapping(Mapping[str, Any]):
    """A large mapping of one item, which counts how often somebody takes a key or the item."""

    def __init__(self, item: Any, length: int) -> None:
        self.taken = 0
        self._item = item
        self._length = length

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[str]:
        for number in range(self._length):
            self.taken += 1
            yield f"k{number:07}"

    def __getitem__(self, key: str) -> Any:
        self.taken += 1
        return self._item


@pytest.mark.parametrize("template", ["{{ x.a }}", "{{ x.a | quoted }}", "{{ x.a | json }}", "{{ x }}", "{{ [x.a] }}"])
@pytest.mark.parametrize("item", ["", "word", 7, {"k": 1}, ["a", ["b"]], "y" * 50_000], ids=lambda one: repr(one)[:12])
@pytest.mark.parametrize("kind", [CountedList, CountedMapping])
def test_a_huge_value_costs_no_more_work_than_what_is_shown_of_it(
    kind: type[CountedList | CountedMapping], item: Any, template: str
) -> None:
    """A message may have 4 MiB, and all agents wait while a prompt is rendered."""
    value = kind(item, 1_000_000)
    shown = render(template, x={"a": value})
    assert LIMIT - 2 <= len(shown) <= LIMIT + 2
    assert "…" in shown[-2:]
    assert value.taken <= 3 * LIMIT


def test_mappings_in_mappings_cost_no_more_work_either() -> None:
    inner = [CountedMapping("x", 100_000) for _ in range(50)]
    value: Any = {}
    for one in inner:
        value = {"a": value, "b": one, "c": one}
    render("{{ x }}", x=value)
    assert sum(one.taken for one in inner) <= 3 * LIMIT


def test_a_mapping_that_is_not_shown_whole_says_so() -> None:
    shown = render("{{ x }}", x={f"{number:05}": {"a": 1} for number in range(5000)})
    assert shown.startswith('{"00000": {"…": "…"}, "00001": ')


short = st.text(alphabet="ab c1", max_size=6)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-999, 999) | short,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(short, inner, max_size=4),
    max_leaves=12,
)


@given(plain, st.integers(1, 300))
def test_what_is_shown_of_a_long_value_is_its_beginning(value: Any, times: int) -> None:
    long = [value] * times
    whole = json.dumps({"a": long, "b": value}, sort_keys=True)
    assert render("{{ x }}|", x={"b": value, "a": long}) == " ".join(f"{clean(whole)}|".split())
    words = ["ab"] * (times * 3)
    assert render("{{ x.a }}", x={"a": words}) == clean(", ".join(words))


def test_a_list_of_names_will_do_for_plain_inputs() -> None:
    assert Prompt("t", body("user:\n{{ x }} {{ y }}", "[x, y]")).render({"x": 1, "y": 2}).user == "1 2"


def test_options_of_sampling_are_passed_on() -> None:
    text = "---\nanswer: text\nmodel: {options: {temperature: 0.5, stop: [a, b]}}\n---\nuser:\nhm"
    assert Prompt("t", text).render({}).options == {"temperature": 0.5, "stop": ["a", "b"]}
    assert Prompt("t", text.replace("{options: {temperature: 0.5, stop: [a, b]}}", "{options: }")).options == {}


def test_dates_and_numbers_of_yaml_are_plain() -> None:
    text = "---\nanswer: [a, b]\ninputs: {x: []}\nexamples:\n  - {x: %s, answer: a}\n---\nuser:\nIt is {{ x }}"
    for written, shown in (
        ("2024-02-29", "2024-02-29"),
        ("1.50", "1.5"),
        ("true", "true"),
        ("~", "none"),
        ("0x10", "16"),
    ):
        assert Prompt("t", text % written).render({"x": 1}).turns[0].user == f"It is {shown}"


def test_a_step_of_zero_is_an_error_of_the_prompt() -> None:
    assert "more than 0" in failure(body("user:\n{{ x | bucket(0) }}"), {"x": 1}).message


def test_a_subset_of_labels_leaves_examples_out() -> None:
    prompt = Prompt("t", GUARD)
    whole, part = prompt.render(WORLD), prompt.render(WORLD, labels=("safe",))
    assert [turn.answer for turn in part.turns] == ["safe"]
    assert part.version == whole.version
    assert prompt.render(WORLD, labels=["safe"]).turns is part.turns


def test_labels_that_the_prompt_does_not_have_are_refused() -> None:
    with pytest.raises(PromptError, match="did you mean 'danger'"):
        Prompt("t", GUARD).render(WORLD, labels=("dangr", "safe"))


def test_an_actions_labels_are_the_leafs() -> None:
    text = "---\nanswer: action\nexamples:\n  - {answer: fight}\n  - {answer: flee}\n---\nuser:\nhm"
    prompt = Prompt("t", text)
    assert [turn.answer for turn in prompt.render({}, labels=("flee", "wait")).turns] == ["flee"]
    with pytest.raises(PromptError, match=r"t:5: example 2: no action .* 'flee'"):
        prompt.render({}, all_labels=("fight", "wait"))
    with pytest.raises(PromptError, match="example 1"):
        prompt.render({}, labels=("wait",))


def test_warnings() -> None:
    warnings = Prompt("t", GUARD).warnings
    assert warnings == ("2 examples: small models need 12 or more",)
    lopsided = "---\nanswer: [a, b, c]\nexamples:" + "\n  - {answer: a}" * 12 + "\n  - {answer: b}\n---\nuser:\nhm"
    assert Prompt("t", lopsided).warnings == (
        "no example has the answer 'c'",
        "the examples are not balanced: 12 a, 1 b",
    )
    assert Prompt("t", body("user:\nhm")).warnings == ()


def test_cases_are_read_like_examples() -> None:
    prompt = Prompt("t", GUARD)
    cases = prompt.cases("- {stranger: {looks: a nun, says: Peace}, answer: safe}\n")
    assert [(case.inputs, case.answer, case.line) for case in cases] == [
        ({"stranger": {"looks": "a nun", "says": "Peace"}}, "safe", 1)
    ]
    assert prompt.cases("") == ()
    with pytest.raises(PromptError, match=r"c.yaml:2: case 2: 'dangr' is not a label; did you mean 'danger'"):
        prompt.cases("- {answer: safe}\n- {answer: dangr}\n", file="c.yaml")


def line_of_failure(text: str) -> int | None:
    """Return the line of what is wrong with a prompt; 0 if nothing is."""
    try:
        Prompt("t", text).render({"x": 1})
    except PromptError as error:
        return error.line
    return 0


@given(st.text(alphabet=st.sampled_from("{}[]:,-#&*!|>'\"%@`?\n ax1\t\x00~.<="), max_size=60))
def test_any_front_matter_loads_or_says_what_is_wrong(head: str) -> None:
    for text in (f"---\n{head}\n---\nuser:\nhm", f"---\nanswer: text\n{head}\n---\nuser:\nhm"):
        assert line_of_failure(text) is not None


@given(st.text(alphabet=st.sampled_from("{}%#|()'\"x.\n user:sytm1~+-"), max_size=60))
def test_any_body_loads_or_says_what_is_wrong(text: str) -> None:
    line = line_of_failure(body("user:\n" + text))
    assert line is not None
    assert line == 0 or 4 < line <= 7 + text.count("\n")


def _with(more: str) -> str:
    return f"---\nanswer: {{danger: true, safe: false}}\n{more}\n---\nuser:\nhello\n"


def test_criteria_and_the_limit_go_with_the_prompt() -> None:
    text = _with("criteria: {danger: 'may do\n  harm'}\noff_label_limit: 0.9")
    rendered = Prompt("p", text).render({})
    assert rendered.criteria == {"danger": "may do harm"}
    assert rendered.off_label_limit == 0.9
    assert Prompt("p", _with("description: x")).render({}).off_label_limit is None


@pytest.mark.parametrize(
    ("more", "line", "says"),
    [
        ("criteria: {dangr: x}", 3, "'dangr' is not a label"),
        ("criteria: [danger]", 3, "what each label stands for"),
        ("criteria: {danger: 3}", 3, "what each label stands for"),
        ("off_label_limit: 1.5", 3, "a number from 0 to 1"),
        ("off_label_limit: true", 3, "a number from 0 to 1"),
        ("off_label_limit: .nan", 3, "a number from 0 to 1"),
        ("off_label_limits: 1", 3, "unknown field 'off_label_limits'"),
    ],
)
def test_slips_in_criteria_and_the_limit_are_named(more: str, line: int, says: str) -> None:
    with pytest.raises(PromptError, match=says) as caught:
        Prompt("p", _with(more))
    assert caught.value.line == line
