"""Text for the log that may hold what a game has sent, and so may not look like a line of the log itself."""

from __future__ import annotations

import traceback

from brains.prompts.finding import escaped

__all__ = ["one_line", "summary_of", "trace"]


def one_line(text: object, longest: int = 200) -> str:
    """Return text for use in a line of the log: it can neither begin another one nor steer the terminal."""
    whole = str(text)
    shown = whole if len(whole) <= longest else whole[:longest] + "..."
    return escaped(shown)


def summary_of(error: BaseException) -> str:
    """Return what kind of exception it is and what it says, even if it cannot say it."""
    return "".join(traceback.format_exception_only(error)).strip()


def trace() -> str:
    """Return the traceback of the exception at hand, indented."""
    return "\n".join("    " + one_line(line, 1000) for line in traceback.format_exc().splitlines())
