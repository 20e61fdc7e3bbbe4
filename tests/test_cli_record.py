"""`--record` on commands as people run them: a server with a token, one that is killed, a model, and Godot."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from brains.recording import open_recording
from brains.trace import Recording
from tests.fakes.session import frame, hello
from tests.test_cli_serve import PROMPT, TREE, serving

ROOT = Path(__file__).parent.parent
SECRET = "open-sesame-4711"


@pytest.fixture
def castle(tmp_path: Path) -> Path:
    """A folder with a tree, a prompt and settings."""
    folder = tmp_path / "project"
    (folder / "castle").mkdir(parents=True)
    (folder / "prompts").mkdir()
    (folder / "castle" / "guard.py").write_text(TREE)
    (folder / "prompts" / "hostile.j2").write_text(PROMPT)
    (folder / "brains.toml").write_text('port = 0\nmodel = "scripted"\ntrees = "castle"\n')
    return folder


def brains(*args: str, folder: Path = ROOT, timeout: float = 50, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "brains", *args],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **env},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


async def play(url: str, ticks: int) -> None:
    """Play a game of one guard, with the token."""
    async with connect(url, proxy=None) as game:
        await game.send(hello(token=SECRET, client={"name": "a game"}))
        await game.recv()
        actions = [{"name": "Attack"}, {"name": "Patrol"}]
        await game.send(frame("agents", epoch=0, add=[{"id": "g", "brain": "guard", "actions": actions}], remove=[]))
        await game.recv()
        for seq in range(1, ticks + 1):
            looks = "a masked man" if seq % 10 < 5 else "a girl"
            agents = {"g": {"me": {"looks": looks}}}
            await game.send(frame("snapshot", seq=seq, time_ms=seq * 100, epoch=0, frame=0, agents=agents))
            while '"type":"actions"' not in str(await game.recv()):
                pass


async def written(file: Path, tick: int) -> None:
    """Wait until a tick is in the file."""
    async with asyncio.timeout(20):
        while b'"type":"done","agent":1,"tick":%d,' % tick not in await asyncio.to_thread(file.read_bytes):
            await asyncio.to_thread(os.sched_yield)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.parametrize("ending", ["SIGINT", "SIGKILL"])
async def test_a_server_with_a_token_records_all_but_the_token(castle: Path, ending: str) -> None:
    file = castle / "run.jsonl"
    async with serving(castle, "--record", "run.jsonl", BRAINS_TOKEN=SECRET) as (process, url):
        await play(url, 40)
        if ending == "SIGKILL":
            await written(file, 40)
        process.send_signal(getattr(signal, ending))
        await process.wait()
    recording = await asyncio.to_thread(open_recording, file)
    assert recording.is_ended == (ending == "SIGINT")
    assert SECRET not in await asyncio.to_thread(file.read_text)
    done = await asyncio.to_thread(brains, "replay", "run.jsonl", folder=castle)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("40 ticks, ")
    assert done.stdout.endswith(", 0 differences\n")


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT for another process")
async def test_a_recording_that_a_debugger_began_is_ended_with_the_server(castle: Path) -> None:
    async with serving(castle) as (process, _):
        done = await asyncio.to_thread(
            brains, "debug", "--pid", str(process.pid), "-c", "record on late.jsonl", folder=castle
        )
        assert done.returncode == 0, done.stderr
        process.send_signal(signal.SIGINT)
        await process.wait()
    assert (await asyncio.to_thread(open_recording, castle / "late.jsonl")).is_ended


def test_what_cannot_be_recorded_to_is_said_before_anything_starts(castle: Path) -> None:
    (castle / "notes.txt").write_text("mine\n")
    done = brains("serve", "--record", "notes.txt", folder=castle)
    assert done.returncode == 1
    assert "there is something else in this file: name another one" in done.stderr
    done = brains("serve", "--record", "no/such/run.jsonl", folder=castle)
    assert "cannot be written: No such file" in done.stderr


def demo_and_replay(file: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Play the demo, recorded, and replay it."""
    played = brains("demo", *options, "--plain", "--record", str(file), timeout=170)
    assert file.exists(), played.stderr
    return brains("replay", str(file))


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_demo_with_the_small_model_is_replayed_without_a_difference(model_path: Path, tmp_path: Path) -> None:
    file = tmp_path / "run.jsonl"
    done = demo_and_replay(file, "--seconds", "12", "--model", f"embedded:{model_path}")
    assert done.stdout.endswith(", 0 differences\n"), done.stdout + done.stderr
    questions = [one for life in open_recording(file).lives.values() for one in life.questions.values()]
    assert questions


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_demo_in_godot_is_replayed_without_a_difference(godot: str, tmp_path: Path) -> None:
    file = tmp_path / "run.jsonl"
    done = demo_and_replay(file, "--godot", godot, "--headless", "--actions", "10", "--model", "scripted")
    assert done.stdout.endswith(", 0 differences\n"), done.stdout + done.stderr
    actions = sum(tick.done is not None and tick.done.order is not None for _, tick in open_recording(file).ticks())
    assert actions >= 10


def killed_demo_that_replays(file: Path, enough: bytes, times: int, *options: str) -> Recording:
    """Record the demo, kill all of it with -9 once `enough` is in the file so many times, and replay what there is."""
    command = [sys.executable, "-m", "brains", "demo", *options, "--seconds", "600", "--plain", "--record", str(file)]
    with file.with_suffix(".log").open("wb") as log:
        # A group of its own, so that a Godot that it has started is killed at the same moment.
        demo = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
    try:
        while demo.poll() is None and (not file.exists() or len(re.findall(enough, file.read_bytes())) < times):
            time.sleep(0.05)
        assert demo.poll() is None, file.with_suffix(".log").read_text()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(demo.pid, signal.SIGKILL)
        demo.wait()
    done = brains("replay", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith(", 0 differences\n"), done.stdout
    recording = open_recording(file)
    assert not recording.is_ended
    return recording


def short_prompts(folder: Path) -> Path:
    """Return a copy of the prompts with two examples each: the model reads them all before the demo begins."""
    shutil.copytree(ROOT / "prompts", folder)
    for file in folder.rglob("*.j2"):
        lines = file.read_text().splitlines(keepends=True)
        examples = [line for line in lines if line.startswith("  - {")]
        file.write_text("".join(line for line in lines if line not in examples[2:]))
    return folder


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_demo_with_the_small_model_is_replayed_up_to_where_it_was_killed(model_path: Path, tmp_path: Path) -> None:
    file = tmp_path / "run.jsonl"
    options = ["--model", f"embedded:{model_path}", "--prompts", str(short_prompts(tmp_path / "prompts"))]
    recording = killed_demo_that_replays(file, rb'"answers":\[{"question":\d+,"decision"', 1, *options)
    answered = [one for _, tick in recording.ticks() for one in tick.turn.answers if one.decision is not None]
    assert answered


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_demo_in_godot_is_replayed_up_to_where_it_was_killed(godot: str, tmp_path: Path) -> None:
    file = tmp_path / "run.jsonl"
    options = ["--godot", godot, "--headless", "--model", "scripted"]
    recording = killed_demo_that_replays(file, b'"order":{', 3, *options)
    assert sum(tick.done is not None and tick.done.order is not None for _, tick in recording.ticks()) >= 3
