"""Options of a request to Ollama: those of the loaded model, which never change, and those of one question.

Ollama compares the load-time options of every request with those of the loaded model, and loads it again when
one differs: seconds to minutes in which nobody gets an answer. So they are fixed once per model, and a prompt
that names one is refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from brains.errors import ConfigError

__all__ = ["DEFAULT_CONTEXT", "LOAD_TIME_OPTIONS", "duration_seconds", "freeze", "keep_alive_seconds", "merge"]

DEFAULT_CONTEXT = 4096

LOAD_TIME_OPTIONS = frozenset(
    {
        "draft_num_predict",
        "main_gpu",
        "num_batch",
        "num_ctx",
        "num_gpu",
        "num_thread",
        "use_mmap",
        # Those of older servers.
        "embedding_only",
        "f16_kv",
        "logits_all",
        "low_vram",
        "numa",
        "use_mlock",
        "vocab_only",
    }
)

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)"


def freeze(options: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return the load-time options of a model, complete and unchangeable.

    `num_ctx` is always among them: left to itself, Ollama takes it from the size of the graphics card, and
    the same game would have another context on another machine.

    Raises:
        ConfigError: one of them is not a load-time option, or is not a number or a truth value.
    """
    frozen = {"num_ctx": DEFAULT_CONTEXT, **(options or {})}
    for name, value in frozen.items():
        if name not in LOAD_TIME_OPTIONS:
            raise ConfigError(
                f"{name!r} is not a load-time option of Ollama (those are "
                f"{', '.join(sorted(LOAD_TIME_OPTIONS))}): "
                "it belongs into a prompt's front matter, under `model: options:`"
            )
        if not isinstance(value, int):
            raise ConfigError(f"the load-time option {name!r} must be a whole number or true or false, not {value!r}")
    if isinstance(frozen["num_ctx"], bool) or frozen["num_ctx"] < 1:
        raise ConfigError(f"num_ctx must be a number of tokens, not {frozen['num_ctx']!r}")
    return MappingProxyType(frozen)


def merge(frozen: Mapping[str, Any], sampling: Mapping[str, Any], *, max_tokens: int, prompt: str) -> dict[str, Any]:
    """Return the options of one request.

    Raises:
        ConfigError: the prompt names a load-time option.
    """
    wrong = sorted(LOAD_TIME_OPTIONS & sampling.keys())
    if wrong:
        raise ConfigError(
            f"prompt {prompt!r} sets {', '.join(map(repr, wrong))}, which would make Ollama load the model "
            "again for it: "
            "take it out of the prompt's `model: options:`; it is set once, for the model"
        )
    return {**sampling, "num_predict": max_tokens, **frozen}


def keep_alive_seconds(keep_alive: str | float) -> float:
    """Return how long Ollama keeps the model after a request, in seconds; endless for a negative one.

    Raises:
        ConfigError: it is not a number or a duration such as `30m`, or it is zero, which unloads the model.
    """
    seconds = duration_seconds(keep_alive)
    if seconds == 0:
        raise ConfigError("a keep_alive of 0 would unload the model after every answer: set 30m, or -1 for ever")
    return seconds


def duration_seconds(keep_alive: str | float) -> float:
    """Return what Ollama takes a `keep_alive` for, in seconds; endless for a negative one, and zero for zero.

    Raises:
        ConfigError: it is not a number or a duration such as `30m`.
    """
    if isinstance(keep_alive, str):
        match = re.fullmatch(rf"([+-]?)(0|(?:{_PART})+)", keep_alive)
        if match is None:
            raise ConfigError(f"keep_alive must be seconds, or a duration such as '30m' or '1h30m', not {keep_alive!r}")
        seconds = sum(float(number) * _UNITS[unit] for number, unit in re.findall(_PART, match[2]))
        seconds = -seconds if match[1] == "-" else seconds
    else:
        seconds = float(keep_alive)
    return seconds if seconds >= 0 else math.inf
