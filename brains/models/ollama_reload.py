"""Why Ollama loaded a model again, as far as its list of running models tells."""

from __future__ import annotations

from brains.models._ollama import ollama
from brains.models.ollama_names import full_name

__all__ = ["reload_cause"]


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
            return (
                f"another program asks for it with other options (a context of {model.context_length} tokens, and not "
                f"of {context}), so that each of its requests and each of ours loads it again"
            )
    if others:
        return (
            f"{', '.join(sorted(others))} runs on the same server, too, and there may not be enough memory for all "
            "(OLLAMA_MAX_LOADED_MODELS), or another program asked for it with other options"
        )
    if there:
        # It is ours again by now, so that nobody can see what it was; but it was not for the memory.
        return (
            "no other model runs on the same server, so that another program asked for it with other options "
            "(num_ctx, num_gpu ...) or unloaded it, or Ollama was started again"
        )
    return ""
