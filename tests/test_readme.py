"""What the README shows is what there is: its code runs, its excerpts are from the files that it names."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from brains.cli import COMMANDS
from brains.messages import ActionResult, AgentsMessage, Hello, SnapshotMessage, decode

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, re.DOTALL)


def block(beginning: str) -> str:
    """Return the block of the README that begins so."""
    return next(str(text) for _, text in BLOCKS if text.lstrip().startswith(beginning))


@pytest.mark.parametrize(
    ("beginning", "file"),
    [('@brain("guard")', "trees/guard.py"), ("---\ndescription: Is the stranger", "prompts/guard/is_hostile.j2")],
)
def test_excerpts_are_lines_of_the_files_that_they_are_from(beginning: str, file: str) -> None:
    lines = set((ROOT / file).read_text(encoding="utf-8").splitlines())
    for line in block(beginning).strip().splitlines():
        assert line in lines, f"{file} has no line {line!r}"


def test_the_test_of_a_tree_passes(tmp_path: Path) -> None:
    """As a user runs it: in the folder that holds `trees/` and `prompts/`."""
    for name in ("trees", "prompts"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "test_guard.py").write_text(block("from brains.testing"))
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_protocol_excerpt_is_protocol() -> None:
    text = block("game    {").replace(", ...]", "]").replace("\n         ", " ")
    kinds = [
        type(decode(line.partition("{")[1] + line.partition("{")[2]))
        for line in text.splitlines()
        if line[:4] == "game"
    ]
    assert kinds == [Hello, AgentsMessage, SnapshotMessage, ActionResult]


def test_every_command_is_real() -> None:
    named = set(re.findall(r"`(?:\.venv/bin/)?brains (\w+)", README)) | set(
        re.findall(r"^    brains (\w+)", README, re.M)
    )
    assert named <= set(COMMANDS)


def test_every_link_leads_somewhere() -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_what_is_said_in_the_folder_above_a_checkout_stands_in_the_table(tmp_path: Path) -> None:
    """Python takes any folder `brains` for a package before it asks an editable installation."""
    (tmp_path / "brains").mkdir()
    heard = []
    for code in ("import brains.testing", "from brains import Say"):
        command = [sys.executable, "-c", code]
        result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        if result.returncode == 0:
            pytest.skip("brains is installed as a whole here, and found all the same")
        heard.append(result.stderr.strip().splitlines()[-1].partition(": ")[2])
    assert f"`{heard[0]}`" in README
    assert f"`{heard[1].replace(repr('Say'), '...')}`" in README
