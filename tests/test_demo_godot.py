"""`brains demo --godot` with a stand-in for Godot: what is started, and what its end means."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from brains.cli._demo import cast
from brains.cli._demo.deeds import DEEDS
from brains.cli._demo.engine import CACHE, find_engine, needs_import
from brains.cli._demo.godot import GodotLog
from brains.cli.demo import command
from brains.models.scripted import ScriptedModel

ROOT = Path(__file__).parent.parent
FOLDERS = ["--trees", str(ROOT / "trees"), "--prompts", str(ROOT / "prompts")]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a script with a first line")

FAKE = f"""\
#!{sys.executable}
import asyncio, json, os, pathlib, signal, sys, time

sys.path.insert(0, {str(ROOT)!r})
arguments = sys.argv[1:]
here = pathlib.Path(__file__).parent
with (here / "calls.jsonl").open("a") as calls:
    print(json.dumps(arguments), file=calls)


def value(name):
    return next((one.partition("=")[2] for one in arguments if one.startswith(f"--{{name}}=")), None)


def play(seconds):
    from brains.cli._demo.client import GameClient
    from brains.cli._demo.yard import Yard
    from brains.loading import load_trees

    class Silent:
        def news(self, who, text): pass
        def speech(self, agent, text, done): pass
        def problem(self, text): pass

    actions = load_trees({str(ROOT / "trees")!r}).actions
    game = GameClient(value("brains-url"), Yard(0), actions, rate=10, speed=10, watcher=Silent())
    asyncio.run(game.play(seconds, asyncio.Event()))


if arguments == ["--version"]:
    print("VERSION")
elif "--import" in arguments:
    cache = pathlib.Path(arguments[arguments.index("--path") + 1], ".godot", "global_script_class_cache.cfg")
    cache.parent.mkdir(exist_ok=True)
    cache.touch()
else:
    print("Godot Engine", flush=True)
SCRIPT
"""
PLAYS = """\
    play(10)
    if file := value("summary"):
        pathlib.Path(file).write_text('{"finished": 20, "results": {"success": 20}}')
"""


@pytest.fixture(autouse=True)
def logs_of_failures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what is left for the user to read out of the machine's folder for that."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "project.godot").write_text("config_version=5\n")
    return folder


@pytest.fixture
def fake(tmp_path: Path) -> Callable[..., str]:
    """Make a program that behaves like Godot: `script` is what it does as the game."""

    def make(script: str = PLAYS, version: str = "4.6.3.stable.custom") -> str:
        path = tmp_path / "bin" / "godot"
        path.parent.mkdir(exist_ok=True)
        path.write_text(FAKE.replace("SCRIPT", script).replace("VERSION", version))
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return str(path)

    return make


def calls(godot: str) -> list[list[str]]:
    """Return what the stand-in was started with, but for its version."""
    lines = (Path(godot).parent / "calls.jsonl").read_text().splitlines()
    return [call for call in map(json.loads, lines) if call != ["--version"]]


def demo(*args: str) -> Result:
    return CliRunner().invoke(command, [*FOLDERS, *args], obj=ScriptedModel())


# --- a game that goes well -------------------------------------------------------------------------------------------


@pytest.mark.may_block
def test_a_game_is_played_and_summed_up(fake: Callable[..., str], project: Path) -> None:
    godot = fake()
    result = demo("--godot", godot, "--project", str(project), "--headless", "--actions", "20", "--json")
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert summary["ok"]
    assert summary["ticks"] > 0
    assert summary["game"]["finished"] == 20
    read_in, played = calls(godot)
    assert read_in == ["--headless", "--path", str(project), "--import"]
    engine, game = played[: played.index("--")], played[played.index("--") + 1 :]
    assert engine == ["--headless", "--max-fps", "60", "--path", str(project)]
    assert [one.partition("=")[0] for one in game] == [
        "--brains-url", "--seed", "--autopilot", "--quit-after-actions", "--summary",
    ]  # fmt: skip


def in_terminal(godot: str, folder: Path, *args: str, **environment: str) -> str:
    """Run the demo in a terminal, with trees that have a yard for Godot beside them; return what it says."""
    for name in ("trees", "prompts"):
        shutil.copytree(ROOT / name, folder / name)
    (folder / "godot_demo").mkdir()
    (folder / "godot_demo" / "project.godot").write_text("config_version=5\n")
    arguments = ["demo", "--model", "scripted", "--seconds", "1", *args]
    folders = ["--trees", str(folder / "trees"), "--prompts", str(folder / "prompts")]
    screens = {"DISPLAY": "", "WAYLAND_DISPLAY": ""}
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "brains", *arguments, *folders],
        cwd=folder, env={**os.environ, "GODOT": godot, "TERM": "xterm", **screens, **environment},
        stdin=theirs, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    said = b""
    # Linux says at the end of a terminal that it cannot be read.
    with contextlib.suppress(OSError):
        while piece := os.read(ours, 4096):
            said += piece
    os.close(ours)
    assert process.wait(60) in (0, 1)
    return said.decode(errors="replace")


@pytest.mark.may_block
@pytest.mark.timeout(90)
def test_where_there_are_a_godot_and_a_screen_the_demo_is_a_game(fake: Callable[..., str], tmp_path: Path) -> None:
    godot = fake("    play(0.3)\n")
    said = in_terminal(godot, tmp_path / "a", DISPLAY=":7")
    assert "There is a Godot" in said, said
    assert calls(godot), said
    assert "--autopilot" not in calls(godot)[-1]
    assert str(tmp_path / "a" / "godot_demo") in calls(godot)[-1]


@pytest.mark.may_block
@pytest.mark.timeout(90)
@pytest.mark.skipif(sys.platform == "darwin", reason="there is always a screen")
def test_elsewhere_the_demo_is_for_the_terminal(fake: Callable[..., str], tmp_path: Path) -> None:
    godot = fake()
    for name, args, display in (("a", [], ""), ("b", ["--terminal"], ":7"), ("c", ["--rate", "5"], ":7")):
        assert "There is a Godot" not in in_terminal(godot, tmp_path / name, *args, DISPLAY=display)
    assert in_terminal("/no/such/godot", tmp_path / "d", DISPLAY=":7").count("There is a Godot") == 0
    assert not (Path(godot).parent / "calls.jsonl").exists() or calls(godot) == []


def test_terminal_and_godot_exclude_each_other() -> None:
    result = demo("--terminal", "--godot")
    assert result.exit_code == 2
    assert "exclude each other" in result.output


@pytest.mark.may_block
def test_a_project_is_read_in_once(fake: Callable[..., str], project: Path) -> None:
    godot = fake()
    for _ in range(2):
        demo("--godot", godot, "--project", str(project), "--headless", "--seconds", "5")
    assert ["--import" in call for call in calls(godot)] == [True, False, False]


@pytest.mark.may_block
def test_who_closes_the_window_gets_the_summary(fake: Callable[..., str], project: Path) -> None:
    result = demo("--godot", fake("    play(0.3)\n"), "--project", str(project), "--plain")
    assert result.exit_code == 0, result.output
    assert "answered" in result.stdout


@pytest.mark.may_block
def test_a_window_has_no_autopilot(fake: Callable[..., str], project: Path) -> None:
    godot = fake("    play(0.3)\n")
    demo("--godot", godot, "--project", str(project), "--plain")
    assert "--autopilot" not in calls(godot)[-1]
    assert "--headless" not in calls(godot)[-1]


@pytest.mark.may_block
def test_godot_is_found_in_the_environment_and_on_the_path(
    fake: Callable[..., str], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    godot = fake("    play(0.3)\n")
    for name, value in (("GODOT", godot), ("PATH", str(Path(godot).parent))):
        monkeypatch.setenv("GODOT", "")
        monkeypatch.setenv(name, value)
        result = demo("--godot", "--headless", "--project", str(project), "--seconds", "5")
        assert "no Godot" not in result.output
    assert len(calls(godot)) == 3


# --- a game that does not --------------------------------------------------------------------------------------------


@pytest.mark.may_block
def test_a_game_that_dies_at_once_shows_its_last_lines(fake: Callable[..., str], project: Path) -> None:
    script = "    print('no display'); sys.exit(7)\n"
    result = demo("--godot", fake(script), "--project", str(project), "--plain")
    assert result.exit_code == 1
    said = str(result.exception)
    assert "never asked for a decision" in said
    assert "exit code 7" in said
    assert "no display" in said
    assert Path(said.rpartition(" is in ")[2].strip()).read_text() == "Godot Engine\nno display\n"


@pytest.mark.may_block
def test_a_game_that_dies_later_is_a_problem(fake: Callable[..., str], project: Path) -> None:
    script = "    play(3); os.kill(os.getpid(), signal.SIGSEGV)\n"
    result = demo("--godot", fake(script), "--project", str(project), "--headless", "--json")
    assert result.exit_code == 1
    assert any("SIGSEGV" in problem for problem in json.loads(result.stdout)["problems"])


@pytest.mark.may_block
@pytest.mark.parametrize("line", ["SCRIPT ERROR: Invalid call.", "ERROR: boo", "USER ERROR: hoo"])
def test_an_error_in_godots_output_is_a_problem(fake: Callable[..., str], project: Path, line: str) -> None:
    script = f"    print({line!r}, file=sys.stderr); play(5)\n"
    result = demo("--godot", fake(script), "--project", str(project), "--headless", "--json")
    assert result.exit_code == 1
    problems = json.loads(result.stdout)["problems"]
    assert problems[0] == f"Godot: {line}"
    assert "godot.log" in problems[-1]


@pytest.mark.may_block
def test_actions_that_are_not_finished_in_time_are_a_problem(fake: Callable[..., str], project: Path) -> None:
    result = demo(
        "--godot", fake("    play(5); sys.exit(1)\n"), "--project", str(project),
        "--headless", "--actions", "20", "--seconds", "9", "--json",
    )  # fmt: skip
    assert result.exit_code == 1
    assert "the game did not finish 20 actions in 9 s" in json.loads(result.stdout)["problems"]


DEAF = """\
    signal.signal(signal.SIGTERM, lambda *_: print("SIGTERM", flush=True))
    play(3)
    print("played", flush=True)
    time.sleep(0.1)
    (here / "pid").write_text(str(os.getpid()))
    while True: time.sleep(0.1)
"""


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_game_too(fake: Callable[..., str], project: Path, kind: signal.Signals) -> None:
    """Even one that does not listen."""
    godot = fake(DEAF.replace("while True", "signal.signal(signal.SIGINT, signal.SIG_IGN)\n    while True"))
    arguments = ["--model", "scripted", "--plain", "--godot", godot, "--project", str(project), "--headless"]
    process = subprocess.Popen(
        [sys.executable, "-m", "brains", "demo", *FOLDERS, *arguments], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    pid_file = Path(godot).parent / "pid"
    while not pid_file.exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(kind)
    output, _ = process.communicate(timeout=20)
    assert process.returncode == 0, output
    assert "answered" in output
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)


# --- options that cannot work ----------------------------------------------------------------------------------------


def test_an_old_godot_is_refused(fake: Callable[..., str], project: Path) -> None:
    result = demo("--godot", fake(version="4.3.stable.official"), "--project", str(project))
    assert result.exit_code == 1
    assert "is Godot 4.3.stable.official, and the addon needs 4.4 or newer" in str(result.exception)


@pytest.mark.parametrize("said", ["", "hello", "python 3.11"])
def test_what_is_no_godot_is_refused(fake: Callable[..., str], project: Path, said: str) -> None:
    result = demo("--godot", fake(version=said), "--project", str(project))
    assert "is it Godot?" in str(result.exception)


def test_no_godot_at_all_says_where_to_get_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("GODOT", raising=False)
    result = demo("--godot", "--headless")
    assert result.exit_code == 1
    assert "godotengine.org" in str(result.exception)


def test_a_path_that_is_not_there_is_named(tmp_path: Path) -> None:
    result = demo("--godot", str(tmp_path / "godot"))
    assert "there is no such program" in str(result.exception)


def test_a_folder_without_a_project_is_refused(fake: Callable[..., str], tmp_path: Path) -> None:
    result = demo("--godot", fake(), "--project", str(tmp_path))
    assert "there is no project.godot in it" in str(result.exception)


def test_without_a_castle_yard_beside_the_trees_it_says_how_to_get_one(
    fake: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "trees").mkdir()
    args = ["--trees", str(tmp_path / "trees"), "--prompts", str(ROOT / "prompts"), "--godot", fake()]
    result = CliRunner().invoke(command, args, obj=ScriptedModel())
    assert "git clone" in str(result.exception)


@pytest.mark.parametrize(
    "args",
    [["--headless"], ["--actions", "3"], ["--project", "x"], ["--godot", "--rate", "5"], ["--godot", "--speed", "2"]],
)
def test_options_without_an_effect_are_refused(args: list[str]) -> None:
    result = demo(*args)
    assert result.exit_code == 2
    assert "works with --godot only" in result.output or "is for the terminal" in result.output


@pytest.mark.may_block
def test_a_project_that_cannot_be_read_in_says_why(fake: Callable[..., str], project: Path) -> None:
    godot = Path(fake())
    godot.write_text(godot.read_text().replace("cache.touch()", "sys.exit('it is broken')"))
    result = demo("--godot", str(godot), "--project", str(project), "--headless")
    assert result.exit_code == 1
    assert "could not read" in str(result.exception)
    assert "it is broken" in str(result.exception)


# --- parts -----------------------------------------------------------------------------------------------------------


def test_an_application_of_macos_is_a_folder(fake: Callable[..., str], tmp_path: Path) -> None:
    program = tmp_path / "Godot.app" / "Contents" / "MacOS" / "Godot"
    program.parent.mkdir(parents=True)
    Path(fake()).rename(program)
    assert find_engine(str(tmp_path / "Godot.app")) == (str(program), "4.6.3.stable.custom")


def test_a_path_in_the_current_folder_is_not_looked_for_elsewhere(
    fake: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    godot = fake()
    monkeypatch.chdir(Path(godot).parent)
    assert find_engine("./godot").command == godot


def test_new_scripts_are_read_in(project: Path) -> None:
    assert needs_import(project)
    (project / CACHE).parent.mkdir()
    (project / CACHE).touch()
    assert not needs_import(project)
    (project / ".#new.gd").symlink_to("somebody@somewhere.1234")
    assert not needs_import(project)
    script = project / "new.gd"
    script.touch()
    os.utime(script, (time.time() + 9, time.time() + 9))
    assert needs_import(project)


def test_a_line_counts_once_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "godot.log"
    path.write_text("ERR")
    log = GodotLog(path)
    assert log.read() == []
    with path.open("a") as file:
        file.write("OR: a\nWARNING: b\n  ERROR: c\nd")
    assert log.read() == ["ERROR: a"]
    assert log.tail() == "ERROR: a\nWARNING: b\n  ERROR: c\nd"


# --- the castle yard in Godot is the terminal's ----------------------------------------------------------------------


def plain(visitor: cast.Visitor) -> dict[str, Any]:
    lines = {"first": [visitor.first.does, visitor.first.says], "then": [visitor.then.does, visitor.then.says]}
    return {"manner": visitor.manner, "looks": visitor.looks, **lines}


def test_both_yards_have_the_same_words() -> None:
    words = json.loads((ROOT / "godot_demo" / "data" / "cast.json").read_text())
    assert words == {
        "stranger": [plain(visitor) for visitor in cast.STRANGERS],
        "customer": [plain(visitor) for visitor in cast.CUSTOMERS],
        "happenings": list(cast.HAPPENINGS),
        "rumours": list(cast.RUMOURS),
        "passers": list(cast.PASSERS),
    }


@pytest.mark.parametrize("brain", ["guard", "doorkeeper", "merchant", "villager", "thief", "dog"])
def test_both_yards_have_the_same_actions(brain: str) -> None:
    from trees import actions

    scene = (ROOT / "godot_demo" / "scenes" / f"{brain}.tscn").read_text()
    for name in (name for name, deed in DEEDS.items() if brain in deed.brains):
        assert f'name = &"{name}"' in scene
        for field in msgspec.structs.fields(getattr(actions, name)):
            assert f'name = &"{field.name}"' in scene


def test_a_machine_without_sound_is_not_the_games_fault(tmp_path: Path) -> None:
    path = tmp_path / "godot.log"
    path.write_text(
        "ERROR: cannot open\n   at: init_output_device (drivers/alsa/audio_driver_alsa.cpp:90)\n"
        "ERROR: theirs\n   at: push_error (core/variant/variant_utility.cpp:1024)\nERROR: the last\n"
    )
    log = GodotLog(path)
    assert log.read() == ["ERROR: theirs"]
    assert log.read(ended=True) == ["ERROR: the last"]
