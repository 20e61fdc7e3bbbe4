"""Writes a recording from a thread of its own, so that no tick ever waits for a disk."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import deque
from pathlib import Path

import msgspec

from brains.errors import RecordingError
from brains.recording.files import create, make_room, part_of
from brains.trace.events import DroppedEvent, GapEvent, RecordingEvent, encode
from brains.trace.recorder import Kind

__all__ = ["MAX_BYTES", "FileSink"]

log = logging.getLogger("brains.recording")

MAX_BYTES = 256 * 1024 * 1024
"""Size of a part, in bytes on the disk."""
QUEUE_BYTES = 16 * 1024 * 1024
"""So much may wait for the disk before inputs are dropped; half of it before nodes are."""
BATCH_S = 0.1
"""Between two writes, so that the thread does not run for each line."""


class FileSink:
    """Takes lines and writes them to files; `put` never waits.

    While too much waits for the disk, `nodes` lines are left out first (a `dropped` says how many), and then all but
    what later lines refer to (a `gap` says so). Each batch reaches the operating system whole: a process that is killed
    loses its last moment only.

    Args:
        path: the first part.
        max_bytes: size at which the next part is begun; 0: never.
        keep: so many parts are kept, the newest ones; 0: all. Agents that began in one that is gone cannot be replayed.
        queue_bytes: how much may wait.

    Attributes:
        problem: why nothing is written any more; empty if it is.
        dropped: how many lines were left out.

    Raises:
        RecordingError: the file cannot be written, or there is something in it that is no recording.
    """

    def __init__(
        self, path: str | Path, *, max_bytes: int = MAX_BYTES, keep: int = 0, queue_bytes: int = QUEUE_BYTES
    ) -> None:
        self.path = Path(path)
        self.problem = ""
        self.dropped = 0
        self._max_bytes = max_bytes
        self._keep = keep
        self._queue_bytes = queue_bytes
        self._head = b""
        self._part = 1
        self._kept: dict[str, bytes] = {}
        self._begun_with = 0
        self._queue: deque[tuple[bytes, str]] = deque()
        self._waiting = 0
        self._left_out = 0
        self._gap = 0
        self._is_closing = False
        self._changed = threading.Condition()
        self._hurry = threading.Event()
        make_room(self.path)
        try:
            self._file = create(self.path)
        except OSError as error:
            raise RecordingError(f"cannot be written: {error.strerror or error}", file=str(path)) from error
        self._thread = threading.Thread(target=self._run, name=f"recording {self.path.name}", daemon=True)
        self._thread.start()

    def put(self, line: bytes, kind: Kind, key: str = "") -> None:
        """Take a line; it is on its way when this returns."""
        with self._changed:
            if self._is_closing or self.problem:
                return
            if kind in ("input", "spare") and self._is_full(kind):
                self.dropped += 1
                self._left_out += kind == "spare"
                self._gap += kind == "input"
                return
            self._say_what_is_missing()
            self._append(line, "head" if kind == "head" else key)

    def flush(self, timeout: float = 5.0) -> bool:
        """Wait until all that was put can be read from the file; return whether it can. For threads that may wait."""
        self._hurry.set()
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting or bool(self.problem), timeout) and not self.problem

    def close(self) -> None:
        """Write what waits, and end. Any number of times."""
        with self._changed:
            if not self._is_closing and not self.problem:
                self._say_what_is_missing()
            self._is_closing = True
            self._changed.notify_all()
        self._hurry.set()
        self._thread.join()

    def _is_full(self, kind: Kind) -> bool:
        return self._waiting > (self._queue_bytes // 2 if kind == "spare" else self._queue_bytes)

    def _append(self, line: bytes, key: str) -> None:
        if not self._queue:
            self._changed.notify_all()
        self._queue.append((line, key))
        self._waiting += len(line) + 1

    def _say_what_is_missing(self) -> None:
        if self._gap:
            self._append(encode(GapEvent(lines=self._gap, why="the disk was too slow")), "")
        elif self._left_out:
            self._append(encode(DroppedEvent(nodes=self._left_out)), "")
        self._gap = self._left_out = 0

    # --- the thread ------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while self._write_batch():
                pass
            self._file.close()
        except Exception as error:
            why = (error.strerror if isinstance(error, OSError) else "") or f"{type(error).__name__}: {error}"
            with self._changed:
                self.problem = f"{part_of(self.path, self._part)}: {why}"
                self._queue.clear()
                self._waiting = 0
                self._changed.notify_all()
            log.error("nothing is recorded any more: %s. The game goes on", self.problem)
            with contextlib.suppress(OSError):
                self._file.close()

    def _write_batch(self) -> bool:
        """Write what has come; return whether more may come."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._is_closing)
            is_last = self._is_closing
        if not is_last:
            self._hurry.wait(BATCH_S)
            self._hurry.clear()
        with self._changed:
            batch, self._queue = self._queue, deque()
            is_last = self._is_closing
        for line, key in batch:
            self._write(line, key)
        self._file.flush()
        with self._changed:
            self._waiting -= sum(len(line) + 1 for line, _ in batch)
            self._changed.notify_all()
        return not is_last

    def _write(self, line: bytes, key: str) -> None:
        if not line:
            self._kept.pop(key, None)
            return
        if key == "head":
            self._head = line
        elif key:
            self._kept[key] = line
        if self._max_bytes and self._file.size - self._begun_with > self._max_bytes:
            self._next_part()
        self._file.write(line + b"\n")

    def _next_part(self) -> None:
        """Begin the next part with all that its lines may refer to."""
        self._file.close()
        self._part += 1
        self._file = create(part_of(self.path, self._part))
        head = msgspec.json.decode(self._head, type=RecordingEvent)
        head.part = self._part
        for line in (encode(head), *self._kept.values()):
            self._file.write(line + b"\n")
        # It may be much: a part that were full with it would be followed by the next one at once.
        self._begun_with = self._file.size
        if self._keep:
            part_of(self.path, self._part - self._keep).unlink(missing_ok=True)
