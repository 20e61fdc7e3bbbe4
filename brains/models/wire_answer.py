"""Writes an answer as Ollama does: lines of JSON while the model works, or one object at its end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from brains.models.wire_http import Responder
from brains.questions import ChatModel, ModelReply, ModelRequest, TokenChoice

__all__ = ["Writer"]

NDJSON = "application/x-ndjson"


class Writer:
    """Writes one answer.

    Args:
        respond: where to.
        model: the name that the client asked for.
        chat: whether it is an answer of /api/chat, or of /api/generate.
        stream: whether the client wants it in pieces.
        alternatives: how many of the likeliest tokens to tell beside each of the answer's.
    """

    def __init__(self, respond: Responder, model: str, *, chat: bool, stream: bool, alternatives: int = 0) -> None:
        self._respond = respond
        self._model = model
        self._chat = chat
        self._stream = stream
        self._alternatives = alternatives

    async def nothing(self, reason: str) -> None:
        """Answer a request that asks nothing, with one object even where a stream was wanted."""
        await self._respond.json(200, self._chunk("", {"done": True, "done_reason": reason}))

    async def run(self, model: ChatModel, request: ModelRequest) -> ModelReply:
        """Have the model answer, and write the text as it comes.

        Tokens with log-probabilities are known only at the end; they are written then, by `end`.

        Raises:
            ModelError: the model could not answer.
        """
        if not self._stream or request.top_logprobs:
            return await model.generate(request)
        pieces: asyncio.Queue[str | None] = asyncio.Queue()
        task = asyncio.ensure_future(model.generate(request, pieces.put_nowait))
        task.add_done_callback(lambda _: pieces.put_nowait(None))
        try:
            while (piece := await pieces.get()) is not None:
                await self._line(self._chunk(piece))
            return await task
        finally:
            task.cancel()

    async def end(self, reply: ModelReply, metrics: Mapping[str, int]) -> None:
        """Write what is still to be written."""
        ending = {"done": True, "done_reason": reply.done_reason}
        last = {**ending, **metrics}
        if not self._stream:
            numbers = {"logprobs": [self._logprob(one) for one in reply.tokens]} if reply.tokens else {}
            whole = {**ending, **numbers, **metrics} if self._chat else {**last, **numbers}
            await self._respond.json(200, self._chunk(reply.text, whole))
            return
        for one in reply.tokens:
            await self._line(self._chunk(one.token, {"logprobs": [self._logprob(one)]}))
        await self._line(self._chunk("", last))
        await self._respond.end()

    async def _line(self, chunk: Mapping[str, Any]) -> None:
        text = json.dumps(chunk, ensure_ascii=False, separators=(",", ":"))
        await self._respond.stream(text.encode("utf-8", "replace") + b"\n", NDJSON)

    def _chunk(self, text: str, more: Mapping[str, Any] | None = None) -> dict[str, Any]:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        said: dict[str, Any] = {"message": {"role": "assistant", "content": text}} if self._chat else {"response": text}
        return {"model": self._model, "created_at": now, **said, "done": False, **(more or {})}

    def _logprob(self, choice: TokenChoice) -> dict[str, Any]:
        top = [_token(token, logprob) for token, logprob in choice.top[: self._alternatives]]
        return {**_token(choice.token, choice.logprob), **({"top_logprobs": top} if top else {})}


def _token(token: str, logprob: float) -> dict[str, Any]:
    return {"token": token, "logprob": logprob, "bytes": list(token.encode("utf-8", "replace"))}
