"""Brings one model up, notices when it is lost, and brings it up again.

A cold model may take minutes, and whoever hangs up on it aborts the loading. So nothing here has a short
deadline: the askers get their fallbacks at once instead, and the model gets all the time that it needs.

That makes it a circuit breaker as well. Closed, requests go through. A request that finds the server gone opens it, and
so do `TRIP_AFTER` in a row that got no answer in time or found its queue full. A question that is given up at its
deadline counts if nothing came of any answer meanwhile; one that is given up before never does. Open, nothing is sent;
after a pause that grows and is a little uneven it is half open: one probe, the loading of the model, goes through, and
decides whether it closes or the next pause begins.

A server may pass that probe and yet answer nothing: its model is in memory, and hangs or crashes when it is asked. So
the pauses go on growing from where they were until a question has been answered. And what was lost by silence is on
trial until then: it is asked one question at a time, and the first one without an answer in time opens the breaker.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Iterator
from typing import Any, Literal

from brains.clock import Clock
from brains.errors import ModelBusy, ModelError, ModelNotInstalled, ModelTimeout, ModelUnavailable
from brains.questions import ChatModel, ModelInfo

__all__ = ["Breaker", "ModelKeeper", "State", "backoff"]

logger = logging.getLogger("brains.gateway")

State = Literal["cold", "warming", "ready", "away"]
"""Not started; loading for the first time; can be asked; lost, and being brought back."""

Breaker = Literal["closed", "open", "half_open"]
"""Requests go through; nothing goes through; one probe does."""

TRIP_AFTER = 3
"""So many requests in a row without an answer in time open the breaker."""
PROGRESS_EVERY = 3.0
"""Seconds between two lines of the log while the model loads."""


def backoff(first: float = 0.5, longest: float = 5.0) -> Iterator[float]:
    """Yield pauses between attempts: doubling, and a little uneven, lest many clients march in step."""
    pause = first
    while True:
        yield pause * random.uniform(0.8, 1.2)
        pause = min(2 * pause, longest)


class ModelKeeper:
    """Owns the state of one model.

    Args:
        model: the model.
        clock: tells how long loading takes.
        on_change: called after each change of `state`.
        pauses: makes the pauses between attempts to bring a lost model back.
        progress_every: seconds between two lines of the log while the model loads.
    """

    def __init__(
        self,
        model: ChatModel,
        *,
        clock: Clock,
        on_change: Callable[[], None],
        pauses: Callable[[], Iterator[float]] = backoff,
        progress_every: float = PROGRESS_EVERY,
    ) -> None:
        self._model = model
        self._clock = clock
        self._on_change = on_change
        self._pauses = pauses
        self._progress_every = progress_every
        self._task: asyncio.Task[Any] | None = None
        self.state: State = "cold"
        self.info: ModelInfo | None = None
        """What is known of the model; None until it has been ready once."""
        self.problem = ""
        """Why the model is away."""
        self.on_trial = False
        """It was silent, was brought back, and has answered nothing since; it gets one question at a time."""
        self._was_silent = False
        self._probing = False
        self._strikes = 0
        self._waits: Iterator[float] | None = None
        self._told = ""
        """The problem that the log has had; a server that fails each trial alike is not told of each time."""

    @property
    def breaker(self) -> Breaker:
        """The circuit breaker's state."""
        if self.state == "ready":
            return "closed"
        return "half_open" if self._probing else "open"

    async def start(self) -> ModelInfo:
        """Load the model and return what it can do.

        Raises:
            ModelError: it cannot be had; the state is `cold` again.
        """
        if self.state != "cold":
            raise RuntimeError(f"{self._model.name} was started already; it is {self.state}")
        self._become("warming")
        # A task of its own, so that `stop` can end it whoever waits here.
        self._task = task = asyncio.create_task(self._load(), name=f"brains-load {self._model.name}")
        try:
            info = await task
        except asyncio.CancelledError:
            if not _being_cancelled():
                raise ModelUnavailable(f"{self._model.name} was closed while it loaded") from None
            raise
        finally:
            self._task = None
            if not task.done() or task.cancelled() or task.exception() is not None:
                self._become("cold")
        self._ready(info)
        return info

    def failed(self, error: ModelError, info: ModelInfo) -> None:
        """Say how a request failed. `info` is what was known when it was sent."""
        if self.state != "ready" or info is not self.info:
            return  # old news: it is being brought back, or has been since that request was sent
        if isinstance(error, ModelUnavailable | ModelNotInstalled):
            self._lost(error)
        elif isinstance(error, ModelTimeout | ModelBusy):
            self._strikes += 1
            if self.on_trial or self._strikes >= TRIP_AFTER:
                self._lost(error)
        else:
            self.worked()

    def worked(self) -> None:
        """Say that a request was answered, be it badly."""
        self._strikes = 0
        self._end_trial()

    def keep_trying(self, error: ModelError) -> None:
        """Go on trying in the background after a `start` that failed."""
        if self.state == "cold":
            self._lost(error)

    def stop(self) -> list[asyncio.Task[Any]]:
        """Stop whatever goes on, and return what has yet to end. The state is `cold`."""
        task, self._task = self._task, None
        self._end_trial()
        self._become("cold")
        if task is None:
            return []
        task.cancel()
        return [task]

    # Inside

    def _lost(self, error: ModelError) -> None:
        self.problem = str(error)
        self._strikes = 0
        self._was_silent = isinstance(error, ModelTimeout | ModelBusy)
        if self.problem != self._told:
            self._told = self.problem
            logger.warning("%s is away: %s. Its answers are missing until it is back.", self._model.name, error)
        self._task = asyncio.create_task(self._bring_back(), name=f"brains-bring-back {self._model.name}")
        self._become("away")

    def _become(self, state: State) -> None:
        if state != self.state:
            self.state = state
            self._on_change()

    def _ready(self, info: ModelInfo) -> None:
        self.info = info
        self.problem = ""
        self._strikes = 0
        self._become("ready")

    def _end_trial(self) -> None:
        self.on_trial = False
        self._waits = None
        self._told = ""

    async def _load(self) -> ModelInfo:
        began = self._clock.now()
        loop = asyncio.get_running_loop()

        alarm: asyncio.TimerHandle | None = None

        def progress() -> None:
            nonlocal alarm
            if alarm is not None:
                seconds = self._clock.now() - began
                logger.info("waiting for %s to load: %.0f s", self._model.name, seconds)
            alarm = loop.call_later(self._progress_every, progress)

        progress()
        self._probing = True
        try:
            info = await self._model.start()
        except asyncio.CancelledError:
            if _being_cancelled():
                raise
            raise ModelUnavailable(f"{self._model.name} cancelled its own start") from None
        finally:
            self._probing = False
            if alarm is not None:
                alarm.cancel()
        level = logging.DEBUG if self.on_trial else logging.INFO  # it was ready before, and answered nothing
        logger.log(level, "%s is ready after %.1f s (%s)", info.name, self._clock.now() - began, info.backend)
        return info

    async def _bring_back(self) -> None:
        if self._waits is None:
            self._waits = self._pauses()
        for pause in self._waits:
            await asyncio.sleep(pause)
            try:
                info = await self._load()
            except ModelError as error:
                self._still_away(str(error))
            except Exception as error:
                self._still_away(f"{type(error).__name__}: {error}", traceback=True)
            else:
                self._task = None
                self.on_trial = self._was_silent
                self._ready(info)
                return

    def _still_away(self, problem: str, *, traceback: bool = False) -> None:
        if problem != self.problem:
            self.problem = self._told = problem
            logger.warning("%s is still away: %s", self._model.name, problem, exc_info=traceback)


def _being_cancelled() -> bool:
    """Whether it is the current task that is cancelled, and not the one that it waited for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
