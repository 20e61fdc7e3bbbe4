"""What all tests share: things that may be missing on a machine, and a guard against a blocked event loop."""

from __future__ import annotations

import importlib.util
import logging
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from blockbuster import BlockBuster, blockbuster_ctx
from hypothesis import HealthCheck, settings

pytest_plugins = ["pytester"]

# How long an example takes says more of the machine than of the code. In CI hypothesis itself takes such a profile.
if os.environ.get("CI") != "true":
    settings.register_profile("brains", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("brains")

OLDEST_GODOT = (4, 4)

MARKED_BY_FIXTURE = {"godot": "godot", "model_path": "model"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by what they need, so that `-m "not godot"` leaves them out."""
    for item in items:
        for fixture, marker in MARKED_BY_FIXTURE.items():
            if fixture in getattr(item, "fixturenames", ()):
                item.add_marker(marker)


def lacking(reason: str) -> NoReturn:
    """Skip the test for want of something; in CI, where everything has to be there, fail it."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(autouse=True)
def _logging_stays() -> Iterator[None]:
    """Fail a test that leaves our log switched off: those after it would look for lines in vain."""
    yield
    log = logging.getLogger("brains")
    assert (log.level, log.propagate, log.disabled) == (logging.NOTSET, True, False)


@pytest.fixture(scope="session")
def godot() -> str:
    """Return the command that starts a Godot that is new enough: $GODOT, or `godot` on the path."""
    command = os.environ.get("GODOT") or shutil.which("godot")
    if command is None:
        lacking("no Godot: put `godot` on the PATH, or its path into GODOT")
    try:
        version = subprocess.run(
            [command, "--version"], capture_output=True, text=True, timeout=30, check=True
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError) as error:
        lacking(f"{command} does not run: {error}")
    found = re.match(r"(\d+)\.(\d+)", version)
    if found is None or (int(found[1]), int(found[2])) < OLDEST_GODOT:
        lacking(f"Godot {OLDEST_GODOT[0]}.{OLDEST_GODOT[1]} or newer is needed; {command} is {version!r}")
    return command


@pytest.fixture(scope="session")
def model_path() -> Path:
    """Return the small model's file: $BRAINS_MODEL, or where `brains model pull` puts it."""
    if importlib.util.find_spec("xllamacpp") is None:
        lacking("no xllamacpp, which runs the small model: install the extra `embedded`")
    if named := os.environ.get("BRAINS_MODEL"):
        path = Path(named)
    else:
        # Not at the top: tests of the value layers must run while the shells above them are broken.
        from brains.models.pull import default_model_path

        path = default_model_path()
    if not path.is_file():
        lacking(f"no model at {path}: run `brains model pull`")
    return path


@pytest.fixture(autouse=True)
def blockbuster(request: pytest.FixtureRequest) -> Iterator[BlockBuster | None]:
    """Fail a test in which our code makes a blocking call while an event loop runs.

    Such a call would freeze every agent at once. Only calls from `brains` count: pytest, coverage and what a
    test itself does are left alone.
    """
    if request.node.get_closest_marker("may_block"):
        yield None
        return
    with blockbuster_ctx("brains") as guard:
        # Commands of the command line are imported when they are called.
        for name in ("os.stat", "os.listdir", "io.BufferedReader.read", "io.TextIOWrapper.read"):
            guard.functions[name].can_block_in("<frozen importlib._bootstrap>", "_find_and_load")
        yield guard
