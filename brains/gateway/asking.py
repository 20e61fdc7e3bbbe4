"""Puts one question to one server, and makes of whatever comes back a decision or a named reason."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import msgspec

from brains.clock import Clock
from brains.decide import decide, repair_for, request_for
from brains.errors import MalformedAnswer, ModelError, ModelTimeout
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
    repaired: bool = False
    """The first answer was no good, and the model was asked once more."""
    late: bool = False
    """Nobody waited for it any more because its deadline had passed."""
    heard: int | None = None
    """What had been heard of the server when it was sent; see `ModelServer.heard`."""

    @property
    def silent(self) -> bool:
        """Whether its deadline passed without a sign of life from the server, be it for another request."""
        return self.outcome is None and self.late and self.heard is not None and self.heard == self.server.heard


async def attempt(
    doing: Attempt,
    question: Question,
    *,
    way: Way | None,
    timeout: float | None,
    clock: Clock,
    left: Callable[[], float],
    on_text: Callable[[str], None] | None,
) -> None:
    """Ask, and write what comes of it into `doing`. Cancelling stops the model.

    `left` tells how many seconds there are until nobody waits any more.
    """
    began = clock.now()
    try:
        async with asyncio.timeout(timeout):
            doing.outcome = await _ask(doing, question, way, on_text, lambda: (clock.now() - began, left()))
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
    on_text: Callable[[str], None] | None,
    times: Callable[[], tuple[float, float]],
) -> Decision:
    """Ask, and once more if the answer is an object that is no good and there is time; `times`: gone by, and left."""
    doing.request = request = request_for(question, doing.info, way=way)
    doing.reply = reply = await doing.server.model.generate(request, on_text=on_text)
    try:
        return _decide(doing, question, request, reply)
    except MalformedAnswer as error:
        took, left = times()
        again = repair_for(request, reply, str(error), took=took, left=left)
        if again is None:
            raise
    doing.repaired = True
    second = await doing.server.model.generate(again)
    # Both have been worked for.
    doing.reply = reply = msgspec.structs.replace(
        second,
        prompt_tokens=reply.prompt_tokens + second.prompt_tokens,
        output_tokens=reply.output_tokens + second.output_tokens,
        prompt_time=reply.prompt_time + second.prompt_time,
        generate_time=reply.generate_time + second.generate_time,
    )
    return _decide(doing, question, again, reply)


def _decide(doing: Attempt, question: Question, request: ModelRequest, reply: ModelReply) -> Decision:
    latency = Latency(queue=reply.queue, load=reply.load, prompt=reply.prompt_time, generate=reply.generate_time)
    return decide(question, request, reply, doing.info, latency)
