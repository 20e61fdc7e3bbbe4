"""Godot projects that several tests share, because Godot takes seconds to import one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.godot.suites import DEMO, GAME, HERE, SUITES, import_project, make_demo_project, make_project


@pytest.fixture(scope="session")
def addon_project(godot: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project with the addon and the test suites, but without the autoload: suites make their own clients."""
    folder = tmp_path_factory.mktemp("addon")
    project = make_project(folder, (DEMO / "addons" / "brains", "addons/brains"), (SUITES, "tests"))
    for script in HERE.glob("*.gd"):
        shutil.copy(script, project)
    import_project(godot, project)
    return project


@pytest.fixture(scope="session")
def demo_project(godot: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the demo, autoload and all."""
    project = make_demo_project(tmp_path_factory.mktemp("demo"))
    import_project(godot, project)
    return project


@pytest.fixture(scope="session")
def game_project(godot: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the demo with the suites about the game, which start instead of it."""
    project = make_demo_project(tmp_path_factory.mktemp("game"))
    for part, name in ((SUITES / "runner", "tests/runner"), (GAME, "tests")):
        shutil.copytree(part, project / name, dirs_exist_ok=True)
    settings = project / "project.godot"
    runner = 'run/main_scene="res://tests/runner/main.tscn"'
    settings.write_text(settings.read_text().replace('run/main_scene="res://scenes/main.tscn"', runner))
    import_project(godot, project)
    return project
