"""Runs GDScript test suites in a real Godot, and judges what came of them.

The runner in `addon/runner` prints lines of JSON on standard output, and says on standard error which test is running,
so that errors of the engine find their test. Godot's exit code says nothing: errors in scripts leave it at 0.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
SUITES = HERE / "addon"
GAME = HERE / "game"
DEMO = ROOT / "godot_demo"
EXAMPLES = ROOT / "docs" / "protocol" / "examples"

MARK = "@@brains-test "

PROJECT = """\
config_version=5

[application]
config/name="brains addon tests"
run/main_scene="res://tests/runner/main.tscn"
run/flush_stdout_on_print=true

[debug]
{warnings}
"""

WARNINGS = """\
gdscript/warnings/untyped_declaration=2
gdscript/warnings/unassigned_variable=2
gdscript/warnings/unused_variable=2
gdscript/warnings/unused_local_constant=2
gdscript/warnings/unused_private_class_variable=2
gdscript/warnings/unused_parameter=2
gdscript/warnings/shadowed_variable=2
gdscript/warnings/shadowed_global_identifier=2
gdscript/warnings/unreachable_code=2
gdscript/warnings/standalone_expression=2
gdscript/warnings/standalone_ternary=2
gdscript/warnings/narrowing_conversion=2
gdscript/warnings/static_called_on_instance=2
gdscript/warnings/confusable_capture_reassignment=2
gdscript/warnings/exclude_addons=false
gdscript/warnings/directory_rules={"res://addons": 1}
"""
"""Godot spares addons its warnings, unless told not to: up to 4.5 by `exclude_addons`, since by `directory_rules`."""

MOST_ERRORS = 20
"""Of one test that are shown: an error in each frame is thousands of them."""

_HEADER = re.compile(r"(?:USER )?(?:SCRIPT |SHADER )?(?:ERROR|WARNING): |Unicode parsing error")
_TEST = re.compile(r"^func (test_\w+)\(", re.MULTILINE)


@dataclass
class Outcome:
    """What became of one test."""

    name: str
    finished: bool = False
    checks: int = 0
    failures: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    """What the engine said on standard error: errors and warnings, each with the lines that belong to it."""
    expected: list[str] = field(default_factory=list)
    milliseconds: int = 0

    def faults(self) -> list[str]:
        """Say what is wrong, if anything is."""
        found = list(self.failures)
        surprises = [error for error in self.errors if not any(_matches(wanted, error) for wanted in self.expected)]
        found += surprises[:MOST_ERRORS]
        if len(surprises) > MOST_ERRORS:
            found.append(f"and {len(surprises) - MOST_ERRORS} more errors")
        missing = [wanted for wanted in self.expected if not any(_matches(wanted, error) for error in self.errors)]
        found += [f"no error or warning matched {wanted!r}" for wanted in missing]
        if not self.finished:
            found.append("did not come to its end")
        elif self.checks == 0:
            found.append("checked nothing")
        return found


def _matches(wanted: str, error: str) -> bool:
    """Tell whether an error's message matches; where it came from does not count."""
    return re.search(wanted, re.split(r"\n\s+at: ", error)[0]) is not None


@dataclass
class Run:
    """What became of a suite."""

    tests: dict[str, Outcome]
    faults: list[str]
    """What is wrong apart from the tests."""
    output: str
    """What was printed besides, on either stream."""

    def report(self) -> str:
        """Return all that is wrong, as text; empty if nothing is."""
        lines = [f"- {fault}" for fault in self.faults]
        for test in self.tests.values():
            if found := test.faults():
                lines.append(f"{test.name}:")
                lines += ["  - " + fault.replace("\n", "\n    ") for fault in found]
        if lines and self.output.strip():
            lines += ["printed besides:", self.output.strip()]
        return "\n".join(lines)


def tests_in(suite: Path) -> list[str]:
    """Return the names of the tests that a suite's source defines."""
    return _TEST.findall(suite.read_text(encoding="utf-8"))


def make_project(folder: Path, *parts: tuple[Path, str]) -> Path:
    """Make a Godot project of copied folders, each (from, to), that starts the runner; not yet imported."""
    for source, target in parts:
        if source.is_dir():
            ignored = shutil.ignore_patterns(".godot", "__pycache__", "*.py")
            shutil.copytree(source, folder / target, dirs_exist_ok=True, ignore=ignored)
    folder.mkdir(exist_ok=True)
    (folder / "project.godot").write_text(PROJECT.format(warnings=WARNINGS), encoding="utf-8")
    return folder


def make_demo_project(folder: Path) -> Path:
    """Make a copy of the demo, strict about types, with what checks scripts; not yet imported.

    The tests' other scripts stay out of it: they have classes of their own, and a class name is there only once.
    """
    project = make_project(folder, (DEMO, "."))
    (project / "tests" / "runner").mkdir(parents=True)
    shutil.copy(SUITES / "runner" / "check_scripts.gd", project / "tests" / "runner")
    settings = DEMO / "project.godot"
    if settings.is_file():
        text = settings.read_text(encoding="utf-8") + "\n[debug]\n" + WARNINGS
        (project / "project.godot").write_text(text, encoding="utf-8")
    return project


def import_project(godot: str, project: Path) -> None:
    """Make Godot read the project, without which no script finds another by its class name."""
    command = [godot, "--headless", "--path", str(project), "--import"]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=50, check=False)
    assert done.returncode == 0, done.stderr
    assert (project / ".godot" / "global_script_class_cache.cfg").is_file(), done.stderr


def run_suite(
    godot: str,
    project: Path,
    suite: str,
    *arguments: str,
    expected: list[str] | None = None,
    options: tuple[str, ...] = ("--fixed-fps", "60"),
    timeout: float = 50,
) -> Run:
    """Run a suite of the project.

    Args:
        suite: The path of its script below `res://tests`.
        arguments: Arguments for the tests, as `--name=value`.
        expected: The tests that have to run; those that its source defines, if not given.
        options: How Godot runs: by default with frames of a fixed length that do not wait for real time.
        timeout: Seconds until Godot is killed.
    """
    if expected is None:
        expected = tests_in(project / "tests" / suite)
    command = [godot, "--headless", *options, "--path", str(project), "--", f"--suite=res://tests/{suite}"]
    command += [f"--examples={EXAMPLES}", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, timeout=timeout, check=False)
        code, stdout, stderr = done.returncode, done.stdout, done.stderr
    except subprocess.TimeoutExpired as expired:
        code, stdout, stderr = None, expired.stdout or b"", expired.stderr or b""
    run = read_run(stdout.decode(errors="replace"), stderr.decode(errors="replace"))
    if code is None:
        run.faults.insert(0, f"killed after {timeout:.0f} s")
    elif code != 0:
        run.faults.insert(0, f"exit code {code}")
    if missing := [name for name in expected if name not in run.tests]:
        run.faults.append("not run: " + ", ".join(missing))
    if not run.tests:
        run.faults.append("no tests")
    return run


def read_run(stdout: str, stderr: str) -> Run:
    """Make sense of what the runner, and Godot around it, have printed."""
    run = Run({}, [], "")
    finished = False
    for line in stdout.splitlines():
        event = _event(line)
        if event is None:
            run.output += line + "\n"
        elif event["event"] == "begin":
            run.tests[event["test"]] = Outcome(event["test"])
        elif event["event"] == "end":
            _note_end(run.tests[event["test"]], event)
        elif event["event"] == "finished":
            finished = True
        else:
            run.faults.append(event["message"])
    if not finished:
        run.faults.append("the run did not come to its end")
    _attribute_errors(run, stderr)
    return run


def _event(line: str) -> dict[str, Any] | None:
    """Return what the runner says in a line; None if the line is not the runner's, or cut off where it was killed."""
    if not line.startswith(MARK):
        return None
    try:
        event: dict[str, Any] = json.loads(line.removeprefix(MARK))
    except ValueError:
        return None
    return event


def _note_end(test: Outcome, event: dict[str, Any]) -> None:
    test.finished = True
    test.checks = int(event["checks"])
    test.failures = event["failures"]
    test.expected = event["expected"]
    test.milliseconds = int(event["ms"])


def _attribute_errors(run: Run, stderr: str) -> None:
    """Give each error to the test during which it came, and those outside of tests to the run."""
    current = run.faults
    block: list[str] | None = None
    blocks: list[tuple[list[str], list[str]]] = []
    for line in stderr.splitlines():
        event = _event(line)
        if event is not None:
            block = None
            test = run.tests.get(event["test"]) if event["event"] == "begin" else None
            current = run.faults if test is None else test.errors
        elif _HEADER.match(line):
            block = [line]
            blocks.append((current, block))
        elif block is not None:
            block.append(line)
        else:
            run.output += line + "\n"
    for owner, lines in blocks:
        owner.append("\n".join(lines))
