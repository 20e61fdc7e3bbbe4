"""The page about recordings names commands and options that there are."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from brains.cli import cli
from brains.trace.events import TraceEvent

PAGE = (Path(__file__).parent.parent / "docs/recordings.md").read_text(encoding="utf-8")
COMMANDS = sorted({found.strip() for found in re.findall(r"brains ((?:replay|trace|serve|demo) [^`\n|]*)", PAGE)})


@pytest.mark.parametrize("line", [line for line in COMMANDS if "FILE" not in line and "NAME" not in line])
def test_commands_on_the_page_have_these_options(line: str) -> None:
    name, *args = shlex.split(line)
    context = click.Context(cli)
    found = cli.get_command(context, name)
    assert found is not None
    found.make_context(name, [*args], parent=context)


def test_there_are_commands_on_the_page() -> None:
    assert len(COMMANDS) > 8


def test_every_type_of_line_is_described() -> None:
    table = PAGE.partition("## The file")[2]
    for kind in TraceEvent.__args__:
        assert f"`{kind.__struct_config__.tag}`" in table


def test_numbers_are_those_of_the_program() -> None:
    from brains.recording import MAX_BYTES
    from brains.recording.writing import BATCH_S, QUEUE_BYTES

    assert f"queue of {QUEUE_BYTES // 2**20} MiB" in PAGE
    assert f"Every {BATCH_S:g} s" in PAGE
    assert f"this large ({MAX_BYTES // 2**20};" in PAGE
