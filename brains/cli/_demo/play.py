"""One run of the demo: a real server, a real gateway, and a game, the terminal's own yard or a Godot."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from brains import __version__
from brains.agent import Agent
from brains.cli._demo.client import GameClient
from brains.cli._demo.godot import GodotGame
from brains.cli._demo.show import Show
from brains.cli._demo.tally import Tally
from brains.cli._demo.yard import Yard
from brains.cli._running import keep_watching, settle_memory, start_named, stopped_by_signals
from brains.errors import BrainsError
from brains.gateway import ModelRouter
from brains.library import BrainLibrary
from brains.prompts import PromptLibrary
from brains.questions import ModelInfo, Question
from brains.reload import PromptWatcher
from brains.server import Server
from brains.snapshot import TickReport
from brains.warmup import warm_up, warm_up_questions

__all__ = ["Ending", "Run", "play"]

FRAMES_PER_SECOND = 8
LONGEST_WARM_UP = 60.0
"""Seconds after which the game begins all the same."""


@dataclass
class Run:
    """What a run is made of."""

    library: BrainLibrary
    prompts: PromptLibrary
    prompts_folder: Path
    router: ModelRouter
    seconds: float | None
    rate: float
    speed: float
    seed: int
    port: int
    godot: GodotGame | None = None
    """What is played; None: the yard in the terminal."""


@dataclass
class Ending:
    """How a run ended."""

    interrupted: bool
    """By Ctrl-C."""
    model: str = ""
    closed: bool = False
    """By the player, who closed the window."""
    problems: list[str] = field(default_factory=list)
    """What was wrong with the game."""
    game: dict[str, Any] = field(default_factory=dict)
    """What the game says of itself."""

    @property
    def early(self) -> bool:
        """Somebody ended it who has not waited for enough questions, so it proves nothing."""
        return self.interrupted or self.closed


async def play(run: Run, show: Show, tally: Tally) -> Ending:
    """Play until the time is up or somebody stops it.

    Raises:
        BrainsError: there is no model, the port is taken, or the game lost its server or never came to it.
    """
    ears = Ears(show)

    def observe(report: TickReport) -> None:
        tally.add(report)
        show.report(report)
        if run.godot is not None:
            ears.report(report)

    router = run.router
    factory = functools.partial(Agent, prompts=run.prompts, asker=router, seed=run.seed)
    server = Server(run.library, factory, router, port=run.port, observer=observe, version=__version__)
    with stopped_by_signals() as stop:
        try:
            await server.start()  # a port in use is said before the model loads
            if run.godot is not None:
                await run.godot.prepare(show, stop)
            yard = Yard(run.seed)
            me = {body.kind: yard.part(body.id).me for body in yard.bodies.values()}
            questions = list(warm_up_questions(run.library, run.prompts, me))
            async with _named_models(router, questions, show):
                info = await _start_model(router, show, stop)
                if info is None:
                    return Ending(interrupted=True)
                settle_memory(tidy=True)
                await _warm_up(router, [one for one in questions if not one.model], show, stop)
                show.status(f"{info.name} ({info.backend}) · seed {run.seed} · {server.url}")
                async with _in_background(show, run, stop):
                    if run.godot is None:
                        client = GameClient(
                            server.url, yard, run.library.actions, rate=run.rate, speed=run.speed, watcher=show
                        )
                        await client.play(run.seconds, stop)
                    else:
                        await _play_godot(run.godot, server.url, show, stop, tally)
            return _ending(run.godot, stop, f"{info.name} ({info.backend})")
        finally:
            await asyncio.gather(server.close(), router.close())


async def _play_godot(game: GodotGame, url: str, show: Show, stop: asyncio.Event, tally: Tally) -> None:
    """Have Godot play."""
    if stop.is_set():
        return
    await game.play(url, show, stop)
    if not tally.ticks and not stop.is_set():
        why = "\n".join(game.problems) or f"Godot ended; its last lines:\n{game.log.tail()}"
        hint = "\nWhere there is no screen, play with --headless" if "display drivers failed" in why else ""
        raise BrainsError(
            f"the game never asked for a decision. {why}\nAll that Godot said is in {game.log.path}{hint}"
        )


def _ending(game: GodotGame | None, stop: asyncio.Event, model: str) -> Ending:
    if game is None:
        return Ending(interrupted=stop.is_set(), model=model)
    problems = [*game.problems, *([f"all that Godot said is in {game.log.path}"] if game.problems else [])]
    return Ending(stop.is_set(), model, closed=game.closed, problems=problems, game=game.summary)


class Ears:
    """Hears what agents say in a game that does not tell us: from the reports of their ticks."""

    def __init__(self, show: Show) -> None:
        self._show = show
        self._lines: dict[str, str] = {}

    def report(self, report: TickReport) -> None:
        """Put the pieces of lines together."""
        for line, piece, done in report.speech:
            text = self._lines.pop(line, "") + piece
            if not done:
                self._lines[line] = text
            self._show.speech(report.agent, text, done)


async def _start_model(router: ModelRouter, show: Show, stop: asyncio.Event) -> ModelInfo | None:
    """Load the model, with a sign of life every second; None if somebody stops us first."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    loading = asyncio.create_task(router.start())
    stopped = asyncio.create_task(stop.wait())
    try:
        while not loading.done():
            show.status(f"loading the model {router.default.model.name} ... {loop.time() - started:.0f} s")
            await asyncio.wait([loading, stopped], timeout=1.0, return_when=asyncio.FIRST_COMPLETED)
            if stopped.done():
                return None
        return loading.result()
    finally:
        for task in (loading, stopped):
            task.cancel()
        await asyncio.gather(loading, stopped, return_exceptions=True)


async def _warm_up(router: ModelRouter, questions: list[Question], show: Show, stop: asyncio.Event) -> None:
    """Have the model read all prompts before the game begins, and show how far it is."""

    def progress(number: int, question: Question) -> None:
        show.status(f"the model reads the prompts: {question.prompt.name} ({number} of {len(questions)})")

    reading = asyncio.create_task(warm_up(router, questions, progress))
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait([reading, stopped], timeout=LONGEST_WARM_UP, return_when=asyncio.FIRST_COMPLETED)
    for task in (reading, stopped):
        task.cancel()
    await asyncio.gather(reading, stopped, return_exceptions=True)


@contextlib.asynccontextmanager
async def _named_models(router: ModelRouter, questions: Sequence[Question], show: Show) -> AsyncIterator[None]:
    """Start the other models of the settings meanwhile, and have each read the prompts that it is asked by.

    Their leaves fall back until they are there.
    """

    async def start(name: str) -> None:
        try:
            await start_named(router, name)
            await warm_up(router, [one for one in questions if one.model == name])
        except BrainsError as error:
            show.problem(f"model {name!r}: {error}")

    tasks = [asyncio.create_task(start(name)) for name in router.names]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def _in_background(show: Show, run: Run, stop: asyncio.Event) -> AsyncIterator[None]:
    """Draw the screen and watch the prompts meanwhile."""
    watcher = PromptWatcher(run.prompts_folder, run.prompts)
    tasks = [asyncio.create_task(_draw(show, stop)), asyncio.create_task(keep_watching(watcher))]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _draw(show: Show, stop: asyncio.Event) -> None:
    while show.broken is None:
        show.refresh()
        await asyncio.sleep(1 / FRAMES_PER_SECOND)
    # As after `brains demo | head`: there is nobody to play for.
    stop.set()
