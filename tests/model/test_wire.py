"""A real model behind the real client of Ollama: in another process, by Ollama's interface."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from brains.errors import PromptTooLong
from brains.models.ollama import OllamaModel
from brains.questions import ModelRequest
from tests.model.test_embedded import LONG_PROMPT, ROOT, label

pytestmark = pytest.mark.model


@pytest.fixture
async def model(model_path: Path, tmp_path: Path) -> AsyncIterator[OllamaModel]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "BRAINS_CACHE": str(tmp_path)}
    command = [sys.executable, "-m", "brains", "model", "serve", "--model", f"embedded:{model_path}", "--port", "0"]
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        url = (await process.stdout.readline()).decode().split()[-1]
        model = OllamaModel(model_path.stem, host=url, load_options={"num_ctx": 2048})
        yield model
        await model.close()
    finally:
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0


async def test_a_real_model_answers_the_real_client(model: OllamaModel) -> None:
    info = await model.start()
    assert (info.label_way, info.context, len(info.digest)) == ("completion", 2048, 64)
    for event, answer in (("A thief stabs at you with a knife.", " danger"), ("A child gives you an apple.", " safe")):
        reply = await model.generate(label(event))
        assert reply.tokens[0].top[0][0] == answer
        assert len(reply.tokens[0].top) == 20
        assert (reply.output_tokens, reply.done_reason) == (1, "length")
    assert reply.prompt_time > 0


async def test_it_writes_text_and_objects(model: OllamaModel) -> None:
    pieces: list[str] = []
    said = ModelRequest(way="text", messages=(("user", "Say hello."),), max_tokens=8)
    reply = await model.generate(said, pieces.append)
    assert reply.text == "".join(pieces)
    schema = {"type": "object", "properties": {"to": {"enum": ["gate", "wall"]}}, "required": ["to"]}
    asked = ModelRequest(
        way="schema", messages=(("user", "Go to the gate. Answer in JSON."),), schema=schema, max_tokens=30
    )
    assert json.loads((await model.generate(asked)).text)["to"] in ("gate", "wall")


async def test_a_prompt_that_is_too_long_is_refused(model: OllamaModel) -> None:
    with pytest.raises(PromptTooLong):
        await model.generate(ModelRequest(way="completion", prompt=LONG_PROMPT * 2, top_logprobs=5, name="long"))


async def test_cancelling_frees_the_model_for_the_next(model: OllamaModel) -> None:
    endless = ModelRequest(way="text", messages=(("user", "Tell me a very long story."),), max_tokens=1500)
    came = asyncio.Event()
    tasks = [asyncio.create_task(model.generate(endless, lambda _: came.set())) for _ in range(4)]
    await came.wait()
    for task in tasks:
        task.cancel()
    # Four stories of 1500 tokens would take minutes; the test's own time limit is shorter.
    assert (await model.generate(label("A wolf attacks you."))).tokens
