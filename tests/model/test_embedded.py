"""A real model inside this process, and the ways in which a process with one can end."""

from __future__ import annotations

import asyncio
import json
import math
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from brains.decide import request_for
from brains.errors import ConfigError, ModelNotInstalled, ModelRefused, PromptTooLong
from brains.loading import load_trees
from brains.models.embedded import EmbeddedModel
from brains.models.llama import Llama, Settings, default_threads
from brains.questions import ModelRequest
from brains.reload import load_prompts
from brains.warmup import warm_up_questions

ROOT = Path(__file__).parents[2]
STOPS_WITHIN = 4.0
"""Seconds; it takes 0.1 s on a machine that has nothing else to do."""

EXAMPLES = """\
Label each event as danger or safe.

A robber hits you with a stick. -> danger
A girl gives you a flower. -> safe
A soldier of your own army salutes you. -> safe
A man tries to push you off the wall. -> danger
A priest blesses you. -> safe
A bear attacks you. -> danger
A neighbour invites you to dinner. -> safe
A pirate points a gun at you. -> danger
A snake strikes at your foot. -> danger
A baker gives you warm bread. -> safe
A masked man swings a hammer at you. -> danger
A dog wags its tail. -> safe
"""
LONG_PROMPT = "The guard looks at the wall. " * 250
STORY = ModelRequest(way="text", messages=(("user", "Tell me a very long story about a castle."),), max_tokens=1500)

pytestmark = pytest.mark.model


def label(event: str, *, name: str = "test/danger") -> ModelRequest:
    prompt = f"{EXAMPLES}{event} ->"
    return ModelRequest(way="completion", prompt=prompt, max_tokens=1, top_logprobs=20, name=name)


@pytest.fixture
async def model(model_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[EmbeddedModel]:
    monkeypatch.setenv("BRAINS_CACHE", str(tmp_path / "cache"))
    model = EmbeddedModel(model_path, slots=2)
    await model.start()
    yield model
    await model.close()


def run(program: str, model_path: Path, tmp_path: Path, *, interrupt_after: str = "") -> tuple[int, str, str]:
    """Run a program in a process of its own; send it a Ctrl-C when it has printed a certain line."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "BRAINS_MODEL": str(model_path),
        "BRAINS_CACHE": str(tmp_path / "cache"),
    }
    with subprocess.Popen(
        [sys.executable, "-c", program],
        env=environment,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        seen = []
        if interrupt_after:
            for line in process.stdout:
                seen.append(line)
                if line.strip() == interrupt_after:
                    process.send_signal(signal.SIGINT)
                    break
        out, err = process.communicate(timeout=50)
        return process.returncode, "".join(seen) + out, err


BEGIN = """
import asyncio, os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever started the tests may ignore it
from brains.models.embedded import EmbeddedModel
from brains.questions import ModelRequest

begun = asyncio.Event()
model = EmbeddedModel(os.environ["BRAINS_MODEL"], slots=2)
story = ModelRequest(way="text", messages=(("user", "Tell me a very long story."),), max_tokens=1500)
long = ModelRequest(way="completion", prompt="The guard looks at the wall. " * 250)
"""


async def test_info_tells_what_the_model_can_do(model: EmbeddedModel, model_path: Path) -> None:
    info = await model.start()
    assert info.backend == "embedded"
    assert info.name == model_path.stem
    assert info.ways == {"completion", "chat", "schema", "text"}
    assert info.label_way == "completion"
    assert (info.slots, info.context) == (2, 2048)
    assert len(info.digest) == 64


async def test_decides_by_the_probabilities_of_label_words(model: EmbeddedModel) -> None:
    bandit = await model.generate(label("An armed bandit runs at you with a raised axe."))
    child = await model.generate(label("A child waves and smiles at you."))
    assert (bandit.text, child.text) == (" danger", " safe")
    for reply in (bandit, child):
        (token,) = reply.tokens
        assert len(token.top) == 20
        assert math.fsum(math.exp(chance) for _, chance in token.top) <= 1.001
        assert token.top[0] == (token.token, token.logprob)
        assert reply.output_tokens == 1
        assert reply.prompt_tokens > 100
        assert reply.prompt_time > 0


async def test_the_beginning_of_a_prompt_is_worked_on_once(model: EmbeddedModel) -> None:
    other = EXAMPLES.replace("event", "thing")
    cold = await model.generate(label("A cat sleeps in the sun."))
    await model.generate(ModelRequest(way="completion", prompt=f"{other}A cow ->", name="other"))
    warm = await model.generate(label("Two men shoot arrows at the wall."))
    assert warm.prompt_time < cold.prompt_time / 2


async def test_questions_of_one_prompt_run_one_after_the_other_and_all_are_answered(model: EmbeddedModel) -> None:
    events = ["A wolf bites you.", "A child smiles.", "A thief stabs you.", "A nun prays.", "A cat sleeps."]
    replies = await asyncio.gather(*(model.generate(label(event)) for event in events))
    assert [reply.text for reply in replies][:2] == [" danger", " safe"]
    assert len(replies) == len(events)


async def test_answers_by_a_schema(model: EmbeddedModel) -> None:
    schema = {
        "type": "object",
        "properties": {"direction": {"enum": ["north", "south"]}, "steps": {"type": "integer", "minimum": 1}},
        "required": ["direction", "steps"],
        "additionalProperties": False,
    }
    messages = (("user", "Where do you go? Answer in JSON."),)
    reply = await model.generate(ModelRequest(way="schema", messages=messages, schema=schema, max_tokens=64))
    value = json.loads(reply.text)
    assert value["direction"] in ("north", "south")
    assert value["steps"] >= 1
    assert reply.done_reason == "stop"


async def test_a_schema_that_cannot_work_is_refused(model: EmbeddedModel) -> None:
    schema = {"type": "object", "properties": {"a": {"$ref": "#/$defs/missing"}}}
    with pytest.raises(ModelRefused):
        await model.generate(ModelRequest(way="schema", messages=(("user", "x"),), schema=schema, max_tokens=9))


async def test_text_comes_in_pieces(model: EmbeddedModel) -> None:
    pieces: list[str] = []
    request = ModelRequest(way="text", messages=(("user", "Greet the guard."),), max_tokens=12)
    reply = await model.generate(request, pieces.append)
    assert "".join(pieces) == reply.text
    assert len(pieces) > 1
    assert reply.tokens == ()
    assert reply.output_tokens <= 12


async def test_a_chat_gives_probabilities_too(model: EmbeddedModel) -> None:
    request = ModelRequest(way="chat", messages=(("user", "Yes or no?"),), max_tokens=1, top_logprobs=5)
    reply = await model.generate(request)
    assert len(reply.tokens) == 1
    assert len(reply.tokens[0].top) <= 5
    assert reply.done_reason == "length"


async def test_a_prompt_that_does_not_fit_is_named_and_not_cut(model: EmbeddedModel) -> None:
    request = ModelRequest(way="completion", prompt="word " * 3000, name="guard/novel")
    with pytest.raises(PromptTooLong, match=r"guard/novel.*3001.*2048") as caught:
        await model.generate(request)
    assert caught.value.prompt == "guard/novel"


async def test_load_time_options_of_a_prompt_are_refused(model: EmbeddedModel) -> None:
    with pytest.raises(ConfigError, match="num_ctx"):
        await model.generate(ModelRequest(way="completion", prompt="a", options={"num_ctx": 99}))


async def test_options_of_ollama_that_llama_does_not_know_are_named_once(
    model: EmbeddedModel, caplog: pytest.LogCaptureFixture
) -> None:
    request = ModelRequest(way="completion", prompt="a", options={"penalize_newline": True, "top_k": 1})
    await model.generate(request)
    await model.generate(request)
    assert [record.getMessage() for record in caplog.records if "penalize_newline" in record.getMessage()] == [
        "llama.cpp knows no option 'penalize_newline': ignored"
    ]


@pytest.mark.parametrize("case", ["prefill", "answer", "waiting"])
async def test_cancelling_stops_the_model(model: EmbeddedModel, case: str) -> None:
    """Whoever asks after that gets an answer soon, in every state that a request can be in."""
    begun = asyncio.Event()
    if case == "prefill":
        request = ModelRequest(way="completion", prompt=LONG_PROMPT, name="long")
    else:
        request = STORY
    tasks = [asyncio.create_task(model.generate(request, lambda text: begun.set()))]
    if case == "waiting":
        tasks += [asyncio.create_task(model.generate(STORY)) for _ in range(3)]
    if case == "prefill":
        await asyncio.to_thread(time.sleep, 0.2)  # there is no sign of a prompt being worked on
    else:
        await begun.wait()
    start = time.monotonic()
    for task in tasks:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert time.monotonic() - start < STOPS_WITHIN
    assert all(isinstance(result, asyncio.CancelledError) for result in results)
    assert (await model.generate(label("A bear bites you."))).text == " danger"


async def test_an_error_in_the_listener_stops_the_model(model: EmbeddedModel) -> None:
    def listen(text: str) -> None:
        raise ZeroDivisionError(text)

    start = time.monotonic()
    with pytest.raises(ZeroDivisionError):
        await model.generate(STORY, listen)
    assert time.monotonic() - start < STOPS_WITHIN + 2


async def test_it_can_be_closed_and_started_again(model: EmbeddedModel) -> None:
    await model.close()
    await model.close()
    assert (await model.generate(label("A bear bites you."))).text == " danger"


async def test_closing_ends_what_is_being_answered(model: EmbeddedModel) -> None:
    begun = asyncio.Event()
    task = asyncio.create_task(model.generate(STORY, lambda text: begun.set()))
    await begun.wait()
    await model.close()
    with pytest.raises(Exception, match="closed"):
        await task


async def test_two_starts_at_once_load_it_once(model_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "brains")
    model = EmbeddedModel(model_path, slots=1, context=256)
    try:
        first, second = await asyncio.gather(model.start(), model.start())
    finally:
        await model.close()
    assert first == second
    assert first.context == 256


async def test_damaged_files_are_refused(model_path: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.gguf"
    with model_path.open("rb") as file:
        cut.write_bytes(file.read(20_000_000))
    with pytest.raises(ConfigError, match="cut"):
        await EmbeddedModel(cut, slots=1).start()


@pytest.mark.skipif(os.name != "posix", reason="needs Unix sockets")
def test_no_port_is_open(model_path: Path) -> None:
    """On POSIX nobody at all can reach llama.cpp's HTTP server: it has no port, and its socket's file is gone."""
    llama = Llama(Settings(model_path, slots=1, context=256, threads=1, cache_ram_mib=0))
    llama.load()
    try:
        assert llama.address == ""
        listening = subprocess.run(
            [sys.executable, "-c", LISTENING, str(os.getpid())], capture_output=True, text=True, check=True
        ).stdout.split()
        assert listening == []
    finally:
        llama.close()


# Which TCP sockets does that process listen on? Reads /proc, and finds nothing where there is none.
LISTENING = """
import os, pathlib, sys
folder = pathlib.Path("/proc", sys.argv[1], "fd")
mine = {os.readlink(fd) for fd in folder.iterdir() if fd.is_symlink()} if folder.is_dir() else set()
for table in ("tcp", "tcp6"):
    path = pathlib.Path("/proc", sys.argv[1], "net", table)
    for line in path.read_text().splitlines()[1:] if path.exists() else ():
        field = line.split()
        if field[3] == "0A" and f"socket:[{field[9]}]" in mine:
            print(field[1])
"""


def ask_port(address: str, request: str) -> str:
    host, _, port = address.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(request.encode())
        return connection.makefile().read()


@pytest.mark.parametrize("path", ["/v1/models", "/props", "/slots", "/metrics", "/v1/completions", "/tokenize"])
def test_where_there_must_be_a_port_it_needs_the_key(tcp_llama: Llama, path: str) -> None:
    assert tcp_llama.address.startswith("http://127.0.0.1:")
    for method in ("GET", "POST"):
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nOrigin: http://evil.example\r\nConnection: close\r\n"
        answer = ask_port(tcp_llama.address, f"{head}Content-Length: 2\r\n\r\n{{}}")
        assert answer.startswith("HTTP/1.1 401")
        assert "evil.example" not in answer


@pytest.fixture(scope="module")
def tcp_llama(model_path: Path) -> object:
    llama = Llama(Settings(model_path, slots=1, context=256, threads=1, cache_ram_mib=0), sockets=False)
    llama.load()
    yield llama
    llama.close()


def test_says_nothing_on_the_terminal(model_path: Path, tmp_path: Path) -> None:
    program = BEGIN + (
        "async def main():\n"
        "    await model.start()\n"
        "    await model.generate(ModelRequest(way='completion', prompt='a b c', max_tokens=3))\n"
        "    await model.close()\n"
        "asyncio.run(main())\n"
    )
    assert run(program, model_path, tmp_path) == (0, "", "")


ENDS = {
    "sys.exit in mid-answer": (
        "async def main():\n"
        "    task = asyncio.create_task(model.generate(story, lambda text: begun.set()))\n"
        "    await begun.wait()\n"
        "    sys.exit(7)\n"
        "asyncio.run(main())\n",
        7,
    ),
    "an exception in mid-answer": (
        "async def main():\n"
        "    task = asyncio.create_task(model.generate(story, lambda text: begun.set()))\n"
        "    await begun.wait()\n"
        "    raise RuntimeError('mine')\n"
        "asyncio.run(main())\n",
        1,
    ),
    "never closed": (
        "async def main():\n"
        "    await model.start()\n"
        "asyncio.run(main())\n",
        0,
    ),
    "a loop that is dropped in mid-answer": (
        "loop = asyncio.new_event_loop()\n"
        "async def main():\n"
        "    global task\n"
        "    task = loop.create_task(model.generate(story, lambda text: begun.set()))\n"
        "    await begun.wait()\n"
        "loop.run_until_complete(main())\n",
        0,
    ),
    "a loop that is dropped in mid-prompt": (
        "loop = asyncio.new_event_loop()\n"
        "async def main():\n"
        "    global task\n"
        "    await model.start()\n"
        "    task = loop.create_task(model.generate(long))\n"
        "    await asyncio.sleep(0.1)\n"
        "loop.run_until_complete(main())\n",
        0,
    ),
    "with an error that somebody keeps": (
        "async def main():\n"
        "    global kept\n"
        "    schema = {'type': 'object', 'properties': {'a': {'$ref': '#/$defs/missing'}}}\n"
        "    kept = await asyncio.gather(\n"
        "        model.generate(ModelRequest(way='schema', messages=(('user', 'x'),), schema=schema)),\n"
        "        model.generate(ModelRequest(way='completion', prompt='word ' * 3000)),\n"
        "        return_exceptions=True)\n"
        "    assert 'Schema' in str(kept[0]) and '3001' in str(kept[1]), kept\n"
        "asyncio.run(main())\n",
        0,
    ),
    "while it loads": (
        "loop = asyncio.new_event_loop()\n"
        "async def main():\n"
        "    global task\n"
        "    task = loop.create_task(model.start())\n"
        "    await asyncio.sleep(0)\n"
        "loop.run_until_complete(main())\n",
        0,
    ),
}  # fmt: skip


@pytest.mark.parametrize("how", ENDS)
def test_the_process_ends_as_if_there_were_no_model(how: str, model_path: Path, tmp_path: Path) -> None:
    program, expected = ENDS[how]
    for _ in range(2):
        code, _, err = run(BEGIN + program, model_path, tmp_path)
        assert code == expected, err


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
@pytest.mark.parametrize("request_name", ["story", "long"])
def test_ctrl_c_in_mid_answer_is_a_keyboard_interrupt(request_name: str, model_path: Path, tmp_path: Path) -> None:
    program = BEGIN + (
        "async def main():\n"
        "    await model.start()\n"
        f"    task = asyncio.create_task(model.generate({request_name}))\n"
        "    await asyncio.sleep(0.1)\n"
        "    print('ready', flush=True)\n"
        "    await task\n"
        "try:\n"
        "    asyncio.run(main())\n"
        "except KeyboardInterrupt:\n"
        "    sys.exit(130)\n"
    )
    code, _, err = run(program, model_path, tmp_path, interrupt_after="ready")
    assert code == 130, err


async def new_tokens(model: EmbeddedModel, rounds: int, most: int | None = None) -> list[int]:
    """Ask by the demo's templates in turn, by all or so many, and return the prompt tokens that were worked through.

    Each round asks of somebody else. The first one is left out: then nothing has been read yet.
    """
    info = await model.start()
    questions = list(warm_up_questions(load_trees(ROOT / "trees"), load_prompts(ROOT / "prompts")))
    assert len({question.prompt.name for question in questions if question.labels}) >= 6
    found = []
    for turn in range(rounds):
        for question in questions[:most]:
            user = f"a stranger with {turn + 2} dogs"
            prompt = msgspec.structs.replace(question.prompt, user=user)
            reply = await model.generate(request_for(msgspec.structs.replace(question, prompt=prompt), info))
            if turn:
                found.append(reply.prompt_tokens - reply.cached_tokens)
    return found


@pytest.mark.slow
@pytest.mark.may_block
@pytest.mark.timeout(240)
async def test_each_templates_beginning_stays_ready(model_path: Path) -> None:
    templates = len(load_prompts(ROOT / "prompts").names())
    kept = EmbeddedModel(model_path, templates=templates, cache_ram_mib=0)
    found = await new_tokens(kept, 3)
    await kept.close()
    assert max(found) <= 20, found
    # One slot for all of them is what they are kept from.
    shared = EmbeddedModel(model_path, slots=1, cache_ram_mib=0)
    lost = await new_tokens(shared, 2, most=2)
    await shared.close()
    assert min(lost) > max(found)


async def test_there_is_a_slot_for_each_template_within_memory(
    model_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[Settings] = []
    monkeypatch.setattr(Llama, "load", lambda self: loaded.append(self.settings))
    for templates, slots in ((None, None), (2, None), (9, None), (900, None), (9, 3)):
        await EmbeddedModel(model_path, templates=templates, slots=slots).start()
    assert [settings.slots for settings in loaded] == [8, 4, 10, 11, 3]


@pytest.mark.timeout(120)
async def test_fast_weights_decide_the_same(
    model: EmbeddedModel, model_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fast = EmbeddedModel(model_path, slots=1, fast_weights=True)
    info, plain = await fast.start(), await model.start()
    assert (info.name, info.digest) == (plain.name, plain.digest)
    assert os.listdir(tmp_path / "cache" / "recoded") == [f"{info.name}.{info.digest[:16]}.q8_0.gguf"]
    for event in ("An armed bandit runs at you with a raised axe.", "A child waves and smiles at you."):
        one, other = await model.generate(label(event)), await fast.generate(label(event))
        assert one.text == other.text
        assert one.tokens[0].logprob == pytest.approx(other.tokens[0].logprob, abs=0.25)
    await fast.close()


async def test_a_missing_file_says_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRAINS_CACHE", str(tmp_path))
    with pytest.raises(ModelNotInstalled, match="brains model pull"):
        await EmbeddedModel().start()
    with pytest.raises(ConfigError, match="brains model pull"):
        await EmbeddedModel(tmp_path / "mine.gguf").start()


def test_the_game_keeps_half_of_the_processors() -> None:
    assert 1 <= default_threads() <= max((os.cpu_count() or 2) // 2, 1)
