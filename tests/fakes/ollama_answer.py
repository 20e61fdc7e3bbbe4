"""How the fake Ollama answers a prompt: cuts it or refuses it, waits for a slot, and sends chunks."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tests.fakes.ollama_body import chat_chunk, generate_chunk, logprobs, message
from tests.fakes.ollama_runner import (
    HOT_TIME,
    LOAD_TIME,
    PER_PROMPT_TOKEN,
    PER_TOKEN,
    Loaded,
    Refusal,
    Scheduler,
)
from tests.fakes.ollama_script import TOO_LONG, Answer, FakeModel, Fault, Piece, Reply, pieces_of, tokens_of
from tests.fakes.ollama_wire import go_json, go_quoted

REPEATS = 30
"""After more equal chunks than this, one after the other, Ollama gives up without a word."""
THOUGHT = Piece(thinking="Let me think.", logprob=-0.5)


class Dropped(Exception):
    """The connection breaks."""


@dataclass
class Job:
    """One request that is to be answered."""

    path: str
    body: Mapping[str, Any]
    model: FakeModel
    loaded: Loaded
    reloaded: bool
    thinks: bool

    @property
    def options(self) -> Mapping[str, Any]:
        given = self.body.get("options") or {}
        return {**self.model.parameters, **{name: value for name, value in given.items() if value is not None}}

    @property
    def chat(self) -> bool:
        return self.path == "/api/chat"

    @property
    def truncates(self) -> bool:
        return self.body.get("truncate") is not False


def chatml(messages: Sequence[Mapping[str, Any]]) -> str:
    """Render turns by the fake's chat template."""
    merged: list[tuple[str, str]] = []
    for turn in messages:
        role, content = turn["role"].lower(), turn["content"]
        if merged and merged[-1][0] == role:
            # A template of Ollama's own gets the turns of one speaker as one.
            content = f"{merged.pop()[1]}\n\n{content}"
        merged.append((role, content))
    turns = [f"<|im_start|>{role}\n{content}<|im_end|>\n" for role, content in merged]
    return "".join([*turns, "<|im_start|>assistant\n"])


def render(job: Job) -> str:
    """Return the prompt of a request; where it may, leave out its oldest turns until it fits."""
    body, model = job.body, job.model
    if job.chat:
        turns = list(body["messages"])
    elif body.get("raw"):
        return str(body["prompt"])
    else:
        turns = [{"role": "user", "content": body["prompt"]}]
        if body.get("system"):
            turns.insert(0, {"role": "system", "content": body["system"]})
    if model.system and turns[0]["role"] != "system":
        turns.insert(0, {"role": "system", "content": model.system})
    if not job.truncates:
        return chatml(turns)
    for first in range(len(turns)):
        system = [turn for turn in turns[:first] if turn["role"] == "system"]
        prompt = chatml(system + turns[first:])
        if len(tokens_of(prompt)) <= job.loaded.options["num_ctx"]:
            break
    return prompt


def fitted(job: Job, prompt: str) -> list[str]:
    """Return the tokens that the model gets to see.

    Raises:
        Refusal: the prompt is too long, and is not to be cut or cannot be.
    """
    tokens, context = tokens_of(prompt), job.loaded.options["num_ctx"]
    # Where llama-server makes the prompt of a chat, Ollama leaves out turns, but cannot cut the last one.
    if not job.truncates or (job.chat and job.model.native):
        if len(tokens) >= context:
            said = f"request ({len(tokens)} tokens) exceeds the available context size ({context} tokens)"
            inner = {
                "code": 400,
                "message": f"{said}, try increasing it",
                "type": "exceed_context_size_error",
                "n_prompt_tokens": len(tokens),
                "n_ctx": context,
            }
            # llama-server's own body, which Ollama passes on as a text.
            raise Refusal(400, go_json({"error": inner}))
        return tokens
    if len(tokens) <= context - 1:
        return tokens
    if not job.loaded.shift:
        raise Refusal(400, TOO_LONG)
    keep = min(int(job.options.get("num_keep", 4)), context - 1)
    limit = context - max((context - keep) // 2, 1)
    return tokens[:keep] + tokens[len(tokens) - (limit - keep) :]


def check_format(wanted: Any) -> None:
    """Refuse what is neither a schema nor "json"."""
    if wanted not in (None, "", "json") and not isinstance(wanted, dict):
        raw = go_quoted(go_json(wanted))
        raise Refusal(500, f'invalid format: {raw}; expected "json" or a valid JSON Schema object')


def check_images(body: Mapping[str, Any], model: FakeModel) -> None:
    """Refuse images where the model sees nothing."""
    if "vision" in model.capabilities:
        return
    if body.get("images") or any(turn.get("images") for turn in body.get("messages", ())):
        message = "Multimodal data provided, but model does not support multimodal requests."
        raise Refusal(400, go_json({"error": {"code": 400, "message": message, "type": "invalid_request_error"}}))


def as_reply(answer: Answer) -> Reply:
    """Return what the brain said as a whole reply.

    Raises:
        Refusal: it was a fault.
        Dropped: it was a broken connection.
    """
    if isinstance(answer, Reply):
        return answer
    if isinstance(answer, Fault):
        if answer.drop:
            raise Dropped
        raise Refusal(answer.status, answer.error)
    return Reply(pieces_of(answer))


def limited(job: Job, tokens: Sequence[str], reply: Reply) -> tuple[list[Piece], str]:
    """Return the tokens that are really generated, and why they end."""
    pieces = [THOUGHT, *reply.pieces] if job.thinks else list(reply.pieces)
    reason = reply.done_reason
    limits = [int(job.options.get("num_predict", -1))]
    if not job.loaded.shift:
        limits.append(job.loaded.options["num_ctx"] - len(tokens))
    # Nought is no limit: Ollama does not pass it on.
    limit = min((limit for limit in limits if limit > 0), default=len(pieces) + 1)
    if limit <= len(pieces):
        pieces, reason = pieces[:limit], "length"
    for stop in job.options.get("stop") or ():
        for count in range(1, len(pieces) + 1):
            text = "".join(piece.text for piece in pieces[:count])
            if stop in text:
                before = "".join(piece.text for piece in pieces[: count - 1])
                rest = text[len(before) : text.index(stop)]
                return pieces[: count - 1] + ([Piece(rest)] if rest else []), "stop"
    return pieces, reason


def _held(job: Job, pieces: list[Piece]) -> list[Piece]:
    """Return the pieces as they are sent.

    A text is held back while a stop string may have begun in it; it comes with the numbers of its last token only,
    and what is still held at the end never comes.
    """
    stops = job.options.get("stop") or ()
    sent: list[Piece] = []
    text = ""
    for piece in pieces:
        text += piece.text
        if not any(text.endswith(stop[:length]) for stop in stops for length in range(1, len(stop))):
            sent.append(piece if text == piece.text else replace(piece, text=text))
            text = ""
    return sent


async def chunks(job: Job, tokens: list[str], reply: Reply, scheduler: Scheduler) -> AsyncGenerator[Any, None]:
    """Send the answer: dicts are chunks, a Refusal is an error, bytes go out as they are, Dropped breaks off."""
    queued = scheduler.now()
    async with job.loaded.free:
        waited = scheduler.now() - queued
        slot, shared = job.loaded.take(tokens, scheduler.now())
        try:
            async for chunk in _generated(job, tokens, max(1, len(tokens) - shared), waited, reply, scheduler):
                yield chunk
        finally:
            slot.busy = False


async def _generated(
    job: Job, tokens: list[str], new: int, waited: int, reply: Reply, scheduler: Scheduler
) -> AsyncGenerator[Any, None]:
    pieces, reason = limited(job, tokens, reply)
    sent = _held(job, pieces)
    shown = sent if job.model.native else _until_repetition(sent)
    if reply.line and reply.end != "line":
        yield reply.line
    for number, piece in enumerate(shown):
        if reply.gate is not None and number == reply.gate_after:
            await reply.gate.wait()
        yield _chunk(job, scheduler.now(), piece)
    if reply.gate is not None and reply.gate_after >= len(shown):
        await reply.gate.wait()
    if len(shown) < len(sent) or reply.end == "silent":
        return
    if reply.end == "error":
        yield Refusal(500, reply.error)
    elif reply.end == "line":
        yield reply.line
    elif reply.end == "reset":
        raise Dropped
    else:
        # The token that says that it is over is counted, but not shown.
        generated = len(pieces) + (reason == "stop")
        metrics = _metrics(job, len(tokens), new, generated, waited) if reply.metrics else ()
        yield _last(job, scheduler.now(), reason, metrics, len(tokens) + len(pieces))


def _until_repetition(pieces: list[Piece]) -> list[Piece]:
    last, repeats = "", 0
    for number, piece in enumerate(pieces):
        text = piece.text.strip()
        repeats, last = (repeats + 1 if text == last else 0), text
        if repeats > REPEATS:
            return pieces[:number]
    return pieces


def _chunk(job: Job, now: int, piece: Piece) -> dict[str, Any]:
    name = job.body["model"]
    numbers = logprobs(piece, job.body.get("top_logprobs") or 0) if job.body.get("logprobs") else None
    text = "" if piece.hidden else piece.text
    if job.chat:
        return chat_chunk(name, now, message(text, piece.thinking), logprobs=numbers)
    return generate_chunk(name, now, text, thinking=piece.thinking, logprobs=numbers)


def _last(job: Job, now: int, reason: str, metrics: Any, tokens: int) -> dict[str, Any]:
    name = job.body["model"]
    if job.chat:
        return chat_chunk(name, now, message(), done=True, done_reason=reason, metrics=metrics)
    context = None if job.body.get("raw") else list(range(1, tokens + 1))
    return generate_chunk(name, now, done=True, done_reason=reason, context=context, metrics=metrics)


def _metrics(job: Job, tokens: int, new: int, generated: int, waited: int) -> list[tuple[str, int]]:
    load = LOAD_TIME if job.reloaded else HOT_TIME
    prompt, generate = new * PER_PROMPT_TOKEN, generated * PER_TOKEN
    return [
        ("total_duration", load + waited + prompt + generate),
        ("load_duration", load),
        ("prompt_eval_count", tokens),
        ("prompt_eval_duration", prompt),
        ("eval_count", generated),
        ("eval_duration", generate),
    ]
