"""Check a client."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable

from brains.cli._conformance.checks import Result, run_checks
from brains.cli._conformance.client_start import always
from brains.cli._conformance.game import Game, client_checks

__all__ = ["check_client"]

for _module in ("client_start", "client_actions", "client_sessions"):
    importlib.import_module(f"brains.cli._conformance.{_module}")
always()


async def check_client(
    game: Game,
    tell: Callable[[Result], None],
    wanted: Callable[[str], bool] = lambda _: True,
    seconds: float | None = None,
) -> list[Result]:
    """Wait for a client, and run all checks whose name is wanted; what is not done after `seconds` is skipped."""
    chosen = [check for check in client_checks if wanted(check.name)]
    results: list[Result] = []

    def note(result: Result) -> None:
        results.append(result)
        tell(result)

    try:
        async with asyncio.timeout(seconds):
            await game.arrived()
            await run_checks(chosen, game, note, longest=game.pace.whole)
    except TimeoutError:
        for check in chosen[len(results) :]:
            why = f"the time was over after {seconds:g} s" if game.arrivals else "no client came"
            note(Result(check=check.name, outcome="skipped", expected=check.expects, got=why, seconds=0.0))
    return results
