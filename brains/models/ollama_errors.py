"""What went wrong with Ollama, as one of our errors that says what to do.

Ollama has few status codes and tells most errors apart by their text only; llama-server below it answers with
JSON, which Ollama puts, as a string, into its own. Texts differ between versions, so that only their telling
words are looked for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import httpx

from brains.errors import (
    MalformedAnswer,
    ModelBusy,
    ModelError,
    ModelNotInstalled,
    ModelRefused,
    ModelTimeout,
    ModelUnavailable,
    PromptTooLong,
)
from brains.models._ollama import ollama
from brains.models.ollama_limits import AnswerTooLarge

__all__ = ["CALL_ERRORS", "Place", "explain"]

CALL_ERRORS = (
    ollama.ResponseError,
    ollama.RequestError,
    httpx.HTTPError,
    OSError,
    ValueError,
    TypeError,
    AttributeError,
    RecursionError,
)
"""All that a call of the ollama package may raise; the last four for a line that is no JSON object, or a deep one."""

UNREADABLE = 200
"""How much of a text that nobody expected is shown."""

_CRASHED = re.compile(
    r"error was encountered while running the model|unexpectedly stopped|process (?:has terminated|no longer running)"
)
"""The model's own process has died; what follows is its last line on stderr, which may be of any earlier request."""
_CONTEXT = re.compile(r"context[ _](?:size|length|window)")
_TEXTS: tuple[tuple[re.Pattern[str], type[ModelError]], ...] = tuple(
    (re.compile(pattern), kind)
    for pattern, kind in (
        (r"maximum pending requests|server busy|^loading model", ModelBusy),
        (r"^model ['\"].*['\"] not found", ModelNotInstalled),
        (r"context deadline exceeded|timed out", ModelTimeout),
        (r"does not support|must be of |invalid format|invalid think|failed to parse grammar", ModelRefused),
    )
)
_STATUSES: Mapping[int, type[ModelError]] = {
    429: ModelBusy,
    503: ModelBusy,
    408: ModelTimeout,
    504: ModelTimeout,
}
_NOT_OLLAMA = re.compile(r"404 page not found|405 method not allowed|^\s*<")


class Place:
    """Who was asked for what; the words of an error message."""

    def __init__(self, url: str, model: str, prompt: str = "") -> None:
        self.url = url
        self.model = model
        self.prompt = prompt

    @property
    def asked(self) -> str:
        """`prompt 'x'`, or the model where no prompt was asked."""
        return f"prompt {self.prompt!r}" if self.prompt else f"model {self.model!r}"


def explain(error: BaseException, place: Place) -> ModelError:
    """Return the error of ours that says what this one means and what to do about it."""
    if isinstance(error, ollama.ResponseError):
        return _of_response(error.status_code, error.error, place)
    if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)) or type(error) is ConnectionError:
        return ModelUnavailable(f"no Ollama answers at {place.url}: start it with `ollama serve`")
    if isinstance(error, (httpx.TimeoutException, TimeoutError)):
        return ModelTimeout(f"Ollama at {place.url} did not answer {place.asked} in time")
    if isinstance(error, AnswerTooLarge):
        return MalformedAnswer(f"Ollama at {place.url} answered {place.asked} without an end in sight: {error}")
    if isinstance(error, (httpx.DecodingError, ValueError, TypeError, AttributeError, RecursionError)):
        return MalformedAnswer(
            f"Ollama at {place.url} answered {place.asked} with what is no JSON object: {_short(error)}"
        )
    return ModelUnavailable(
        f"the connection to Ollama at {place.url} broke while it answered {place.asked} ({_short(error)}): "
        "see whether it still runs (`ollama ps`)"
    )


def _of_response(status: int, error: Any, place: Place) -> ModelError:
    text = _innermost(error)
    foreign = status < 500 and (not text.strip() or _NOT_OLLAMA.search(text))
    if status in (401, 403) or 300 <= status < 400 or foreign:
        return _of_status(status, text, place)
    low = text.lower()
    crashed = _CRASHED.search(low) is not None
    if status == 413 or (_CONTEXT.search(low) and not crashed):
        return PromptTooLong(
            f"{place.asked} does not fit into the context of {place.model!r}: {text}. "
            "Shorten it, or give the model a larger num_ctx",
            prompt=place.prompt,
        )
    for pattern, kind in _TEXTS:
        if pattern.search(low) and not crashed:
            return _advise(kind, text, place)
    if status in _STATUSES:
        return _advise(_STATUSES[status], text, place)
    if 400 <= status < 500 and status != 499:
        return _advise(ModelRefused, text, place)
    return ModelUnavailable(
        f"Ollama at {place.url} could not answer {place.asked}: {_short(text) or f'status {status}'}. "
        "If it goes on, look into Ollama's log; a smaller model or a smaller num_ctx needs less memory"
    )


def _of_status(status: int, text: str, place: Place) -> ModelError:
    """Errors whose status says more than their text, or that no Ollama sends."""
    if status == 401:
        return ModelRefused(
            f"Ollama at {place.url} wants to know who asks ({_short(text)}): run `ollama signin`, or set OLLAMA_API_KEY"
        )
    if status == 403:
        return ModelRefused(
            f"Ollama at {place.url} refuses us ({_short(text) or 'no reason given'}): it does not know this "
            "host name. "
            "Use its address, such as 127.0.0.1, in OLLAMA_HOST; cloud models may be switched off there"
        )
    return ModelRefused(
        f"what answers at {place.url} is no Ollama, or a very old one (status {status}: {_short(text) or 'no text'}): "
        "check OLLAMA_HOST"
    )


def _advise(kind: type[ModelError], text: str, place: Place) -> ModelError:
    if kind is ModelNotInstalled:
        return ModelNotInstalled(f"model {place.model!r} is not installed: run `ollama pull {place.model}`")
    if kind is ModelBusy:
        return ModelBusy(f"Ollama at {place.url} is busy ({text}): ask less often, or raise its OLLAMA_MAX_QUEUE")
    if kind is ModelTimeout:
        return ModelTimeout(f"Ollama at {place.url} did not answer {place.asked} in time: {text}")
    of = f" for model {place.model!r}" if place.prompt else ""
    return ModelRefused(f"Ollama refuses {place.asked}{of}: {text}{_hint(text)}")


def _hint(text: str) -> str:
    if "does not support thinking" in text:
        return ". The model cannot think; do not ask it to"
    if "does not support" in text:
        return ". It is made for something else; choose a model that can chat"
    if "must be of " in text:
        return ". Correct it in the prompt's `model: options:`"
    if "format" in text or "grammar" in text:
        return ". Use a flat schema of enums, truth values and whole numbers"
    return ""


def _innermost(error: object) -> str:
    """Unpack what llama-server said from the JSON in which Ollama passes it on."""
    if isinstance(error, str) and error.lstrip().startswith("{"):
        try:
            return _innermost(json.loads(error))
        except ValueError:
            return str(error)
    if isinstance(error, Mapping):
        inner = error.get("error", error.get("message"))
        return _innermost(inner) if inner else str(error)
    return str(error)


def _short(error: object) -> str:
    text = " ".join(str(error).split()) or (type(error).__name__ if isinstance(error, BaseException) else "")
    return text if len(text) <= UNREADABLE else text[:UNREADABLE] + "..."
