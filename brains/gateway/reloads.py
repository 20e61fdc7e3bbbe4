"""Notices when a model that was ready has been loaded again for a request, and says why, once per cause.

A loaded model is handed out in microseconds. A load takes seconds to minutes, in which every agent falls back, and most
often another program causes it, which uses the same model with other options: then it happens again and again.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol, runtime_checkable

from brains.errors import ModelError
from brains.questions import ChatModel, ModelInfo, ModelReply, Question

__all__ = ["SLOW_LOAD", "ExplainsReloads", "NotesReloads", "ReloadWatch", "reload_of"]

logger = logging.getLogger("brains.gateway")

SLOW_LOAD = 0.5
"""Seconds of loading in an answer that cannot be anything but loading."""
EXPLAIN_WITHIN = 5.0
MANY = 64
"""Causes that are remembered as told."""

UNKNOWN = "another program asked for it with other options, or there was not enough memory for all models"


@runtime_checkable
class ExplainsReloads(Protocol):
    """A model that can tell why it was loaded again."""

    async def why_reloaded(self) -> str:
        """Return the cause in words, as far as its server can tell; empty for unknown."""
        ...


@runtime_checkable
class NotesReloads(Protocol):
    """A model that loads itself again where it has to, before it is asked."""

    def take_reload(self) -> tuple[float, str] | None:
        """Return, once, how many seconds that took, and why in words; None if there was none."""
        ...


def reload_of(model: ChatModel, reply: ModelReply | None) -> tuple[float, str] | None:
    """Return how many seconds a model was loaded again for, before or in this answer, and why, if that is known.

    Whoever waited for a load may have been given up meanwhile, and then only the model knows of it.
    """
    noted = model.take_reload() if isinstance(model, NotesReloads) else None
    if noted is None and reply is not None and reply.load > SLOW_LOAD:
        return reply.load, ""
    return noted


class ReloadWatch:
    """Reports reloads."""

    def __init__(self) -> None:
        self._told: set[tuple[str, str]] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def saw(self, model: ChatModel, info: ModelInfo, question: Question, seconds: float, cause: str = "") -> None:
        """Say that `question` met so many seconds of loading; the model is asked for a cause that is not given."""
        task = asyncio.create_task(
            self._report(model, info, question, seconds, cause), name=f"brains-reload {info.name}"
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def stop(self) -> list[asyncio.Task[None]]:
        """Stop asking for causes; return what has yet to end."""
        for task in self._tasks:
            task.cancel()
        return list(self._tasks)

    async def _report(self, model: ChatModel, info: ModelInfo, question: Question, seconds: float, cause: str) -> None:
        cause = cause or await self._cause(model)
        if (info.name, cause) in self._told or len(self._told) >= MANY:
            logger.debug("%s was loaded again for %s (%.1f s): %s", info.name, question.leaf, seconds, cause)
            return
        self._told.add((info.name, cause))
        logger.warning(
            "%s was loaded again for the prompt %s of the leaf %s, which took %.1f s: %s. "
            "Further reloads for this cause are only counted.",
            info.name,
            question.prompt.name,
            question.leaf,
            seconds,
            cause,
        )

    async def _cause(self, model: ChatModel) -> str:
        if not isinstance(model, ExplainsReloads):
            return UNKNOWN
        try:
            async with asyncio.timeout(EXPLAIN_WITHIN):
                return await model.why_reloaded() or UNKNOWN
        except (ModelError, TimeoutError):
            return UNKNOWN
        except Exception:
            logger.exception("%s cannot say why it was loaded again", model.name)
            return UNKNOWN
