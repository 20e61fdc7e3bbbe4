"""`brains debug`, `ctl` and `watch` as users run them: processes of their own, a real server, a game that plays on."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from brains.agent import Agent
from brains.loading import load_trees
from brains.recording import FileSink
from brains.reload import load_prompts
from brains.snapshot import AgentSnapshot
from brains.testing import ScriptedAsker
from brains.trace import Recorder
from tests.game_client import GameClient

ROOT = Path(__file__).parent.parent
TREE = '''
from brains import Action, GameAction, LLMCondition, ReactiveSelector, ReactiveSequence, brain

class Attack(GameAction):
    target: str

class Patrol(GameAction):
    route: str = "wall"

@brain("guard")
def guard():
    """Attacks whoever the model takes for an enemy."""
    return ReactiveSelector("Guard", [
        ReactiveSequence("Fight", [
            LLMCondition("Hostile?", prompt="hostile", inputs={"looks": lambda agent: agent.me["looks"]}),
            Action("Attack", Attack(target="bandit")),
        ]),
        Action("Patrol", Patrol()),
    ])
'''
PROMPT = """---
description: Is the stranger a threat?
answer: {danger: true, safe: false}
inputs: [looks]
examples:
  - {looks: a masked man, answer: danger}
  - {looks: a girl with flowers, answer: safe}
---
system:
Label the stranger as danger or safe.
user:
{{ looks }}
"""
LINE = 1 + next(number for number, line in enumerate(TREE.splitlines()) if "LLMCondition(" in line)
LOOKS = "a masked man \x1b[2J with a knife"

Json = dict[str, Any]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(150), pytest.mark.may_block]


@pytest.fixture
def runtime() -> Iterator[Path]:
    """A folder for control sockets of this test only; its name is short."""
    with tempfile.TemporaryDirectory(prefix="brains-") as name:
        yield Path(name)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a tree, a prompt and settings."""
    folder = tmp_path / "project"
    (folder / "castle").mkdir(parents=True)
    (folder / "prompts").mkdir()
    (folder / "castle" / "guard.py").write_text(TREE)
    (folder / "prompts" / "hostile.j2").write_text(PROMPT)
    (folder / "brains.toml").write_text('port = 0\nmodel = "scripted"\ntrees = "castle"\n')
    return folder


async def start(folder: Path, runtime: Path, *arguments: str, **env: str) -> Process:
    clean = {key: value for key, value in os.environ.items() if key not in ("BRAINS_TOKEN", "OLLAMA_HOST", "EDITOR")}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-W", "error", "-m", "brains", *arguments,
        cwd=folder, stdin=PIPE, stdout=PIPE, stderr=PIPE,
        env={**clean, "PYTHONPATH": str(ROOT), "BRAINS_RUNTIME_DIR": str(runtime), "HOME": str(folder), **env},
    )  # fmt: skip


async def finished(folder: Path, runtime: Path, *arguments: str, typed: str = "", **env: str) -> tuple[int, str, str]:
    """Run a command to its end; return its exit code and what it printed."""
    process = await start(folder, runtime, *arguments, **env)
    out, said = await process.communicate(typed.encode())
    assert "Traceback" not in said.decode()
    assert process.returncode is not None
    return process.returncode, out.decode(), said.decode()


async def until(true: Callable[[], bool]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(45):
        while not true():  # noqa: ASYNC110 - it is in another process
            await asyncio.sleep(0.01)


class World:
    """A server that runs, and a game that plays on it."""

    def __init__(self, folder: Path, runtime: Path, server: Process, game: GameClient) -> None:
        self.folder = folder
        self.runtime = runtime
        self.server = server
        self.game = game

    async def brains(self, *arguments: str, typed: str = "", **env: str) -> str:
        """Run a command that has to succeed; return what it printed."""
        code, out, said = await finished(self.folder, self.runtime, *arguments, typed=typed, **env)
        assert code == 0, out + said
        return out

    async def json(self, *arguments: str, typed: str = "") -> list[Json]:
        out = await self.brains(*arguments, "--json", typed=typed)
        return [json.loads(line) for line in out.splitlines()]

    async def busy(self) -> list[str]:
        """Return who stands still, as the game hears it."""
        seen = len(self.game.said("actions"))
        await until(lambda: len(self.game.said("actions")) >= seen + 2)
        return list(self.game.said("actions")[-1].get("busy", []))

    async def until_free(self) -> None:
        await self.until_busy([])

    async def until_busy(self, agents: list[str]) -> None:
        """Wait until these agents stand still, and no others."""
        async with asyncio.timeout(45):
            while await self.busy() != agents:
                pass


@contextlib.asynccontextmanager
async def playing(project: Path, runtime: Path, *options: str) -> AsyncIterator[World]:
    """Serve, and have two guards play until the block ends."""
    server = await start(project, runtime, "serve", *options)
    assert server.stdout is not None
    try:
        line = (await server.stdout.readline()).decode()
        assert line.startswith("listening on"), (await server.stderr.read()).decode() if server.stderr else ""
        async with GameClient(line.split()[-1], {"g1": "guard", "g2": "guard"}, ["Attack", "Patrol"]) as game:
            game.world = {"g1": {"looks": LOOKS, "hp": 9}, "g2": {"looks": "a girl", "hp": 3}}
            world = World(project, runtime, server, game)
            ticking = asyncio.create_task(_play(game))
            try:
                yield world
            finally:
                ticking.cancel()
                await asyncio.gather(ticking, return_exceptions=True)
    finally:
        if server.returncode is None:
            server.kill()
        await server.communicate()


async def _play(game: GameClient) -> None:
    while True:
        await game.tick()
        await asyncio.sleep(0.02)


# --- a running game ------------------------------------------------------------------------------------------------


async def test_one_agent_is_stopped_looked_at_and_let_go_while_the_other_plays_on(project: Path, runtime: Path) -> None:
    async with playing(project, runtime) as world:
        out = await world.brains(
            "debug", "g1", "-c", "break */Hostile?:exit", "-c", "continue", "-c", "where", "-c", "prompt",
            "-c", "print me.hp", "-c", "agents", "-c", "list",
        )  # fmt: skip
        assert "after Hostile? (LLMCondition)" in out
        assert f"castle/guard.py:{LINE}" in out
        assert "Label the stranger as danger or safe." in out
        assert "a masked man" in out
        assert "\x1b" not in out, "nothing that would clear the screen"
        assert "\n9\n" in out
        assert f"{LINE} ->" in out
        await world.until_free()
        assert {"hold", "release"} <= {message["type"] for message in world.game.messages}


async def test_the_other_agent_misses_no_tick(project: Path, runtime: Path) -> None:
    record = project / "run.jsonl"
    async with playing(project, runtime, "--record", str(record)) as world:
        await world.json("debug", "g1", "-c", "pause", "-c", "step", "-c", "tick", "-c", "step")
        await world.until_free()
        world.server.terminate()
        await world.server.wait()
    from brains.recording import open_recording

    recording = open_recording(record)
    life = next(life for life in recording.lives.values() if life.id == "g2")
    numbers = list(life.ticks)
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) > 5


async def test_json_has_daps_words_and_raw_text(project: Path, runtime: Path) -> None:
    async with playing(project, runtime) as world:
        told = await world.json("debug", "g1", typed="pause\nprint me.looks\nstep\nwhere\n")
        stops = [one["body"] for one in told if one.get("event") == "stopped"]
        assert [one["reason"] for one in stops] == ["pause", "step"]
        assert {"agent", "node", "path", "tick", "file", "line", "phase"} <= stops[0].keys()
        values = [one["body"]["value"] for one in told if one.get("command") == "print"]
        assert values == [LOOKS]
        assert [one["command"] for one in told if "command" in one] == ["agent", "pause", "print", "step", "where"]


async def test_a_template_is_edited_and_the_question_asked_again(project: Path, runtime: Path) -> None:
    editor = f"{sys.executable} {project / 'editor.py'}"
    (project / "editor.py").write_text(
        "import pathlib, sys\n"
        "path = pathlib.Path(sys.argv[1])\n"
        "path.write_text(path.read_text().replace('Label the stranger', 'Name the stranger'))\n"
    )
    async with playing(project, runtime) as world:
        out = await world.brains(
            "debug", "g1", "-c", "break */Hostile?:exit", "-c", "continue", "-c", "edit", "-c", "prompt",
            "-c", "rerun -n 2", EDITOR=editor,
        )  # fmt: skip
        assert "read again: hostile" in out
        assert "+system| Name the stranger" in out
        assert "run 2" in out
        (project / "editor.py").write_text("import sys\nopen(sys.argv[1], 'w').write('---\\nanswer: [\\n')\n")
        code, out, _ = await finished(
            project, runtime, "debug", "g1", "-c", "template Hostile?", "-c", "edit Hostile?", EDITOR=editor
        )
        assert code == 1
        assert "the front matter has no end" in out
        assert "the last good one is in use" in out


async def test_a_forced_result_reaches_the_game(project: Path, runtime: Path) -> None:
    async with playing(project, runtime) as world:
        forced = ["force Hostile? failure --keep", "tick 2", "force Hostile? success --keep", "tick 2"]
        before = len(orders(world.game, "g1"))
        await world.brains("debug", "g1", *(part for line in ["pause", *forced] for part in ("-c", line)))
        await world.until_free()
        assert "Attack" in orders(world.game, "g1")[before:]
        assert "Patrol" in orders(world.game, "g1")


def orders(game: GameClient, agent: str) -> list[str]:
    """Return the names of the actions that an agent has ordered."""
    answers = game.said("actions")
    return [one["name"] for answer in answers for one in answer["actions"] if one["agent"] == agent]


async def test_a_killed_debugger_lets_its_agent_go(project: Path, runtime: Path) -> None:
    async with playing(project, runtime) as world:
        process = await start(project, runtime, "debug", "g1", "--json")
        assert process.stdin is not None
        process.stdin.write(b"break */Patrol\npause\n")
        await world.until_busy(["g1"])
        process.kill()
        await process.communicate()
        await world.until_free()
        (body,) = await world.json("ctl", "agents")
        assert [one.get("controller") for one in body["agents"]] == [None, None]


async def test_a_second_controller_is_refused_by_name_and_may_watch(project: Path, runtime: Path) -> None:
    async with playing(project, runtime) as world:
        process = await start(project, runtime, "debug", "g1", "--json")
        assert process.stdin is not None
        process.stdin.write(b"pause\n")
        await world.until_busy(["g1"])
        code, out, _ = await finished(project, runtime, "debug", "g1", "-c", "where")
        assert code == 1
        assert "g1 is debugged by" in out
        assert f"pid {process.pid}" in out
        assert "[pause]" in await world.brains("debug", "g1", "--watch", "-c", "where")
        await process.communicate(b"print 1\n")
        await world.until_free()


async def test_a_server_that_dies_is_said(project: Path, runtime: Path) -> None:
    async with playing(project, runtime) as world:
        process = await start(project, runtime, "debug", "g1", "--json", "--timeout", "60")
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"break */Attack if me.hp > 100\ncontinue\n")
        while b'"continue"' not in await process.stdout.readline():
            pass
        world.server.kill()
        await world.server.wait()
        out, _ = await process.communicate()
        last = json.loads(out.decode().splitlines()[-1])
        assert last["error"]["kind"] == "server_lost"
        assert process.returncode == 1


async def test_ctrl_c_ends_a_script_and_lets_the_agent_go(project: Path, runtime: Path) -> None:
    async with playing(project, runtime) as world:
        process = await start(project, runtime, "debug", "g1", "-c", "break */Attack if me.hp > 100", "-c", "continue")
        assert process.stdout is not None
        await process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, said = await process.communicate()
        assert (process.returncode, said.decode().strip()) == (130, "stopped")
        await world.until_free()


async def test_an_agent_that_leaves_while_it_is_held_is_said(project: Path, runtime: Path) -> None:
    async with playing(project, runtime) as world:
        process = await start(project, runtime, "debug", "g1", "--json")
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"pause\n")
        while b'"stopped"' not in await process.stdout.readline():
            pass
        await world.game.send(type="agents", epoch=0, add=[], remove=["g1"])
        world.game.world.pop("g1")
        while True:
            told = json.loads(await process.stdout.readline())
            if told.get("event") == "terminated":
                break
        assert told["body"]["agent"] == "g1"
        process.stdin.write(b"step\n")
        out, _ = await process.communicate()
        assert json.loads(out.decode().splitlines()[-1])["error"]["kind"] == "terminated"
        assert process.returncode == 1


async def test_without_an_agent_the_first_that_stops_is_selected(project: Path, runtime: Path) -> None:
    async with playing(project, runtime) as world:
        told = await world.json("debug", typed="break g2:*/Fight\ncontinue\nprint agent\nstep\n")
        stops = [one["body"]["agent"] for one in told if one.get("event") == "stopped"]
        assert stops == ["g2", "g2"]
        assert [one["body"]["value"] for one in told if one.get("command") == "print"] == ["g2"]


async def test_an_agent_that_comes_back_is_ours_again(project: Path, runtime: Path) -> None:
    async with playing(project, runtime) as world:
        process = await start(project, runtime, "debug", "g1", "--json")
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"pause\nbreak */Patrol\nbreak */Fight\n")
        while b"*/Fight" not in await process.stdout.readline():
            pass
        perceived = world.game.world.pop("g1")
        agents = world.game._agents
        brain = agents.pop("g1")
        await world.game.send(type="agents", epoch=0, add=[], remove=["g1"])
        while b'"terminated"' not in await process.stdout.readline():
            pass
        declared: list[Json] = [{"name": name, "params": {}} for name in ("Attack", "Patrol")]
        world.game.world["g1"], agents["g1"] = perceived, brain
        await world.game.send(
            type="agents", epoch=0, add=[{"id": "g1", "brain": "guard", "actions": declared}], remove=[]
        )
        while b'"stopped"' not in await process.stdout.readline():
            pass
        out, _ = await process.communicate(b"where\n")
        assert json.loads(out.decode().splitlines()[-1])["body"]["stop"]["reason"] == "breakpoint"


# --- before the first tick -----------------------------------------------------------------------------------------


async def test_agents_may_wait_for_a_debugger_before_their_first_tick(project: Path, runtime: Path) -> None:
    async with playing(project, runtime, "--break", "g1:*/Patrol", "--wait") as world:
        assert await world.busy() == ["g1"]
        out = await world.brains("debug", "g1", "-c", "where", "-c", "break", "-c", "continue", "-c", "where")
        assert "before its first tick" in out
        assert "before Patrol" in out


@pytest.mark.parametrize(
    ("options", "said", "code"),
    [
        (["--break", ""], "as in: break", 2),
        (["--break", "x if"], "no expression", 2),
        (["--break", "x if me.hp <"], "--break", 1),
    ],
)
async def test_a_wrong_breakpoint_is_said_before_anything_runs(
    project: Path, runtime: Path, options: list[str], said: str, code: int
) -> None:
    found, _, text = await finished(project, runtime, "serve", *options)
    assert found == code
    assert said in text


# --- ctl and watch -------------------------------------------------------------------------------------------------


async def test_ctl_holds_and_releases(project: Path, runtime: Path) -> None:
    async with playing(project, runtime) as world:
        assert "brains serve ws://" in await world.brains("ctl", "servers")
        assert "it stays held" in await world.brains("ctl", "pause", "g1")
        assert await world.busy() == ["g1"]
        (body,) = await world.json("ctl", "agents", "g1")
        assert [(one["agent"], one["state"]) for one in body["agents"]] == [("g1", "held")]
        assert "nobody" in await world.brains("ctl", "agents")
        assert await world.json("ctl", "resume", "--all") == [{"resumed": ["g1"]}]
        await world.until_free()
        assert "before Fight" in await world.brains("ctl", "break", "g2:*/Fight")
        assert await world.busy() == ["g2"]
        assert "g2 goes on" in await world.brains("ctl", "resume", "g2")


async def test_ctl_holds_and_releases_agents_of_two_games_that_go_by_one_name(project: Path, runtime: Path) -> None:
    async with (
        playing(project, runtime) as world,
        GameClient(world.game.url, {"g1": "guard"}, ["Attack", "Patrol"]) as other,
    ):
        other.world = {"g1": {"looks": "a girl", "hp": 9}}
        (stop,) = await world.json("ctl", "break", "g1:*/Fight")
        (body,) = await world.json("ctl", "agents", "g1")
        assert [one["session"] for one in body["agents"] if one["state"] == "held"] == [stop["session"]]
        assert await world.json("ctl", "resume", "--all") == [{"resumed": ["g1"]}]
        await world.until_free()


async def test_ctl_break_leaves_the_breakpoints_of_the_server_alone(project: Path, runtime: Path) -> None:
    async with playing(project, runtime, "--break", "g9:*/Fight") as world:
        assert "before Fight" in await world.brains("ctl", "break", "g1:*/Fight")
        listed = (await world.json("debug", "-c", "break"))[-1]
        assert [one["agents"] for one in listed["body"]["breakpoints"]] == ["g9"]


async def test_ctl_shows_trees_prompts_and_statistics(project: Path, runtime: Path) -> None:
    async with playing(project, runtime) as world:
        assert "Hostile?" in await world.brains("ctl", "tree", "g1", "-a")
        assert "Label the stranger" in await world.brains("ctl", "prompt", "g1", "Hostile?")
        (stats,) = await world.json("ctl", "stats")
        assert stats["models"][0]["model"] == "scripted"
        code, out, _ = await finished(project, runtime, "ctl", "tree", "g11", "--json")
        assert code == 1
        assert json.loads(out)["error"] == {
            "kind": "unknown_agent", "message": "there is no agent 'g11'", "hint": "did you mean 'g1'?",
        }  # fmt: skip
        code, out, _ = await finished(project, runtime, "ctl", "break", "g1:*/Attack if me.hp > 99", "--timeout", "0.2")
        assert (code, out) == (1, "")


async def test_watch_prints_what_happens(project: Path, runtime: Path) -> None:
    async with playing(project, runtime) as world:
        ticks = await world.json("watch", "g1", "--seconds", "0.5")
        assert {one["event"] for one in ticks} == {"tick"}
        numbers = [one["body"]["tick"] for one in ticks]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), "each of them, once"
        assert "g2 (guard) running" in await world.brains("watch", "--plain", "--seconds", "0.3")
        code, _, said = await finished(project, runtime, "watch", "nobody", "--plain")
        assert (code, "there is no agent 'nobody'" in said) == (1, True)


# --- no server -----------------------------------------------------------------------------------------------------


async def test_without_a_server_it_says_what_to_start(project: Path, runtime: Path) -> None:
    for command in (["debug"], ["ctl", "agents"], ["watch"]):
        code, _, said = await finished(project, runtime, *command)
        assert code == 1
        assert "start `brains serve`" in said
    code, out, _ = await finished(project, runtime, "debug", "--json")
    assert (code, json.loads(out)["error"]["kind"]) == (1, "no_server")


async def test_a_recording_is_debugged_with_no_server_and_no_model(project: Path, runtime: Path) -> None:
    async with playing(project, runtime, "--record", "run.jsonl") as world:
        await until(lambda: len(world.game.said("actions")) >= 60)
        world.server.terminate()
        await world.server.wait()
    shown = ["-c", "where", "-c", "prompt", "-c", "back", "-c", "tree", "--json"]
    code, out, said = await finished(project, runtime, "debug", "g1", "--replay", "run.jsonl", "--at", "50", *shown)
    assert code == 0, out + said
    told = [json.loads(line) for line in out.splitlines()]
    where = next(one["body"] for one in told if one.get("command") == "where")
    assert where["stop"]["tick"] == 50
    stops = [one["body"]["tick"] for one in told if one.get("event") == "stopped"]
    assert stops == [50, 49]
    code, out, _ = await finished(project, runtime, "debug", "g1", "--replay", "run.jsonl", "-c", "replay 40")
    assert code == 0
    assert out.splitlines()[-1] == "39 ticks, 0 differences"


async def test_a_damaged_recording_of_trees_that_have_changed_says_so_and_how_far_it_goes(
    project: Path, runtime: Path
) -> None:
    async with playing(project, runtime, "--record", "run.jsonl") as world:
        await until(lambda: len(world.game.said("actions")) >= 40)
        world.server.terminate()
        await world.server.wait()
    file, tree = project / "run.jsonl", project / "castle" / "guard.py"
    lines = file.read_bytes().splitlines(keepends=True)
    (place,) = [n for n, line in enumerate(lines) if line.startswith(b'{"type":"turn","agent":1,"tick":30,')]
    file.write_bytes(b"".join([*lines[:place], b"{}\n", *lines[place + 1 :]]))
    text = tree.read_text()
    tree.write_text(text.replace('Action("Patrol", Patrol())', 'Action("Walk about", Patrol())'))
    assert tree.read_text() != text
    code, out, said = await finished(project, runtime, "debug", "g1", "--replay", "run.jsonl", "-c", "goto 20")
    assert code == 1
    assert "note: castle/guard.py has changed since the recording: -" in said
    assert f"line {place + 1} is damaged" in said
    assert "what comes before it can be debugged" in said
    assert "g1 cannot be brought to tick 20: tick 1 of g1, " in out + said
    tree.write_text(text)
    code, out, said = await finished(project, runtime, "debug", "g1", "--replay", "run.jsonl", "-c", "goto 29")
    assert code == 0, out + said
    assert "note" not in said
    code, out, said = await finished(project, runtime, "debug", "g1", "--replay", "run.jsonl", "-c", "goto 30")
    assert code == 1
    assert "tick 30 is not in the recording; it has 1 to 29" in out + said


async def test_a_debugger_begins_and_ends_a_recording(project: Path, runtime: Path) -> None:
    async with playing(project, runtime) as world:
        told = await world.json(
            "debug", "g1", "-c", "tick 2", "-c", "record on later.jsonl", "-c", "tick 3", "-c", "continue &",
            "-c", "record off",
        )  # fmt: skip
        names = [one["body"]["recording"] for one in told if one.get("command") == "record"]
        assert names == [str(project / "later.jsonl"), None]
        code, out, said = await finished(project, runtime, "debug", "g1", "-c", "record off")
        assert code == 1
        assert "nothing is recorded now" in out + said
    from brains.recording import open_recording

    recording = await asyncio.to_thread(open_recording, project / "later.jsonl")
    life = recording.find("g1")
    assert recording.is_ended
    assert not life.is_whole
    assert len(life.ticks) >= 3


async def test_an_agent_of_a_server_that_records_nothing_is_forked_and_replayed(project: Path, runtime: Path) -> None:
    async with playing(project, runtime) as world:
        told = await world.json(
            "debug", "g1", "-c", "tick 3", "-c", "fork", "-c", "tick", "-c", "agent g1", "-c", "tick 2",
            "-c", "history -n 5",
        )  # fmt: skip
        first, forked, shadow, last = [one["body"] for one in told if one.get("event") == "stopped"]
        assert (forked["session"], forked["tick"]) == ("fork1", first["tick"] - 1)
        assert (shadow["session"], shadow["tick"]) == ("fork1", first["tick"])
        assert (last["agent"], last["tick"]) == ("g1", first["tick"] + 2)
        history = next(one["body"] for one in told if one.get("command") == "history")
        begin = history["first"]
        assert [one["tick"] for one in history["ticks"]] == list(range(begin, last["tick"] + 1))[-5:]
        out = await world.brains("debug", "g1", "-c", "tick 5", "-c", "why", "-c", "back 2", "-c", "tree")
        assert "Hostile?" in out


async def test_what_was_recorded_before_somebody_came_can_be_looked_at(project: Path, runtime: Path) -> None:
    async with playing(project, runtime, "--record", "run.jsonl") as world:
        await until(lambda: len(world.game.said("actions")) >= 30)
        told = await world.json("debug", "g1", "-c", "pause", "-c", "history -n 1000", "-c", "goto 3", "-c", "tree")
        history, there, tree = (
            next(one["body"] for one in told if one.get("command") == name) for name in ("history", "goto", "tree")
        )
        numbers = [one["tick"] for one in history["ticks"]]
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) >= 29
        assert there["view"] == tree["view"] == tree["tick"] == 3
        assert tree["root"]["visited"]


async def test_an_agent_that_began_anew_is_debugged_in_any_of_its_lives(project: Path, runtime: Path) -> None:
    prompts = load_prompts(project / "prompts")
    sink = FileSink(project / "run.jsonl")
    recorder = Recorder(sink, prompts=prompts)
    # A trees folder is a Python package, and in this process another one is called `castle`.
    guard = load_trees(shutil.copytree(project / "castle", project / "castle_of_lives")).get("guard")
    asker = ScriptedAsker(lambda question: "safe")
    for ticks in (9, 5):
        for id in ("g1", "g2"):
            agent = Agent(id, guard, prompts=prompts, asker=asker, declared=["Attack", "Patrol"], session="s")
            recorder.watch(agent)
            for number in range(ticks):
                agent.tick(AgentSnapshot(seq=number, time=number / 10, me={"looks": LOOKS}))
            agent.close()
    recorder.end()
    sink.close()
    debug = ["debug", "g1", "--replay", "run.jsonl"]
    code, _, said = await finished(project, runtime, *debug, "-c", "goto 5")
    assert (code, said) == (0, "note: g1 lived 2 times, and so did 1 more: this is the last; --life 1 is the first\n")
    code, out, _ = await finished(project, runtime, *debug, "-c", "goto 6")
    assert code == 1
    assert "tick 6 is not in the recording; it has 1 to 5" in out
    assert (await finished(project, runtime, *debug, "--life", "1", "-c", "goto 9"))[::2] == (0, "")
    code, _, said = await finished(project, runtime, *debug, "--life", "3", "-c", "goto 9")
    assert code == 1
    assert "no agent lived 3 times in here: g1, g2 did 2 times" in said


@pytest.mark.parametrize(
    ("arguments", "said", "code"),
    [
        (["--replay", "nowhere.jsonl"], "there is no such file", 1),
        (["--replay", "brains.toml"], "no recording", 1),
        (["--at", "3"], "--at works with --replay only", 2),
        (["--life", "2"], "--life works with --replay only", 2),
        (["--tree", "x:y", "--pid", "3"], "name one", 2),
        (["--tree", "nowhere_at_all:x"], "there is no module 'nowhere_at_all'", 1),
        (["--tree", "castle/guard.py"], "MODULE:FUNCTION", 2),
        (["--tree", "castle/guard.py:gaurd"], "its functions", 1),
        (["--socket", "nowhere.sock"], "no control socket", 1),
        (["--pid", "4"], "no brains server has the process id 4", 1),
        (["--timeout", "0"], "", 2),
    ],
)
async def test_what_is_not_there_is_said(
    project: Path, runtime: Path, arguments: list[str], said: str, code: int
) -> None:
    found, _, text = await finished(project, runtime, "debug", *arguments)
    assert found == code, text
    assert said in text


DEMOS = (
    "blackboard:create_root", "context_switching:create_root", "display_modes:create_root",
    "either_or:create_root", "eternal_guard:create_root", "logging:create_tree",
    "pick_up_where_you_left_off:create_root", "selector:create_root", "sequence:create_root", "stewardship:create_tree",
)  # fmt: skip


@pytest.mark.parametrize("demo", DEMOS)
async def test_the_demo_trees_of_py_trees_are_stepped_broken_and_forced(
    project: Path, runtime: Path, demo: str
) -> None:
    script = "step\nstep --any\ntick\nbreak *:exit\nstep\nforce failure\nnext\ndelete\ntick 2\ntree\nwhy\n"
    code, out, said = await finished(
        project, runtime, "debug", "--tree", f"py_trees.demos.{demo}", "--json", typed=script
    )
    assert code == 0, out + said
    told = [json.loads(line) for line in out.splitlines()]
    assert [one["command"] for one in told if "command" in one and one["command"] != "agent"] == [
        line.split()[0] for line in script.splitlines()
    ]
    assert [one["body"]["reason"] for one in told if one.get("event") == "stopped"][-1] == "tick"


async def test_output_that_nobody_reads_any_more_is_no_error(project: Path, runtime: Path) -> None:
    process = await start(project, runtime, "debug", "--tree", "py_trees.demos.selector:create_root")
    assert process.stdin is not None
    assert process.stdout is not None
    await process.stdout.readline()
    process.stdout._transport.close()  # type: ignore[attr-defined]
    process.stdin.write(b"step\n" * 50)
    with contextlib.suppress(ConnectionError):
        process.stdin.close()
    assert process.stderr is not None
    said = await process.stderr.read()
    assert (await process.wait(), said) == (0, b"")
