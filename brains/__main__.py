"""The command `brains`, and `python -m brains`: Ctrl-C works as soon as this runs, while all the rest is imported."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType
from typing import NoReturn

__all__ = ["main"]


def main() -> NoReturn:
    """Import the command line and run it; see `brains.cli.main`."""
    # An import must not be interrupted by an exception, which code in it may catch; and there is nothing to clean up.
    # Who had Ctrl-C ignored, as a shell does for what runs in the background, wants it ignored.
    heeded = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if heeded:
        signal.signal(signal.SIGINT, _stop)
    from brains.cli import main as run

    if heeded:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    run()
    raise AssertionError("the command line has returned")


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, b"stopped\n")
    os._exit(130)


if __name__ == "__main__":
    main()
