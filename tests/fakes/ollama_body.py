"""Request bodies as Go reads them, and response bodies with Go's keys in Go's order."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from tests.fakes.ollama_runner import FOR_EVER, SECOND, Refusal
from tests.fakes.ollama_script import NO_TEMPLATE, FakeModel, Piece
from tests.fakes.ollama_wire import go_char, go_json, go_quoted, rfc3339_nano

Kinds = Mapping[str, tuple[type, str]]

_OF_ALL: Kinds = {"model": (str, "string"), "options": (dict, "map[string]interface {}")}
_OF_QUESTIONS: Kinds = {
    **_OF_ALL,
    **dict.fromkeys(("stream", "truncate", "shift", "logprobs", "_debug_render_only"), (bool, "bool")),
    "top_logprobs": (int, "int"),
}
_KINDS: Mapping[str, Kinds] = {
    "ShowRequest": {**_OF_ALL, "name": (str, "string"), "verbose": (bool, "bool")},
    "ChatRequest": {**_OF_QUESTIONS, "messages": (list, "[]api.Message"), "tools": (list, "api.Tools")},
    "GenerateRequest": {
        **_OF_QUESTIONS,
        **dict.fromkeys(("prompt", "suffix", "system", "template"), (str, "string")),
        "raw": (bool, "bool"),
        "context": (list, "[]int"),
        "images": (list, "[]api.ImageData"),
    },
}
"""The fields of each request, and what Go calls their types."""
_GO_NAMES = {str: "string", bool: "bool", int: "number", float: "number", list: "array", dict: "object"}
_GO_TYPES = {bool: "bool", list: "[]interface {}", dict: "map[string]interface {}"}
_UNITS = {"ns": 1, "us": 1e3, "µs": 1e3, "μs": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9, "h": 3600e9}
EMBEDDING_LENGTH = 576
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
    value = _decoded(body)
    if not isinstance(value, dict):
        found = _GO_NAMES.get(type(value), "number")
        raise Refusal(400, f"json: cannot unmarshal {found} into Go value of type api.{struct}")
    # Go does not care for the case of a field's name.
    fields = {name.lower(): given for name, given in value.items() if given is not None}
    for name, (kind, shown) in _KINDS.get(struct, _OF_ALL).items():
        if name in fields:
            _check_kind(fields[name], kind, f"{struct}.{name}", shown)
    if struct == "ChatRequest":
        fields["messages"] = [_turn(given, f"{struct}.messages") for given in fields.get("messages", ())]
    if struct == "GenerateRequest":
        for number in fields.get("context", ()):
            _check_kind(number, int, f"{struct}.context", "int")
        _check_images(fields.get("images", []), f"{struct}.images")
    if struct != "ShowRequest":
        _check_think(fields.get("think"))
        if not 0 <= fields.get("top_logprobs", 0) <= 20:
            raise Refusal(400, "top_logprobs must be between 0 and 20")
    return fields


def _decoded(body: bytes) -> Any:
    text = body.decode("utf-8", "replace").strip()
    if not text:
        raise Refusal(400, "missing request body")
    try:
        value, _ = json.JSONDecoder(parse_constant=_no_number, parse_float=_Written, parse_int=_whole).raw_decode(text)
    except RecursionError:
        raise Refusal(400, "invalid character '[' exceeded max depth") from None
    except json.JSONDecodeError as error:
        if error.pos >= len(text) or error.msg.startswith("Unterminated"):
            raise Refusal(400, "unexpected EOF") from None
        raise Refusal(400, f"invalid character {_complaint(error, text)}") from None
    # To Go, null is as good as nothing, here and in every field.
    return {} if value is None else value


class _Written(float):
    """A number that remembers how it was written."""

    def __new__(cls, text: str) -> _Written:
        number = super().__new__(cls, text)
        number.text = text
        return number

    text: str


def _whole(text: str) -> int | _Written:
    """Return what fits into Go's int64 as a whole number; the rest is none to it."""
    number = int(text)
    return number if -(2**63) <= number < 2**63 else _Written(text)


def _no_number(text: str) -> None:
    raise Refusal(400, f"invalid character {go_char(text.lstrip('-')[0])} looking for beginning of value")


def _complaint(error: json.JSONDecodeError, text: str) -> str:
    """Return which character Go stumbles over, and what it says of it."""
    at = error.pos
    if error.msg.startswith("Invalid control character"):
        return f"{go_char(text[at])} in string literal"
    if error.msg.startswith("Invalid \\escape"):
        return f"{go_char(text[at + 1])} in string escape code"
    if error.msg.startswith("Invalid \\uXXXX"):
        odd = next((char for char in text[at + 1 :] if char not in "0123456789abcdefABCDEF"), text[at])
        return f"{go_char(odd)} in \\u hexadecimal character escape"
    for word in ("true", "false", "null"):
        if error.msg == "Expecting value" and text[at] == word[0]:
            same = next(count for count in range(1, len(word)) if text[at + count : at + count + 1] != word[count])
            return f"{go_char(text[at + same])} in literal {word} (expecting {go_char(word[same])})"
    # Go reads bytes.
    char = text[at].encode()[:1].decode("latin-1")
    return f"{go_char(char)} {_WANTED.get(error.msg, 'looking for beginning of value')}"


def _turn(given: Any, field: str) -> dict[str, Any]:
    turn = {} if given is None else given
    _check_kind(turn, dict, field, "api.Alias")
    turn = {"role": "", "content": "", **{name: part for name, part in turn.items() if part is not None}}
    for name in ("role", "content"):
        _check_kind(turn[name], str, f"{field}.{name}", "string")
    _check_kind(turn.get("tool_calls", []), list, f"{field}.tool_calls", "[]api.ToolCall")
    _check_images(turn.get("images", []), f"{field}.images")
    return turn


def _check_images(given: Any, field: str) -> None:
    _check_kind(given, list, field, "[]api.ImageData")
    for image in given:
        _check_kind(image, str, field, "api.ImageData")
        try:
            base64.b64decode(image, validate=True)
        except binascii.Error:
            at = next((at for at, char in enumerate(image) if not re.match("[A-Za-z0-9+/=]", char)), len(image))
            raise Refusal(400, f"illegal base64 data at input byte {at}") from None


def _check_kind(given: Any, kind: type, field: str, shown: str) -> None:
    if not isinstance(given, kind) or (kind is int and isinstance(given, bool)):
        found = _GO_NAMES.get(type(given), "number")
        if kind is int and found == "number":
            found = f"number {getattr(given, 'text', given)}"
        raise Refusal(400, f"json: cannot unmarshal {found} into Go struct field {field} of type {shown}")


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
    if type(keep_alive) in _GO_TYPES:
        raise Refusal(400, f"Unsupported type: '{_GO_TYPES[type(keep_alive)]}'")
    if not isinstance(keep_alive, str):
        return FOR_EVER if keep_alive < 0 else int(min(keep_alive * SECOND, FOR_EVER))
    total = _duration(keep_alive)
    return FOR_EVER if total < 0 else total


def _duration(text: str) -> int:
    """Go's `time.ParseDuration`."""
    rest = text[1:] if text[:1] in ("+", "-") else text
    if rest == "0":
        return 0
    total, shown = 0.0, go_quoted(text)
    for number, unit in re.findall(r"(\d*\.?\d*)([^\d.]*)", rest)[:-1] or [("", "")]:
        if not re.search(r"\d", number):
            raise Refusal(400, f"time: invalid duration {shown}")
        if not unit:
            raise Refusal(400, f"time: missing unit in duration {shown}")
        if unit not in _UNITS:
            raise Refusal(400, f"time: unknown unit {go_quoted(unit)} in duration {shown}")
        total += float(number) * _UNITS[unit]
    if total > FOR_EVER:
        raise Refusal(400, f"time: invalid duration {shown}")
    return int(-total if text.startswith("-") else total)


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
        "details": {**details(model), "context_length": model.context_length, "embedding_length": EMBEDDING_LENGTH},
        "capabilities": list(model.capabilities),
    }


def show_body(model: FakeModel) -> dict[str, Any]:
    """Return an api.ShowResponse."""
    # A template of the GGUF is shown as the model's, but is not in the Modelfile.
    lines = [
        '# Modelfile generated by "ollama show"',
        "# To build a new Modelfile based on this, replace FROM with:",
        f"# FROM {model.name}",
        "",
        f"FROM /models/blobs/sha256-{model.digest}",
        f"TEMPLATE {_in_modelfile(NO_TEMPLATE if model.native else model.template)}",
    ]
    lines += [f"SYSTEM {_in_modelfile(model.system)}"] if model.system else []
    lines += [f"RENDERER {model.renderer}", f"PARSER {model.renderer}"] if model.renderer else []
    parameters = [
        (name, value)
        for name, values in model.parameters.items()
        for value in (values if isinstance(values, list) else [values])
    ]
    lines += [
        f"PARAMETER {name} {_in_modelfile(value if isinstance(value, str) else go_json(value))}"
        for name, value in parameters
    ]
    shown = (
        f"{name:<30} {go_quoted(value) if isinstance(value, str) else go_json(value)}" for name, value in parameters
    )
    info: dict[str, Any] = {"general.architecture": model.family}
    if model.parameter_count is not None:
        info["general.parameter_count"] = model.parameter_count
    info[f"{model.family}.context_length"] = model.context_length
    info[f"{model.family}.embedding_length"] = EMBEDDING_LENGTH
    info["tokenizer.ggml.tokens"] = None  # arrays are left out
    return {
        "modelfile": "\n".join([*lines, ""]),
        **without_zeros([("parameters", "\n".join(shown)), ("template", model.template), ("system", model.system)]),
        "details": details(model),
        "model_info": info,
        "tensors": [
            {"name": f"blk.{number}.attn_norm.weight", "type": "F32", "shape": [EMBEDDING_LENGTH]}
            for number in range(30)
        ],
        **without_zeros([("capabilities", list(model.capabilities))]),
        "modified_at": rfc3339_nano(model.modified_at),
    }


def _in_modelfile(text: str) -> str:
    if "\n" not in text and text == text.strip(" "):
        return text
    return f'"""{text}"""' if '"' in text else f'"{text}"'
