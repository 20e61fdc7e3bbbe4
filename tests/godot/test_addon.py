"""The addon's suites, each in a real Godot of its own; and tests of what runs them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.godot.suites import DEMO, HERE, SUITES, Run, read_run, run_suite

GDSCRIPT = sorted(path.relative_to(SUITES).as_posix() for path in SUITES.rglob("test_*.gd"))


@pytest.mark.timeout(120)
@pytest.mark.parametrize("suite", GDSCRIPT)
def test_suite(godot: str, addon_project: Path, suite: str) -> None:
    if report := run_suite(godot, addon_project, suite).report():
        pytest.fail(f"{suite}\n{report}", pytrace=False)


# --- every script loads ---


def load_scripts(godot: str, project: Path) -> subprocess.CompletedProcess[str]:
    """Let Godot load every script of a project."""
    command = [godot, "--headless", "--path", str(project), "-s", "res://tests/runner/check_scripts.gd"]
    return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=50, check=False)


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("project", "folders"), [("demo_project", [DEMO]), ("addon_project", [DEMO / "addons" / "brains", HERE, SUITES])]
)
def test_every_script_loads(godot: str, request: pytest.FixtureRequest, project: str, folders: list[Path]) -> None:
    copied: Path = request.getfixturevalue(project)
    # Those beside the suites are each on their own; below are the game's, which have a project of their own.
    count = sum(len(list(folder.glob("*.gd") if folder == HERE else folder.rglob("*.gd"))) for folder in folders)
    if project == "demo_project":
        count += 1  # the script that does it
    done = load_scripts(godot, copied)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"loaded: {count} of {count}\n" in done.stdout
    assert not re.search(r"ERROR|WARNING", done.stderr), done.stderr


# --- what runs the suites ---

BROKEN = {
    "fails": (
        'func test_x() -> void:\n\tcheck(1 > 2, "one is less")\n\tequal([1], [2])',
        r"(?s)test_x:.*test_fails.gd:3: one is less.*test_fails.gd:4: got \[1\], wanted \[2\]",
    ),
    "push_error": (
        'func test_x() -> void:\n\tcheck(true)\n\tpush_error("oh dear")',
        r"(?s)test_x:.*ERROR: oh dear.*test_push_error.gd:4",
    ),
    "flood": (
        'func test_x() -> void:\n\tcheck(true)\n\tfor number: int in 300:\n\t\tpush_error("oh dear %d" % number)',
        r"(?s)test_x:.*ERROR: oh dear 19\n(?!.*oh dear 20).*and 280 more errors",
    ),
    "objects": (
        "func test_x() -> void:\n\tequal([get_tree()], [self])",
        r"test_x:\n  - test_objects.gd:\d: got \[<SceneTree#\d+>\], wanted \[Suite:<Node#\d+>\]\n",
    ),
    "push_warning": (
        'func test_x() -> void:\n\tcheck(true)\n\tpush_warning("careful")',
        "(?s)test_x:.*WARNING: careful",
    ),
    "runtime_error": (
        'func test_x() -> void:\n\tcheck(true)\n\tvar d: Variant = {}\n\td.nothing.at_all()\n\tfails("not reached")',
        r"(?s)^test_x:\n  - SCRIPT ERROR: (?!.*not reached)",
    ),
    "error_in_a_callback": (
        "func test_x() -> void:\n\tcheck(true)\n\tboom.call_deferred()\n\n"
        'func boom() -> void:\n\tvar d: Variant = {}\n\tcheck(d.nothing == 1, "not reached")',
        r"(?s)test_x:\n  - SCRIPT ERROR: (?!.*not reached)",
    ),
    "parse_error": ("func test_x() -> void:\n\tcheck(true", r"(?s)cannot be loaded.*Parse Error.*not run: test_x"),
    "type_error": ('func test_x() -> void:\n\tcheck("yes")', r"(?s)cannot be loaded.*Parse Error.*not run: test_x"),
    "untyped": ("func test_x():\n\tcheck(true)", r"(?s)cannot be loaded.*not run: test_x"),
    "no_checks": ("func test_x() -> void:\n\tpass", r"test_x:\n  - checked nothing"),
    "never_ends": (
        "func _init() -> void:\n\ttime_limit_ms = 100\n\nfunc test_x() -> void:\n\tcheck(true)\n\tawait renamed\n\n"
        "func test_y() -> void:\n\tcheck(true)",
        r"test_x:\n  - not done after 100 ms\n(?!.*test_y)",
    ),
    "orphan": ("func test_x() -> void:\n\tcheck(true)\n\tNode.new()", r"test_x:\n  - 1 nodes were neither freed"),
    "unprovoked": (
        'func test_x() -> void:\n\texpect_error("oh dear")',
        r"test_x:\n  - no error or warning matched 'oh dear'",
    ),
    "other_error": (
        'func test_x() -> void:\n\texpect_error("oh dear")\n\tpush_error("oh dear")\n\tpush_error("and this")',
        r"test_x:\n  - ERROR: and this\n(?!.*oh dear)",
    ),
    "quits": (
        "func test_x() -> void:\n\tcheck(true)\n\tget_tree().quit()\n\tawait frames(9)\n\n"
        "func test_y() -> void:\n\tcheck(true)",
        r"(?s)the run did not come to its end.*not run: test_y.*test_x:\n.*  - did not come to its end",
    ),
    "crash": (
        'func test_x() -> void:\n\tcheck(true)\n\tOS.crash("now")',
        r"(?s)exit code -\d+.*test_x:\n.*did not come to its end",
    ),
    "no_tests": ("func x() -> void:\n\tpass", "no tests"),
    "leak": (
        "class Ring:\n\tvar next: Ring\n\n\nfunc test_x() -> void:\n\tcheck(true)\n"
        "\tvar ring: Ring = Ring.new()\n\tring.next = ring",
        "WARNING: ObjectDB instances (were )?leaked at exit",
    ),
    "not_a_suite": ("", "does not extend BrainsTest"),
}
"""Sources of suites in which something is wrong, each with what the report has to say."""

SOUND = """\
extends BrainsTest

var count: int = 0


func before_each() -> void:
	await frames(1)
	count += 1


func test_an_instance_of_its_own() -> void:
	equal(count, 1)
	get_tree().root.add_child(Node.new())
	get_tree().paused = true
	setting("brains/test", 5)
	environment("BRAINS_TEST", "x")
	var _node: Node = own(Node.new())


func test_nothing_is_left_of_the_one_before() -> void:
	equal(count, 1)
	equal(get_tree().root.get_child_count(), 3)
	check(not get_tree().paused)
	check(not ProjectSettings.has_setting("brains/test"))
	check(not OS.has_environment("BRAINS_TEST"))


func test_the_scene_may_change() -> void:
	check(get_tree().current_scene != null)
	get_tree().unload_current_scene()
	await frames(2)
	check(get_tree().current_scene == null)


func test_then_there_is_a_scene_again() -> void:
	check(get_tree().current_scene != null)


func test_errors_may_be_expected() -> void:
	expect_error("oh (dear|no)")
	push_error("oh dear")
	push_error("oh no")


func test_signals_are_heard() -> void:
	var renamings: Array[Array] = heard(renamed)
	name = "Other"
	equal(renamings, [[]])


func test_numbers_are_equal_across_types_but_not_identical() -> void:
	equal({"a": [1, &"x"]}, {"a": [1.0, "x"]})
	identical([NAN, 1], [NAN, 1])
	near(Vector2(1, 2), Vector2(1.0001, 2))
	contains("castle", "cast")
	contains([1, 2], 2.0)
	contains({"a": 1}, "a")
"""


@pytest.fixture(scope="module")
def broken_project(addon_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with the suites in which something is wrong, and one in which nothing is."""
    project = tmp_path_factory.mktemp("broken")
    # With all that Godot has imported, so that it need not do that once more.
    shutil.copytree(addon_project, project, dirs_exist_ok=True)
    for name, (source, _) in BROKEN.items():
        base = "Node" if name == "not_a_suite" else "BrainsTest"
        (project / "tests" / f"test_{name}.gd").write_text(f"extends {base}\n{source}\n")
    (project / "tests" / "test_sound.gd").write_text(SOUND)
    return project


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_wrong_in_a_suite_is_seen(godot: str, broken_project: Path, name: str) -> None:
    run = run_suite(godot, broken_project, f"test_{name}.gd")
    assert re.search(BROKEN[name][1], run.report()), run.report()


def test_a_suite_that_never_gives_a_frame_is_killed(godot: str, broken_project: Path, tmp_path: Path) -> None:
    source = "extends BrainsTest\nfunc test_x() -> void:\n\tcheck(true)\n\twhile true:\n\t\tpass\n"
    (broken_project / "tests" / "test_hangs.gd").write_text(source)
    run = run_suite(godot, broken_project, "test_hangs.gd", timeout=3)
    assert "killed after 3 s" in run.report()
    assert "test_x:\n  - did not come to its end" in run.report()


def test_a_sound_suite_has_an_empty_report(godot: str, broken_project: Path) -> None:
    run = run_suite(godot, broken_project, "test_sound.gd")
    assert run.report() == ""
    assert len(run.tests) == 7


def test_tests_that_did_not_run_are_missed(godot: str, broken_project: Path) -> None:
    run = run_suite(godot, broken_project, "test_sound.gd", "--only=test_the_scene_may_change")
    assert "not run: test_an_instance_of_its_own, test_nothing_is_left_of_the_one_before, " in run.report()
    assert len(run.tests) == 1


def test_a_script_that_does_not_load_is_counted(godot: str, broken_project: Path) -> None:
    done = load_scripts(godot, broken_project)
    assert done.returncode == 1
    for name in ("parse_error", "type_error", "untyped"):
        assert f"broken: res://tests/test_{name}.gd\n" in done.stdout


def test_a_warning_in_an_addon_counts(godot: str, broken_project: Path) -> None:
    """Godot looks over what is wrong below `res://addons`, unless the project's settings say otherwise."""
    other = broken_project / "addons" / "other"
    other.mkdir()
    (other / "untyped.gd").write_text("extends Node\n\n\nfunc f():\n\tpass\n")
    done = load_scripts(godot, broken_project)
    assert "broken: res://addons/other/untyped.gd\n" in done.stdout
    assert done.returncode == 1


def test_nothing_without_a_screen_waits_for_a_frame_that_is_drawn() -> None:
    """Without a screen no such frame ever comes, and what awaits it hangs. The pictures are taken on a screen."""
    drawn = [path for path in (*DEMO.rglob("*.gd"), *HERE.rglob("*.gd")) if "frame_post_draw" in path.read_text()]
    assert {path.relative_to(HERE).parts[0] for path in drawn} <= {"shots"}


def test_errors_go_to_the_test_during_which_they_came() -> None:
    mark = '@@brains-test {"event": "%s", "test": "%s"}'
    stdout = [mark % ("begin", "a"), mark % ("begin", "b"), '@@brains-test {"event": "finished"}']
    stderr = [
        "ERROR: before",
        mark % ("begin", "a"),
        "USER ERROR: one",
        "   at: somewhere",
        mark % ("end", "a"),
        "WARNING: between",
        mark % ("begin", "b"),
        "SCRIPT ERROR: two",
        "by the way",
        mark % ("end", "b"),
        "a word",
    ]
    run: Run = read_run("\n".join(stdout), "\n".join(stderr))
    assert run.faults == ["ERROR: before", "WARNING: between"]
    assert run.tests["a"].errors == ["USER ERROR: one\n   at: somewhere"]
    assert run.tests["b"].errors == ["SCRIPT ERROR: two\nby the way"]
    assert run.output == "a word\n"
