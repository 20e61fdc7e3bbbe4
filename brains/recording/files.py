"""The files of a recording: their names, plain or compressed ones to write, and their lines to read.

A run is written to FILE; when that is as large as it may be, it goes on in FILE with a number (`run.2.jsonl` after
`run.jsonl`). A name that ends in `.gz` is compressed, in such a way that what was written can be read after a crash.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from brains.errors import RecordingError

if sys.platform != "win32":
    import fcntl

__all__ = [
    "GzipFile",
    "PlainFile",
    "create",
    "is_being_written",
    "is_own",
    "lines_of",
    "make_room",
    "part_of",
    "parts_of",
]

LONGEST_LINE = 64 * 1024 * 1024
_CHUNK = 1 << 17
_NAME = re.compile(r"^(?P<stem>.+?)(?P<suffix>(\.jsonl|\.json|\.[^.]+)?(\.gz)?)$")


class PlainFile:
    """A file that is written as it is, and until it is closed `is_being_written`.

    Attributes:
        size: bytes that were written.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb", buffering=_CHUNK)
        # Ends with the process, however that ends. Where the disk knows no locks, nobody is warned.
        with contextlib.suppress(OSError):
            _lock(self._file.fileno())
        self.size = 0

    def write(self, data: bytes) -> None:
        """Write, at the latest with the next `flush`."""
        self._file.write(data)
        self.size += len(data)

    def flush(self) -> None:
        """Hand all of it to the operating system, so that it outlives this process."""
        self._file.flush()

    def close(self) -> None:
        """Finish the file. Any number of times."""
        self._file.close()


class GzipFile(PlainFile):
    """A file that is compressed; `size` counts compressed bytes."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._press = zlib.compressobj(6, zlib.DEFLATED, 31)

    def write(self, data: bytes) -> None:
        """Compress."""
        super().write(self._press.compress(data))

    def flush(self) -> None:
        """Hand all of it to the operating system, in a state from which it can be read."""
        super().write(self._press.flush(zlib.Z_SYNC_FLUSH))
        super().flush()

    def close(self) -> None:
        """Write the end."""
        if self._file.closed:
            return
        try:
            super().write(self._press.flush(zlib.Z_FINISH))
        finally:
            super().close()


def create(path: Path) -> PlainFile:
    """Begin a file, for its owner only: what players say is nobody else's business.

    Raises:
        OSError: it cannot be written.
    """
    return GzipFile(path) if path.suffix == ".gz" else PlainFile(path)


def part_of(path: Path, number: int) -> Path:
    """Return the file of a part: the first one has the name itself."""
    if number == 1:
        return path
    found = _NAME.match(path.name)
    assert found is not None
    return path.with_name(f"{found['stem']}.{number}{found['suffix']}")


def parts_of(path: Path) -> list[Path]:
    """Return the files of a recording that are there, in order."""
    found = _NAME.match(path.name)
    numbered: list[tuple[int, Path]] = []
    if found is not None and path.parent.is_dir():
        pattern = re.compile(re.escape(found["stem"]) + r"\.([1-9]\d*)" + re.escape(found["suffix"]))
        for other in path.parent.iterdir():
            match = pattern.fullmatch(other.name)
            if match is not None and int(match[1]) > 1:
                numbered.append((int(match[1]), other))
    return [*([path] if path.exists() else []), *(other for _, other in sorted(numbered))]


def make_room(path: Path) -> None:
    """Remove the parts of an older recording of this name.

    Raises:
        RecordingError: something else is in one of these files, somebody records into one, or they cannot be written.
    """
    older = []
    try:
        for part in parts_of(path):
            if part.is_dir():
                raise RecordingError("this is a folder; name a file in it", file=str(part))
            if not part.is_file():
                continue  # a device or a pipe
            if is_being_written(part):
                raise RecordingError("a server is recording into this file: name another one", file=str(part))
            first = _first_line(part)
            if first and b'"type":"recording"' not in first[:100]:
                raise RecordingError("there is something else in this file: name another one", file=str(part))
            if part != path:
                if is_own(part):
                    raise RecordingError(
                        f"this is a recording of its own and no part of {path.name}, where a long one would go on: "
                        "name another one",
                        file=str(part),
                    )
                older.append(part)
        for part in older:
            part.unlink()
    except OSError as error:
        raise RecordingError(f"cannot be written: {error.strerror or error}", file=str(path)) from error


def is_being_written(path: Path) -> bool:
    """Tell whether some process has this file open as a recording; always False on Windows, for devices and pipes.

    Raises:
        OSError: it cannot be read.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    try:
        _lock(descriptor)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False


def _lock(descriptor: int) -> None:
    """Lock an ordinary file until it is closed.

    Raises:
        BlockingIOError: it is locked.
        OSError: it cannot be.
    """
    if sys.platform != "win32" and stat.S_ISREG(os.fstat(descriptor).st_mode):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def is_own(path: Path) -> bool:
    """Tell whether a file begins a recording, whatever its name looks like.

    Raises:
        OSError: it cannot be read.
        RecordingError: it is no file of ours at all.
    """
    try:
        head = msgspec.json.decode(_first_line(path))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False  # killed at once: it has no whole line
    return isinstance(head, dict) and head.get("type") == "recording" and head.get("part", 1) == 1


def _first_line(path: Path) -> bytes:
    """Return the first line in which there is something; empty if there is none."""
    return next((line for line in lines_of(path) if line.strip()), b"")


def lines_of(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file, compressed or not; the last one may lack its end, as after a crash.

    Raises:
        OSError: it cannot be read.
        RecordingError: a line is longer than any that is ever written, or it is no file of ours at all.
    """
    pieces: list[bytes] = []
    size = 0
    for data in _data_of(path):
        first, *more = data.split(b"\n")
        pieces.append(first)
        size += len(first)
        if size > LONGEST_LINE:
            raise RecordingError("this is no recording: it has no lines", file=str(path))
        if more:
            yield b"".join(pieces)
            yield from more[:-1]
            pieces, size = [more[-1]], len(more[-1])
    if size:
        yield b"".join(pieces)


def _data_of(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        data = stream.read(_CHUNK)
        if not data.startswith(b"\x1f\x8b"):
            while data:
                yield data
                data = stream.read(_CHUNK)
            return
        opened = zlib.decompressobj(31)
        while data:
            before = opened.copy()
            try:
                yield opened.decompress(data)
            except zlib.error:
                yield from _up_to_damage(before, data)
                return
            data = stream.read(_CHUNK)


def _up_to_damage(opened: zlib._Decompress, data: bytes) -> Iterator[bytes]:
    """Yield what can be read of damaged data, and then a line that says so."""
    try:
        for place in range(len(data)):
            yield opened.decompress(data[place : place + 1])
    except zlib.error as error:
        yield f"\n(compressed data: {error})\n\n".encode()
