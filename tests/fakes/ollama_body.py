"""Request bodies as Go reads them, and response bodies with Go's keys in Go's order."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from tests.fakes.ollama_runner import FOR_EVER, SECOND, Refusal
from tests.fakes.ollama_script import FakeModel, Piece
from tests.fakes.ollama_wire import go_json, go_quoted, rfc3339_nano

_KINDS: Mapping[str, tuple[type | tuple[type, ...], str]] = {
    "model": (str, "string"),
    "prompt": (str, "string"),
    "messages": (list, "[]api.Message"),
    "stream": (bool, "bool"),
    "raw": (bool, "bool"),
    "truncate": (bool, "bool"),
    "shift": (bool, "bool"),
    "logprobs": (bool, "bool"),
    "top_logprobs": (int, "int"),
    "options": (dict, "map[string]interface {}"),
}
_GO_NAMES = {str: "string", bool: "bool", int: "number", float: "number", list: "array", dict: "object"}
_UNITS = {"ns": 1, "us": 1e3, "µs": 1e3, "μs": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9, "h": 3600e9}
_LEVELS = ("high", "medium", "low", "max")
_WANTED = {
    "Expecting value": "looking for beginning of value",
    "Expecting property name enclosed in double quotes": "looking for beginning of object key string",
    "Expecting ':' delimiter": "after object key",
    "Expecting ',' delimiter": "after object key:value pair",
}


def parse(body: bytes, struct: str) -> dict[str, Any]:
    """Return the object of a request.

    Raises:
        Refusal: with Go's text.
    """
    text = body.decode("utf-8", "replace").strip()
    if not text:
        raise Refusal(400, "missing request body")
    try:
        value, _ = json.JSONDecoder().raw_decode(text)
    except json.JSONDecodeError as error:
        if error.pos >= len(text) or error.msg.startswith("Unterminated"):
            raise Refusal(400, "unexpected EOF") from None
        wanted = _WANTED.get(error.msg, "looking for beginning of value")
        raise Refusal(400, f"invalid character '{text[error.pos]}' {wanted}") from None
    if not isinstance(value, dict):
        kind = _GO_NAMES[type(value)] if value is not None else "null"
        raise Refusal(400, f"json: cannot unmarshal {kind} into Go value of type api.{struct}")
    for name, (kinds, shown) in _KINDS.items():
        given = value.get(name)
        wrong_bool = isinstance(given, bool) and kinds is int
        if given is not None and (not isinstance(given, kinds) or wrong_bool):
            found = _GO_NAMES[type(given)]
            raise Refusal(400, f"json: cannot unmarshal {found} into Go struct field {struct}.{name} of type {shown}")
    _check_think(value.get("think"))
    if not 0 <= (value.get("top_logprobs") or 0) <= 20:
        raise Refusal(400, "top_logprobs must be between 0 and 20")
    return value


def _check_think(think: Any) -> None:
    choices = '"high", "medium", "low", "max", true, or false'
    if isinstance(think, str) and think not in _LEVELS:
        raise Refusal(400, f"invalid think value: {go_quoted(think)} (must be {choices})")
    if think is not None and not isinstance(think, (bool, str)):
        raise Refusal(400, 'think must be a boolean or string ("high", "medium", "low", "max", true, or false)')


def nanoseconds(keep_alive: Any) -> int | None:
    """Return a keep_alive as Go's api.Duration reads it; None where none was given.

    Raises:
        Refusal: it is no duration.
    """
    if keep_alive is None:
        return None
    if isinstance(keep_alive, bool) or not isinstance(keep_alive, (int, float, str)):
        raise Refusal(400, f"Unsupported type: '{_GO_NAMES.get(type(keep_alive), 'bool')}'")
    if not isinstance(keep_alive, str):
        return FOR_EVER if keep_alive < 0 else int(keep_alive * SECOND)
    match = re.fullmatch(r"([+-]?)((?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+|0)", keep_alive)
    if match is None:
        if re.fullmatch(r"[+-]?\d+\.?\d*", keep_alive):
            raise Refusal(400, f"time: missing unit in duration {go_quoted(keep_alive)}")
        raise Refusal(400, f"time: invalid duration {go_quoted(keep_alive)}")
    parts = re.findall(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)", match[2])
    total = int(sum(float(number) * _UNITS[unit] for number, unit in parts))
    return FOR_EVER if match[1] == "-" and total else total


def without_zeros(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Go's omitempty."""
    return {name: value for name, value in pairs if value not in (None, "", 0, [], {}, ())}


def chat_chunk(model: str, at: int, message: Mapping[str, Any], done: bool = False, **more: Any) -> dict[str, Any]:
    """Return an api.ChatResponse."""
    return {
        "model": model,
        "created_at": rfc3339_nano(at),
        "message": message,
        "done": done,
        **without_zeros(
            [
                ("done_reason", more.get("done_reason")),
                ("_debug_info", more.get("debug")),
                ("logprobs", more.get("logprobs")),
                *more.get("metrics", ()),
            ]
        ),
    }


def message(content: str = "", thinking: str = "") -> dict[str, Any]:
    """Return an api.Message of the assistant."""
    return {"role": "assistant", "content": content, **({"thinking": thinking} if thinking else {})}


def generate_chunk(model: str, at: int, response: str = "", done: bool = False, **more: Any) -> dict[str, Any]:
    """Return an api.GenerateResponse."""
    thinking = more.get("thinking")
    return {
        "model": model,
        "created_at": rfc3339_nano(at),
        "response": response,
        **({"thinking": thinking} if thinking else {}),
        "done": done,
        **without_zeros(
            [
                ("done_reason", more.get("done_reason")),
                ("context", more.get("context")),
                *more.get("metrics", ()),
                ("_debug_info", more.get("debug")),
                ("logprobs", more.get("logprobs")),
            ]
        ),
    }


def logprobs(piece: Piece, top: int) -> list[dict[str, Any]]:
    """Return the log-probabilities of one token."""
    entry = _token(piece.text or piece.thinking, piece.logprob)
    if top and piece.top:
        entry["top_logprobs"] = [_token(token, logprob) for token, logprob in piece.top[:top]]
    return [entry]


def _token(token: str, logprob: float) -> dict[str, Any]:
    return {"token": token, "logprob": logprob, **({"bytes": list(token.encode())} if token else {})}


def details(model: FakeModel) -> dict[str, Any]:
    """Return an api.ModelDetails."""
    return {
        "parent_model": "",
        "format": "gguf",
        "family": model.family,
        "families": [model.family],
        "parameter_size": model.parameter_size,
        "quantization_level": model.quantization,
    }


def tags_entry(model: FakeModel) -> dict[str, Any]:
    """Return an api.ListModelResponse."""
    return {
        "name": model.name,
        "model": model.name,
        "modified_at": rfc3339_nano(model.modified_at),
        "size": model.size,
        "digest": model.digest,
        "details": {**details(model), "context_length": model.context_length, "embedding_length": 576},
        "capabilities": list(model.capabilities),
    }


def show_body(model: FakeModel) -> dict[str, Any]:
    """Return an api.ShowResponse."""
    lines = [
        '# Modelfile generated by "ollama show"',
        "# To build a new Modelfile based on this, replace FROM with:",
        f"# FROM {model.name}",
        "",
        f"FROM /models/blobs/sha256-{model.digest}",
        f'TEMPLATE """{model.template}"""' if "\n" in model.template else f"TEMPLATE {model.template}",
    ]
    lines += [f"RENDERER {model.renderer}"] if model.renderer else []
    lines += [f"PARAMETER {name} {value}" for name, value in model.parameters.items()]
    info: dict[str, Any] = {"general.architecture": model.family}
    if model.parameter_count is not None:
        info["general.parameter_count"] = model.parameter_count
    info[f"{model.family}.context_length"] = model.context_length
    return {
        "modelfile": "\n".join([*lines, ""]),
        **without_zeros(
            [
                ("parameters", "\n".join(f"{name:<30} {go_json(value)}" for name, value in model.parameters.items())),
                ("template", model.template),
                ("system", model.system),
            ]
        ),
        "details": details(model),
        "model_info": info,
        **without_zeros([("capabilities", list(model.capabilities))]),
        "modified_at": rfc3339_nano(model.modified_at),
    }
