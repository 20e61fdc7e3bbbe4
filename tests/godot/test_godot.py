"""A real Godot against a real server: what only the two together can show."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from socket import SHUT_RDWR
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from tests.godot.servers import serving

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
        "Flee": {},
        "Hurry": {"to": TEXT},
    },
    "merchant_1": {
        "Serve": {"customer": TEXT},
        "Refuse": {"customer": TEXT},
        "CallGuard": {"customer": TEXT},
        "Haggle": {"customer": TEXT, "price": {"type": "integer"}},
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


def declare_actions(project: Path) -> None:
    """Write down what the bodies can do, where the game reads it."""
    declared = {
        agent: [{"name": name, "params": params} for name, params in body.items()] for agent, body in BODIES.items()
    }
    (project / "agents.json").write_text(json.dumps(declared))


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_three_agents_play_for_twenty_seconds(godot: str, tmp_path: Path) -> None:
    project = make_project(tmp_path, "three_agents.gd")
    declare_actions(project)
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


Script = Callable[[ServerConnection, dict[str, Any]], None]
"""What a server does with a snapshot."""


@contextlib.contextmanager
def scripted(script: Script) -> Iterator[str]:
    """Run a server that takes every agent and then does as it is told, and yield its URL."""

    def handle(socket: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            for frame in socket:
                message = json.loads(frame)
                if message["type"] == "hello":
                    socket.send(json.dumps({"type": "welcome", "protocol": 1}))
                elif message["type"] == "agents":
                    ok = [entry["id"] for entry in message["add"]]
                    answer = {"type": "agents_ack", "epoch": message["epoch"], "ok": ok, "rejected": []}
                    socket.send(json.dumps(answer))
                elif message["type"] == "snapshot":
                    script(socket, message)

    with serve(handle, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        finally:
            server.shutdown()
            thread.join()


def answer(socket: ServerConnection, snapshot: dict[str, Any], *actions: dict[str, Any]) -> None:
    """Answer a snapshot as the protocol wants it."""
    numbers = {"seq": snapshot["seq"], "snapshot": snapshot["seq"], "epoch": snapshot["epoch"]}
    socket.send(json.dumps({"type": "actions", **numbers, "cancel": [], "actions": actions, "busy": []}))


def is_right(socket: ServerConnection, snapshot: dict[str, Any]) -> None:
    answer(socket, snapshot)


def is_gone_after_five(socket: ServerConnection, snapshot: dict[str, Any]) -> None:
    """As when its process is killed: without a goodbye."""
    if snapshot["seq"] <= 5:
        answer(socket, snapshot)
    else:
        socket.socket.shutdown(SHUT_RDWR)


def is_silent(socket: ServerConnection, snapshot: dict[str, Any]) -> None:
    pass


def wants_a_dance(socket: ServerConnection, snapshot: dict[str, Any]) -> None:
    order = {"agent": "guard_1", "id": "o1", "name": "Dance", "params": {}, "source": "tree"}
    answer(socket, snapshot, *([order] if snapshot["seq"] == 3 else []))


@pytest.mark.parametrize(
    ("script", "code", "error", "acks"),
    [
        (is_right, 0, None, 6),
        (is_gone_after_five, 1, "closed: ", 5),
        (is_silent, 2, "nothing from the server for 3.0 s", 0),
        (wants_a_dance, 1, "guard_1 never declared Dance", 3),
    ],
)
def test_a_game_fails_at_once_when_its_server_does_wrong(
    godot: str, tmp_path: Path, script: Script, code: int, error: str | None, acks: int
) -> None:
    """So that a run that ends well proves something; the first server does nothing wrong."""
    project = make_project(tmp_path, "three_agents.gd")
    declare_actions(project)
    seconds = 2 if code == 0 else PLAY_SECONDS
    with scripted(script) as url:
        found, output = play(godot, project, url, str(seconds), "res://agents.json", timeout=40)
    summary = json.loads(output.strip().splitlines()[-1])
    assert found == code, output
    assert len(summary["errors"]) == (error is not None)
    assert (error or "") in "".join(summary["errors"])
    assert summary["acks"] >= acks if code == 0 else summary["acks"] == acks
    # Well before the time was up.
    assert summary["seconds"] < 6


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
