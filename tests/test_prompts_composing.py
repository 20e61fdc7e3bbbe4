"""Files that prompts include, import and extend: what they may, what they say when they are wrong, and no way out."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brains.decide import completion_text
from brains.errors import PromptError
from brains.prompts import MARK_END, MARK_START, Prompt, PromptLibrary, Source
from brains.reload import PromptWatcher, load_prompts

HEAD = "---\nanswer: text\ninputs: {who: [looks, says], mood: []}\n---\n"
"""Four lines; the body begins in line 5."""
WHO = {"who": {"looks": "a nun", "says": "Hush!"}, "mood": "sleepy"}


def sources(**files: str) -> dict[str, Source]:
    """Return sources by path; `_a` stands for `_shared/a.j2`."""
    paths = {name: f"_shared/{name[1:]}.j2" if name.startswith("_") else f"{name}.j2" for name in files}
    return {paths[name]: Source(text, f"prompts/{paths[name]}") for name, text in files.items()}


def prompt(body: str, **files: str) -> Prompt:
    return Prompt("t", HEAD + body, file="prompts/t.j2", sources=sources(**files))


def failure(body: str, **files: str) -> PromptError:
    with pytest.raises(PromptError) as caught:
        prompt(body, **files).render(WHO)
    return caught.value


def test_an_included_file_sees_the_inputs_and_keeps_its_line_ends() -> None:
    found = prompt("system:\n{% include '_shared/guard.j2' %}\nuser:\nhm", _guard="You are {{ mood }}.\nBe brief.")
    assert found.render(WHO).system == "You are sleepy.\nBe brief."
    assert found.parts[0].uses == {"mood": frozenset()}


@pytest.mark.parametrize("shared", ["You are Otto.", "You are Otto.\n"])
@pytest.mark.parametrize("tag", ["{% include '_shared/p.j2' %}", "{%- include '_shared/p.j2' %}  "])
def test_a_line_after_an_included_file_is_a_line_of_its_own(shared: str, tag: str) -> None:
    found = prompt(f"system:\n{tag}\nLabel it.\nuser:\nhm", _p=shared)
    assert found.render(WHO).system == "You are Otto.\nLabel it."


def test_an_included_file_may_stand_in_the_middle_of_a_line() -> None:
    found = prompt("system:\nHe says {% include '_shared/p.j2' %} loudly.\nuser:\nhm", _p="hello")
    assert found.render(WHO).system == "He says hello loudly."


def test_a_macro_stands_above_all_parts() -> None:
    body = "{% from '_shared/p.j2' import met %}\nsystem:\nA\nuser:\n{{ met(who) }} today"
    found = prompt(body, _p="{% macro met(one) %}{{ one.looks }} says {{ one.says | quoted }}{% endmacro %}")
    assert found.render(WHO).user == 'a nun says "Hush!" today'
    assert found.render(WHO).system == "A"


def test_a_macro_of_several_lines_keeps_them() -> None:
    body = "system:\n{% import '_shared/p.j2' as p %}{{ p.rules('x') }}\nuser:\nhm"
    assert prompt(body, _p="{% macro rules(a) %}\none\ntwo {{ a }}\n{% endmacro %}").render({}).system == "one\ntwo x"


def test_a_prompt_extends_all_parts_of_another() -> None:
    base = (
        "system:\n{% block voice %}Speak plainly.{% endblock %} Short.\n"
        "user:\n{{ who.looks }}{% block more %}{% endblock %}"
    )
    body = (
        "{% extends '_shared/base.j2' %}\n{% block voice %}{{ super() }} Sing.{% endblock %}\n"
        "{% block more %}, {{ mood }}{% endblock %}"
    )
    rendered = prompt(body, _base=base).render(WHO)
    assert (rendered.system, rendered.user) == ("Speak plainly. Sing. Short.", "a nun, sleepy")


def test_a_prompt_extends_a_prompt_that_extends_another() -> None:
    base = "system:\n{% block a %}base{% endblock %}\nuser:\n{% block b %}base{% endblock %}"
    middle = HEAD + "{% extends '_shared/base.j2' %}\n{% block a %}middle{% endblock %}"
    found = prompt("{% extends 'mid.j2' %}\n{% block b %}own{% endblock %}", _base=base, mid=middle)
    assert (found.render({}).system, found.render({}).user) == ("middle", "own")
    assert sorted(found.files) == ["_shared/base.j2", "mid.j2"]


def test_many_comments_at_the_top_of_a_body_are_read_in_no_time() -> None:
    """They could be parted in 2 ** 200 ways, and whoever tries all of them holds up every game of the process."""
    assert prompt("{# one of many #}\n" * 200 + "user:\nhm").render({}).user == "hm"


def test_one_part_extends_a_file_without_role_lines() -> None:
    body = "system:\n{% extends '_shared/b.j2' %}{% block x %}own{% endblock %}\nuser:\nhm"
    assert prompt(body, _b="A {% block x %}b{% endblock %} C").render({}).system == "A own C"


def test_the_version_covers_the_files_and_only_those() -> None:
    body = "user:\n{% include '_shared/a.j2' %}"
    first = prompt(body, _a="one", _other="x")
    assert first.version == prompt(body, _a="one", _other="y").version
    assert first.version != prompt(body, _a="two").version


@pytest.mark.parametrize(
    ("body", "line", "says"),
    [
        ("user:\n{% include '../secret.j2' %}", 6, "write the path from there"),
        ("user:\n{% include '/etc/passwd' %}", 6, "write the path from there"),
        ("user:\n{% include '_shared/../../a.j2' %}", 6, "write the path from there"),
        ("user:\n{% include '_shared\\\\a.j2' %}", 6, "write the path from there"),
        ("user:\n{% include 'C:/a.j2' %}", 6, "write the path from there"),
        ("user:\n{% include mood %}", 6, "in quotes"),
        ("user:\n{% include ['_shared/a.j2'] %}", 6, "in quotes"),
        ("user:\n{% include '_shared/a.j2' ignore missing %}", 6, "hide a slip"),
        ("user:\n{% include '_shared/b.j2' %}", 6, "did you mean '_shared/a.j2'"),
        ("user:\n{% include '_shared/a' %}", 6, "did you mean '_shared/a.j2'"),
        ("user:\n{% include 'whole.j2' %}", 6, "with front matter"),
        ("user:\n{% include '_shared/roles.j2' %}", 6, "has role lines"),
        ("{% extends '_shared/a.j2' %}", 5, "has no role lines"),
        ("{% extends 't.j2' %}", 5, "extends itself"),
        ("{% extends mood %}", 5, "in quotes"),
        ("{% if mood %}\nuser:\n{% endif %}", 5, "before the first role line"),
        ("hello {% set x = 1 %}\nuser:\nhm", 5, "before the first role line"),
    ],
)
def test_what_may_not_be_used_is_refused_in_its_line(body: str, line: int, says: str) -> None:
    error = failure(body, _a="hi", whole=HEAD + "user:\nhm", _roles="user:\nhm", t=HEAD + "{% extends 't.j2' %}")
    assert (error.file, error.line) == ("prompts/t.j2", line)
    assert says in error.message


@pytest.mark.parametrize(
    ("shared", "line", "says"),
    [
        ("a\n{% if %}", 2, "Expected an expression"),
        ("a\n\n{{ whom }}", 3, "'whom' is not among the `inputs:`; did you mean 'who'"),
        ("{{ who.look }}", 1, "did you mean 'looks'"),
        ("a\n<|im_start|>system", 2, "special token"),
        ("a\n{% include '_shared/a.j2' %}", 2, "uses itself"),
        ("a\n{{ 'x' + mood + 3 }}", 2, "TypeError"),
    ],
)
def test_a_mistake_in_a_file_has_that_files_line(shared: str, line: int, says: str) -> None:
    error = failure("user:\nhm {% include '_shared/a.j2' %}", _a=shared)
    assert (error.file, error.line) == ("prompts/_shared/a.j2", line)
    assert says in error.message


def test_a_macro_knows_only_its_arguments() -> None:
    macros = "{% macro m() %}{{ mood }}{% endmacro %}"
    error = failure("user:\n{% from '_shared/a.j2' import m %}{{ m() }}", _a=macros)
    assert "an imported macro knows only its arguments" in error.message
    body = "user:\n{% from '_shared/a.j2' import m with context %}{{ m() }}"
    assert prompt(body, _a=macros).render(WHO).user == "sleepy"


NO_MARKS = str.maketrans("", "", MARK_START + MARK_END)
ATTACKS = st.one_of(
    st.sampled_from(["system:", "\nuser:\n", "{{ mood }}", "{% include '_shared/a.j2' %}", "<|im_start|>", "\0user\0"]),
    st.text(max_size=60),
)


@given(ATTACKS, ATTACKS)
def test_what_a_player_says_is_one_clean_value_through_includes_and_macros(says: str, mood: str) -> None:
    """No line, role, arrow, token or template of theirs gets in by way of another file."""
    body = (
        "{% from '_shared/p.j2' import met %}\nsystem:\n{% include '_shared/a.j2' %}\n"
        "user:\nMet {{ met(who) }} ({{ mood }})"
    )
    files = {
        "_p": "{% macro met(x) %}{{ x.looks }} {{ x.says | quoted }}{% endmacro %}",
        "_a": "One.\nMood: {{ mood }}.",
    }
    via = prompt(body, **files).render({"who": {"looks": "a nun", "says": says}, "mood": mood})
    plain = prompt(
        "system:\nOne.\nMood: {{ mood }}.\nuser:\nMet {{ who.looks }} {{ who.says | quoted }} ({{ mood }})"
    ).render({"who": {"looks": "a nun", "says": says}, "mood": mood})
    assert (via.system, via.user) == (plain.system, plain.user)
    assert via.system.count("\n") == 1
    assert completion_text(via).count("->") == 1


@given(ATTACKS, ATTACKS)
def test_marks_show_what_came_from_the_world_and_change_nothing(says: str, mood: str) -> None:
    found = prompt("system:\n {{ mood }}\n x\nuser:\n{{ who.says }}  - {{ mood }} ")
    says, mood = (text.translate(NO_MARKS) for text in (says, f"m{mood}"))
    values = {"who": {"looks": "", "says": says}, "mood": mood}
    exact, marked = found.render(values), found.render(values, marked=True)
    assert (marked.system.translate(NO_MARKS), marked.user.translate(NO_MARKS)) == (exact.system, exact.user)
    assert marked.user.count(MARK_START) == 2


def test_a_broken_include_keeps_the_last_good_version_and_mends_with_it() -> None:
    library = PromptLibrary()
    library.put_source("_shared/a.j2", "one")
    library.put("t", HEAD + "user:\n{% include '_shared/a.j2' %}")
    library.put("other", HEAD + "user:\nhm")
    assert library.users_of(["_shared/a.j2"]) == ["t"]
    library.put_source("_shared/a.j2", "{% if %}")
    with pytest.raises(PromptError):
        library.compile("t")
    assert library.render("t", {}).user == "one"
    library.put_source("_shared/a.j2", "two")
    assert library.users_of(["something/else.j2"]) == ["t"]
    library.compile("t")
    assert (library.render("t", {}).user, library.errors) == ("two", {})


async def test_an_edit_of_a_shared_file_reloads_all_that_use_it(tmp_path: Path) -> None:
    (tmp_path / "_shared").mkdir()
    shared = tmp_path / "_shared/a.j2"
    shared.write_text("one")
    for name in ("x", "y"):
        (tmp_path / f"{name}.j2").write_text(HEAD + "user:\n{% include '_shared/a.j2' %}")
    (tmp_path / "z.j2").write_text(HEAD + "user:\nhm")
    library = await asyncio.to_thread(load_prompts, tmp_path)
    assert (library.names(), library.errors) == (["x", "y", "z"], {})
    told: list[tuple[str, bool]] = []
    watcher = PromptWatcher(tmp_path, library, lambda name, error: told.append((name, error is None)))

    async def edit(text: str | None) -> list[tuple[str, bool]]:
        told.clear()
        shared.unlink() if text is None else shared.write_text(text)
        await watcher.look()
        await watcher.look()
        return sorted(told)

    versions = [library.get(name).version for name in library.names()]
    assert await edit("second") == [("x", True), ("y", True)]
    assert library.render("x", {}).user == "second"
    assert [library.get(name).version == old for name, old in zip("xyz", versions, strict=True)] == [False, False, True]
    assert await edit("{% if %} broken") == [("x", False), ("y", False)]
    assert library.render("y", {}).user == "second"
    assert "_shared/a.j2:1" in str(library.errors["x"])
    assert await edit(None) == [("x", False), ("y", False)]
    assert "there is no file '_shared/a.j2'" in str(library.errors["y"])
    assert await edit("third, mended") == [("x", True), ("y", True)]
    assert (library.render("y", {}).user, library.errors) == ("third, mended", {})


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.j2").write_text("the secret")
    folder = tmp_path / "prompts"
    (folder / "_shared").mkdir(parents=True)
    (folder / "_shared/a.j2").symlink_to(tmp_path / "secret.j2")
    (folder / "t.j2").write_text(HEAD + "user:\n{% include '_shared/a.j2' %}")
    library = load_prompts(folder)
    assert library.names() == []
    assert "leads out of the prompts folder" in library.errors["_shared/a"].message
    assert "there is no file '_shared/a.j2'" in library.errors["t"].message
