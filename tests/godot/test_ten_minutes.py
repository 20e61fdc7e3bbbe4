"""What the addon's README promises: an empty project, its steps word for word, and a character that a tree drives."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
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


def commands(number: int) -> list[str]:
    """Return the commands of a step of the guide."""
    return [line.strip() for line in step(number).splitlines() if re.match(r" {4}(brains|cd) ", line)]


def run(command: str, folder: Path) -> str:
    """Run a `brains` command of the guide in a folder and return what it prints."""
    arguments = [sys.executable, "-m", *command.split()]
    done = subprocess.run(arguments, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"{command}:\n{done.stdout}{done.stderr}"
    return done.stdout


def step(number: int) -> str:
    """Return the text of a step."""
    return GUIDE.split(f"**{number}. ")[1].split(f"**{number + 1}. ")[0]


def save_blocks(project: Path, number: int) -> list[str]:
    """Save each block that a step says to save, and return their paths."""
    saved = []
    for path, text in re.findall(r"this as `([^`]+)`[^:\n]*:\n+```\w*\n(.*?)```", step(number), re.DOTALL):
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_text(text, encoding="utf-8")
        saved.append(path)
    return saved


def set_up(folder: Path, godot: str) -> Path:
    """Follow the steps 1 to 3 in an empty project."""
    project = folder / "my_cat"
    project.mkdir()
    (project / "project.godot").write_text(EMPTY_PROJECT)
    assert commands(1) == ["brains addon install ."]
    run(commands(1)[0], project)

    (project / "mind" / "trees").mkdir(parents=True)
    (project / "mind" / ".gdignore").touch()
    (project / "mind" / "trees" / "__init__.py").touch()
    (project / "mind" / "prompts").mkdir()
    assert save_blocks(project, 2) == ["mind/trees/cat.py"]
    assert save_blocks(project, 3) == ["cat.gd"]

    (project / "cat.tscn").write_text(SCENE)
    settings = (project / "project.godot").read_text()
    main_scene = 'config/name="My cat"\nrun/main_scene="res://cat.tscn"'
    (project / "project.godot").write_text(settings.replace('config/name="My cat"', main_scene))
    import_project(godot, project)
    return project


def play(godot: str, project: Path, url: str) -> list[str]:
    """Press Play for twelve seconds, and return what the cat does."""
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
    return re.findall(r"^Cat: (\w+)$", done.stdout, re.MULTILINE)


@pytest.mark.slow
@pytest.mark.timeout(150)
def test_the_ten_minutes_end_with_a_character_that_a_tree_drives(godot: str, tmp_path: Path) -> None:
    project = set_up(tmp_path, godot)
    change, check, serve = commands(4)
    assert change == "cd mind"
    run(check, project / "mind")
    with serving(tmp_path, *serve.split()[2:], cwd=project / "mind") as url:
        doings = play(godot, project, url)
    # It prowls until it is tired, and naps until it is not.
    assert {"Prowl", "Nap"} == set(doings)


@pytest.mark.slow
@pytest.mark.timeout(150)
def test_then_a_model_decides_what_is_dangerous(godot: str, model_path: Path, tmp_path: Path) -> None:
    project = set_up(tmp_path, godot)
    (observe,) = re.findall(r"```gdscript\n(.*?)```", step(5), re.DOTALL)
    script = (project / "cat.gd").read_text()
    before, _, after = script.partition("## What the brain may know.\nfunc _observe()")
    (project / "cat.gd").write_text(before + observe + after[after.index("\n\n\n") :])
    assert save_blocks(project, 5) == ["mind/prompts/cat/is_danger.j2", "mind/trees/cat.py"]
    check, pull, serve = commands(5)
    assert pull == "brains model pull"  # the fixture has done that
    run(check, project / "mind")
    options = [f"embedded:{model_path}" if word == "embedded" else word for word in serve.split()[2:]]
    with serving(tmp_path, *options, cwd=project / "mind") as url:
        # The guide's reader looks at the log for longer than it takes to load the model.
        wait_for_model(tmp_path / "server.err")
        doings = play(godot, project, url)
    log = (tmp_path / "server.err").read_text()
    verdicts = set(re.findall(r"Cat answer Danger\?  (\w+) [\d.]+ = (\w+)", log))
    assert verdicts == {("danger", "yes"), ("safe", "no")}, log
    assert {"Prowl", "Nap"} >= set(doings) >= {"Prowl"}


def wait_for_model(log: Path) -> None:
    """Wait until the model has read the prompts."""
    deadline = time.monotonic() + 40
    while "has read" not in log.read_text():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)


def test_every_block_says_where_it_goes() -> None:
    """So that nothing in the guide is left out by the test above."""
    assert len(re.findall(r"^```", GUIDE, re.MULTILINE)) == 2 * 5
