"""Finds a Godot that is new enough, and has it read in a project."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from brains.errors import BrainsError, ConfigError

__all__ = ["Engine", "find_engine", "find_project", "has_screen", "import_project", "needs_import"]

COMMANDS = ("godot", "godot4")
OLDEST = (4, 4)
ASK_SECONDS = 30.0
CACHE = Path(".godot", "global_script_class_cache.cfg")
"""What Godot makes when it reads a project in: without it, no script finds another one's class."""
WHERE_FROM = "https://godotengine.org/download, or your system's packages"


class Engine(NamedTuple):
    """A Godot that runs."""

    command: str
    version: str


def find_engine(named: str | None) -> Engine:
    """Return the Godot to use: the one that is named, else $GODOT, else `godot` or `godot4` on the PATH.

    Raises:
        ConfigError: there is none, it does not run, or it is too old.
    """
    command = _command(named or os.environ.get("GODOT") or "")
    try:
        done = subprocess.run(  # noqa: S603 - running what the user names is its whole job
            [command, "--version"], capture_output=True, text=True, timeout=ASK_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise ConfigError(f"{command} --version says nothing for {ASK_SECONDS:.0f} s: is it Godot?") from None
    except OSError as error:
        raise ConfigError(f"{command} does not run: {error.strerror or error}") from error
    version = next(iter(done.stdout.strip().splitlines()), "")
    found = re.match(r"(\d+)\.(\d+)", version)
    if found is None:
        said = version or done.stderr.strip().partition("\n")[0] or "nothing"
        raise ConfigError(f"{command} --version gives no version, but {said[:200]!r}: is it Godot?")
    if (int(found[1]), int(found[2])) < OLDEST:
        raise ConfigError(
            f"{command} is Godot {version}, and the addon needs {OLDEST[0]}.{OLDEST[1]} or newer: get one from "
            f"{WHERE_FROM}, and name it with --godot PATH or in GODOT"
        )
    return Engine(command, version)


def _command(named: str) -> str:
    """Return a command that can be run."""
    if not named:
        for name in COMMANDS:
            if found := shutil.which(name):
                return found
        raise ConfigError(
            f"there is no Godot: neither {' nor '.join(f'`{name}`' for name in COMMANDS)} is on the PATH. Get it from "
            f"{WHERE_FROM}, and name it with --godot PATH or in GODOT"
        )
    path = Path(named).expanduser()
    if path.suffix == ".app" and path.is_dir():
        # A macOS application is a folder with the program in it.
        path = path / "Contents" / "MacOS" / "Godot"
    # A name alone is looked for on the PATH, and Path would make one of `./godot`.
    found = shutil.which(str(path) if os.sep not in named else os.path.abspath(path))
    if found is None:
        why = "it is a folder" if path.is_dir() else "it cannot be run" if path.exists() else "there is no such program"
        raise ConfigError(f"cannot start Godot as {named!r}: {why}")
    return found


def find_project(named: str | None, trees: Path) -> Path:
    """Return the project to play: the one that is named, else the castle yard beside the trees.

    Raises:
        ConfigError: there is none.
    """
    if named is not None:
        project = Path(named).expanduser()
        project = project.parent if project.name == "project.godot" else project
        if not (project / "project.godot").is_file():
            raise ConfigError(f"{named!r} is no Godot project: there is no project.godot in it")
        return project.resolve()
    project = trees.parent / "godot_demo"
    if not (project / "project.godot").is_file():
        raise ConfigError(
            f"there is no castle yard for Godot in {project}: it is part of a checkout of the project, beside trees/. "
            "`git clone` its repository and run `brains demo --godot` in there, or play a project of yours with "
            "--project PATH"
        )
    return project.resolve()


def has_screen() -> bool:
    """Tell whether a window can be opened."""
    return sys.platform in ("win32", "darwin") or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def needs_import(project: Path) -> bool:
    """Tell whether Godot has to read the project in: it never has, or scripts are newer than what it made of them."""
    try:
        read_in = (project / CACHE).stat().st_mtime
    except OSError:
        return True
    # Editors leave links that lead nowhere beside files that are being edited.
    return any(script.stat().st_mtime > read_in for script in project.rglob("*.gd") if script.exists())


async def import_project(engine: Engine, project: Path) -> None:
    """Have Godot read the project in.

    Raises:
        BrainsError: it did not.
    """
    arguments = ["--headless", "--path", str(project), "--import"]
    process = await asyncio.create_subprocess_exec(
        engine.command, *arguments,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        output, _ = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    # Scripts that do not parse leave the exit code at 0; they are told of when they run.
    if process.returncode != 0 or not await asyncio.to_thread((project / CACHE).exists):
        lines = output.decode(errors="replace").strip().splitlines()[-10:]
        raise BrainsError(
            f"Godot could not read {project} in (exit code {process.returncode}):\n"
            + "\n".join(lines or ["(no output)"])
        )
    await asyncio.to_thread((project / CACHE).touch)
