"""A real Godot against a real server: what only the two together can show."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent

PROJECT = """\
config_version=5

[application]
config/name="brains test"
run/main_scene="res://main.tscn"

[debug]
gdscript/warnings/untyped_declaration=2
"""

SCENE = """\
[gd_scene load_steps=2 format=3]

[ext_resource type="Script" path="res://{script}" id="1"]

[node name="Main" type="Node"]
script = ExtResource("1")
"""

TEXT = {"type": "string"}

BODIES: dict[str, dict[str, dict[str, Any]]] = {
    "guard_1": {
        "Patrol": {"route": TEXT},
        "Challenge": {"target": TEXT},
        "Attack": {"target": TEXT},
        "CallForHelp": {},
        "Ignore": {},
    },
    "merchant_1": {
        "Serve": {"customer": TEXT},
        "Refuse": {"customer": TEXT},
        "CallGuard": {"customer": TEXT},
        "TidyStall": {},
    },
    "thief_1": {"Sneak": {"to": TEXT}, "Steal": {"what": TEXT}, "HideLoot": {}, "Flee": {}},
}
"""What the body of each agent can do: actions, and the values that they take."""

PLAY_SECONDS = 20


def make_project(folder: Path, script: str) -> Path:
    """Make the smallest Godot project that runs one script."""
    project = folder / "project"
    project.mkdir()
    (project / "project.godot").write_text(PROJECT)
    (project / "main.tscn").write_text(SCENE.format(script=script))
    shutil.copy(HERE / script, project)
    return project


def play(godot: str, project: Path, *arguments: str, timeout: float) -> tuple[int, str]:
    """Run a project until it quits; return its exit code and output, and fail on any script or engine error."""
    result = subprocess.run(
        [godot, "--headless", "--max-fps", "60", "--path", str(project), "--", *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    # Script errors leave the exit code at 0.
    assert not re.search(r"SCRIPT ERROR|^ERROR:", result.stderr, re.MULTILINE), result.stderr
    return result.returncode, result.stdout


@contextlib.contextmanager
def serving(folder: Path, *options: str) -> Iterator[str]:
    """Run `brains serve` and yield the URL that it listens on."""
    out, err = folder / "server.out", folder / "server.err"
    with out.open("w") as stdout, err.open("w") as stderr:
        server = subprocess.Popen(
            [sys.executable, "-m", "brains", "serve", "--port", "0", *options],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
        )
    try:
        yield listening_url(server, out, err)
    finally:
        server.send_signal(signal.SIGTERM if os.name == "nt" else signal.SIGINT)
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
    log = err.read_text()
    assert "Traceback" not in log, log
    assert server.returncode in (0, 130), f"{server.returncode}: {log}"


def listening_url(server: subprocess.Popen[bytes], out: Path, err: Path) -> str:
    """Wait for the line in which the server says where it listens."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if found := re.search(r"^listening on (ws://\S+)$", out.read_text(), re.MULTILINE):
            return found[1]
        if server.poll() is not None:
            break
        time.sleep(0.05)
    pytest.fail(f"the server does not listen: {out.read_text()}\n{err.read_text()}")


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_three_agents_play_for_twenty_seconds(godot: str, tmp_path: Path) -> None:
    project = make_project(tmp_path, "three_agents.gd")
    declared = {
        agent: [{"name": name, "params": params} for name, params in body.items()] for agent, body in BODIES.items()
    }
    (project / "agents.json").write_text(json.dumps(declared))
    with serving(tmp_path, "--model", "scripted") as url:
        arguments = (url, str(PLAY_SECONDS), "res://agents.json")
        code, output = play(godot, project, *arguments, timeout=PLAY_SECONDS + 40)
    summary = json.loads(output.strip().splitlines()[-1])
    assert summary["errors"] == []
    assert code == 0
    # At 10 Hz, with some room for a busy machine.
    assert summary["snapshots"] >= PLAY_SECONDS * 5
    assert summary["acks"] == summary["snapshots"]
    assert set(summary["by_agent"]) == set(BODIES)
    assert summary["results"]["success"] > 0
    # The model had a say, and a reactive tree changed its mind while an action was going on.
    assert summary["sources"]["llm"] > 0
    assert summary["cancels"] > 0
    finished = sum(count for status, count in summary["results"].items() if status != "running")
    assert summary["results"]["running"] == sum(summary["actions"].values())
    # At most one action per agent is still going on when the game ends.
    assert 0 <= summary["results"]["running"] - finished <= len(BODIES)


@pytest.mark.timeout(180)
def test_the_plain_chat_client_gets_an_answer(godot: str, model_path: Path, tmp_path: Path) -> None:
    project = make_project(tmp_path, "chat_client.gd")
    with serving(tmp_path, "--model", f"embedded:{model_path}") as url:
        code, output = play(godot, project, url, timeout=120)
    assert code == 0, output
    answer = re.search(r"^response: (.+)$", output, re.MULTILINE)
    assert answer, output
    # The client comes while the model is still loading, and its answer waits for that.
    assert not answer[1].startswith("(No answer"), answer[1]
