"""The addon in a real editor: it loads, its tab shows a game that the editor plays, and its templates work."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import brains
from brains.addon import FOLDER
from tests.godot.suites import DEMO, SUITES

ADDON = DEMO / FOLDER

PROJECT = """\
config_version=5

[application]

config/name="brains editor test"
run/main_scene="res://main.tscn"
run/flush_stdout_on_print=true
"""

PLUGINS = """
[brains]

connection/url="ws://127.0.0.1:9"

[editor]

run/main_run_args="--headless"

[editor_plugins]

enabled=PackedStringArray("res://addons/brains/plugin.cfg", "res://addons/probe/plugin.cfg")
"""
"""Enabled by hand; nobody listens on port 9."""

PROBE = """\
[plugin]

name="probe"
description=""
author=""
version="1"
script="probe.gd"
"""

SCENE = """\
[gd_scene load_steps=2 format=3]

[ext_resource type="Script" path="res://main.gd" id="1"]

[node name="Main" type="Node2D"]
script = ExtResource("1")
"""

GAME = """\
extends Node2D


func _ready() -> void:
	for index: int in 3:
		var agent: BrainAgent = BrainAgent.new()
		agent.agent_id = "guard_%d" % index
		agent.brain = "guard"
		agent.actions = [BrainAction.make(&"Patrol", [BrainParameter.text(&"route")])]
		agent.fallback = BrainAgent.Fallback.CALLABLE
		agent.fallback_callable = patrol
		agent.action_requested.connect(_on_action_requested)
		add_child(agent)
	# Should the editor be killed.
	get_tree().create_timer(60.0).timeout.connect(get_tree().quit)


func patrol(agent: BrainAgent) -> void:
	agent.start(&"Patrol", {"route": "the wall"})


func _on_action_requested(_order: BrainOrder) -> void:
	pass
"""


def run_godot(godot: str, folder: Path, *arguments: str, timeout: float = 50) -> subprocess.CompletedProcess[str]:
    """Run Godot with settings of its own, and fail on any error or warning that it prints."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    env = os.environ | {f"XDG_{what}_HOME": str(home) for what in ("CONFIG", "DATA", "CACHE")}
    command = [godot, "--headless", "--path", str(folder / "project"), *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, errors="replace", timeout=timeout, check=False, env=env
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert not re.search(r"^(?:USER )?(?:SCRIPT )?(?:ERROR|WARNING):", done.stderr, re.MULTILINE), done.stderr
    return done


def make_project(folder: Path, settings: str) -> Path:
    """Make a project, not yet imported, whose main scene has three agents."""
    project = folder / "project"
    project.mkdir()
    (project / "project.godot").write_text(settings)
    (project / "main.tscn").write_text(SCENE)
    (project / "main.gd").write_text(GAME)
    return project


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_the_tab_shows_the_agents_of_a_game_that_the_editor_plays(godot: str, tmp_path: Path) -> None:
    project = make_project(tmp_path, PROJECT + PLUGINS)
    shutil.copytree(ADDON, project / "addons" / "brains")
    shutil.copytree(SUITES / "editor", project / "addons" / "probe")
    (project / "addons" / "probe" / "plugin.cfg").write_text(PROBE)
    imported = run_godot(godot, tmp_path, "--import")
    assert "Brains: added the autoload Brains" in imported.stdout
    # Godot 4.6 writes the script's UID in place of its path.
    uid = (ADDON / "brains_client.gd.uid").read_text().strip()
    stored = (project / "project.godot").read_text()
    assert re.search(rf'^Brains="\*(res://{FOLDER}/brains_client\.gd|{uid})"$', stored, re.MULTILINE)

    done = run_godot(godot, tmp_path, "--max-fps", "60", "--editor", "--", "--probe", timeout=100)
    found: dict[str, list[Any]] = {}
    for line in done.stdout.splitlines():
        if line.startswith("@@probe "):
            event = json.loads(line.removeprefix("@@probe "))
            found.setdefault(event["step"], []).append(event["found"])
    assert found["settings"] == [True]
    assert {"BrainAgent: Agent", "BrainAgent: Speaker"} <= set(found["templates of BrainAgent"][0])
    assert "CharacterBody2D: Actor with a brain" in found["templates of CharacterBody2D"][0]

    rows = [[f"guard_{index}", "guard", "fallback", "Patrol", "local"] for index in range(3)]
    assert found["rows"] == [rows, rows], "each time that the game is started"
    for text in ("Not connected", "brains serve", "3 agents"):
        assert text in found["playing"][0]
    for details in found["details"]:
        assert re.search(r'guard_1  is  fallback.*Patrol.*route: "the wall".*Can do  Patrol', details, re.DOTALL)
    assert ["No game is running" in texts for texts in found["stopped"]] == [True, True]

    assert found["without the plugin"] == [{"panel": False, "autoload": False}]
    assert found["with it again"] == [{"panel": True, "autoload": True}]
    settings = (project / "project.godot").read_text()
    assert "script_templates" not in settings, "the search path of templates is not stored"


@pytest.mark.timeout(120)
def test_an_installed_addon_loads_and_plays(godot: str, tmp_path: Path) -> None:
    project = make_project(tmp_path, PROJECT)
    install = [sys.executable, "-m", "brains", "addon", "install", str(project)]
    subprocess.run(install, check=True, capture_output=True, timeout=30)
    stored = (project / "project.godot").read_text()
    imported = run_godot(godot, tmp_path, "--import")
    assert "added the autoload" not in imported.stdout
    played = run_godot(godot, tmp_path, "--quit-after", "60", "--", "--brains-url=ws://127.0.0.1:9")
    assert "no server at ws://127.0.0.1:9" in played.stdout
    checked = subprocess.run([*install, "--check"], check=False, capture_output=True, text=True, timeout=30)
    assert checked.returncode == 0, checked.stdout
    for line in stored.splitlines():
        assert line in (project / "project.godot").read_text()


def test_templates_say_what_they_are() -> None:
    templates = list((ADDON / "script_templates").glob("*/*.gd"))
    assert len(templates) == 3
    for template in templates:
        text = template.read_text()
        assert text.startswith("# meta-name: ")
        assert "\n# meta-description: " in text
        assert "\nextends _BASE_\n" in text
    # Godot would take them for scripts that are broken.
    assert (ADDON / "script_templates" / ".gdignore").is_file()


def test_the_addon_has_the_version_of_the_package() -> None:
    named = f'"{brains.__version__}"'
    assert f"version={named}\n" in (ADDON / "plugin.cfg").read_text()
    assert f"ADDON_VERSION: String = {named}\n" in (ADDON / "brains_protocol.gd").read_text()


def test_the_licence_is_in_the_folder_that_people_copy() -> None:
    assert (ADDON / "LICENSE").read_text() == (DEMO.parent / "LICENSE").read_text()


def test_icons_follow_the_editors_theme() -> None:
    for icon in ("brain_agent", "brain_action", "brain_parameter"):
        settings = (ADDON / "icons" / f"{icon}.svg.import").read_text()
        assert "editor/scale_with_editor_scale=true" in settings
        assert "editor/convert_colors_with_editor_theme=true" in settings


def test_scripts_of_the_addon_do_not_name_the_autoload() -> None:
    """No script that does can be compiled before the autoload is there."""
    for script in ADDON.rglob("*.gd"):
        for line in script.read_text().splitlines():
            code = re.sub(r'&?"(?:[^"\\]|\\.)*"', "", line).partition("#")[0]
            assert not re.search(r"\bBrains\b", code), f"{script}: {line}"
