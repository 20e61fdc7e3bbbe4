"""The castle yard's suites, each in a real Godot: what people perceive, do, own and see, and how the game is won."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.godot.suites import GAME, run_suite

SUITES = sorted(path.name for path in GAME.glob("test_*.gd"))
NOWHERE = "--brains-url=ws://127.0.0.1:1"
"""The suites play without a server, whatever else listens on this machine."""


@pytest.mark.timeout(150)
@pytest.mark.parametrize("suite", SUITES)
def test_suite(godot: str, game_project: Path, suite: str) -> None:
    run = run_suite(godot, game_project, suite, NOWHERE, timeout=120)
    if report := run.report():
        pytest.fail(f"{suite}\n{report}", pytrace=False)
