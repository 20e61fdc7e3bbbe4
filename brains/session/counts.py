"""What a session has received and sent, counted: the sums of a game that has ended, in one line."""

from __future__ import annotations

import msgspec

__all__ = ["SessionCounts"]


class SessionCounts(msgspec.Struct, kw_only=True):
    """Sums over the whole session, over all its connections."""

    snapshots: int = 0
    """Snapshots that came, also those that could not be used."""
    answered: int = 0
    """`actions` messages; fewer than snapshots where a connection was lost in between."""
    orders: int = 0
    """Orders sent, each once."""
    repeated: int = 0
    """Orders that were named again: after a resume, a change of scene, or when an agent was added again."""
    cancels: int = 0
    """Ids that stood in `cancel`."""
    results: dict[str, int] = {}
    """Results that came, by status."""
    events: int = 0
    """Events that came, also those that had to be dropped."""
    resumes: int = 0
    """Connections that went on with the session."""

    def add_result(self, status: str) -> None:
        """Count a result."""
        self.results[status] = self.results.get(status, 0) + 1

    def __str__(self) -> str:
        results = ", ".join(f"{count} {status}" for status, count in sorted(self.results.items()))
        return (
            f"snapshots {self.snapshots}, answered {self.answered}, orders {self.orders}, named again {self.repeated}, "
            f"cancels {self.cancels}, results {results or 0}, events {self.events}, resumes {self.resumes}"
        )
