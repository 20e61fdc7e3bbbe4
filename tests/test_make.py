"""make.py and the Makefile, without network: what they start is a script that says how it was called."""

from __future__ import annotations

import ast
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import make

ROOT = Path(__file__).parent.parent

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the stand-in for Python is a shell script")

_OF_AN_OUTER_MAKE = ("ARGS", "MAKEFLAGS", "MAKELEVEL", "MFLAGS", "SECONDS")
"""`make test` runs these tests, and its make must not talk to theirs."""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the files that make.py needs."""
    folder = tmp_path / "a project"
    folder.mkdir()
    for name in ("make.py", "Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    return folder


def ask(project: Path, program: str) -> Any:
    """Run a program that knows the copy's make.py as `make`, and return what it has put into `result`."""
    done = subprocess.run(
        [sys.executable, "-c", f"import json, make\n{program}\nprint(json.dumps(result))"],
        cwd=project,
        env={**os.environ, "BRAINS_INSTALLER": "pip"},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def fault(project: Path, stamp: dict[str, Any]) -> str | None:
    """Return what is wrong with the copy's .venv."""
    found: str | None = ask(project, f"result = make.venv_fault({stamp!r})")
    return found


def stamp_of(project: Path) -> dict[str, Any]:
    """Return what the copy's last installation wrote."""
    found: dict[str, Any] = json.loads((project / ".venv/brains-stamp.json").read_text())
    return found


def script(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)


def stand_in(project: Path, *, parts: list[str], body: str = "") -> None:
    """Make a .venv that is finished in make.py's eyes, with a Python that prints its arguments."""
    probes = 'case "$2" in *version_info*) echo 3 11; exit 0;; "import pip") exit 0;; esac\n'
    tell = probes + 'echo "python $*"\n' + body
    script(project / ".venv/bin/python", tell)
    for tool in ("ruff", "mypy", "lint-imports", "gdformat", "gdlint"):
        script(project / ".venv/bin" / tool, f'echo "{tool} $*"\nexit ${{LINT_RC:-0}}\n')
    digest = subprocess.run(
        [sys.executable, "-c", "import make; print(make.project_hash())"],
        cwd=project,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    stamp = {"hash": digest, "python": "3.11", "parts": ["package", *parts]}
    (project / ".venv/brains-stamp.json").write_text(json.dumps(stamp))


def run(project: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "make.py", *arguments],
        cwd=project,
        env={**os.environ, "BRAINS_INSTALLER": "pip", **env},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def started(result: subprocess.CompletedProcess[str]) -> list[str]:
    """The commands that ran, without make.py's own lines."""
    return [line for line in result.stdout.splitlines() if not line.startswith("make.py: ")]


def test_an_old_python_can_parse_it() -> None:
    ast.parse((ROOT / "make.py").read_text(), feature_version=(3, 6))


@pytest.mark.parametrize("arguments", [[], ["help"], ["--help"]])
def test_help_names_every_target(project: Path, arguments: list[str]) -> None:
    result = run(project, *arguments)
    assert result.returncode == 0
    for target in ("demo", "test", "lint", "format", "clean"):
        assert f"  {target} " in result.stdout


def test_an_unknown_target_is_a_usage_error(project: Path) -> None:
    result = run(project, "dmeo")
    assert result.returncode == 2
    assert "no target 'dmeo'" in result.stderr
    assert "usage:" in result.stderr


def test_demo_pulls_the_model_and_hands_its_arguments_on(project: Path) -> None:
    stand_in(project, parts=["embedded"])
    result = run(project, "demo", "--seconds", "20")
    assert result.returncode == 0, result.stderr
    assert started(result) == [
        "python -m brains model pull",
        "python -m brains demo --model auto --seconds 20",
    ]


def test_packages_of_another_place_do_not_come_before_our_own(project: Path) -> None:
    """As those of a ROS that was sourced in this shell: it brings a py_trees of its own."""
    stand_in(project, parts=["embedded"], body='echo "from ${PYTHONPATH-.venv}"\n')
    assert "from .venv" in started(run(project, "demo", PYTHONPATH="/opt/ros/lib/python3/site-packages"))


@pytest.mark.parametrize("chosen", [["--model", "scripted"], ["--model=scripted"]])
def test_demo_leaves_a_chosen_model_alone(project: Path, chosen: list[str]) -> None:
    stand_in(project, parts=["embedded"])
    assert started(run(project, "demo", *chosen))[-1] == "python -m brains demo " + " ".join(chosen)


def test_test_lints_and_then_gives_pytest_the_last_word(project: Path) -> None:
    stand_in(project, parts=["test", "lint", "embedded"])
    (project / "brains").mkdir()
    result = run(project, "test", "-k", "one or two")
    assert result.returncode == 0, result.stderr
    assert started(result) == [
        "python -m brains model pull",
        "ruff check brains make.py",
        "ruff format --check brains make.py",
        "mypy brains",
        "lint-imports --no-cache --no-logo",
        "python -m pytest -k one or two",
    ]
    assert result.stdout.endswith("python -m pytest -k one or two\n")


def test_lint_reads_gdscript_where_there_is_any(project: Path) -> None:
    stand_in(project, parts=["test", "lint"])
    for folder in ("godot_demo/addons/brains", "tests/godot"):
        (project / folder).mkdir(parents=True)
    (project / "godot_demo/addons/brains/x.gd").touch()
    assert started(run(project, "lint"))[-2:] == ["gdformat --check godot_demo", "gdlint godot_demo"]
    (project / "tests/godot/y.gd").touch()
    assert started(run(project, "lint"))[-2:] == ["gdformat --check godot_demo tests", "gdlint godot_demo tests"]


@pytest.mark.parametrize("rc", [0, 1])
def test_format_formats_both_languages(project: Path, rc: int) -> None:
    stand_in(project, parts=["lint"])
    (project / "godot_demo").mkdir()
    (project / "godot_demo/x.gd").touch()
    result = run(project, "format", LINT_RC=str(rc))
    assert result.returncode == rc
    assert started(result) == ["ruff check --fix make.py", "ruff format make.py", "gdformat godot_demo"]


def test_test_stops_at_lint_that_fails_but_runs_every_checker(project: Path) -> None:
    stand_in(project, parts=["test", "lint", "embedded"])
    (project / "godot_demo").mkdir()
    (project / "godot_demo/x.gd").touch()
    result = run(project, "test", LINT_RC="1")
    assert result.returncode == 1
    assert started(result)[-1].startswith("gdlint")
    assert "tests were not run" in result.stdout


def test_a_model_that_cannot_be_fetched_is_only_a_warning(project: Path) -> None:
    stand_in(project, parts=["test", "lint", "embedded"], body='case "$*" in *pull) exit 1;; esac\n')
    result = run(project, "test")
    assert result.returncode == 0
    assert "warning: the small model could not be fetched" in result.stdout


def test_the_exit_code_of_pytest_is_the_exit_code(project: Path) -> None:
    stand_in(project, parts=["test", "lint", "embedded"], body='case "$*" in *pytest*) exit 5;; esac\n')
    assert run(project, "test").returncode == 5


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["ctrl-c", "sigterm"])
def test_an_interruption_ends_the_child_and_shows_no_traceback(
    project: Path, number: signal.Signals, code: int
) -> None:
    # `exec` in the script, so that the signal reaches what sleeps.
    body = 'case "$*" in *demo*) echo $$ >pid; exec sleep 30;; esac\n'
    stand_in(project, parts=["embedded"], body=body)
    process = subprocess.Popen(
        [sys.executable, "make.py", "demo"],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    pid_file = project / "pid"
    until(lambda: pid_file.exists() and pid_file.read_text().endswith("\n"))
    # A terminal sends Ctrl-C to the whole group; `kill` and `timeout` reach one process.
    if number == signal.SIGINT:
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == code
    assert "Traceback" not in errors
    until(lambda: not is_running(int(pid_file.read_text())))


IN_BETWEEN = """
import os, signal, subprocess

class Popen(subprocess.Popen):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.children.append(self)
        os.kill(os.getpid(), signal.SIGTERM)

    children = []

subprocess.Popen = Popen
signal.signal(signal.SIGTERM, make.terminated)
try:
    make.run(["sleep", "30"])
except make.Stop as stop:
    result = [str(stop), [child.poll() for child in Popen.children]]
"""


def test_a_signal_that_comes_while_the_child_is_started_ends_the_child(project: Path) -> None:
    """It would live on, with our output in its hands, and nobody would know of it."""
    assert ask(project, IN_BETWEEN) == ["terminated", [-signal.SIGTERM]]


def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    """Tell whether a process runs; one that has ended counts as such, though nobody may have asked for its end yet."""
    try:
        os.kill(pid, 0)
        # Only Linux has this; elsewhere the system takes care of such processes itself.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except ProcessLookupError:
        return False
    except FileNotFoundError:
        return not Path("/proc/self/stat").exists()


OLD_PYTHON = "import sys; sys.version_info = (3, 9, 2); import make; sys.exit(make.main(sys.argv[1:]))"


def as_old_python(project: Path, path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make.py in a Python that says it is 3.9.2, with nothing but `path` on the PATH."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("BRAINS_")}
    return subprocess.run(
        [sys.executable, "-c", OLD_PYTHON, *arguments],
        cwd=project,
        env={**env, "PATH": str(path)},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def test_an_old_python_is_named_with_what_to_install(project: Path) -> None:
    result = as_old_python(project, project / "empty", "test")
    assert result.returncode == 1
    assert "Python 3.11 or newer is needed; this is 3.9.2 at " + sys.executable in result.stderr
    assert "install" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("name", ["python3.13", "python3", "py"])
def test_an_old_python_hands_over_to_a_newer_one(project: Path, name: str) -> None:
    probe = 'case "$*" in *version_info*) echo 3 13; exit 0;; esac\n'
    script(project / "bin" / name, probe + f'echo "{name} $*"\nexit 9\n')
    result = as_old_python(project, project / "bin", "test", "-k", "x")
    option = "-3 " if name == "py" else ""
    assert result.stdout == f"{name} {option}{project / 'make.py'} test -k x\n"
    assert result.returncode == 9


def test_a_shim_that_does_not_run_is_passed_over(project: Path) -> None:
    script(project / "bin/python3.12", "echo no such version >&2\nexit 127\n")
    result = as_old_python(project, project / "bin", "test")
    assert "Python 3.11 or newer is needed" in result.stderr


def test_help_needs_no_newer_python(project: Path) -> None:
    assert as_old_python(project, project / "empty", "help").returncode == 0


def test_a_missing_ensurepip_is_named_by_its_package(project: Path) -> None:
    code = "import sys; sys.modules['ensurepip'] = None; import make; sys.exit(make.main(['lint']))"
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=project,
        env={**os.environ, "BRAINS_INSTALLER": "pip"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert "cannot make a virtual environment" in result.stderr
    assert "install" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (project / ".venv").exists()


def test_groups_include_groups() -> None:
    groups = {"a": ["x>=1", {"include-group": "b"}], "b": ["y"]}
    assert make.group(groups, "a") == ["x>=1", "y"]


def test_a_group_that_includes_itself_is_refused() -> None:
    with pytest.raises(make.Stop, match="includes itself"):
        make.group({"a": [{"include-group": "a"}]}, "a")


def test_requirements_come_from_extras_and_groups() -> None:
    found = make.requirements_of(["embedded", "dev"])
    for package in ("xllamacpp", "pytest", "ruff"):
        assert any(item.startswith(package) for item in found)


def test_a_venv_is_made_anew_only_for_a_reason(project: Path) -> None:
    assert fault(project, {}) == "there is none"
    stand_in(project, parts=[])
    good = stamp_of(project)
    assert fault(project, good) is None
    assert fault(project, {}) is None, "one that somebody else made is taken over"
    assert fault(project, {**good, "unfinished": True}) == "it was not finished"
    assert fault(project, {**good, "python": "3.12"}) == "its Python has changed"
    script(project / ".venv/bin/python", 'case "$2" in "import pip") exit 1;; esac\necho 3 11\n')
    assert fault(project, good) == "it has no pip"
    script(project / ".venv/bin/python", "echo 3 9\n")
    assert fault(project, good) == "its Python is 3.9"
    (project / ".venv/bin/python").unlink()
    assert fault(project, good) == "its Python does not run"


def test_installing_twice_installs_once(project: Path) -> None:
    stand_in(project, parts=[], body="exit 0\n")
    log = project / ".venv/brains-install.log"
    assert ask(project, "result = make.install(['lint', 'embedded'])")
    assert "ruff" in log.read_text()
    assert "xllamacpp" in log.read_text()
    assert stamp_of(project)["parts"] == ["package", "lint", "embedded"]
    log.unlink()
    assert ask(project, "result = make.install(['embedded'])")
    assert not log.exists(), "nothing ran"


def test_a_changed_project_is_installed_again(project: Path) -> None:
    stand_in(project, parts=["lint"])
    with (project / "pyproject.toml").open("a") as file:
        file.write("# changed\n")
    assert ask(project, "result = make.install([])")
    assert "--editable" in (project / ".venv/brains-install.log").read_text()
    assert stamp_of(project)["parts"] == ["package"]


def test_a_machine_without_a_wheel_goes_on_without_it(project: Path) -> None:
    body = 'case "$*" in *xllamacpp*) echo no such wheel; exit 1;; *"model pull"*) echo no pull;; esac\n'
    stand_in(project, parts=["test"], body=body)
    result = run(project, "test")
    assert result.returncode == 0, result.stderr
    assert stamp_of(project)["parts"] == ["package", "test", "lint"]
    assert "cannot be installed on this machine" in result.stdout
    assert "no such wheel" in result.stdout
    assert "no pull" not in result.stdout


def test_a_failed_installation_shows_why_and_is_redone(project: Path) -> None:
    stand_in(project, parts=[], body="echo no network; exit 1\n")
    result = run(project, "lint")
    assert result.returncode == 1
    assert "no network" in result.stderr
    assert "Traceback" not in result.stderr
    assert fault(project, stamp_of(project)) == "it was not finished"


def test_a_folder_that_cannot_be_written_is_named_in_a_line(project: Path) -> None:
    """A disk may be full, and a .venv that was made with sudo belongs to root."""
    stand_in(project, parts=[])
    (project / ".venv/brains-stamp.json.new").mkdir()
    result = run(project, "demo")
    assert result.returncode == 1
    assert result.stderr == f"make.py: {project}/.venv/brains-stamp.json.new: Is a directory\n"


def test_clean_deletes_what_was_made_and_nothing_else(project: Path) -> None:
    stand_in(project, parts=[])
    (project / "brains/__pycache__").mkdir(parents=True)
    (project / ".mypy_cache").mkdir()
    (project / "brains/kept.py").touch()
    assert run(project, "clean").returncode == 0
    left = {path.name for path in project.rglob("*")} - {"__pycache__"}
    assert left == {"make.py", "Makefile", "pyproject.toml", "brains", "kept.py"}
    assert not (project / "brains/__pycache__").exists()


@pytest.mark.skipif(shutil.which("make") is None, reason="no make")
@pytest.mark.parametrize(
    ("target", "called"),
    [
        (["demo", "SECONDS=20"], "make.py demo --seconds 20"),
        (["demo"], "make.py demo"),
        (["test", "ARGS=-k 'one or two' -x"], "make.py test -k one or two -x"),
        (["lint"], "make.py lint"),
        ([], "make.py help"),
    ],
)
def test_the_makefile_only_hands_over(project: Path, target: list[str], called: str) -> None:
    script(project / "say", 'echo "$@"\n')
    result = subprocess.run(
        ["make", "--no-print-directory", *target, f"PYTHON='{project}/say'"],
        cwd=project,
        capture_output=True,
        text=True,
        check=True,
        env={key: value for key, value in os.environ.items() if key not in _OF_AN_OUTER_MAKE},
    )
    assert result.stdout.strip() == called
