"""Why Ollama loaded a model again, as far as its list of running models tells."""

from __future__ import annotations

from brains.models._ollama import ollama
from brains.models.ollama_names import full_name

__all__ = ["absence_cause", "reload_cause"]

_GONE = (
    "another program asked for it with other options (num_ctx, num_gpu ...) or unloaded it, or Ollama was started again"
)


def reload_cause(running: ollama.ProcessResponse, name: str, context: int) -> str:
    """Return the cause in words; empty for unknown.

    Args:
        running: what `/api/ps` lists right after an answer that took a load.
        name: our model.
        context: the context that we ask for.
    """
    others = []
    there = False
    for model in running.models:
        called = model.model or ""
        if full_name(called) != full_name(name):
            others.append(called)
            continue
        there = True
        if model.context_length and model.context_length > context:
            return _other_options(model.context_length, context)
    if others:
        return f"{_beside(others)}, or another program asked for it with other options"
    if there:
        # It is ours again by now, so that nobody can see what it was; but it was not for the memory.
        return f"no other model runs on the same server, so that {_GONE}"
    return ""


def absence_cause(running: ollama.ProcessResponse, name: str, context: int, *, slept: str = "") -> str:
    """Return in words why a model that was loaded is not loaded as we want it; empty if it is.

    Args:
        running: what `/api/ps` lists.
        name: our model.
        context: the context that was listed for it while it was loaded for us; 0 if none was.
        slept: its keep_alive, if nobody here has asked it for so long.
    """
    others = []
    for model in running.models:
        called = model.model or ""
        if full_name(called) == full_name(name):
            length = model.context_length or 0
            return _other_options(length, context) if length and context and length != context else ""
        others.append(called)
    if slept:
        return f"nobody had asked it for longer than its keep_alive ({slept})"
    if others:
        return _beside(others)
    return _GONE


def _other_options(theirs: int, ours: int) -> str:
    return (
        f"another program asks for it with other options (a context of {theirs} tokens, and not of {ours}), so that "
        "each of its requests and each of ours loads it again"
    )


def _beside(others: list[str]) -> str:
    return (
        f"{', '.join(sorted(others))} runs on the same server, too, and there may not be enough memory for all "
        "(OLLAMA_MAX_LOADED_MODELS)"
    )
