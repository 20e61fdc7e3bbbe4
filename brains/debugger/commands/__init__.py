"""What each command does: its arguments go in, the body of its answer comes out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from brains.debugger.commands import asking, breaking, changing, looking, past, running

__all__ = ["HANDLERS"]

Handler = Callable[[Any, Any, Any], Any]

HANDLERS: dict[str, Handler] = {
    name: handler
    for module in (running, breaking, looking, changing, asking, past)
    for name, handler in module.HANDLERS.items()
}
"""By command: a function of the debugger, the front end and the arguments; it raises `DebugError`."""
