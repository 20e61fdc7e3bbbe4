"""Names of models, as Ollama compares them."""

from __future__ import annotations

import re

__all__ = ["full_name", "is_of_cloud"]


def full_name(name: str) -> str:
    """Return what Ollama takes for the same name: with its tag, and without the name of Ollama's own library."""
    short = re.sub(r"^(registry\.ollama\.ai/)?library/", "", name.strip().casefold())
    return short if ":" in short.rpartition("/")[2] else f"{short}:latest"


def is_of_cloud(name: str) -> bool:
    """Tell whether the model runs on Ollama's own servers, which its tag says: `cloud`, or `120b-cloud`."""
    tag = full_name(name).rpartition(":")[2]
    return tag == "cloud" or tag.endswith("-cloud")
