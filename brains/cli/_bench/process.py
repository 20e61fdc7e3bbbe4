"""A model in another process, behind Ollama's interface."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator

from brains.errors import ModelUnavailable

__all__ = ["served"]

STOP_WITHIN = 10.0


@contextlib.contextmanager
def served(
    model: str,
    threads: int | None = None,
    *,
    fast_weights: bool = False,
    delay: float | None = None,
    slots: int | None = None,
) -> Iterator[str]:
    """Serve `embedded`, `embedded:FILE` or `scripted` until the block ends; give the address.

    `delay`: seconds that each answer of the scripted one takes.

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
