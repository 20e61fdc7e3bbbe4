"""The castle yard is won in each of its three ways, by one who plays by himself, against a real server.

And it is played by a real model, as long as BRAINS_PLAY_SECONDS says; two minutes are what README.md tells of.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.godot.servers import listening
from tests.godot.yard import AGENTS, DEMO, ERROR

REAL_SECONDS = float(os.environ.get("BRAINS_PLAY_SECONDS", "20"))
"""Seconds for the game with a real model; they pass as in a game, since the model takes its time."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(500 + 3 * REAL_SECONDS)]

WAYS = ("talk", "steal", "fight")
PATIENCE = 120
"""Seconds for one game."""


def play(godot: str, project: Path, folder: Path, url: str, *arguments: str) -> tuple[int, dict[str, Any], str]:
    """Play without a window; return the exit code, the game's summary, and what Godot said."""
    summary = folder / "summary.json"
    done = subprocess.run(
        [godot, "--headless", "--max-fps", "60", "--path", str(project), "--",
         f"--brains-url={url}", f"--summary={summary}", *arguments],
        capture_output=True, text=True, errors="replace", timeout=PATIENCE + 60 + REAL_SECONDS, check=False,
    )  # fmt: skip
    return done.returncode, json.loads(summary.read_text()), done.stdout + done.stderr


@pytest.mark.parametrize("way", WAYS)
def test_the_letter_is_won(godot: str, demo_project: Path, tmp_path: Path, way: str) -> None:
    # The scripted model answers as the most similar example does, so no game depends on chance.
    with listening(tmp_path, "serve", "--model", "scripted", "--port", "0") as (_, url):
        code, summary, output = play(
            godot, demo_project, tmp_path, url, f"--play={way}", f"--quit-after-seconds={PATIENCE}"
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


@pytest.mark.skipif(os.name == "nt", reason="a server that is ended on Windows cannot end its recording")
def test_a_game_with_a_real_model_goes_without_an_error_and_replays(
    godot: str, demo_project: Path, model_path: Path, tmp_path: Path
) -> None:
    recording = tmp_path / "run.jsonl"
    serve = ["serve", "--model", f"embedded:{model_path}", "--port", "0", "--record", str(recording)]
    with listening(tmp_path, *serve) as (server, url):
        wait_for_model(tmp_path / "server.err")
        arguments = ["--autopilot", f"--quit-after-seconds={REAL_SECONDS}"]
        code, summary, output = play(godot, demo_project, tmp_path, url, *arguments)
        server.send_signal(signal.SIGINT)
        assert server.wait(60) == 0
    assert not ERROR.search(output), output
    assert code == 0, summary
    assert summary["errors"] == []
    assert summary["counters"]["dropped"] == {}
    assert {agent for agent, count in summary["by_agent"].items() if count} == AGENTS
    # How many of its questions a model answers in time is a matter of the machine.
    assert '"type":"question"' in recording.read_text(encoding="utf-8")

    done = subprocess.run(
        [sys.executable, "-m", "brains", "replay", str(recording), "--json"],
        cwd=DEMO.parent, capture_output=True, text=True, timeout=200 + REAL_SECONDS, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    replayed = json.loads(done.stdout)
    assert replayed["differences"] == []
    assert replayed["ticks"] > 100


def wait_for_model(log: Path) -> None:
    """Wait until the model has read the prompts."""
    deadline = time.monotonic() + 240
    while "has read" not in log.read_text():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)
