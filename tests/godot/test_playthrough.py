"""The castle yard is won in each of its three ways, by one who plays by himself, against a real server."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.godot.servers import listening
from tests.godot.yard import AGENTS, ERROR, free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(200)]

WAYS = ("talk", "steal", "fight")
PATIENCE = 120
"""Seconds for one game; the model of these tests decides by chance, so the doorkeeper may take some persuading."""


def play(godot: str, project: Path, folder: Path, url: str, *arguments: str) -> tuple[int, dict[str, Any], str]:
    """Play without a window; return the exit code, the game's summary, and what Godot said."""
    summary = folder / "summary.json"
    done = subprocess.run(
        [godot, "--headless", "--max-fps", "60", "--path", str(project), "--",
         f"--brains-url={url}", f"--summary={summary}", *arguments],
        capture_output=True, text=True, errors="replace", timeout=PATIENCE + 60, check=False,
    )  # fmt: skip
    return done.returncode, json.loads(summary.read_text()), done.stdout + done.stderr


@pytest.mark.parametrize("way", WAYS)
def test_the_letter_is_won(godot: str, demo_project: Path, tmp_path: Path, way: str) -> None:
    port = free_port()
    with listening(tmp_path, "serve", "--model", "scripted", "--port", str(port)):
        code, summary, output = play(
            godot, demo_project, tmp_path, f"ws://127.0.0.1:{port}", f"--play={way}", f"--quit-after-seconds={PATIENCE}"
        )
    assert not ERROR.search(output), output
    assert code == 0, summary
    assert summary["won"]["way"] == way
    assert summary["errors"] == []
    assert summary["model"]["name"] == "scripted"
    assert summary["model"]["latency_ms"] > 0
    assert summary["counters"]["dropped"] == {}
    assert {agent for agent, count in summary["by_agent"].items() if count} == AGENTS


def test_a_way_that_there_is_not_is_refused(godot: str, demo_project: Path) -> None:
    for arguments in (["--play=bribe"], ["--play=talk", "--autopilot"]):
        done = subprocess.run(
            [godot, "--headless", "--path", str(demo_project), "--", "--brains-url=ws://127.0.0.1:1", *arguments],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 2
        assert "--play" in done.stderr
