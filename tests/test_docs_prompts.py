"""The page about the workbench says what the commands say: those of them that need no model are run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from brains.cli import cli

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs/prompts.md"
BLOCKS = re.findall(r"```console\n\$ brains (.+)\n((?:.*\n)*?)```", PAGE.read_text(encoding="utf-8"))
WITHOUT_MODEL = [(command, output) for command, output in BLOCKS if "--model" not in command]


def test_every_command_of_the_bench_is_shown_in_use() -> None:
    shown = {command.split()[1] for command, _ in BLOCKS}
    assert shown == {"render", "ask", "eval", "diff", "calibrate", "lint"}
    assert len(WITHOUT_MODEL) >= 3


@pytest.mark.parametrize(("command", "output"), WITHOUT_MODEL, ids=[command for command, _ in WITHOUT_MODEL])
def test_the_page_shows_what_is_printed(command: str, output: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    result = CliRunner().invoke(cli, shlex.split(command))
    assert result.exit_code == 0, result.output
    assert result.stdout == output


@pytest.mark.parametrize(("command", "output"), BLOCKS, ids=[command for command, _ in BLOCKS])
def test_commands_on_the_page_have_these_options(command: str, output: str) -> None:
    """Those that need the model are parsed, too."""
    context = click.Context(cli)
    group = cli.get_command(context, "prompt")
    assert isinstance(group, click.Group)
    name, *arguments = shlex.split(command)[1:]
    chosen = group.get_command(context, name)
    assert chosen is not None
    assert chosen.make_context(name, arguments).params  # raises for an option that there is not
    assert output
