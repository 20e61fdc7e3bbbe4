"""The models that can answer questions, by name: Ollama's, one inside the process, and a fake.

A name is one of

    auto                    Ollama if it answers, else the model inside the process; resolved by `start`
    NAME, or ollama:NAME    a model of the Ollama server, such as `llama3.2` or `ollama:qwen2.5:3b`
    embedded                the small default model inside the process, fetched by `brains model pull`
    embedded:/path/to.gguf  any GGUF file inside the process
    scripted                no model at all: it answers at once, as the example that is most like the question
"""

from __future__ import annotations

import difflib
from pathlib import Path

from brains.errors import ConfigError
from brains.questions import ChatModel, Way

__all__ = ["DEFAULT_OLLAMA_MODEL", "open_model"]

DEFAULT_OLLAMA_MODEL = "llama3.2"

KINDS = ("auto", "embedded", "scripted", "ollama")
LIKE = 0.8
"""How near (0 to 1) a name must be to one of those to be taken for a slip."""
NAMES = "auto, llama3.2 (or ollama:llama3.2), embedded, embedded:FILE.gguf or scripted"
FOREIGN = frozenset(
    {"anthropic", "azure", "bedrock", "claude", "file", "google", "groq", "hf", "http", "https", "huggingface"}
    | {"litellm", "llama.cpp", "llama_cpp", "llamacpp", "lmstudio", "openai", "openrouter", "transformers", "vllm"}
)
"""What other programs write before a model's name, and no model of Ollama is called; `mistral:7b` is one."""


def open_model(
    name: str = "auto",
    *,
    host: str | None = None,
    label_way: Way | None = None,
    ollama_model: str = DEFAULT_OLLAMA_MODEL,
    slots: int | None = None,
    threads: int | None = None,
    context: int | None = None,
    templates: int | None = None,
    fast_weights: bool = False,
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
        templates: how many templates take turns; without `slots`, a model inside the process has a slot for each.
        fast_weights: whether a small model in Q4_1 inside the process is run from a copy in Q8_0.

    Raises:
        ConfigError: the name means nothing, or looks like a slip; after `ollama:` any name will do.
    """
    kind, _, rest = name.partition(":")
    _refuse_slips(name, kind, rest)
    if name == "auto":
        from brains.models.auto import AutoModel

        return AutoModel(
            ollama_model,
            host=host,
            label_way=label_way,
            slots=slots,
            threads=threads,
            context=context,
            templates=templates,
            fast_weights=fast_weights,
        )
    if name == "scripted":
        from brains.models.scripted import ScriptedModel

        return ScriptedModel(label_way=label_way or "completion", slots=slots or 4)
    if kind == "embedded":
        from brains.models.embedded import EmbeddedModel

        path = Path(rest).expanduser() if rest else None
        return EmbeddedModel(
            path,
            slots=slots,
            threads=threads,
            context=context,
            label_way=label_way,
            templates=templates,
            fast_weights=fast_weights,
        )
    wanted = rest if kind == "ollama" else name
    from brains.models.ollama import OllamaModel

    load_options = {"num_ctx": context} if context else None
    return OllamaModel(wanted, host=host, label_way=label_way, slots=slots, load_options=load_options)


def _refuse_slips(name: str, kind: str, rest: str) -> None:
    """Raise for what would otherwise be asked of Ollama, and end in advice to start it.

    Raises:
        ConfigError: nothing can be called so, or most likely something else was meant.
    """
    if name in ("auto", "scripted") or kind == "embedded":
        return
    if kind in ("auto", "scripted"):
        raise ConfigError(f"no model is called {name!r}: {kind!r} stands alone; say {NAMES}")
    wanted = rest if kind == "ollama" else name
    if not wanted.strip() or any(char.isspace() for char in wanted):
        raise ConfigError(f"no model is called {name!r}: say {NAMES}")
    if kind == "ollama":
        return
    escape = f"a model of Ollama that is really called so is ollama:{name}"
    near = difflib.get_close_matches(kind.casefold(), KINDS, n=1, cutoff=LIKE)
    if near:
        raise ConfigError(f"no model is called {name!r}: did you mean {near[0] + name[len(kind) :]!r}? ({escape})")
    if kind.casefold() in FOREIGN:
        raise ConfigError(f"{name!r} cannot be used: there is no {kind!r} here; say {NAMES}")
    # Ollama takes hf.co/USER/MODEL-GGUF:FILE.gguf; `C:` is a drive.
    if name.casefold().endswith(".gguf") and (not rest or "\\" in name):
        raise ConfigError(f"no model is called {name!r}: did you mean the file 'embedded:{name}'? ({escape})")
