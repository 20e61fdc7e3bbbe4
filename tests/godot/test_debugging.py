"""The session of docs/debugger.md, typed into a real terminal while a real Godot plays."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from brains.recording import open_recording
from tests.conftest import lacking
from tests.godot.yard import copy_of_the_yard

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "debugger.md"
PROMPT = re.compile(r"^\(guard_1 (runs|\d+ .*?)\) ?(?P<typed>.*)$")
COLUMNS, ROWS = 150, 60

EXPECTED = {
    "pause": r"before .+  \[pause\]",
    'break */Respond if node.status != "RUNNING"': r"1 node guard_1:\*/Respond at enter if .+ matches guard_1:Guard/",
    "continue": r"before Respond \(LLMAction\)  \[breakpoint 1\]",
    "prompt": r"user\| .+",
    "edit": r"read again: guard/respond",
    "rerun --apply": r"the leaf takes it in its next visit",
    "force Is the stranger hostile? success --keep": r"gives SUCCESS until you say otherwise",
    "step --any": r"after Respond \(LLMAction\) ▶ RUNNING",
    "finish": r"after Deal with a stranger \(Sequence\) ▶ RUNNING",
    "delete": r"deleted 1",
    "tick 2": r"between ticks, RUNNING",
    "why": r"Is the stranger hostile\?",
    "history -n 3": r"tick +time +status",
}
"""What each command of the page has to show."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


class Terminal:
    """A shell in tmux."""

    def __init__(self, folder: Path, **env: str) -> None:
        self._socket = f"brains-test-{os.getpid()}"
        shell = ["env", *(f"{name}={value}" for name, value in env.items()), "bash", "--norc"]
        size = ["-x", str(COLUMNS), "-y", str(ROWS)]
        self.tmux("-f", os.devnull, "new-session", "-d", "-s", "one", *size, "-c", str(folder), *shell)

    def tmux(self, *arguments: str) -> str:
        """Give a command to tmux; return what it prints."""
        return subprocess.run(
            ["tmux", "-L", self._socket, *arguments], capture_output=True, text=True, check=True, timeout=20
        ).stdout

    def type(self, line: str) -> None:
        """Type a line."""
        self.tmux("send-keys", "-t", "one", "-l", line)
        self.tmux("send-keys", "-t", "one", "Enter")

    def screen(self) -> list[str]:
        """Return what stands there, also above the screen."""
        text = self.tmux("capture-pane", "-p", "-J", "-S", "-5000", "-t", "one")
        return [line.rstrip() for line in text.rstrip().splitlines()]

    def until(self, pattern: str, *, within: float = 90.0, after: int = 0) -> list[str]:
        """Wait until the last line is as wanted; return the lines from `after` on."""
        end = time.monotonic() + within
        while time.monotonic() < end:
            lines = self.screen()
            if len(lines) > after and re.search(pattern, lines[-1]):
                return lines[after:]
            time.sleep(0.1)
        raise AssertionError(f"no {pattern!r} in the last line of\n" + "\n".join(self.screen()[-40:]))

    def command(self, line: str) -> str:
        """Type a command of the debugger; return what it shows before the next prompt."""
        before = len(self.screen())
        self.type(line)
        return "\n".join(self.until(r"^\(guard_1 [^)]*\)$", after=before))

    def close(self) -> None:
        """End it."""
        subprocess.run(["tmux", "-L", self._socket, "kill-server"], capture_output=True, check=False, timeout=20)


def typed_in(page: str) -> list[str]:
    """Return the commands of the page's session, in order."""
    block = re.search(r"```text\n(\$ brains debug guard_1\n.*?)```", page, re.DOTALL)
    assert block is not None
    found = [PROMPT.match(line) for line in block[1].splitlines()]
    return [match["typed"] for match in found if match is not None and match["typed"]]


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    if shutil.which("tmux") is None:
        lacking("no tmux, in which the debugger is typed to")
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\nsed -i 's/^Label each event at the castle/&, soberly,/' \"$1\"\n")
    editor.chmod(0o755)
    # A control socket's path is short.
    with tempfile.TemporaryDirectory(prefix="brains-") as runtime:
        env = {"BRAINS_RUNTIME_DIR": runtime, "EDITOR": str(editor), "HOME": str(tmp_path), "PS1": "$ "}
        opened = Terminal(tmp_path, PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}", TERM="tmux", **env)
        try:
            yield opened
        finally:
            opened.close()


def test_the_session_of_the_page_in_a_real_terminal_and_a_real_godot(
    godot: str, tmp_path: Path, terminal: Terminal
) -> None:
    project = copy_of_the_yard(tmp_path)
    shutil.copytree(ROOT / "prompts", tmp_path / "prompts")
    options = ["--project", str(project), "--headless", "--seconds", "150", "--model", "scripted", "--plain"]
    folders = ["--trees", str(ROOT / "trees"), "--prompts", str(tmp_path / "prompts")]
    runtime = re.search(r"BRAINS_RUNTIME_DIR=(\S+)", _environment(terminal))
    assert runtime is not None
    with (tmp_path / "demo.log").open("wb") as log:
        demo = subprocess.Popen(
            [sys.executable, "-m", "brains", "demo", "--godot", godot, *options, *folders, "--record", "run.jsonl"],
            cwd=tmp_path, stdout=log, stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "BRAINS_RUNTIME_DIR": runtime[1]},
        )  # fmt: skip
    try:
        _wait_for_game(terminal)
        terminal.type("brains debug guard_1")
        terminal.until(r"^\(guard_1 runs\)$")
        commands = typed_in(PAGE.read_text(encoding="utf-8"))
        assert commands == list(EXPECTED)
        for line in commands:
            shown = terminal.command(line)
            assert re.search(EXPECTED[line], shown), f"{line}:\n{shown}"
        assert "soberly" in (tmp_path / "prompts" / "guard" / "respond.j2").read_text()
        terminal.tmux("send-keys", "-t", "one", "C-d")
        terminal.until(r"^\$$")
        assert "guard_1 goes on" in terminal.screen()
    finally:
        demo.terminate()
        demo.wait(timeout=30)
    _check_the_recording(tmp_path / "run.jsonl")


def _environment(terminal: Terminal) -> str:
    terminal.type("env | grep BRAINS")
    return "\n".join(terminal.until(r"^\$$"))


def _wait_for_game(terminal: Terminal) -> None:
    """Wait until the guard is there."""
    for _ in range(60):
        before = len(terminal.screen())
        terminal.type("brains ctl agents guard_1")
        if any("guard_1" in line and "running" in line for line in terminal.until(r"^\$$", after=before)):
            return
        time.sleep(1)
    raise AssertionError("the game has not begun")


def _check_the_recording(file: Path) -> None:
    """While one was held, the others missed no tick; and the game has taken what it ordered in the end."""
    recording = open_recording(file)
    lives = {life.id: life for life in recording.lives.values()}
    for name, life in lives.items():
        numbers = list(life.ticks)
        assert numbers == list(range(1, len(numbers) + 1)), name
    held = len(lives["guard_1"].ticks)
    others = {name: len(life.ticks) for name, life in lives.items() if name != "guard_1"}
    assert min(others.values()) > held, "the others were ticked while the guard stood"
    results = [
        result.status for tick in lives["guard_1"].ticks.values() for result in tick.turn.results
    ]  # fmt: skip
    assert "running" in results or "success" in results
