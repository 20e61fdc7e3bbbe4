"""Puts one question to one server, and makes of whatever comes back a decision or a named reason."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import msgspec

from brains.clock import Clock
from brains.decide import decide, request_for
from brains.errors import ModelError, ModelTimeout
from brains.questions import Decision, Latency, ModelInfo, ModelReply, ModelRequest, NoAnswer, Outcome, Question, Way

from .servers import ModelServer

__all__ = ["Attempt", "attempt"]

logger = logging.getLogger("brains.gateway")


class Attempt(msgspec.Struct, kw_only=True):
    """What became of one request to one server; filled in as it goes on."""

    server: ModelServer
    info: ModelInfo
    outcome: Outcome | None = None
    """None: nobody waited for it any more."""
    request: ModelRequest | None = None
    reply: ModelReply | None = None
    error: ModelError | None = None
    seconds: float = 0.0


async def attempt(
    doing: Attempt,
    question: Question,
    *,
    way: Way | None,
    timeout: float | None,
    clock: Clock,
    on_text: Callable[[str], None] | None,
) -> None:
    """Ask, and write what comes of it into `doing`. Cancelling stops the model."""
    began = clock.now()
    try:
        doing.outcome = await _ask(doing, question, way, timeout, on_text)
    except TimeoutError:
        doing.error = ModelTimeout(f"{doing.info.name} took longer than {timeout} s")
    except ModelError as error:
        doing.error = error
    except Exception as error:
        logger.exception("Asking %s about %s failed", doing.info.name, question.prompt.name)
        doing.outcome = NoAnswer(reason="internal", message=f"{type(error).__name__}: {error}")
    finally:
        doing.seconds = clock.now() - began
    if doing.error is not None:
        doing.server.keeper.failed(doing.error, doing.info)
        doing.outcome = NoAnswer(reason=doing.error.kind, message=str(doing.error))
    else:
        doing.server.keeper.worked()


async def _ask(
    doing: Attempt,
    question: Question,
    way: Way | None,
    timeout: float | None,
    on_text: Callable[[str], None] | None,
) -> Decision:
    doing.request = request = request_for(question, doing.info, way=way)
    async with asyncio.timeout(timeout):
        doing.reply = reply = await doing.server.model.generate(request, on_text=on_text)
    latency = Latency(load=reply.load, prompt=reply.prompt_time, generate=reply.generate_time)
    return decide(question, request, reply, doing.info, latency)
