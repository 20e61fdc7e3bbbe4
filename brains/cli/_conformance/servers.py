"""Check a server."""

from __future__ import annotations

import importlib
from collections.abc import Callable

from brains.cli._conformance.checks import Result, run_checks
from brains.cli._conformance.player import Visit, server_checks

__all__ = ["check_server"]

for _module in ("server_start", "server_play", "server_sessions"):
    importlib.import_module(f"brains.cli._conformance.{_module}")


async def check_server(
    visit: Visit, tell: Callable[[Result], None], wanted: Callable[[str], bool] = lambda _: True
) -> list[Result]:
    """Run all checks whose name is wanted.

    Raises:
        BrainsError: nobody is there.
    """
    wire, _ = await visit.keep_mute()
    if not wanted("hello.timeout"):
        await wire.close()
    try:
        chosen = [check for check in server_checks if wanted(check.name)]
        return await run_checks(chosen, visit, tell, longest=visit.pace.whole)
    finally:
        await wire.close()
