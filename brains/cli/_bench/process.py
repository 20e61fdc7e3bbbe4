"""A model in another process, behind Ollama's interface."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

from brains.errors import ModelUnavailable

__all__ = ["can_be_apart", "on_other_processors", "served"]

STOP_WITHIN = 10.0


@contextlib.contextmanager
def served(
    model: str,
    threads: int | None = None,
    *,
    fast_weights: bool = False,
    delay: float | None = None,
    slots: int | None = None,
    apart: bool = False,
) -> Iterator[str]:
    """Serve `embedded`, `embedded:FILE` or `scripted` until the block ends; give the address.

    `delay`: seconds that each answer of the scripted one takes. `apart`: it gets one processor, and this thread keeps
    to the others, if that `can_be_apart`.

    Raises:
        ModelUnavailable: it does not start; says why.
    """
    command = [sys.executable, "-m", "brains", "model", "serve", "--model", model, "--port", "0"]
    command += ["--fast-weights"] if fast_weights else []
    for option, value in (("--threads", threads), ("--delay", delay), ("--slots", slots)):
        command += [] if value is None else [option, str(value)]
    # Its own messages matter only if it does not start.
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # noqa: S603
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        with on_other_processors(process.pid) if apart else contextlib.nullcontext():
            line = process.stdout.readline()
            if not line.startswith("listening on "):
                raise ModelUnavailable(f"the model's process did not start: {process.stderr.read().strip()}")
            yield line.split()[-1]
    finally:
        process.terminate()
        try:
            process.communicate(timeout=STOP_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def can_be_apart() -> bool:
    """Tell whether two processes can be given processors of their own here: on Linux, with two or more."""
    return hasattr(os, "sched_setaffinity") and len(os.sched_getaffinity(0)) > 1


@contextlib.contextmanager
def on_other_processors(pid: int) -> Iterator[None]:
    """Give a process that has just begun one processor, and this thread the others until the block ends.

    Linux likes to run whom a message wakes on the processor of whom it came from, who then stands still: that is how it
    shares two processors, and nothing that either of the two does.
    """
    if not can_be_apart():
        yield
        return
    ours = os.sched_getaffinity(0)
    theirs = {max(ours)}
    os.sched_setaffinity(pid, theirs)
    os.sched_setaffinity(0, ours - theirs)
    try:
        yield
    finally:
        os.sched_setaffinity(0, ours)
