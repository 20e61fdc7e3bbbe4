"""What the addon's README promises: an empty project, its steps word for word, and a character that a tree drives."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.godot.servers import serving
from tests.godot.suites import import_project

ADDON = Path(__file__).parent.parent.parent / "godot_demo" / "addons" / "brains"
GUIDE = (ADDON / "README.md").read_text(encoding="utf-8").split("## Drive your own")[1].split("\n## BrainAgent\n")[0]

EMPTY_PROJECT = """\
; Engine configuration file.
; It's best edited using the editor UI and not directly,
; since the parameters that go here are not all obvious.
;
; Format:
;   [section] ; section goes between []
;   param=value ; assign values to parameters

config_version=5

[application]

config/name="My cat"
config/features=PackedStringArray("4.4", "GL Compatibility")
"""
"""As Godot's project manager makes it."""

SCENE = """\
[gd_scene load_steps=2 format=3]

[ext_resource type="Script" path="res://cat.gd" id="1"]

[node name="Cat" type="Node2D"]
script = ExtResource("1")
"""
"""What the editor saves after: make a scene with a `Node2D` called `Cat` as its root, attach `cat.gd` to it."""


def commands(step: int) -> list[str]:
    """Return the commands of a step of the guide."""
    text = GUIDE.split(f"**{step}. ")[1].split(f"**{step + 1}. ")[0]
    return [line.strip() for line in text.splitlines() if re.match(r" {4}(brains|cd) ", line)]


def run(command: str, folder: Path) -> str:
    """Run a `brains` command of the guide in a folder and return what it prints."""
    arguments = [sys.executable, "-m", *command.split()]
    done = subprocess.run(arguments, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"{command}:\n{done.stdout}{done.stderr}"
    return done.stdout


def save_blocks(project: Path) -> list[str]:
    """Save each block that the guide says to save, and return their paths."""
    saved = []
    for path, text in re.findall(r"[Ss]ave this as `([^`]+)`:\n+```\w+\n(.*?)```", GUIDE, re.DOTALL):
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_text(text, encoding="utf-8")
        saved.append(path)
    return saved


@pytest.mark.slow
@pytest.mark.timeout(150)
def test_the_ten_minutes_end_with_a_character_that_a_tree_drives(godot: str, tmp_path: Path) -> None:
    project = tmp_path / "my_cat"
    project.mkdir()
    (project / "project.godot").write_text(EMPTY_PROJECT)
    assert commands(1) == ["brains addon install ."]
    run(commands(1)[0], project)

    (project / "mind" / "trees").mkdir(parents=True)
    (project / "mind" / ".gdignore").touch()
    (project / "mind" / "trees" / "__init__.py").touch()
    (project / "mind" / "prompts").mkdir()
    assert save_blocks(project) == ["mind/trees/cat.py", "cat.gd"]

    (project / "cat.tscn").write_text(SCENE)
    settings = (project / "project.godot").read_text()
    main_scene = 'config/name="My cat"\nrun/main_scene="res://cat.tscn"'
    (project / "project.godot").write_text(settings.replace('config/name="My cat"', main_scene))
    import_project(godot, project)

    change, check, serve = commands(4)
    assert change == "cd mind"
    run(check, project / "mind")
    with serving(tmp_path, *serve.split()[2:], cwd=project / "mind") as url:
        done = subprocess.run(
            [godot, "--headless", "--max-fps", "60", "--path", str(project), "--quit-after", "720"],
            env={**os.environ, "BRAINS_URL": url},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert not re.search(r"ERROR|WARNING", done.stderr), done.stderr
    assert f"Brains: connected to {url}" in done.stdout
    doings = re.findall(r"^Cat: (\w+)$", done.stdout, re.MULTILINE)
    # It prowls until it is tired, and naps until it is not.
    assert {"Prowl", "Nap"} == set(doings), done.stdout


def test_every_block_says_where_it_goes() -> None:
    """So that nothing in the guide is left out by the test above."""
    assert len(re.findall(r"```(?:python|gdscript)\n", GUIDE)) == 2
