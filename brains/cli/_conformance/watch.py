"""What has to hold for every snapshot of a client, whatever is being checked at the time."""

from __future__ import annotations

from collections.abc import Collection

from brains.messages import NO_ME, AgentsMessage, SnapshotMessage

__all__ = ["Watch"]


class Watch:
    """Notes what is wrong with snapshots.

    Args:
        window: how many may be unanswered.

    Attributes:
        epoch: the game's scene.
        snapshots: how many there were in all.
        events: how many came with them.
        faults: what was wrong, by sort.
    """

    def __init__(self, window: int) -> None:
        self.epoch = 0
        self.snapshots = 0
        self.events = 0
        self.seq = 0
        self.faults: dict[str, list[str]] = {key: [] for key in ("seq", "epoch", "time", "window", "agents", "me")}
        self._window = window
        self._gap = False
        self._time: float | None = None

    def begin(self, *, resumed: bool) -> None:
        """Note that a connection begins; in a new session, numbers begin anew."""
        # What was on its way when a connection was lost has a number that is never seen here.
        self._gap = resumed
        if not resumed:
            self.seq = 0
            self.epoch = 0
            self._time = None

    def agents(self, message: AgentsMessage) -> None:
        """Note the scene."""
        if message.epoch < self.epoch:
            self.faults["epoch"].append(f"agents of epoch {message.epoch:g} after {self.epoch}")
        self.epoch = max(self.epoch, int(message.epoch))

    def snapshot(self, message: SnapshotMessage, agents: Collection[str], unanswered: int) -> None:
        """Look at a snapshot."""
        self.snapshots += 1
        self.events += len(message.events)
        name = f"snapshot {message.seq:g}"
        if message.seq != self.seq + 1 and not (self._gap and message.seq > self.seq):
            self.faults["seq"].append(f"{name} after {self.seq}")
        self._gap = False
        self.seq = int(message.seq)
        if message.epoch != self.epoch:
            self.faults["epoch"].append(f"{name} of epoch {message.epoch:g}, agents were of {self.epoch}")
        if self._time is not None and message.time_ms < self._time:
            self.faults["time"].append(f"{name} at {message.time_ms:g} ms after {self._time:g}")
        self._time = message.time_ms
        if unanswered >= self._window:
            self.faults["window"].append(f"{name} while {unanswered} were unanswered")
        strangers = [id for id in message.agents if id not in agents]
        if strangers:
            self.faults["agents"].append(f"{name} with {', '.join(strangers[:3])}")
        blind = [id for id, part in message.agents.items() if part.me is NO_ME]
        if blind:
            self.faults["me"].append(f"{name} without `me` for {', '.join(blind[:3])}")
