"""Checks of protocol 1: of any server by a scripted client, and of any client by a scripted server.

What is said is `brains.messages`; what is demanded is in `docs/protocol/README.md`.
"""

from __future__ import annotations

__all__: list[str] = []
