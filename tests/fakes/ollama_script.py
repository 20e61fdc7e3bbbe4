"""What the fake Ollama has installed, what it says, and what goes wrong with it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

CHATML = "{{- range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}<|im_start|>assistant\n"
NO_TEMPLATE = "{{ .Prompt }}"
CRASHED = (
    "model runner has unexpectedly stopped, this may be due to resource limitations or an internal error, "
    "check ollama server logs for details"
)
BROKE_OFF = "an error was encountered while running the model: unexpected EOF"
"""The model's process died while it worked."""
NEVER_RAN = "llama-server process has terminated: signal: killed"
"""It died while the model was being loaded."""
TOO_LONG = (
    "the prompt is longer than the context length currently available to the model; shorten the prompt, "
    "adjust the context length in settings, or use a model with a longer context length"
)
BUSY = "server busy, please try again.  maximum pending requests exceeded"


@dataclass(frozen=True)
class FakeModel:
    """An installed model. The default is as SmolLM2-135M would be shown."""

    name: str = "tiny:latest"
    capabilities: tuple[str, ...] = ("completion",)
    family: str = "llama"
    parameter_size: str = "134.52M"
    parameter_count: int | None = 134_515_008
    quantization: str = "Q4_1"
    context_length: int = 8192
    """What it was trained for; a larger num_ctx is cut to it."""
    template: str = CHATML
    system: str = ""
    renderer: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    native: bool = False
    """Chats by the GGUF's own template: keys of a schema are sorted, and no guard stops repetitions."""
    shifts: bool = True
    """Whether a prompt that is too long is cut (where the request allows it) instead of being refused."""
    size: int = 98_000_000
    modified_at: int = 1_755_000_000_123_456_789

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.name.encode()).hexdigest()


class Gate:
    """Holds the server at a certain point until the test has seen it there: instead of sleeping."""

    def __init__(self) -> None:
        self.waiting = 0
        self.arrived = 0
        self._open = asyncio.Event()
        self._arrival = asyncio.Event()

    async def wait(self) -> None:
        """What the server does."""
        self.waiting += 1
        self.arrived += 1
        self._arrival.set()
        try:
            await self._open.wait()
        finally:
            self.waiting -= 1

    async def arrival(self, count: int = 1) -> None:
        """Return when so many wait, or have waited, at the gate."""
        while self.arrived < count:
            self._arrival.clear()
            await self._arrival.wait()

    def open(self) -> None:
        """Let everybody through, from now on."""
        self._open.set()


@dataclass(frozen=True)
class Piece:
    """One token."""

    text: str = ""
    logprob: float = -0.1
    top: tuple[tuple[str, float], ...] = ()
    thinking: str = ""
    hidden: bool = False
    """Its text is held back by a parser: the chunk has log-probabilities and no text."""


@dataclass(frozen=True)
class Reply:
    """A whole answer, with what may go wrong in the middle of it."""

    pieces: tuple[Piece, ...] = ()
    done_reason: str = "stop"
    end: Literal["done", "silent", "error", "reset", "line"] = "done"
    """How it ends: well; without a done chunk; with an error line; by a broken connection; with `line`."""
    error: str = ""
    line: bytes = b""
    """Bytes in place of the last chunk, or, with any other end, before the first one."""
    metrics: bool = True
    gate: Gate | None = None
    gate_after: int = 0
    """How many pieces are sent before the gate."""


@dataclass(frozen=True)
class Fault:
    """An error instead of an answer."""

    status: int = 500
    error: str = ""
    signin_url: str = ""
    body: bytes | None = None
    """In place of the JSON."""
    drop: bool = False
    """Close the connection without any answer."""

    @property
    def json(self) -> dict[str, str]:
        return {"error": self.error, **({"signin_url": self.signin_url} if self.signin_url else {})}


Distribution = Mapping[str, float]
"""Probabilities of the next token."""
Answer = str | Distribution | Reply | Fault


@dataclass(frozen=True)
class Ask:
    """What the brain is asked."""

    id: int
    path: str
    body: Mapping[str, Any]
    prompt: str
    """As the model sees it."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The answers that its own examples show, in order; for the decision API those that it names."""
        if self.path == "/v1/systemone":
            (question,) = self.body["questions"].values()
            return tuple(question.get("criteria") or ("false", "true"))
        return tuple(dict.fromkeys(label for _, label in self.examples))

    @property
    def examples(self) -> list[tuple[str, str]]:
        """(What was said, the right answer)."""
        if self.path == "/v1/systemone":
            return []
        if self.path == "/api/generate":
            return re.findall(r"^(.*?)\s*->[ \t]*(\S+)[ \t]*$", self.prompt, re.MULTILINE)
        messages = self.body.get("messages") or []
        return [
            (said["content"], answered["content"])
            for said, answered in pairwise(messages)
            if said.get("role") == "user" and answered.get("role") == "assistant"
        ]

    @property
    def question(self) -> str:
        """The last thing said."""
        if self.path == "/v1/systemone":
            return self.prompt
        if self.path == "/api/generate":
            return self.prompt.rstrip().rpartition("\n")[2].removesuffix("->").strip()
        messages = self.body.get("messages") or [{}]
        return str(messages[-1].get("content", ""))


Brain = Callable[[Ask], Answer]


def plausible(ask: Ask) -> Answer:
    """Answer as a small model would: by schema, by the label of the most similar example, or with a sentence."""
    schema = ask.body.get("format")
    if schema:
        return json.dumps(instance(schema) if isinstance(schema, Mapping) else {})
    if not ask.labels:
        return "Good day to you, traveller."
    words = set(re.findall(r"\w+", ask.question.lower()))
    scores = dict.fromkeys(ask.labels, 0.1)
    for said, label in ask.examples:
        others = set(re.findall(r"\w+", said.lower()))
        scores[label] = max(scores[label], len(words & others) / max(1, len(words | others)))
    space = " " if ask.path == "/api/generate" and not ask.prompt.endswith(" ") else ""
    total = sum(math.exp(6 * score) for score in scores.values())
    return {f"{space}{label}": 0.98 * math.exp(6 * score) / total for label, score in scores.items()}


def instance(schema: Mapping[str, Any]) -> Any:
    """Return the first value that fits a flat schema."""
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "object":
        return {name: instance(part) for name, part in schema.get("properties", {}).items()}
    if kind == "array":
        return [instance(schema["items"])] * int(schema.get("minItems", 0))
    low = schema.get("minimum", 0)
    return {"integer": int(low), "number": float(low), "boolean": False, "string": ""}.get(str(kind))


def pieces_of(answer: str | Distribution) -> tuple[Piece, ...]:
    """Return the tokens of a text, or the likeliest token of a distribution with all the others beside it."""
    if isinstance(answer, str):
        return tuple(Piece(token, -0.1, ((token, -0.1),)) for token in tokens_of(answer))
    logs = [(token, math.log(p)) for token, p in answer.items() if p > 0]
    top = tuple(sorted(logs, key=lambda entry: -entry[1]))
    return (Piece(top[0][0], top[0][1], top),)


def tokens_of(text: str) -> list[str]:
    """Cut a text as a tokenizer might: words with the space before them, and each other character alone."""
    return re.findall(r"\s?<\|\w+\|>|\s?\w+|\s?[^\w\s]|\s", text)


def schema_faults(schema: Mapping[str, Any]) -> dict[str, Sequence[Piece]]:
    """Return the ways in which real models break a schema."""
    good = instance(schema)
    return {
        "violated": pieces_of('{"action": "dance"}'),
        "sorted": pieces_of(json.dumps(good, sort_keys=True)),
        "truncated": pieces_of(json.dumps(good))[:-2],
        "whitespace": (*pieces_of("{"), *(Piece("\n") for _ in range(40))),
    }
