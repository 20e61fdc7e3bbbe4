"""Bodies of Ollama's requests, read into ours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from brains.models.ollama_options import LOAD_TIME_OPTIONS
from brains.questions import ModelInfo, ModelRequest, Way

__all__ = ["WireError", "as_request", "parse"]

MOST_LOGPROBS = 20
INTEGERS = frozenset({"num_predict", "num_keep", "seed", "top_k", "repeat_last_n", "num_ctx", "num_batch"})
FLOATS = frozenset({"temperature", "top_p", "min_p", "typical_p", "repeat_penalty", "presence_penalty"})
IGNORED = LOAD_TIME_OPTIONS | {"num_predict", "num_keep"}
OBJECT: Mapping[str, Any] = {"type": "object"}
"""What `format: "json"` asks for."""


class WireError(Exception):
    """A request that Ollama would refuse with this status and text."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def parse(body: bytes) -> dict[str, Any]:
    """Return the object of a body.

    Raises:
        WireError: it is none.
    """
    if not body.strip():
        raise WireError(400, "missing request body")
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise WireError(400, f"invalid JSON: {error}") from error
    if not isinstance(value, dict):
        raise WireError(400, "json: cannot unmarshal into Go value of type api.ChatRequest")
    return value


def as_request(body: Mapping[str, Any], info: ModelInfo, *, chat: bool) -> ModelRequest:
    """Return what the model is to do.

    Raises:
        WireError: as Ollama says it.
    """
    if body.get("think"):
        raise WireError(400, f'"{body["model"]}" does not support thinking')
    schema = _schema(body.get("format"))
    options = _options(body.get("options") or {})
    top = _top(body)
    limit = options.get("num_predict", -1)
    common: dict[str, Any] = {
        "max_tokens": limit if limit > 0 else info.context,
        "top_logprobs": top,
        "schema": schema,
        "options": {name: value for name, value in options.items() if name not in IGNORED},
    }
    if not chat and body.get("raw"):
        return ModelRequest(way="completion", prompt=str(body["prompt"]), **{**common, "schema": None})
    messages = _messages(body["messages"]) if chat else _turns(body)
    way: Way = "schema" if schema is not None else "chat" if top else "text"
    return ModelRequest(way=way, messages=messages, **common)


def _schema(wanted: Any) -> Mapping[str, Any] | None:
    if wanted in (None, ""):
        return None
    if wanted == "json":
        return OBJECT
    if not isinstance(wanted, dict):
        shown = json.dumps(json.dumps(wanted))
        raise WireError(500, f'invalid format: {shown}; expected "json" or a valid JSON Schema object')
    return wanted


def _top(body: Mapping[str, Any]) -> int:
    top = body.get("top_logprobs") or 0
    if not isinstance(top, int) or not 0 <= top <= MOST_LOGPROBS:
        raise WireError(400, "top_logprobs must be between 0 and 20")
    return max(top, 1) if body.get("logprobs") else 0


def _options(given: Any) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise WireError(400, "json: cannot unmarshal into Go struct field ChatRequest.options")
    for name, value in given.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if name in INTEGERS and not number:
            raise WireError(500, f'option "{name}" must be of type integer')
        if name in FLOATS and not number:
            raise WireError(500, f'option "{name}" must be of type float32')
    return {name: int(value) if name in INTEGERS else value for name, value in given.items()}


def _messages(given: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(given, list) or not all(isinstance(turn, dict) for turn in given):
        raise WireError(400, "json: cannot unmarshal into Go struct field ChatRequest.messages of type []api.Message")
    return tuple((str(turn.get("role", "")).lower(), str(turn.get("content") or "")) for turn in given)


def _turns(body: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    system = ((("system", str(body["system"])),)) if body.get("system") else ()
    return (*system, ("user", str(body["prompt"])))
