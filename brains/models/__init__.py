"""The models that can answer questions, by name: Ollama's, one inside the process, and a fake.

A name is one of

    auto                    Ollama if it answers, else the model inside the process; resolved by `start`
    ollama:NAME, or NAME    a model of the Ollama server, such as `ollama:llama3.2` or `qwen2.5:3b`
    embedded                the small default model inside the process, fetched by `brains model pull`
    embedded:/path/to.gguf  any GGUF file inside the process
    scripted                no model at all: plausible answers without any thought, for tests and first steps
"""

from __future__ import annotations

from pathlib import Path

from brains.errors import ConfigError
from brains.questions import ChatModel, Way

__all__ = ["DEFAULT_OLLAMA_MODEL", "open_model"]

DEFAULT_OLLAMA_MODEL = "llama3.2"
SCRIPTED_LATENCY = 0.05


def open_model(
    name: str = "auto",
    *,
    host: str | None = None,
    label_way: Way | None = None,
    ollama_model: str = DEFAULT_OLLAMA_MODEL,
    slots: int | None = None,
    threads: int | None = None,
    context: int | None = None,
) -> ChatModel:
    """Return the model of that name, not started; nothing is opened, loaded or asked before its `start`.

    Args:
        name: see above.
        host: where Ollama is; by default what `OLLAMA_HOST` says, else this machine.
        label_way: how label questions are put, if not as the model's kind suggests.
        ollama_model: which model `auto` looks for first.
        slots: how many requests the model works on at the same time.
        threads: processor threads of a model inside the process.
        context: tokens that a prompt and its answer may take together.

    Raises:
        ConfigError: the name means nothing.
    """
    kind, _, rest = name.partition(":")
    if name == "auto":
        from brains.models.auto import AutoModel

        return AutoModel(ollama_model, host=host, label_way=label_way, slots=slots, threads=threads, context=context)
    if name == "scripted":
        from brains.models.scripted import ScriptedModel

        return ScriptedModel(latency=SCRIPTED_LATENCY, label_way=label_way or "completion", slots=slots or 4)
    if kind == "embedded":
        from brains.models.embedded import EmbeddedModel

        path = Path(rest).expanduser() if rest else None
        return EmbeddedModel(path, slots=slots, threads=threads, context=context, label_way=label_way)
    wanted = rest if kind == "ollama" else name
    if not wanted.strip() or any(char.isspace() for char in wanted):
        raise ConfigError(
            f"no model is called {name!r}: say auto, ollama:NAME, embedded, embedded:/path/to.gguf or scripted"
        )
    from brains.models.ollama import OllamaModel

    load_options = {"num_ctx": context} if context else None
    return OllamaModel(wanted, host=host, label_way=label_way, slots=slots, load_options=load_options)
