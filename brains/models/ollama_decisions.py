"""Ollama's decision API, `/v1/systemone`: several questions over one state, answered with probabilities at once.

Only models made for it know it, and Ollama since 0.35. What one agent asks in one tick over the same state goes as
one request: whatever comes in the same turn of the event loop, or while the request waits for its turn.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from brains.decide import is_yes_no
from brains.errors import MalformedAnswer, ModelUnavailable, PromptTooLong
from brains.questions import ModelReply, ModelRequest

__all__ = ["MOST_QUESTIONS", "Decider", "question_of", "read_answer"]

MOST_BYTES = 64 << 10
"""Ollama refuses a larger body."""
MOST_QUESTIONS = 8
"""In one request; more would make the first ones wait for the last."""

Send = Callable[[Mapping[str, Any], str], Awaitable[Any]]
"""Sends `state` and `questions`, for the prompt of that name, and returns the JSON that comes back."""


class Decider:
    """Collects questions, sends them, and hands each its answer. It belongs to one event loop.

    Args:
        send: does the HTTP.
        at_once: how many requests are sent at the same time.
        room: bytes that `send` adds to a body.
    """

    def __init__(self, send: Send, *, at_once: int, room: int = 1024) -> None:
        self._send = send
        self._free = asyncio.Semaphore(at_once)
        self._most_bytes = MOST_BYTES - room
        self._open: dict[tuple[Any, ...], _Batch] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, request: ModelRequest) -> ModelReply:
        """Answer one question. Cancelling leaves the others' request alone; the last one takes it along.

        Raises:
            PromptTooLong: it does not fit into a request, not even alone.
            ModelError: whatever `send` raises; or this question has no answer.
        """
        question = question_of(request)
        state = request.messages[-1][1]
        batch = self._room_for(request, state, question)
        return await batch.answer(request, question)

    async def close(self) -> None:
        """End all requests; whoever waits for one is told so."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _room_for(self, request: ModelRequest, state: str, question: Mapping[str, Any]) -> _Batch:
        """Return the batch that this question goes with; a new one if none has room for it."""
        key = (request.batch, state) if request.batch else (object(),)
        size = _bytes_of(question) + len(f'"{MOST_QUESTIONS}":,')
        batch = self._open.get(key)
        if batch is None or len(batch.waiting) >= MOST_QUESTIONS or batch.size + size > self._most_bytes:
            batch = _Batch(state)
            if batch.size + size > self._most_bytes:
                raise PromptTooLong(
                    f"prompt {request.name!r} with its state is larger than the {MOST_BYTES >> 10} KiB that Ollama's "
                    "decision API takes: shorten it",
                    prompt=request.name,
                )
            self._open[key] = batch
            batch.task = asyncio.create_task(self._run(key, batch), name=f"decide {request.name}")
            self._tasks.add(batch.task)
            batch.task.add_done_callback(self._tasks.discard)
        batch.size += size
        return batch

    async def _run(self, key: tuple[Any, ...], batch: _Batch) -> None:
        try:
            async with self._free:
                # From here on nobody can join.
                self._leave(key, batch)
                await batch.send(self._send)
        finally:
            self._leave(key, batch)
            batch.abandon()

    def _leave(self, key: tuple[Any, ...], batch: _Batch) -> None:
        if self._open.get(key) is batch:
            del self._open[key]


class _Batch:
    """The questions of one request."""

    def __init__(self, state: str) -> None:
        self.state = state
        self.size = _bytes_of(state)
        self.waiting: dict[str, tuple[ModelRequest, Mapping[str, Any], asyncio.Future[ModelReply]]] = {}
        self.task: asyncio.Task[None] | None = None
        self._count = 0

    async def answer(self, request: ModelRequest, question: Mapping[str, Any]) -> ModelReply:
        """Wait for the answer to one question."""
        self._count += 1
        name = f"q{self._count}"
        future: asyncio.Future[ModelReply] = asyncio.get_running_loop().create_future()
        self.waiting[name] = (request, question, future)
        try:
            return await future
        finally:
            self.waiting.pop(name, None)
            if not self.waiting and self.task is not None:
                self.task.cancel()

    async def send(self, send: Send) -> None:
        """Ask what is still wanted, and hand out what comes back."""
        asked = dict(self.waiting)
        if not asked:
            return
        questions = {name: question for name, (_, question, _) in asked.items()}
        begin = time.monotonic()
        try:
            answer = await send({"state": self.state, "questions": questions}, next(iter(asked.values()))[0].name)
        except Exception as error:
            for _, _, future in asked.values():
                if not future.done():
                    future.set_exception(error)
            return
        took = time.monotonic() - begin
        for name, (request, _, future) in asked.items():
            if future.done():
                continue
            try:
                future.set_result(_reply(answer, name, request, len(asked), took))
            except MalformedAnswer as error:
                future.set_exception(error)

    def abandon(self) -> None:
        """Tell whoever still waits that nothing will come."""
        for _, _, future in self.waiting.values():
            if not future.done():
                future.set_exception(ModelUnavailable("the model was closed while it answered"))


def question_of(request: ModelRequest) -> dict[str, Any]:
    """Write one question of the decision API: `noul` for a plain yes or no, else `choice`."""
    instructions = request.messages[0][1]
    if is_yes_no(tuple(request.criteria)):
        question: dict[str, Any] = {"type": "noul", "instructions": instructions}
        # They may be left out; where they say no more than the labels, they are.
        if any(label != meaning for label, meaning in request.criteria.items()):
            question["criteria"] = {
                "true" if _is_yes(label) else "false": meaning for label, meaning in request.criteria.items()
            }
        return question
    return {"type": "choice", "instructions": instructions, "criteria": dict(request.criteria)}


def read_answer(answer: Any, request: ModelRequest) -> dict[str, float]:
    """Return the probability of each label, as the model gave it: any key, and any number.

    Raises:
        MalformedAnswer: it is not the shape of an answer.
    """
    labels = tuple(request.criteria)
    if not isinstance(answer, Mapping):
        raise MalformedAnswer(f"Ollama's decision API did not answer prompt {request.name!r}")
    if is_yes_no(labels):
        chance = _number(answer.get("noul"), request)
        return {label: chance if _is_yes(label) else 1.0 - chance for label in labels}
    given = answer.get("probabilities")
    if not isinstance(given, Mapping):
        raise MalformedAnswer(f"Ollama's decision API gave no probabilities for prompt {request.name!r}")
    return {str(label): _number(chance, request) for label, chance in given.items()}


def _is_yes(label: str) -> bool:
    return label.casefold() in ("yes", "true")


def _reply(answer: Any, name: str, request: ModelRequest, count: int, took: float) -> ModelReply:
    answers = answer.get("answers") if isinstance(answer, Mapping) else None
    chances = read_answer(answers.get(name) if isinstance(answers, Mapping) else None, request)
    usage = answer.get("usage")
    return ModelReply(
        text=max(chances, key=lambda label: chances[label], default=""),
        probabilities=chances,
        # All questions were paid for together.
        prompt_tokens=_share(usage, "input_tokens", count),
        output_tokens=_share(usage, "output_tokens", count),
        generate_time=took,
    )


def _share(usage: Any, what: str, count: int) -> int:
    total = usage.get(what) if isinstance(usage, Mapping) else None
    return -(-total // count) if isinstance(total, int) and total > 0 else 0


def _number(value: Any, request: ModelRequest) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise MalformedAnswer(f"Ollama's decision API gave {str(value)[:40]!r} as a probability ({request.name!r})")
    return float(value)


def _bytes_of(value: Any) -> int:
    # As the HTTP client writes it; it does not escape letters of other scripts.
    return len(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))
