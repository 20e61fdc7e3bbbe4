"""Recording: what agents' ticks depend on and bring, as lines; and the way back, from lines to the same ticks.

`Recorder` writes to a `Sink`, `Recording` reads, `Replayer` runs it again. Files are opened by `brains.recording`.
"""

from __future__ import annotations

from brains.trace.comparing import Difference
from brains.trace.copying import AgentCopy
from brains.trace.recorder import MemorySink, Recorder, Sink
from brains.trace.recording import Life, Recording, Tick
from brains.trace.replayed import Origin, ReplayAsker
from brains.trace.replaying import Rebuilt, Replayer, Turn

__all__ = [
    "AgentCopy",
    "Difference",
    "Life",
    "MemorySink",
    "Origin",
    "Rebuilt",
    "Recorder",
    "Recording",
    "ReplayAsker",
    "Replayer",
    "Sink",
    "Tick",
    "Turn",
]
