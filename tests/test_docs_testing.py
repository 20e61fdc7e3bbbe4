"""The page about testing trees holds tests that pass, each as its reader runs it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/testing.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"## ([^\n]+)\n(?:(?!```|## )[^\n]*\n)*```python\n(.*?)```", PAGE, re.DOTALL)


def test_the_page_has_a_test_of_each_thing() -> None:
    assert [title for title, _ in BLOCKS] == [
        "What the model says",
        "No answer in time",
        "Say: a line as it comes",
        "dwell, ttl and every: verdicts over time",
    ]
    assert PAGE.count("```python") == len(BLOCKS)


def test_what_the_page_shows_passes(tmp_path: Path) -> None:
    """In the folder that holds `trees/` and `prompts/`, all in one go."""
    for name in ("trees", "prompts"):
        (tmp_path / name).symlink_to(ROOT / name)
    for number, (_, text) in enumerate(BLOCKS):
        (tmp_path / f"test_{number}.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    count = sum(text.count("\ndef test_") for _, text in BLOCKS)
    assert f"{count} passed" in result.stdout


def test_the_tests_that_it_names_are_there() -> None:
    rows = re.findall(r"^\| [^|]+ \| `(test_\w+\.py)` \| `(test_\w+)` \|$", PAGE, re.MULTILINE)
    assert len(rows) == PAGE.count(".py` |") > 0
    for file, name in rows:
        text = (ROOT / "tests" / file).read_text(encoding="utf-8")
        assert re.search(rf"^(?:async )?def {name}", text, re.MULTILINE), f"{file}: {name}"


@pytest.mark.parametrize("name", ["FakeGame", "load_prompts"])
def test_it_uses_the_public_names(name: str) -> None:
    import brains.testing

    assert name in brains.testing.__all__
