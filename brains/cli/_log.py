"""The log of a command, on stderr: lines that nothing which a game or a model said can forge or steer a terminal by."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator

from brains.prompts.finding import escaped

__all__ = ["LogFormatter", "at_level", "log_to_stderr"]


class LogFormatter(logging.Formatter):
    """Begins a line at the left for each record only: what follows it, such as a traceback, is indented."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as text."""
        first, *more = super().format(record).splitlines() or [""]
        return "\n".join([escaped(first), *("    " + escaped(text) for text in more)])


def log_to_stderr(level: str) -> None:
    """Log all that is of this level or above, unless somebody has set up logging already."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LogFormatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S"))
    logging.basicConfig(level=level, handlers=[handler])


@contextlib.contextmanager
def at_level(name: str, level: int) -> Iterator[None]:
    """Log nothing by this name that is below a level, until the block ends."""
    log = logging.getLogger(name)
    before = log.level
    log.setLevel(level)
    try:
        yield
    finally:
        log.setLevel(before)
