"""Recordings as files: begin one, and open one."""

from __future__ import annotations

import datetime
import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path

from brains.errors import RecordingError
from brains.prompts import PromptLibrary
from brains.recording.files import is_own, lines_of, parts_of
from brains.recording.writing import MAX_BYTES, FileSink
from brains.trace import Recorder, Recording

__all__ = ["MAX_BYTES", "FileRecorder", "FileSink", "open_recording", "texts_of"]


class FileRecorder(Recorder):
    """Records to a file; `close` ends it.

    Args:
        path: the file; compressed if its name ends in `.gz`.
        prompts: the templates that the agents use.
        trees: the trees folder, whose texts are recorded so that changes since can be shown.
        content: False: leave texts of prompts, answers and speech out.
        max_bytes: size at which the next part is begun; 0: never.
        keep: so many parts are kept, the newest ones; 0: all.
        version: of the program.

    Raises:
        RecordingError: the file cannot be written, or there is something in it that is no recording.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        prompts: PromptLibrary | None = None,
        trees: str | Path | None = None,
        content: bool = True,
        max_bytes: int = MAX_BYTES,
        keep: int = 0,
        version: str = "",
    ) -> None:
        self.sink = FileSink(path, max_bytes=max_bytes, keep=keep)
        super().__init__(
            self.sink,
            prompts=prompts,
            content=content,
            trees={} if trees is None else texts_of(trees),
            version=version,
            started=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        )

    @property
    def path(self) -> Path:
        """The first part."""
        return self.sink.path

    def read(self) -> Recording:
        """Return what has been recorded so far. It waits for the disk: not for the event loop's thread.

        Raises:
            RecordingError: it cannot be read.
        """
        self.sink.flush()
        return open_recording(self.path)

    def close(self) -> None:
        """End the recording and write all of it. Any number of times."""
        self.end()
        self.sink.close()


def open_recording(path: str | Path) -> Recording:
    """Read a recording with all its parts.

    Raises:
        RecordingError: it is not there, or it is none.
    """
    file = Path(path)
    parts = parts_of(file)
    if not parts:
        raise RecordingError(f"there is no such file{_near(file)}", file=str(path))
    first, *later = parts
    try:
        return Recording.of(_lines([first, *(part for part in later if not is_own(part))]), str(path))
    except OSError as error:
        raise RecordingError(f"cannot be read: {error.strerror or error}", file=str(path)) from error


def texts_of(folder: str | Path, suffix: str = ".py") -> Mapping[str, str]:
    """Return the texts of a folder's files by their path in it; what cannot be read is left out."""
    root = Path(folder)
    found = {}
    for file in sorted(root.rglob(f"*{suffix}")):
        if "__pycache__" in file.parts:
            continue
        try:
            found[file.relative_to(root).as_posix()] = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
    return found


def _lines(parts: list[Path]) -> Iterator[bytes]:
    for part in parts:
        yield from lines_of(part)


def _near(file: Path) -> str:
    try:
        names = [other.name for other in file.parent.iterdir() if ".json" in other.name]
    except OSError:
        return ""
    near = difflib.get_close_matches(file.name, names, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
