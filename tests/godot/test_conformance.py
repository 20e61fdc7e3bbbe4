"""The addon against `brains conformance --serve`: whatever a server may do, the addon does what the protocol says."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.godot.servers import listening
from tests.godot.suites import ROOT, import_project, make_project

SCENE = """\
[gd_scene load_steps=2 format=3]

[ext_resource type="Script" path="res://conformance_client.gd" id="1"]

[node name="Main" type="Node"]
script = ExtResource("1")
"""
AUTOLOAD = '\n[autoload]\n\nBrains="*res://addons/brains/brains_client.gd"\n'


def project_with_a_client(folder: Path, godot: str) -> Path:
    project = make_project(folder / "project", (ROOT / "godot_demo" / "addons", "addons"))
    shutil.copy(Path(__file__).parent / "conformance_client.gd", project)
    settings = (project / "project.godot").read_text()
    settings = re.sub(r'run/main_scene=".*"', 'run/main_scene="res://main.tscn"', settings)
    (project / "project.godot").write_text(settings + AUTOLOAD)
    (project / "main.tscn").write_text(SCENE)
    import_project(godot, project)
    return project


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_the_addon_does_what_the_protocol_says(godot: str, tmp_path: Path) -> None:
    project = project_with_a_client(tmp_path, godot)
    command = ("conformance", "--serve", "--port", "0", "--json", "--brain", "guard", "--token", "secret")
    with listening(tmp_path, *command, "--seconds", "150", cwd=tmp_path) as (server, url):
        game = subprocess.Popen(
            [godot, "--headless", "--max-fps", "60", "--path", str(project)],
            env={**os.environ, "BRAINS_URL": url, "BRAINS_TOKEN": "secret"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        try:
            server.wait(160)
        finally:
            game.kill()
    assert game.stdout is not None
    said = game.communicate()[0].decode(errors="replace")
    checks = [json.loads(line) for line in (tmp_path / "server.out").read_text().splitlines()]
    wrong = [check for check in checks if check["outcome"] != "ok"]
    assert not wrong, json.dumps(wrong, indent=1) + said
    assert len(checks) >= 45
    assert server.returncode == 0
    # A script error in the addon would not show in any check.
    assert not re.search(r"ERROR", said), said
