"""What `brains replay` consists of."""

from __future__ import annotations

__all__: list[str] = []
