"""A public fake: a `ChatModel` without any model behind it.

It answers at once, always the same, and as a real model would: with tokens, log-probabilities and pieces of text. So
the whole way from a leaf to its decision can be tested in milliseconds, and games play where no model is installed:
every command's `--model scripted` is this, and gives the same answers.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from brains.models.likeness import ARROW, example_like, example_line, last_line, wants_speech
from brains.questions import ModelInfo, ModelReply, ModelRequest, TokenChoice, Way

__all__ = ["ScriptedModel", "labels_of", "last_line", "smallest_value"]

CONFIDENCE = 0.9
OFF_LABEL = 0.02
SENTENCE = "Good day to you, traveller."

Answer = str | Mapping[str, Any] | ModelReply | BaseException
"""A label or a text; probabilities by label, or an object by a schema; a whole reply; an error to raise."""
Answers = Mapping[str, Answer | Sequence[Answer]] | Callable[[ModelRequest], Answer | None]


class ScriptedModel:
    """A model that says what it was told to say, or something plausible.

    `answers` is a function of the `ModelRequest`, or a mapping. A mapping's keys are looked for in this order: the
    template's name (`"guard/is_hostile"`), then text that occurs in the last user line (`"flowers"`), then `"*"`. What
    it gives for a request is one of

    - a label or a text: `"danger"`;
    - probabilities by label: `{"danger": 0.7, "safe": 0.2}`; what lacks to 1 is off the labels;
    - an object, where the request has a schema: `{"direction": "north"}`; with a schema, a label is put into the field
      that allows it, and the other required fields get their smallest values;
    - a `ModelReply`, which is returned as it is;
    - an exception, which is raised;
    - a list of those, in a mapping: one after the other, and the last one from then on;
    - None: the default answer.

    By default it answers as the example says that shares most words with the question, whichever way that is asked.
    Where none is like it, or none is shown, the answer is drawn from the labels that the request itself shows (the
    ` -> label` lines of a completion prompt, the assistant's turns of a chat, the enum of a schema), by a hash of the
    template's name and the last user line: different lines get different answers, the same line always gets the same
    one. Free text is drawn so from the lines that the examples show; with no two of them it is a fixed sentence.

    Tests steer and watch it by its attributes::

        model = ScriptedModel({"guard/is_hostile": {"danger": 0.8, "safe": 0.2}})
        model.gate = asyncio.Event()            # hold every answer until gate.set()
        await model.asked(2)                    # until two requests have come
        model.fail_with = ModelUnavailable("gone")
        assert model.requests[0].name == "guard/is_hostile"
        assert model.cancelled == []

    Args:
        answers: as above.
        latency: seconds that each answer takes.
        name: what `name` and `ModelInfo.name` say.
        label_way: how it wants label questions put: `completion`, `chat` or `schema`.
        ways: what it can do; without `completion` and `chat` it is a model without log-probabilities.
        slots: how many requests it says it works on at the same time (it takes any number).
        context: how many tokens it says a prompt may take.

    Attributes:
        requests: every request that came, in order.
        cancelled: the requests whose task was cancelled before the answer.
        finished: the requests that were answered, or that failed as they were told to.
        gate: where set, every answer waits for it.
        fail_with: where set, `start` and `generate` raise it.
        starts: how often `start` was called.
        closed: whether `close` was called after the last `start`.
    """

    def __init__(
        self,
        answers: Answers | None = None,
        *,
        latency: float = 0.0,
        name: str = "scripted",
        label_way: Way = "completion",
        ways: frozenset[Way] = frozenset({"completion", "chat", "schema", "text"}),
        slots: int = 4,
        context: int = 4096,
    ) -> None:
        self.answers = answers
        self.latency = latency
        self.requests: list[ModelRequest] = []
        self.cancelled: list[ModelRequest] = []
        self.finished: list[ModelRequest] = []
        self.gate: asyncio.Event | None = None
        self.fail_with: BaseException | None = None
        self.starts = 0
        self.closed = False
        self._given: dict[str, int] = {}
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []
        self._info = ModelInfo(
            name=name,
            digest=hashlib.sha256(f"scripted {name}".encode()).hexdigest(),
            backend="scripted",
            ways=ways,
            label_way=label_way,
            context=context,
            slots=slots,
        )

    @property
    def name(self) -> str:
        """The name that people call it by."""
        return self._info.name

    @property
    def running(self) -> int:
        """How many requests are being answered now."""
        return len(self.requests) - len(self.cancelled) - len(self.finished)

    async def start(self) -> ModelInfo:
        """Say what it can do; raise `fail_with` where that is set."""
        self.starts += 1
        if self.fail_with is not None:
            raise self.fail_with
        self.closed = False
        return self._info

    async def asked(self, count: int = 1) -> None:
        """Wait until at least `count` requests have come since it was made."""
        if len(self.requests) < count:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append((count, waiter))
            await waiter

    async def generate(self, request: ModelRequest, on_text: Callable[[str], None] | None = None) -> ModelReply:
        """Answer as scripted."""
        self._record(request)
        try:
            if self.gate is not None:
                await self.gate.wait()
            await asyncio.sleep(self.latency)
            if self.fail_with is not None:
                raise self.fail_with
            reply = self._reply(request)
            if on_text is not None:
                for piece in _pieces(reply.text):
                    on_text(piece)
                    await asyncio.sleep(0)
        except asyncio.CancelledError:
            self.cancelled.append(request)
            raise
        except BaseException:
            self.finished.append(request)
            raise
        self.finished.append(request)
        return reply

    async def close(self) -> None:
        """Remember that it was closed."""
        self.closed = True

    def _record(self, request: ModelRequest) -> None:
        self.requests.append(request)
        for count, waiter in self._waiters:
            if len(self.requests) >= count and not waiter.done():
                waiter.set_result(None)
        self._waiters = [entry for entry in self._waiters if not entry[1].done()]

    def _reply(self, request: ModelRequest) -> ModelReply:
        answer = self._answer(request)
        if isinstance(answer, BaseException):
            raise answer
        if isinstance(answer, ModelReply):
            return answer
        labels = labels_of(request)
        if wants_speech(request):
            return _text_reply(request, str((example_line(request) or SENTENCE) if answer is None else answer))
        if answer is None:
            like = example_like(request)
            answer = like if like in labels else None
        if request.way == "schema":
            return _schema_reply(request, answer)
        # Speech is put as completion, too, but nobody wants its log-probabilities.
        if not labels and (answer is None or not request.top_logprobs):
            return _text_reply(request, SENTENCE if answer is None else str(answer))
        return _label_reply(request, labels, answer)

    def _answer(self, request: ModelRequest) -> Answer | None:
        if self.answers is None:
            return None
        if not isinstance(self.answers, Mapping):
            return self.answers(request)
        line = last_line(request)
        for key, value in self.answers.items():
            if key == request.name:
                return self._next(key, value)
        for key, value in self.answers.items():
            if key and key in line:
                return self._next(key, value)
        return self._next("*", self.answers["*"]) if "*" in self.answers else None

    def _next(self, key: str, value: Answer | Sequence[Answer]) -> Answer:
        if isinstance(value, str | Mapping | ModelReply | BaseException):
            return value
        given = self._given.get(key, 0)
        self._given[key] = given + 1
        return value[min(given, len(value) - 1)]


def labels_of(request: ModelRequest) -> tuple[str, ...]:
    """Return the answers that a request shows, each once, in the order of their first appearance."""
    if request.schema is not None:
        return tuple(str(value) for value in _enum_field(request.schema)[1])
    if request.messages:
        shown = [content.strip() for role, content in request.messages if role == "assistant"]
    else:
        shown = [line.rpartition(ARROW)[2].strip() for line in request.prompt.splitlines() if ARROW in line]
    return tuple(dict.fromkeys(label for label in shown if label))


def _draw(request: ModelRequest, labels: Sequence[str]) -> dict[str, float]:
    """Make up probabilities that are clear most of the time, from nothing but what was asked."""
    weights = {}
    for label in labels:
        key = f"{request.name}\n{last_line(request)}\n{label}".encode()
        weights[label] = math.exp(6.0 * int.from_bytes(hashlib.sha256(key).digest()[:4], "big") / 2**32)
    total = sum(weights.values())
    return {label: (1.0 - OFF_LABEL) * weight / total for label, weight in weights.items()}


def _label_reply(request: ModelRequest, labels: tuple[str, ...], answer: str | Mapping[str, Any] | None) -> ModelReply:
    if answer is None:
        chances = _draw(request, labels)
    elif isinstance(answer, str):
        others = [label for label in labels if label != answer]
        left = 1.0 - OFF_LABEL - CONFIDENCE
        chances = {answer: CONFIDENCE, **{label: left / len(others) for label in others}}
    else:
        chances = {label: float(chance) for label, chance in answer.items()}
    # In raw text a word's token starts with the space before it; in a chat turn it does not.
    lead = " " if request.way == "completion" else ""
    top = [(lead + label, math.log(chance)) for label, chance in chances.items() if chance > 0]
    off = 1.0 - sum(chances.values())
    if off > 1e-9:
        top.append((lead + "the", math.log(off)))
    top.sort(key=lambda entry: -entry[1])
    best = top[0]
    tokens = (TokenChoice(best[0], best[1], tuple(top[: request.top_logprobs])),) if request.top_logprobs else ()
    return ModelReply(
        text=best[0], tokens=tokens, done_reason="length", prompt_tokens=_prompt_tokens(request), output_tokens=1
    )


def _text_reply(request: ModelRequest, text: str) -> ModelReply:
    pieces = _pieces(text)
    cut = len(pieces) > request.max_tokens
    pieces = pieces[: request.max_tokens]
    return ModelReply(
        text="".join(pieces),
        tokens=tuple(TokenChoice(piece, 0.0, ((piece, 0.0),)) for piece in pieces) if request.top_logprobs else (),
        done_reason="length" if cut else "stop",
        prompt_tokens=_prompt_tokens(request),
        output_tokens=len(pieces),
    )


def _schema_reply(request: ModelRequest, answer: str | Mapping[str, Any] | None) -> ModelReply:
    schema = request.schema or {}
    field, choices = _enum_field(schema)
    if isinstance(answer, Mapping) and not (choices and set(answer) <= set(choices)):
        value = dict(answer)
    elif isinstance(answer, str) and answer not in choices:
        return _text_reply(request, answer)
    else:
        value = smallest_value(schema)
        if isinstance(answer, Mapping):
            value[field] = max(answer, key=lambda label: float(answer[label]))
        elif choices:
            chances = _draw(request, [str(choice) for choice in choices])
            value[field] = answer or max(choices, key=lambda choice: chances[str(choice)])
    text = json.dumps(value, ensure_ascii=False)
    return ModelReply(
        text=text, prompt_tokens=_prompt_tokens(request), output_tokens=min(len(_pieces(text)), request.max_tokens)
    )


def _enum_field(schema: Mapping[str, Any]) -> tuple[str, Sequence[Any]]:
    """Return the first property that is a choice, with its choices."""
    for field, part in schema.get("properties", {}).items():
        part = _resolve(part, schema)
        if len(part.get("enum", ())) > 1:
            return field, part["enum"]
    return "", ()


def _resolve(part: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow references within the schema, and take the first of several possibilities."""
    while True:
        if "$ref" in part:
            target: Any = root
            for step in part["$ref"].removeprefix("#/").split("/"):
                target = target[step]
            part = target
        elif several := part.get("anyOf") or part.get("oneOf"):
            part = several[0]
        else:
            return part


def smallest_value(schema: Mapping[str, Any], root: Mapping[str, Any] | None = None) -> Any:
    """Return the smallest value that a flat JSON Schema allows: required fields only, lowest numbers, first choices."""
    root = schema if root is None else root
    schema = _resolve(schema, root)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    kind = schema.get("type", "object" if "properties" in schema else "null")
    kind = kind if isinstance(kind, str) else kind[0]
    if kind == "object":
        parts = schema.get("properties", {})
        return {field: smallest_value(parts.get(field, {}), root) for field in schema.get("required", ())}
    if kind == "array":
        return [smallest_value(schema.get("items", {}), root)] * schema.get("minItems", 0)
    if kind == "string":
        return "x" * schema.get("minLength", 0)
    if kind == "boolean":
        return False
    return _smallest_number(schema, kind) if kind in ("integer", "number") else None


def _smallest_number(schema: Mapping[str, Any], kind: str) -> float:
    step: float = 1 if kind == "integer" else 1e-6
    low: float | None = schema.get("minimum")
    if low is None and "exclusiveMinimum" in schema:
        low = schema["exclusiveMinimum"] + step
    if low is not None:
        return low
    high: float = schema.get("maximum", schema.get("exclusiveMaximum", step) - step)
    return min(0, high)


def _pieces(text: str) -> list[str]:
    """Cut a text where a tokenizer might: each piece is a word with the space before it."""
    words = text.split(" ")
    return [word if index == 0 else " " + word for index, word in enumerate(words)] if text else []


def _prompt_tokens(request: ModelRequest) -> int:
    """Guess as people do: four characters are a token."""
    return (len(request.prompt) + sum(len(content) for _, content in request.messages)) // 4 + 1
