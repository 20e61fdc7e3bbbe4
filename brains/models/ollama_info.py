"""What Ollama tells of a model: is it there, how big is it, can it chat, are there log-probabilities."""

from __future__ import annotations

import re
from collections.abc import Sequence

from brains.errors import ModelNotInstalled, ModelRefused
from brains.models._ollama import ollama
from brains.models.ollama_names import full_name
from brains.questions import Way

__all__ = [
    "best_way",
    "find_installed",
    "has_chat_template",
    "has_decisions",
    "has_logprobs",
    "parameter_count",
    "possible_ways",
]

LOGPROBS_SINCE = (0, 12, 11)
DECISIONS_SINCE = (0, 35, 0)
SMALL = 1e9
"""Models with fewer parameters hardly follow instructions, but continue a list of examples well."""
SHOWN = 8

_NO_TEMPLATE = re.compile(r"\{\{-?\s*\.Prompt\s*-?\}\}")
_MAGNITUDES = {"": 1.0, "K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}


def find_installed(
    models: Sequence[ollama.ListResponse.Model], name: str, *, served_at: str = ""
) -> ollama.ListResponse.Model:
    """Return the installed model of that name, with or without `:latest` and the name of Ollama's own library.

    `served_at` is where a `brains model serve` is, if it is no Ollama: that has one model, and pulls none.

    Raises:
        ModelNotInstalled: saying what is.
    """
    wanted = full_name(name)
    for model in models:
        if full_name(model.model or "") == wanted:
            return model
    names = [model.model or "?" for model in models]
    if served_at and names:
        there = names[0].removesuffix(":latest")
        raise ModelNotInstalled(
            f"there is no model {name!r} at {served_at}: the `brains model serve` there serves {there!r}. Ask for that "
            f"with `--model ollama:{there}`, or serve another one with `brains model serve --model embedded:FILE.gguf`"
        )
    if not names:
        there = "nothing is installed yet"
    else:
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        there = f"installed are {', '.join(names[:SHOWN])}{more}"
    raise ModelNotInstalled(f"model {name!r} is not installed: run `ollama pull {name}` ({there})")


def has_logprobs(version: str) -> bool:
    """Whether this version of Ollama gives log-probabilities; one that tells no number is taken for new."""
    return _is_since(version, LOGPROBS_SINCE)


def has_decisions(version: str) -> bool:
    """Whether this version of Ollama has the decision API; one that tells no number is taken for new."""
    return _is_since(version, DECISIONS_SINCE)


def _is_since(version: str, since: tuple[int, ...]) -> bool:
    match = re.match(r"v?(\d+)\.(\d+)\.(\d+)", version)
    numbers = tuple(int(part) for part in match.groups()) if match else ()
    # Ollama built from source calls itself 0.0.0.
    return not any(numbers) or numbers >= since


def parameter_count(show: ollama.ShowResponse) -> float | None:
    """How many parameters the model has; None if Ollama does not say."""
    exact = (show.modelinfo or {}).get("general.parameter_count")
    if isinstance(exact, (int, float)) and exact > 0:
        return float(exact)
    size = (show.details.parameter_size or "") if show.details else ""
    match = re.fullmatch(r"\s*([\d.]+)\s*([KMBT]?)\s*", size, re.IGNORECASE)
    return float(match[1]) * _MAGNITUDES[match[2].upper()] if match else None


def has_chat_template(show: ollama.ShowResponse) -> bool:
    """Whether the model knows turns of a chat; a base model only continues text."""
    if re.search(r"^RENDERER\s", show.modelfile or "", re.MULTILINE):
        return True  # its chat format is built into Ollama, and the template is left empty
    template = (show.template or "").strip()
    return bool(template) and not _NO_TEMPLATE.fullmatch(template)


def possible_ways(show: ollama.ShowResponse, version: str) -> frozenset[Way]:
    """All ways in which this model can be asked.

    Raises:
        ModelRefused: it can neither chat nor continue text nor decide.
    """
    can = show.capabilities or ()
    deciding: frozenset[Way] = frozenset({"systemone"} if "decision" in can and has_decisions(version) else ())
    if deciding and "completion" not in can:
        return deciding
    if "decision" in can and "completion" not in can:
        raise ModelRefused(f"this model only decides, which Ollama {version} cannot let it do: update Ollama to 0.35")
    # Old servers give no capabilities at all.
    if can and "completion" not in can:
        raise ModelRefused(
            f"this model can only do {', '.join(can)}: choose one that can generate text, such as llama3.2"
        )
    ways: set[Way] = {"schema", "text"}
    if has_logprobs(version):
        ways.add("completion")
        if has_chat_template(show):
            ways.add("chat")
    return deciding | ways


def best_way(show: ollama.ShowResponse, ways: frozenset[Way]) -> Way:
    """How label questions are best put to this model."""
    if "systemone" in ways:
        return "systemone"
    if "completion" not in ways:
        return "schema"
    count = parameter_count(show)
    if "chat" not in ways or (count is not None and count < SMALL):
        return "completion"
    return "chat"
