"""The castle yard as people see it: drawn on a screen that nobody sees, by day and by night, with its panels.

BRAINS_SHOTS=FOLDER keeps the pictures, so that somebody can look at them; BRAINS_FILM=FOLDER keeps those of which
tests/godot/shots/film.py makes the moving one of README.md.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import lacking
from tests.godot.servers import listening
from tests.godot.suites import HERE, import_project, make_demo_project
from tests.godot.yard import ERROR

SHOTS = ("day", "dusk", "speech", "hover", "f1", "f2", "strip", "night", "keep", "menu", "small")
LEAST_COLOURS = 300
"""Of 14,400 pixels; a screen that stayed grey has one."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def pictures(godot: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Play with a server and photograph it; return what is told of each picture."""
    screen = Path(f"{godot}-screen")
    if not screen.exists():
        lacking(f"no {screen.name} beside {godot}: it starts Godot on a screen that nobody sees (.ci/godot-screen)")
    folder = tmp_path_factory.mktemp("shots")
    project = make_demo_project(folder / "project")
    shutil.copytree(HERE / "shots", project / "shots")
    settings = project / "project.godot"
    settings.write_text(settings.read_text().replace("res://scenes/main.tscn", "res://shots/shots.tscn"))
    import_project(godot, project)
    kept = Path(os.environ.get("BRAINS_SHOTS") or folder).resolve()
    with listening(folder, "serve", "--model", "scripted", "--port", "0") as (_, url):
        done = subprocess.run(
            [str(screen), "--path", str(project), "--", f"--brains-url={url}"],
            env={**os.environ, "SHOTS": str(kept), "ONLY": "", "FILM": os.environ.get("BRAINS_FILM", "")},
            cwd=folder, capture_output=True, text=True, errors="replace", timeout=240, check=False,
        )  # fmt: skip
    assert not ERROR.search(done.stderr), done.stderr
    lines = [line.removeprefix("@shot ") for line in done.stdout.splitlines() if line.startswith("@shot ")]
    found = {told["shot"]: told for told in map(json.loads, lines)}
    assert {path.stem for path in kept.glob("*.png")} >= found.keys()
    return found


def test_every_picture_is_drawn(pictures: dict[str, dict[str, Any]]) -> None:
    assert tuple(pictures) == SHOTS
    for shot, told in pictures.items():
        small = shot == "small"
        assert told["size"] == ([320, 180] if small else [1280, 720]), shot
        # A sixteenth of the pixels are looked at.
        assert told["colours"] > (LEAST_COLOURS / 4 if small else LEAST_COLOURS), shot


def test_the_light_follows_the_hour(pictures: dict[str, dict[str, Any]]) -> None:
    light = {shot: told["light"] for shot, told in pictures.items()}
    assert light["day"] > 1.2 * light["dusk"] > 1.2 * 1.2 * light["night"]
