"""What a gateway has done so far, in plain numbers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

__all__ = ["GatewayStats"]


@dataclass
class GatewayStats:
    """What the gateway has done so far.

    `asked` is the sum of answered, superseded, cancelled, all failed, and those that are still open.
    """

    asked: int = 0
    answered: int = 0
    """With a decision."""
    shared: int = 0
    """Of these: got the answer to somebody else's identical question."""
    kept: int = 0
    """Of these: to one that was answered before."""
    superseded: int = 0
    cancelled: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    """By `NoAnswer.reason`."""
    requests: int = 0
    """Sent to the model."""
    retried: int = 0
    """Of these: sent again, because a server died."""
    repaired: int = 0
    """Questions whose first answer was no good, and which were asked once more."""
    reloads: int = 0
    """Requests for which a model that was ready was loaded again."""
    queue_high: int = 0
    """The most requests that ever waited at the same time."""
