"""What brains adds to pytest: the fixture `brains_replay`, by which the recording of a bug is a test in one line.

::

    def test_the_guard_still_lets_the_cook_pass(brains_replay):
        brains_replay("cook.jsonl")

pytest finds it by itself once brains is installed. The recording is looked for beside the test, then from the folder
that pytest was started in; `brains_trees` and `brains_prompts` in pytest's settings name other folders than `trees` and
`prompts`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    # Nothing of ours is loaded before a test asks for it: most that pytest runs have nothing to do with brains.
    from brains.trace import Replayer

__all__ = ["brains_replay", "pytest_addoption"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the settings."""
    parser.addini("brains_trees", "folder of the brains that recordings are replayed with", default="trees")
    parser.addini("brains_prompts", "folder of the templates, for recordings without texts", default="prompts")


@pytest.fixture
def brains_replay(request: pytest.FixtureRequest) -> Callable[[str | Path], Replayer]:
    """Return a function that replays a recording and fails at the first difference; see `brains.testing.replay`."""
    from brains.testing import replay

    def run(file: str | Path) -> Replayer:
        beside = request.path.parent / file
        root = request.config.rootpath
        return replay(
            beside if beside.exists() else file,
            trees=root / request.config.getini("brains_trees"),
            prompts=root / request.config.getini("brains_prompts"),
        )

    return run
