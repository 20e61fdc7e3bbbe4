"""How much one session may take."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

__all__ = ["MIN_MESSAGE_BYTES", "SessionLimits"]

MIN_MESSAGE_BYTES = 4096
"""Less than this a client cannot ask for: the longest id would not fit into a message."""

Count = Annotated[int, Meta(ge=1)]


class SessionLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a session takes from its client, and how it treats what is too much."""

    max_message_bytes: Annotated[int, Meta(ge=MIN_MESSAGE_BYTES)] = 4 * 1024 * 1024
    """Longest frame from the client; a longer one ends the connection."""
    max_agents: Count = 1000
    max_actions: Count = 64
    """Actions that one agent may declare."""
    max_events: Count = 256
    """Events taken between two ticks, and kept for one agent that is in no snapshot."""
    max_bad_frames: Count = 100
    """Frames in a row that are not understood before the client is sent away."""
    ttl_ms: Count = 1000
    """Age at which the game no longer carries out an action."""
    chat_chars: Count = 4000
    """Longest message of a chat client."""
    chat_waiting: Count = 8
    """Messages of a chat client that may wait for the model."""
