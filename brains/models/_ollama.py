"""The `ollama` package, imported with a clear error: on import it makes a client of OLLAMA_HOST, whatever that says."""

from __future__ import annotations

import os

from brains.errors import ConfigError

try:
    import ollama
except ValueError as error:
    raise ConfigError(
        f"OLLAMA_HOST is {os.environ.get('OLLAMA_HOST', '')!r}, which is no address ({error}): write HOST:PORT, "
        "such as 127.0.0.1:11434"
    ) from error

__all__ = ["ollama"]
