"""The servers that have one model: which are there, and which of them gets the next request."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from brains.clock import Clock
from brains.errors import ModelError
from brains.questions import ChatModel, ModelInfo

from .keeper import ModelKeeper, State

__all__ = ["ModelServer", "ServerPool"]

logger = logging.getLogger("brains.gateway")

BEST_FIRST: tuple[State, ...] = ("ready", "warming", "away", "cold")


class ModelServer:
    """The model on one server, and how much that has to do."""

    def __init__(self, model: ChatModel, keeper: ModelKeeper, in_flight: int | None) -> None:
        self.model = model
        self.keeper = keeper
        self.outstanding = 0
        """Requests that it works on."""
        self.started = 0
        """Requests that it was ever given."""
        self._in_flight = in_flight

    @property
    def url(self) -> str:
        """Where it is; empty for a model inside the process."""
        return str(getattr(self.model, "url", ""))

    @property
    def named(self) -> str:
        """The model, and where it is."""
        return f"{self.model.name} at {self.url}" if self.url else self.model.name

    @property
    def heard(self) -> int | None:
        """How often anything has come of its answers, in whatever unit; None for a model that does not tell."""
        heard: int | None = getattr(self.model, "heard", None)
        return heard

    @property
    def slots(self) -> int:
        """Requests that it may work on at the same time; while it is away, those that it still has."""
        info = self.keeper.info
        if self.keeper.state != "ready" or info is None:
            return self.outstanding
        if self.keeper.on_trial:
            return 1
        return max(1, info.slots) if self._in_flight is None else self._in_flight


class ServerPool:
    """All servers of one model. One is enough for answers; the others are brought up in the background.

    Args:
        models: the same model, once per server.
        clock: tells how long loading takes.
        on_change: called after each change of any server's state.
        pauses: makes the pauses between attempts to bring back a server that went away.
        in_flight: requests at the same time per server; None: as many as it has slots.
    """

    def __init__(
        self,
        models: Sequence[ChatModel],
        *,
        clock: Clock,
        on_change: Callable[[], None],
        pauses: Callable[[], Iterator[float]],
        in_flight: int | None,
    ) -> None:
        self.servers = [
            ModelServer(model, ModelKeeper(model, clock=clock, on_change=on_change, pauses=pauses), in_flight)
            for model in models
        ]
        self._starting: set[asyncio.Task[ModelInfo]] = set()
        self._stopped = False

    @property
    def state(self) -> State:
        """The best state that any server is in."""
        return min((server.keeper.state for server in self.servers), key=BEST_FIRST.index)

    @property
    def info(self) -> ModelInfo | None:
        """What is known of the model: of a server that is ready, else of any."""
        known = [server for server in self.servers if server.keeper.info is not None]
        ready = [server for server in known if server.keeper.state == "ready"]
        return (ready or known)[0].keeper.info if known else None

    @property
    def problem(self) -> str:
        """Why the model is away; empty when it is not."""
        if self.state != "away":
            return ""
        return "; ".join(dict.fromkeys(server.keeper.problem for server in self.servers if server.keeper.problem))

    @property
    def slots(self) -> int:
        """Requests that all servers together may work on at the same time."""
        return sum(server.slots for server in self.servers)

    def pick(self, avoid: ModelServer | None = None) -> ModelServer | None:
        """Return the ready server with the fewest outstanding requests; None if none has a slot free.

        `avoid` comes last; of equals, the one that was given the fewest so far comes first.
        """
        free = [
            server for server in self.servers if server.keeper.state == "ready" and server.outstanding < server.slots
        ]
        return min(free, key=lambda one: (one is avoid, one.outstanding, one.started), default=None)

    def others_ready(self, server: ModelServer) -> bool:
        """Tell whether any other server can be asked."""
        return any(one.keeper.state == "ready" for one in self.servers if one is not server)

    async def start(self) -> ModelInfo:
        """Load the model everywhere; return when the first server is ready. The others go on in the background.

        Raises:
            ModelError: no server can be had; that of the first.
        """
        if len(self.servers) == 1:
            return await self.servers[0].keeper.start()
        tasks = [
            asyncio.create_task(server.keeper.start(), name=f"brains-start {server.model.name}")
            for server in self.servers
        ]
        self._starting.update(tasks)
        try:
            return await self._first_of(tasks)
        except BaseException:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            raise
        finally:
            for task, server in zip(tasks, self.servers, strict=True):
                task.add_done_callback(self._started_late(server))

    def stop(self) -> list[asyncio.Task[Any]]:
        """Stop whatever goes on, and return what has yet to end."""
        self._stopped = True
        ending: list[asyncio.Task[Any]] = [*self._starting]
        for server in self.servers:
            ending += server.keeper.stop()
        return ending

    # Inside

    async def _first_of(self, tasks: Sequence[asyncio.Task[ModelInfo]]) -> ModelInfo:
        pending = set(tasks)
        while pending:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if not task.cancelled() and task.exception() is None:
                    return task.result()
        return tasks[0].result()

    def _started_late(self, server: ModelServer) -> Callable[[asyncio.Task[ModelInfo]], None]:
        def done(task: asyncio.Task[ModelInfo]) -> None:
            self._starting.discard(task)
            if task.cancelled():
                return
            error = task.exception()
            if error is None:
                self._compare(task.result())
            elif self._stopped or self.state == "cold":
                return  # all failed, and the caller of `start` knows
            elif isinstance(error, ModelError):
                server.keeper.keep_trying(error)
            else:
                logger.error("%s cannot be used on %s", server.model.name, server.url, exc_info=error)

        return done

    def _compare(self, info: ModelInfo) -> None:
        """Warn when two servers call different weights by one name: they answer differently, at random."""
        first = self.info
        if first is not None and first.digest != info.digest:
            logger.warning(
                "%s is not the same model on all servers: `ollama pull %s` on each of them", info.name, info.name
            )
