"""Names of models: which are taken, and what is said of those that cannot work."""

from __future__ import annotations

from pathlib import Path

import pytest

from brains.errors import ConfigError, ModelNotInstalled, ModelRefused
from brains.models import open_model
from brains.models.embedded import EmbeddedModel
from brains.models.ollama import OllamaModel
from brains.models.pull import default_model_path


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("OLLAMA_HOST", "OLLAMA_API_KEY", "OLLAMA_NUM_PARALLEL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("BRAINS_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize(
    "name",
    [
        "qwen2.5:3b",
        "user/model:tag",
        "mistral:7b",
        "gpt-oss:20b",
        "openai/gpt-oss",
        "claude-like:1b",
        "olmo2:7b",
        "all-minilm",
        "embeddinggemma",
        "autocoder",
        "hf.co/user/model-GGUF:model-Q4.gguf",
        "registry.example.com:5000/user/model:tag",
    ],
)
def test_what_may_be_a_model_of_ollama_is_taken_for_one(name: str) -> None:
    for said in (name, f"ollama:{name}"):
        model = open_model(said)
        assert isinstance(model, OllamaModel)
        assert model.name == name


@pytest.mark.parametrize("name", ["embeded", "auto2", "openai:gpt-4", "ollama", "x.gguf"])
def test_behind_its_prefix_any_name_will_do(name: str) -> None:
    assert isinstance(open_model(f"ollama:{name}"), OllamaModel)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("embeded", "embedded"),
        ("Embedded", "embedded"),
        ("embeded:/a/b.gguf", "embedded:/a/b.gguf"),
        ("AUTO", "auto"),
        ("script", "scripted"),
        ("scriptd", "scripted"),
        ("olama:llama3.2", "ollama:llama3.2"),
        ("Ollama:llama3.2", "ollama:llama3.2"),
        ("/a/b.gguf", "embedded:/a/b.gguf"),
        ("C:\\models\\b.GGUF", "embedded:C:\\models\\b.GGUF"),
    ],
)
def test_a_slip_is_told_what_was_meant(name: str, meant: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_model(name)
    assert f"did you mean {meant!r}?" in str(caught.value) or f"did you mean the file '{meant}'?" in str(caught.value)
    assert f"ollama:{name}" in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "openai:gpt-4",
        "OpenAI:gpt-4",
        "anthropic:claude",
        "http://localhost:11434",
        "scripted:x",
        "auto:x",
        "auto:",
        "ollama",
    ],
)
def test_a_prefix_that_is_none_of_ours_is_told_what_there_is(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_model(name)
    for word in (repr(name), "auto", "llama3.2 (or ollama:llama3.2)", "embedded", "embedded:FILE.gguf", "scripted"):
        assert word in str(caught.value)


async def test_a_named_file_that_is_not_there_will_not_come(tmp_path: Path) -> None:
    for path in (tmp_path / "nope.gguf", tmp_path):
        with pytest.raises(ConfigError, match=r"there is no model at .*`brains model pull` fetches a small one"):
            await open_model(f"embedded:{path}").start()


@pytest.mark.parametrize("content", [b"", b"PK\3\4 a wheel", b"GGUF"])
async def test_a_named_file_that_is_no_model_will_not_become_one(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.gguf"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"x\.gguf is (not a GGUF file|cut off)"):
        await open_model(f"embedded:{path}").start()


async def test_the_default_model_may_yet_come() -> None:
    model = open_model("embedded")
    with pytest.raises(ModelNotInstalled, match="run `brains model pull`"):
        await model.start()
    default_model_path().parent.mkdir(parents=True)
    default_model_path().write_bytes(b"half of it")
    with pytest.raises(ModelRefused, match="not a GGUF file"):
        await model.start()


async def test_the_default_models_file_by_its_own_name_is_a_named_file() -> None:
    model = open_model(f"embedded:{default_model_path()}")
    assert isinstance(model, EmbeddedModel)
    with pytest.raises(ConfigError):
        await model.start()
