"""Bodies of Ollama's requests: what they may hold, and what they ask of a model of ours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from brains.errors import ConfigError
from brains.models.ollama_options import LOAD_TIME_OPTIONS, duration_seconds
from brains.questions import ModelInfo, ModelRequest, Way

__all__ = ["ChatBody", "GenerateBody", "QuestionBody", "ShowBody", "WireError", "as_request", "parse"]

MOST_LOGPROBS = 20
INTEGERS = frozenset(
    {
        *("num_ctx", "num_batch", "num_gpu", "main_gpu", "num_thread", "draft_num_predict"),
        *("num_predict", "num_keep", "seed", "top_k", "repeat_last_n"),
    }
)
FLOATS = frozenset(
    {
        *("temperature", "top_p", "min_p", "typical_p"),
        *("repeat_penalty", "presence_penalty", "frequency_penalty"),
    }
)
IGNORED = LOAD_TIME_OPTIONS | {"num_predict", "num_keep"}
OBJECT: Mapping[str, Any] = {"type": "object"}
"""What `format: "json"` asks for."""
THINKING = ("high", "medium", "low", "max")
LIBRARY = "registry.ollama.ai/library/"
"""What the names of all models of Ollama's own library begin with, in full."""


class WireError(Exception):
    """A request that Ollama would refuse with this status and text."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


# Ollama takes null for nothing in every field, and passes over fields that it does not know.


class ShowBody(msgspec.Struct):
    """The body of /api/show."""

    model: str | None = None
    name: str | None = None


class Message(msgspec.Struct):
    """One turn of a chat."""

    role: str | None = None
    content: str | None = None
    images: list[str] | None = None
    tool_calls: list[dict[str, Any]] | None = None


class QuestionBody(msgspec.Struct):
    """What the bodies of /api/chat and /api/generate have in common."""

    model: str | None = None
    stream: bool | None = None
    format: Any = None
    keep_alive: Any = None
    options: dict[str, Any] | None = None
    think: Any = None
    truncate: bool | None = None
    shift: bool | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None

    def check(self) -> None:
        """Look at what Ollama looks at before it looks for the model.

        Raises:
            WireError: as Ollama says it.
        """
        if not 0 <= (self.top_logprobs or 0) <= MOST_LOGPROBS:
            raise WireError(400, "top_logprobs must be between 0 and 20")
        choices = '"high", "medium", "low", "max", true, or false'
        if isinstance(self.think, str) and self.think not in THINKING:
            raise WireError(400, f"invalid think value: {json.dumps(self.think)} (must be {choices})")
        if not isinstance(self.think, (bool, str, type(None))):
            raise WireError(400, f"think must be a boolean or string ({choices})")
        if self.keep_alive is not None:
            _seconds(self.keep_alive)

    @property
    def unloads(self) -> bool:
        """Whether the model is to be unloaded afterwards."""
        return self.keep_alive is not None and _seconds(self.keep_alive) == 0


class ChatBody(QuestionBody):
    """The body of /api/chat."""

    messages: list[Message | None] | None = None
    tools: list[Any] | None = None


class GenerateBody(QuestionBody):
    """The body of /api/generate."""

    prompt: str | None = None
    suffix: str | None = None
    system: str | None = None
    template: str | None = None
    context: list[int] | None = None
    raw: bool | None = None
    images: list[str] | None = None


Body = TypeVar("Body", bound=msgspec.Struct)


def parse(body: bytes, kind: type[Body]) -> Body:
    """Return what a body says.

    Raises:
        WireError: it is empty, no JSON, or holds a value of a wrong type.
    """
    if not body.strip():
        raise WireError(400, "missing request body")
    try:
        found = msgspec.json.decode(body, type=kind | None)
    except msgspec.ValidationError as error:
        raise WireError(400, f"json: cannot unmarshal: {error}") from error
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise WireError(400, f"invalid JSON: {error}") from error
    return kind() if found is None else found


def as_request(body: ChatBody | GenerateBody, info: ModelInfo) -> ModelRequest:
    """Return what the model is to do.

    Raises:
        WireError: as Ollama says it.
    """
    _check_abilities(body)
    options = _options(body.options or {})
    schema = _schema(body.format)
    limit = options.get("num_predict", -1)
    top = max(body.top_logprobs or 0, 1) if body.logprobs else 0
    common: dict[str, Any] = {
        "max_tokens": limit if limit > 0 else info.context,
        "top_logprobs": top,
        "schema": schema,
        "options": {name: value for name, value in options.items() if name not in IGNORED},
    }
    if isinstance(body, GenerateBody) and body.raw:
        return ModelRequest(way="completion" if schema is None else "schema", prompt=body.prompt or "", **common)
    messages = _messages(body.messages or ()) if isinstance(body, ChatBody) else _turns(body)
    way: Way = "schema" if schema is not None else "chat" if top else "text"
    return ModelRequest(way=way, messages=messages, **common)


def _check_abilities(body: ChatBody | GenerateBody) -> None:
    full = f"{LIBRARY}{body.model}" + ("" if ":" in (body.model or "") else ":latest")
    if isinstance(body, ChatBody):
        if body.tools:
            raise WireError(400, f"{full} does not support tools")
    else:
        if body.raw and (body.system or body.template or body.context):
            raise WireError(400, "raw mode does not support template, system, or context")
        if body.suffix:
            raise WireError(400, f"{full} does not support insert")
    if body.think:
        raise WireError(400, f'"{body.model}" does not support thinking')
    images = [turn.images for turn in body.messages or () if turn] if isinstance(body, ChatBody) else [body.images]
    if any(images):
        raise WireError(400, "the model does not support images")


def _schema(wanted: Any) -> Mapping[str, Any] | None:
    if wanted in (None, ""):
        return None
    if wanted == "json":
        return OBJECT
    if not isinstance(wanted, dict):
        shown = json.dumps(json.dumps(wanted))
        raise WireError(500, f'invalid format: {shown}; expected "json" or a valid JSON Schema object')
    return wanted


def _options(given: Mapping[str, Any]) -> dict[str, Any]:
    options = {name: value for name, value in given.items() if value is not None}
    for name, value in options.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if name in INTEGERS and not number:
            raise WireError(500, f'option "{name}" must be of type integer')
        if name in FLOATS and not number:
            raise WireError(500, f'option "{name}" must be of type float32')
        if name == "use_mmap" and not isinstance(value, bool):
            raise WireError(500, 'option "use_mmap" must be of type boolean')
        if name == "stop" and not isinstance(value, list):
            raise WireError(500, 'option "stop" must be of type array')
        if name == "stop" and not all(isinstance(text, str) for text in value):
            raise WireError(500, 'option "stop" must be of an array of strings')
    return {name: int(value) if name in INTEGERS else value for name, value in options.items()}


def _seconds(keep_alive: Any) -> float:
    if isinstance(keep_alive, bool) or not isinstance(keep_alive, (str, int, float)):
        raise WireError(400, "keep_alive must be seconds, or a duration such as '30m'")
    try:
        return duration_seconds(keep_alive)
    except ConfigError as error:
        raise WireError(400, f"time: invalid duration {json.dumps(keep_alive)}: {error}") from error


def _messages(given: list[Message | None] | tuple[()]) -> tuple[tuple[str, str], ...]:
    turns = [turn or Message() for turn in given]
    return tuple(((turn.role or "").lower(), turn.content or "") for turn in turns)


def _turns(body: GenerateBody) -> tuple[tuple[str, str], ...]:
    system = (("system", body.system),) if body.system else ()
    return (*system, ("user", body.prompt or ""))
