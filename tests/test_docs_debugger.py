"""The page about the debugger knows every command, every kind of error and every row of the comparison."""

from __future__ import annotations

import re
from pathlib import Path

from brains.cli._debug.commands import COMMANDS, find
from brains.cli._debug.failing import FRONT_END_KINDS
from brains.cli.debug import command
from brains.debugger.messages import ERROR_KINDS

PAGE = (Path(__file__).parent.parent / "docs" / "debugger.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    assert found is not None, title
    return found[1]


def test_every_command_is_on_the_page_and_none_that_there_is_not() -> None:
    shown = {code.split()[0] for code in re.findall(r"`([a-z][^`]*)`", section("Commands").split("\n\n")[0])}
    assert {find(word).name for word in shown} == set(COMMANDS) - {"unalias", "undisplay"}


def test_kinds_of_errors_are_a_closed_set() -> None:
    listed = re.search(r"closed set:\n(.*?)\.\n", PAGE, re.DOTALL)
    assert listed is not None
    assert re.findall(r"`(\w+)`", listed[1]) == [*ERROR_KINDS, *FRONT_END_KINDS]


def test_the_comparison_has_rows_16_to_39_each_with_a_command() -> None:
    rows = re.findall(r"^\| (\d+) \| .+ \| (.+) \|$", section("Against the field"), re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(16, 40))
    for number, how in rows:
        assert re.search(r"`|kill it", how), number
        for code in re.findall(r"`([^`]+)`", how):
            word = code.split()[0]
            assert word in ("brains", "...") or find(word), code


def test_options_on_the_page_are_options_of_the_command() -> None:
    known = {name for option in command.params for name in option.opts}
    used = set(re.findall(r"`(--[a-z-]+)[^`]*`", section("From scripts")))
    assert used <= known
    for line in re.findall(r"^\$ brains debug (.+)$", PAGE, re.MULTILINE):
        assert set(re.findall(r"(?<= )--?[a-z-]+(?= |$)", re.sub(r"'[^']*'", "", f" {line}"))) <= known, line
