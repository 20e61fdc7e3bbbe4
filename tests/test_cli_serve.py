"""`brains serve` as people start it: a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from py_trees.behaviour import Behaviour
from websockets.asyncio.client import ClientConnection, connect

from brains import brain
from brains.cli._running import errors_of
from brains.cli.serve import command
from brains.library import BrainLibrary
from brains.prompts import PromptLibrary
from tests.fake_ollama import BackgroundOllama, FakeOllama, Gate, Reply, pieces_of, plausible
from tests.fakes.session import Json, frame, hello

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


@pytest.fixture
def deaf_port() -> Iterator[int]:
    """A port where somebody listens but never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


async def start(folder: Path, *options: str, **env: str) -> Process:
    clean = {key: value for key, value in os.environ.items() if key not in ("BRAINS_TOKEN", "OLLAMA_HOST")}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-W",
        "error",
        "-m",
        "brains",
        "serve",
        *options,
        cwd=folder,
        env={**clean, "PYTHONPATH": str(ROOT), **env},
        stdout=PIPE,
        stderr=PIPE,
    )


@contextlib.asynccontextmanager
async def serving(folder: Path, *options: str, **env: str) -> AsyncIterator[tuple[Process, str]]:
    """Start the command and wait until it listens."""
    process = await start(folder, *options, **env)
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        line = (await process.stdout.readline()).decode()
        assert line.startswith("listening on ws://"), (await process.stderr.read()).decode()
        yield process, line.split()[-1]
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def finished(folder: Path, *options: str, **env: str) -> tuple[int | None, str]:
    """Run the command to its end; return its exit code and what it said on stderr."""
    process = await start(folder, *options, **env)
    _, said = await process.communicate()
    return process.returncode, said.decode()


async def receive(client: ClientConnection) -> Json:
    message: Json = json.loads(await client.recv())
    return message


async def test_a_game_is_driven_by_trees_prompts_and_a_model(project: Path) -> None:
    async with serving(project) as (process, url):
        assert process.stdout is not None
        assert (await process.stdout.readline()).decode() == "model scripted, 1 brain, 1 prompt\n"
        async with connect(url, proxy=None) as client:
            await client.send(hello())
            assert (await receive(client))["brains"] == ["guard"]
            declared = [{"name": "Attack"}, {"name": "Patrol"}]
            add = [
                {"id": "g", "brain": "guard", "actions": declared},
                {"id": "h", "brain": "guard", "actions": declared[1:]},
            ]
            await client.send(frame("agents", add=add))
            ack = await receive(client)
            assert ack["ok"] == ["g"]
            assert [(one["id"], one["code"]) for one in ack["rejected"]] == [("h", "unknown_action")]
            seen = {"g": {"me": {"looks": "a masked man with a knife"}}}
            await client.send(frame("snapshot", seq=1, time_ms=100, agents=seen))
            assert [one["name"] for one in (await receive(client))["actions"]] == ["Patrol"]
            assert await receive(client) == {"type": "wake", "agents": ["g"]}
            await client.send(frame("snapshot", seq=2, time_ms=200, agents=seen))
            assert (await receive(client))["snapshot"] == 2


async def test_what_a_game_says_neither_forges_a_line_of_the_log_nor_steers_the_terminal(project: Path) -> None:
    name = "g\n12:00:00 ERROR   brains.serve: all is lost\x1b[2J"
    async with serving(project) as (process, url):
        async with connect(url, proxy=None) as client:
            await client.send(hello())
            declared = [{"name": "Attack"}, {"name": "Patrol"}]
            await client.send(frame("agents", add=[{"id": name, "brain": "guard", "actions": declared}]))
            # Its tree looks for what it does not perceive.
            await client.send(frame("snapshot", seq=1, time_ms=100, agents={name: {"me": {}}}))
            while (await receive(client))["type"] != "error":
                pass
        process.terminate()
        _, said = await process.communicate()
    text = said.decode()
    assert "all is lost" in text
    assert "Traceback" in text
    assert "\x1b" not in text
    assert all(re.match(r"\d\d:\d\d:\d\d [A-Z]+ +brains[.\w]*: |    ", line) for line in text.splitlines())
    assert "\n12:00:00 ERROR" not in text


async def test_a_chat_client_is_answered(project: Path) -> None:
    async with serving(project) as (_, url), connect(url, proxy=None) as client:
        await client.send('{"message": "Hola"}')
        answer = await receive(client)
        assert list(answer) == ["response"]
        assert answer["response"]
        assert not answer["response"].startswith("("), "an answer of the model, and not why there is none"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_cleanly(project: Path, number: signal.Signals) -> None:
    async with serving(project) as (process, url), connect(url, proxy=None) as client:
        process.send_signal(number)
        async with asyncio.timeout(2):
            await client.wait_closed()
            out, said = await process.communicate()
        assert client.close_code == 1001
        assert process.returncode == 0
        assert out.decode().endswith("stopped\n")
        assert "Traceback" not in said.decode()


async def test_a_signal_in_the_middle_of_an_answer_ends_it_cleanly_and_stops_the_model(project: Path) -> None:
    gate = Gate()
    story = Reply(pieces_of("Once upon a time there was a castle."), gate=gate, gate_after=3)
    fake = FakeOllama(brain=lambda ask: story if "Hola" in ask.question else plausible(ask))
    with BackgroundOllama(fake) as ollama:
        async with (
            serving(project, "--model", "ollama:tiny", OLLAMA_HOST=ollama.url) as (process, url),
            connect(url, proxy=None) as client,
        ):
            await client.send('{"message": "Hola"}')
            await asyncio.to_thread(ollama.call, gate.arrival)
            process.terminate()
            async with asyncio.timeout(2):
                await client.wait_closed()
                out, said = await process.communicate()
            assert client.close_code == 1001
            assert process.returncode == 0, said.decode()
            assert out.decode().endswith("stopped\n")
            assert "Traceback" not in said.decode()
        await asyncio.to_thread(ollama.call, fake.until, lambda: fake.cancelled)


async def test_a_model_that_never_answers_delays_neither_the_start_nor_the_end(project: Path, deaf_port: int) -> None:
    env = {"OLLAMA_HOST": f"127.0.0.1:{deaf_port}"}
    async with serving(project, "--model", "ollama:x", **env) as (process, url):
        async with connect(url, proxy=None) as client:
            await client.send('{"message": "Hola"}')
            process.terminate()
            async with asyncio.timeout(2.5):
                _, said = await process.communicate()
            await client.wait_closed()
            assert client.close_code == 1001
        assert process.returncode == 0, said.decode()
        assert "Traceback" not in said.decode()


async def test_a_model_that_is_not_there_is_said_and_tried_again(project: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    async with serving(project, "--model", "ollama:x", OLLAMA_HOST=f"127.0.0.1:{port}") as (process, _):
        assert process.stderr is not None
        said = (await process.stderr.readline()).decode()
        assert "no model yet, leaves fall back; it is tried every 5 s: " in said
        assert process.returncode is None


async def test_a_port_in_use_is_said_so(project: Path, deaf_port: int) -> None:
    code, said = await finished(project, "--port", str(deaf_port))
    assert code == 1
    assert f"error: port {deaf_port} is in use" in said
    assert "Traceback" not in said


async def test_off_loopback_it_wants_a_token(project: Path) -> None:
    everywhere = "0.0.0.0"  # noqa: S104
    code, said = await finished(project, "--host", everywhere)
    assert code == 1
    assert "BRAINS_TOKEN" in said
    running = serving(project, "--host", everywhere, BRAINS_TOKEN="secret")
    async with running as (_, url), connect(url, proxy=None) as client:
        await client.send(hello(token="secret"))
        assert (await receive(client))["type"] == "welcome"


async def test_missing_folders_and_broken_trees_are_said(project: Path) -> None:
    code, said = await finished(project, "--trees", "nowhere")
    assert (code, "there is no trees folder" in said) == (1, True)
    (project / "castle" / "guard.py").write_text("def (:\n")
    code, said = await finished(project)
    assert code == 1
    assert "guard.py:1: " in said
    assert "Traceback" not in said


async def test_a_broken_prompt_is_said_and_the_rest_is_served(project: Path) -> None:
    (project / "prompts" / "bad.j2").write_text("---\nanswer: [\n---\nuser:\n{{ x\n")
    async with serving(project) as (process, _):
        assert process.stderr is not None
        assert "bad.j2" in (await process.stderr.readline()).decode()


async def test_errors_that_check_knows_are_said_and_all_is_served(project: Path) -> None:
    tree = project / "castle" / "guard.py"
    tree.write_text(tree.read_text().replace('prompt="hostile"', 'prompt="hostle"'))
    async with serving(project) as (process, url):
        assert process.stderr is not None
        said = (await process.stderr.readline()).decode()
        assert "WARNING" in said
        assert f"{Path('castle', 'guard.py')}:" in said
        assert "'hostle'" in said
        assert "[unknown-prompt]" in said
        async with connect(url, proxy=None) as client:
            await client.send(hello())
            assert (await receive(client))["brains"] == ["guard"]


def test_a_check_that_fails_itself_keeps_nobody_from_playing() -> None:
    @brain("rude")
    def rude() -> Behaviour:
        raise SystemExit(3)

    assert errors_of(BrainLibrary.of([rude]), PromptLibrary()) == []


def test_help_shows_examples() -> None:
    result = CliRunner().invoke(command, ["--help"])
    assert result.exit_code == 0
    assert "brains serve --model" in result.output


async def test_auto_without_any_model_stops_and_names_both_ways(project: Path, tmp_path: Path) -> None:
    """Nothing is installed that could come back later, so there is nothing to wait for."""
    process = await start(
        project, "--model", "auto", OLLAMA_HOST="127.0.0.1:1", BRAINS_CACHE=str(tmp_path / "nothing here")
    )
    out, err = await process.communicate()
    text = (out + err).decode()
    assert process.returncode == 1
    assert "Traceback" not in text
    assert "ollama serve" in text
    assert "brains model pull" in text


# Statistics, and several models


async def play_once(url: str) -> None:
    """Connect, have one agent ask, and take its answer."""
    async with connect(url, proxy=None) as client:
        await client.send(hello())
        await receive(client)
        add = [{"id": "g", "brain": "guard", "actions": [{"name": "Attack"}, {"name": "Patrol"}]}]
        await client.send(frame("agents", add=add))
        await receive(client)
        seen = {"g": {"me": {"looks": "a masked man with a knife"}}}
        await client.send(frame("snapshot", seq=1, time_ms=100, agents=seen))
        assert (await receive(client))["type"] == "actions"
        assert await receive(client) == {"type": "wake", "agents": ["g"]}


async def test_statistics_are_printed_at_the_end_as_tables(project: Path) -> None:
    async with serving(project, "--stats", "0") as (process, url):
        await play_once(url)
        process.terminate()
        out, said = await process.communicate()
    assert process.returncode == 0, said.decode()
    lines = out.decode().splitlines()
    assert lines[-1] == "stopped"
    leaf = next(line for line in lines if line.startswith("Guard/Fight/Hostile?"))
    assert leaf.split()[:4] == ["Guard/Fight/Hostile?", "hostile", "1", "1"]
    model = next(line for line in lines if line.startswith("scripted "))
    assert "ready" in model or "cold" in model
    header = next(line for line in lines if line.startswith("leaf"))
    assert header.index("asked") + len("asked") == leaf.index(" 1 ") + 2, "columns are aligned"
    assert all(line == line.rstrip() for line in lines)


async def test_statistics_as_json_are_all_that_is_on_stdout(project: Path) -> None:
    (project / "brains.toml").write_text((project / "brains.toml").read_text() + '[models.other]\nmodel = "scripted"\n')
    process = await start(project, "--stats", "0.05", "--stats-format", "json")
    assert process.stdout is not None
    assert process.stderr is not None
    said = (await process.stderr.readline()).decode()
    assert said.startswith("listening on ws://")
    await play_once(said.split()[-1])
    first = json.loads(await process.stdout.readline())
    assert {one["name"]: one["model"] for one in first["models"]} == {"": "scripted", "other": "scripted"}
    process.terminate()
    out, rest = await process.communicate()
    assert process.returncode == 0, rest.decode()
    last = [json.loads(line) for line in out.decode().splitlines()][-1]
    (leaf,) = (one for one in last["leaves"] if one["leaf"] == "Guard/Fight/Hostile?")
    assert (leaf["prompt"], leaf["answered"]) == ("hostile", leaf["asked"] - leaf["open"])
    assert last["seconds"] > first["seconds"]
    assert rest.decode().endswith("stopped\n")


async def test_several_servers_are_for_ollama_only(project: Path) -> None:
    (project / "brains.toml").write_text(
        'port = 0\nmodel = "scripted"\nhosts = ["http://a", "http://b"]\ntrees = "castle"\n'
    )
    code, said = await finished(project)
    assert code == 1
    assert "hosts are for a model of Ollama, such as `llama3.2`, and not for 'scripted'" in said


async def test_a_wrong_model_is_said_by_its_name(project: Path) -> None:
    (project / "brains.toml").write_text(
        'port = 0\nmodel = "scripted"\ntrees = "castle"\n[models.b]\nmodel = "gpt4 "\n'
    )
    code, said = await finished(project)
    assert code == 1
    assert "models.b: no model is called 'gpt4 '" in said


def test_help_shows_how_to_print_statistics() -> None:
    shown = CliRunner().invoke(command, ["--help"]).output
    assert "--stats [SECONDS]" in shown
    assert "brains serve --stats 60 --stats-format json" in shown
    assert "[models.big]" in shown
