"""Models by name, and the one that `auto` finds."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from brains.errors import ConfigError, ModelRefused
from brains.models import open_model
from brains.models.auto import AutoModel
from brains.models.embedded import EmbeddedModel, digest_of
from brains.models.gguf import read_head
from brains.models.ollama import OllamaModel
from brains.models.pull import default_model_path
from brains.models.scripted import ScriptedModel
from brains.questions import ModelRequest
from tests.fake_ollama import FakeModel, FakeOllama

NOWHERE = "127.0.0.1:1"
ASK = ModelRequest(way="completion", prompt="A -> x\nB ->", max_tokens=1, top_logprobs=5)


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("OLLAMA_HOST", "OLLAMA_API_KEY", "OLLAMA_NUM_PARALLEL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("BRAINS_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize(
    ("name", "kind", "called"),
    [
        ("auto", AutoModel, "auto"),
        ("scripted", ScriptedModel, "scripted"),
        ("ollama:qwen2.5:3b", OllamaModel, "qwen2.5:3b"),
        ("qwen2.5:3b", OllamaModel, "qwen2.5:3b"),
        ("llama3.2", OllamaModel, "llama3.2"),
        ("embedded", EmbeddedModel, "SmolLM2-135M-Instruct.Q4_1"),
        ("embedded:/models/my.Q8_0.gguf", EmbeddedModel, "my.Q8_0"),
    ],
)
def test_names(name: str, kind: type, called: str) -> None:
    model = open_model(name)
    assert isinstance(model, kind)
    assert model.name == called


@pytest.mark.parametrize("name", ["", "ollama:", "two words", "ollama: "])
def test_a_name_that_means_nothing_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="embedded"):
        open_model(name)


@pytest.mark.parametrize("before", ["", "[]", "{"])
def test_the_digests_of_several_models_are_remembered(tmp_path: Path, before: str) -> None:
    """Each costs reading a whole model; a memory that is none is no memory."""
    memory = tmp_path / "cache" / "digests.json"
    memory.parent.mkdir()
    memory.write_text(before)
    models = [tmp_path / name for name in ("small.gguf", "large.gguf")]
    for path in models:
        path.write_text(path.name)
    digests = [digest_of(path) for path in models]
    assert sorted(json.loads(memory.read_text()).values()) == sorted(digests)
    assert [digest_of(path) for path in models] == digests


def test_numbers_that_cannot_work_are_refused() -> None:
    with pytest.raises(ConfigError, match="slots"):
        open_model("embedded", slots=0)


async def test_settings_reach_the_model() -> None:
    async with FakeOllama() as fake:
        model = open_model("tiny", host=fake.url, label_way="chat", slots=3, context=512)
        info = await model.start()
        await model.close()
    assert (info.label_way, info.slots, info.context) == ("chat", 3, 512)


async def test_auto_takes_the_wanted_model_of_ollama(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "brains")
    async with FakeOllama([FakeModel("other:latest"), FakeModel("tiny:latest")]) as fake:
        model = open_model("auto", host=fake.url, ollama_model="tiny")
        info = await model.start()
        assert (info.name, info.backend, model.name) == ("tiny", "ollama", "tiny")
        assert (await model.generate(ASK)).tokens
        await model.close()
    assert "using the Ollama model tiny" in caplog.text


@pytest.mark.parametrize(
    ("models", "why"),
    [
        (None, "no Ollama at http://127.0.0.1:1 ("),
        ([], "has no llama3.2 (it has no models); and "),
        ([FakeModel("qwen2.5:3b"), FakeModel("mine:1b")], "has no llama3.2 (it has: qwen2.5:3b, mine:1b); choose one "),
        ([FakeModel(f"m{n}:1b") for n in range(20)], "m7:1b, ...); choose one with --model NAME; and "),
    ],
    ids=["no Ollama", "no models", "other models", "many models"],
)
async def test_auto_without_anything_names_both_ways(models: list[FakeModel] | None, why: str) -> None:
    async with FakeOllama(models or []) as fake:
        model = open_model("auto", host=NOWHERE if models is None else fake.url)
        with pytest.raises(ConfigError) as caught:
            await model.start()
        await model.close()
    message = str(caught.value)
    for part in ("ollama serve", "ollama pull llama3.2", "BRAINS[embedded]", "brains model pull", "scripted"):
        assert part in message
    assert why in message


async def test_auto_starts_when_it_is_asked() -> None:
    async with FakeOllama([FakeModel("llama3.2:latest")]) as fake:
        model = open_model("auto", host=fake.url)
        assert (await model.generate(ASK)).tokens
        assert model.name == "llama3.2"
        await model.close()


@pytest.mark.parametrize("ollama", [True, False], ids=["other models", "no Ollama"])
async def test_auto_takes_the_model_inside_the_process(
    ollama: bool, model_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "brains")
    default_model_path().parent.mkdir(parents=True)
    default_model_path().symlink_to(model_path)
    async with FakeOllama([FakeModel("qwen2.5:3b"), FakeModel("mine:1b")]) as fake:
        model = open_model("auto", host=fake.url if ollama else NOWHERE, slots=1, context=256)
        try:
            info = await model.start()
        finally:
            await model.close()
        assert fake.asked == []
    assert info.backend == "embedded"
    why = f"Ollama at {fake.url} has no llama3.2 (it has: qwen2.5:3b, mine:1b); choose one with --model NAME"
    assert f"using the small model inside the process: {why if ollama else 'no Ollama at'}" in caplog.text


@pytest.mark.skipif(importlib.util.find_spec("xllamacpp") is not None, reason="xllamacpp is installed")
async def test_without_xllamacpp_it_says_what_to_install(tmp_path: Path) -> None:
    path = tmp_path / "a.gguf"
    path.write_bytes(gguf(("general.architecture", "llama")))
    with pytest.raises(ConfigError, match=r"BRAINS\[embedded\]"):
        await EmbeddedModel(path).start()


def gguf(*values: tuple[str, str | int]) -> bytes:
    """Make the head of a GGUF file."""

    def text(value: str) -> bytes:
        return len(value).to_bytes(8, "little") + value.encode()

    head = b"GGUF" + (3).to_bytes(4, "little") + (0).to_bytes(8, "little") + len(values).to_bytes(8, "little")
    for key, value in values:
        if isinstance(value, str):
            head += text(key) + (8).to_bytes(4, "little") + text(value)
        else:
            head += text(key) + (4).to_bytes(4, "little") + value.to_bytes(4, "little")
    return head


HEAD = gguf(
    ("general.architecture", "llama"),
    ("general.name", "Tiny"),
    ("llama.context_length", 8192),
    ("llama.block_count", 30),
    ("llama.embedding_length", 576),
    ("llama.attention.head_count", 9),
    ("llama.attention.head_count_kv", 3),
    ("tokenizer.ggml.model", "gpt2"),
)


def test_the_head_of_a_file_tells_what_its_cache_takes(tmp_path: Path) -> None:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(HEAD)
    # SmolLM2-135M: 360 MiB for 16384 tokens, says llama.cpp
    head = read_head(path)
    assert (head.name, head.architecture, head.context) == ("Tiny", "llama", 8192)
    assert head.cache_per_token == 360 * 2**20 // 16384
    assert head.size_label == ""


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "not a GGUF"),
        (b"PK\3\4 a wheel", "not a GGUF"),
        (HEAD[:60], "cut off or damaged"),
        (HEAD[:4] + b"\xff" * 40, "cut off or damaged"),
        (gguf(("a", 1)).replace(b"a\4", b"a\77"), "cut off or damaged"),
        (gguf(("a", 1))[:-8] + b"\11\0\0\0" + b"\11\0\0\0\1\0\0\0\0\0\0\0" * 5000, "cut off or damaged"),
    ],
)
def test_what_is_no_model_is_refused(content: bytes, why: str, tmp_path: Path) -> None:
    path = tmp_path / "x.gguf"
    path.write_bytes(content)
    with pytest.raises(ModelRefused, match=why):
        read_head(path)
