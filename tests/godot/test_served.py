"""The castle yard's suites that play against a server, whose model says what the test tells it to say."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.godot.servers import listening
from tests.godot.suites import GAME, run_suite

SERVED = sorted(path.relative_to(GAME).as_posix() for path in GAME.glob("served/test_*.gd"))

STANDING_STILL = "served/test_pause.gd"
"""A suite in which minutes of frames pass as fast as they can."""
REAL_TIME = ("--max-fps", "60")
"""How Godot runs the others: the server answers in its own time."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.mark.parametrize("suite", SERVED)
def test_suite(godot: str, game_project: Path, tmp_path: Path, suite: str) -> None:
    options = ("--fixed-fps", "60") if suite == STANDING_STILL else REAL_TIME
    with listening(tmp_path, str(tmp_path), module="tests.godot.directed_server") as (_, url):
        arguments = (f"--brains-url={url}", f"--directions={tmp_path}")
        run = run_suite(godot, game_project, suite, *arguments, options=options, timeout=540)
    if report := run.report():
        pytest.fail(f"{suite}\n{report}", pytrace=False)
