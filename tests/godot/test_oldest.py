"""The addon and the game need no Godot newer than 4.4, as far as that can be told without one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.godot.newer import NEWER, names_in, newer_in

DEMO = Path(__file__).parent.parent.parent / "godot_demo"


@pytest.fixture(scope="module")
def newer() -> set[str]:
    return set(NEWER.read_text(encoding="utf-8").split())


def test_no_script_uses_what_godot_has_got_since(newer: set[str]) -> None:
    scripts = {str(path.relative_to(DEMO)): path.read_text(encoding="utf-8") for path in DEMO.rglob("*.gd")}
    assert len(scripts) > 50
    assert newer_in(scripts, newer) == []


def test_the_project_says_so() -> None:
    assert 'config/features=PackedStringArray("4.4"' in (DEMO / "project.godot").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("var copy: Dictionary = told.duplicate_deep()", ["a.gd: duplicate_deep"]),
        ("@abstract class_name Body", ["a.gd: abstract classes"]),
        ("func say(...words: Array) -> void:", ["a.gd: variable arguments"]),
        ("func duplicate_deep() -> void: pass", []),
        ('print("duplicate_deep # ", told) # duplicate_deep', []),
        ("var copy: Dictionary = told.duplicate(true)", []),
    ],
)
def test_what_is_newer_is_found_in_code_only(newer: set[str], line: str, found: list[str]) -> None:
    assert newer_in({"a.gd": line + "\n"}, newer) == found


def test_all_that_can_be_written_counts_as_a_name() -> None:
    kind = {"name": "Kind", "values": [{"name": "KIND_ONE"}]}
    api = {
        "utility_functions": [{"name": "absi"}],
        "global_enums": [kind],
        "builtin_classes": [{"name": "Vector2", "members": [{"name": "x"}]}],
        "classes": [{"name": "Node", "methods": [{"name": "add_child"}], "enums": [{"name": "Mode", "values": []}]}],
    }
    assert names_in(api) == {"absi", "Kind", "KIND_ONE", "Vector2", "x", "Node", "add_child", "Mode"}
