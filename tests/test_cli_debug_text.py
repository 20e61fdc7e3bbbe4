"""What people see is safe and aligned; what programs get is raw."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brains.cli._debug import show_prompt, show_stop, show_tree
from brains.cli._debug.out import Out
from brains.cli._debug.text import Piece, bold, clean, columns, dim, line, paint, status, value


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b2Jgone", "gone"),
        ("a\x1bcb", "ab"),
        ("bell\x07 and back\x08space", "bell and backspace"),
        ("two\r\nlines", "two  lines"),
        ("\u202egnp.exe", "gnp.exe"),
        ("zero\u200bwidth", "zerowidth"),
        ("ñandú 🙂 日本", "ñandú 🙂 日本"),
        ("\x1b[", ""),
        ("tab\there", "tab    here"),
    ],
)
def test_what_acts_on_a_terminal_is_taken_out(text: str, shown: str) -> None:
    assert clean(text) == shown


@given(st.text(st.characters() | st.sampled_from("\x1b[]0;m\x07\x9b\n\r\u202e")))
def test_nothing_that_acts_on_a_terminal_is_ever_left(text: str) -> None:
    left = clean(text)
    bad = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
    assert not [char for char in left if unicodedata.category(char) in bad and char not in "\u200d\ufe0f"]
    assert clean(left) == left


def test_colours_are_only_where_they_are_wanted() -> None:
    shown = line(bold("a"), " ", status("SUCCESS"), dim(" b"))
    assert paint(shown, colour=False) == "a ✓ b"
    assert "\x1b[32m" in paint(shown, colour=True)
    assert paint(line(Piece("\x1b[2J", "red")), colour=True) == ""


def test_columns_are_aligned_by_what_is_seen() -> None:
    rows = columns(["name", "n"], [["a\x1b[31m", "1"], ["longer", "100"]], right=[1])
    assert [paint(row, colour=False) for row in rows] == ["name      n", "a         1", "longer  100"]


def test_long_values_are_cut_and_short_ones_are_not() -> None:
    assert value({"a": 1}) == '{"a":1}'
    assert len(value("x" * 500)) == 160
    assert len(value("x" * 500, 0)) == 502


def test_people_get_clean_text_and_programs_all_of_it() -> None:
    said: list[str] = []
    body = {"text": "\x1b[2Jboo"}
    Out(write=said.append, colour=False).answer("print", body, lambda: [body["text"]])
    Out(write=said.append, as_json=True).answer("print", body, lambda: [body["text"]])
    assert said[0] == "boo"
    assert json.loads(said[1]) == {"command": "print", "ok": True, "body": body}


STOP = {
    "reason": "breakpoint",
    "breakpoint": 1,
    "agent": "guard_1",
    "tick": 42,
    "time": 4.2,
    "phase": "exit",
    "node": "Respond",
    "kind": "LLMAction",
    "path": "Guard/Deal/Respond",
    "status": "RUNNING",
    "feedback": "asks",
    "file": "/somewhere/trees/guard.py",
    "line": 18,
    "so_far": [{"path": f"Guard/n{number}", "status": "SUCCESS"} for number in range(9)],
    "cancelled": [{"path": "Guard/Patrol", "by": "Guard", "tick": 42}],
    "decision": {
        "leaf": "Guard/Deal/Hostile?",
        "kind": "answered",
        "answer": "danger",
        "probabilities": {"safe": 0.2, "danger": 0.8},
        "seconds": 0.0484,
        "model": "small",
    },
}


def seen(lines: list[object]) -> str:
    said: list[str] = []
    Out(write=said.append, colour=False).lines(lines)  # type: ignore[arg-type]
    return "\n".join(said)


def test_a_stop_is_three_to_six_lines() -> None:
    text = seen([*show_stop.stop(STOP)])
    assert text.splitlines() == [
        "guard_1 tick 42 (4.20 s): after Respond (LLMAction) ▶ RUNNING  [breakpoint 1]",
        "  at      Guard/Deal/Respond   /somewhere/trees/guard.py:18",
        "  says    asks",
        "  so far  (3 before) n3 ✓, n4 ✓, n5 ✓, n6 ✓, n7 ✓, n8 ✓",
        "  stopped Patrol by Guard",
        "  model   Hostile?: danger  danger 0.80, safe 0.20  48 ms, small",
    ]
    assert len(show_stop.stop({"reason": "pause", "agent": "a", "path": "G/x", "node": "x"})) == 2


def test_a_tree_shows_where_one_is_what_is_forced_and_what_was_cancelled() -> None:
    root = {
        "path": "G", "name": "G", "kind": "Selector", "status": "RUNNING", "visited": True, "on_path": True,
        "children": [
            {"path": "G/a", "name": "a", "kind": "Leaf", "status": "FAILURE", "visited": True, "here": True,
             "forced": "SUCCESS", "breakpoints": [2]},
            {"path": "G/b", "name": "b", "kind": "Leaf", "cancelled": {"path": "G/b", "by": "G", "because": "G/a",
             "tick": 3}},
        ],
    }  # fmt: skip
    assert seen([*show_tree.tree({"root": root, "tick": 3})]).splitlines() == [
        "   ▶ G",
        "->   ✗ a  forced to SUCCESS  ●2",
        "     · b  cancelled by G because of a in tick 3",
    ]


def test_a_prompt_shows_what_has_changed_since_it_was_asked() -> None:
    turns = [{"user": f"example {n}", "answer": f"a{n}"} for n in range(4)]
    asked = {"system": "Label it.", "turns": turns, "user": "a masked man", "digest": "1", "labels": ["danger", "safe"]}
    body = {
        "leaf": "G/Hostile?", "prompt": "guard/hostile", "file": "/p/hostile.j2", "asked": asked,
        "now": {**asked, "system": "Label it now.", "digest": "2"}, "changed": True,
        "variables": {"looks": "a masked\x1b[2J man"},
    }  # fmt: skip
    text = seen([*show_prompt.prompt(body)])
    assert "(2 examples not shown" in text
    assert "example 1" not in text
    assert "-system| Label it." in text
    assert "+system| Label it now." in text
    assert "answers danger, safe" in text
    assert 'looks="a masked\\u001b[2J man"' in text, "a value is shown as JSON, in which nothing hides"
    assert "example 1" in seen([*show_prompt.prompt(body, full=True)])
