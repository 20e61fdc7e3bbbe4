"""Settings: from `brains.toml`, or `[tool.brains]` in pyproject.toml, with the command line's options on top."""

from __future__ import annotations

from .config import Config, find_config, load_config
from .models import ModelSettings, OtelSettings, of_ollama

__all__ = ["Config", "ModelSettings", "OtelSettings", "find_config", "load_config", "of_ollama"]
