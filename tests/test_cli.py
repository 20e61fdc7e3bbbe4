"""The command `brains` itself: help, versions, exit codes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from brains.cli import COMMANDS


def brains(*args: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "brains", *args],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )


def test_help_lists_every_command() -> None:
    """Without importing any of them."""
    result = brains("--help")
    assert result.returncode == 0
    for name, text in COMMANDS.items():
        assert name in result.stdout
        assert text in result.stdout


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_has_help_with_examples(name: str) -> None:
    """`--help` ends 0 and shows how to use it."""
    result = brains(name, "--help")
    assert result.returncode == 0, result.stderr
    assert "xample" in result.stdout


def test_the_version_is_that_of_the_package() -> None:
    """One number."""
    import brains as package

    result = brains("--version")
    assert result.returncode == 0
    assert package.__version__ in result.stdout


def test_wrong_usage_is_exit_code_2_with_a_hint() -> None:
    """As click has it."""
    for args in (["nonsense"], ["check", "--nonsense"]):
        result = brains(*args)
        assert result.returncode == 2
        assert "--help" in result.stderr


def test_an_error_of_ours_is_one_line_and_exit_code_1() -> None:
    """No traceback."""
    result = brains("check", "--trees", "no/such/folder")
    assert result.returncode == 1
    assert result.stderr.startswith("error: ")
    assert "Traceback" not in result.stderr
