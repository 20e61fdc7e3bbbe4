"""Command lines: their parts, options, places and conditions."""

from __future__ import annotations

import pytest

from brains.cli._debug.commands import COMMANDS, find
from brains.cli._debug.parsing import (
    BreakText,
    UsageError,
    break_text,
    log_text,
    number,
    options,
    split_line,
    unquoted,
    value_of,
)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("where", ["where"]),
        ("where ;; tree;;prompt", ["where", "tree", "prompt"]),
        ('log x "a ;; b" ;; c', ['log x "a ;; b"', "c"]),
        ("break Merchant's stall ;; c", ["break Merchant's stall", "c"]),
        ("commands 1 prompt ;; c", ["commands 1 prompt ;; c"]),
        ("alias x s ;; s", ["alias x s ;; s"]),
        (";;", []),
        ("  ", []),
    ],
)
def test_a_line_is_split_at_double_semicolons(text: str, parts: list[str]) -> None:
    assert split_line(text) == parts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*/Respond", BreakText("*/Respond", "", "", "")),
        ("*/Respond:exit if me.hp < 5", BreakText("*/Respond", "", "exit", "me.hp < 5")),
        ("guard_*:*/Respond:failure", BreakText("guard_*:*/Respond", "", "failure", "")),
        ("Guard/Deal with a stranger", BreakText("Guard/Deal with a stranger", "", "", "")),
        ("trees/guard.py:18", BreakText("trees/guard.py:18", "", "", "")),
        ("template:guard/respond", BreakText("guard/respond", "template", "", "")),
        ("model-error", BreakText("*", "model_error", "", "")),
        ("error if tick > 3", BreakText("*", "error", "", "tick > 3")),
        ('"See if it bites":exit if me.hp', BreakText('"See if it bites"', "", "exit", "me.hp")),
        ('"See if it bites"', BreakText("See if it bites", "", "", "")),
    ],
)
def test_places_of_breakpoints(text: str, expected: BreakText) -> None:
    found = break_text(text)
    assert found._replace(where=unquoted(found.where)) == expected._replace(where=unquoted(expected.where))


@pytest.mark.parametrize("text", ["", "Respond if", "Respond if  "])
def test_a_place_or_an_expression_that_is_missing_is_said(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        break_text(text)
    assert "as in: break" in caught.value.hint


def test_log_points_have_a_place_and_a_text() -> None:
    assert log_text("*/Respond:exit \"hp {{ me.hp }}, 'so'\" if tick > 3") == (
        BreakText("*/Respond", "", "exit", "tick > 3"),
        "hp {{ me.hp }}, 'so'",
    )
    assert log_text("Deal with it 'x \"y\"'")[1] == 'x "y"'
    with pytest.raises(UsageError, match="the text stands in quotes"):
        log_text("*/Respond hello")


def test_options_are_taken_out_wherever_they_stand() -> None:
    known = {"--model": str, "-n": int, "--apply": bool}
    assert options("Is it hostile? -n 3 --apply", known) == ("Is it hostile?", {"-n": 3, "--apply": True})
    assert options("--model=big --apply  Respond", known) == ("Respond", {"--model": "big", "--apply": True})
    assert options('--model "a b" x', known) == ("x", {"--model": "a b"})
    assert options("hp - 3", {}) == ("hp - 3", {}), "a minus is no option"
    with pytest.raises(UsageError, match="there is no option --aply"):
        options("--aply", known)
    with pytest.raises(UsageError, match="-n needs a value"):
        options("-n", known)
    with pytest.raises(UsageError, match="-n has to be a whole number"):
        options("-n x", known)


def test_numbers_and_values_are_checked() -> None:
    assert number("3", least=1) == 3
    with pytest.raises(UsageError, match="1 or more, not 0"):
        number("0", least=1)
    assert value_of('{"a": [1, null]}') == {"a": [1, None]}
    with pytest.raises(UsageError) as caught:
        value_of("angry")
    assert caught.value.hint == 'text stands in double quotes: "angry"'


def test_commands_are_found_by_name_short_name_and_beginning() -> None:
    for word, name in {
        "c": "continue", "s": "step", "n": "next", "r": "finish", "t": "tick", "w": "where", "b": "break",
        "l": "list", "p": "print", "u": "up", "d": "down", "q": "quit", "hist": "history", "cond": "condition",
        "bb": "bb", "reru": "rerun", "h": "help", "agent": "agent",
    }.items():  # fmt: skip
        assert find(word).name == name
    with pytest.raises(UsageError, match="'re' may be "):
        find("re")
    with pytest.raises(UsageError) as caught:
        find("prnt")
    assert caught.value.hint == "did you mean 'print'?"


def test_every_command_is_explained_and_no_two_share_a_short_name() -> None:
    shorts = [short for one in COMMANDS.values() for short in one.short]
    assert len(shorts) == len(set(shorts))
    assert not set(shorts) & set(COMMANDS)
    for one in COMMANDS.values():
        assert one.summary.endswith("."), one.name
        assert one.usage.startswith(one.name)
