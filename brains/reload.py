"""Read the prompts folder, and keep reading it: an edit is live at the next ask, a broken one changes nothing.

NAME.j2                  a prompt; its name is the path without the suffix, such as `guard/is_hostile`
_NAME.j2, _DIR/NAME.j2   no prompt itself: others include, import or extend it
NAME.calibration.json    what `brains prompt calibrate` found out about it
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from brains.errors import ConfigError, PromptError
from brains.prompts import SUFFIX, PromptLibrary, is_shared

__all__ = ["INTERVAL", "LARGEST_DATA", "PromptWatcher", "load_prompts", "read_text"]

INTERVAL = 0.3
"""Seconds between two looks at the folder. A file is taken over when two looks in a row found it the same, so that
none is read while it is being written."""
LARGEST = 256 * 1024
"""Bytes; a prompt has some thousand."""
LARGEST_DATA = 16 * 1024 * 1024
"""Bytes of a file of cases or of a snapshot."""
PROMPT, CALIBRATION = SUFFIX, ".calibration.json"

_log = logging.getLogger("brains.reload")

Signature = tuple[int, ...]
"""Modification time, size and inode: the last sees a file that was replaced by another of the same age and size."""


class Change(NamedTuple):
    """What became of one file: its new text, why it cannot be read, or neither because it is gone."""

    path: str
    """From the folder, with `/`."""
    file: str
    """As messages name it."""
    text: str | None = None
    error: PromptError | None = None


def load_prompts(folder: str | Path) -> PromptLibrary:
    """Read all prompts and calibrations of a folder. Blocks; call it before the event loop runs, or in a thread.

    A prompt that is broken or cannot be read is in the library's `errors`.

    Raises:
        ConfigError: there is no such folder.
    """
    library = PromptLibrary()
    try:
        changes = _Reader(Path(folder)).look(patient=False)
    except OSError as error:
        raise ConfigError(f"the prompts folder {str(folder)!r} cannot be read: {error.strerror}") from error
    # All texts first: a prompt may use any of them.
    for change in changes:
        _keep(library, change)
    for change in changes:
        if not is_shared(change.path):
            _apply(library, change)
    return library


class PromptWatcher:
    """Gives a library the files that have changed, until it is cancelled."""

    def __init__(
        self,
        folder: str | Path,
        library: PromptLibrary,
        on_change: Callable[[str, PromptError | None], None] | None = None,
        *,
        interval: float = INTERVAL,
    ) -> None:
        """Watch `folder` for `library`.

        Args:
            folder: the one that `load_prompts` read.
            library: changed only on the event loop.
            on_change: called on the loop with a prompt's name, and what is wrong with it or None.
            interval: seconds between two looks.
        """
        self._folder = Path(folder)
        self._library = library
        self._on_change = on_change
        self._interval = interval
        self._reader = _Reader(self._folder, known=[f"{name}{PROMPT}" for name in library.names()])
        self._lost = False
        self._looking = asyncio.Lock()

    async def run(self) -> None:
        """Look again and again."""
        while True:
            await self.look()
            await asyncio.sleep(self._interval)

    async def look(self, *, patient: bool = True) -> None:
        """Look once, in a worker thread, and take over what has changed.

        Args:
            patient: only what has settled: a file that is being written is left for the next look. Whoever knows that
                somebody has just saved one need not wait.
        """
        async with self._looking:
            await self._look(patient)

    async def _look(self, patient: bool) -> None:
        try:
            changes = await asyncio.to_thread(self._reader.look, patient=patient)
        except OSError as error:
            # The whole folder is away (a branch is being checked out?): keep everything until it is back.
            if not self._lost:
                _log.warning("%s cannot be read (%s); its prompts stay in use", self._folder, error.strerror)
            self._lost = True
            return
        self._lost = False
        for change in changes:
            _keep(self._library, change)
        edited = {change.path for change in changes if change.path.endswith(PROMPT)}
        users = self._library.users_of(edited) if edited else []
        for change in changes:
            await (self._take_shared(change) if is_shared(change.path) else self._take(change))
        for name in users:
            # One that was edited itself has been compiled with the new files already.
            if f"{name}{PROMPT}" not in edited:
                source = self._library.sources[f"{name}{PROMPT}"]
                await self._take(Change(f"{name}{PROMPT}", source.file, source.text))

    async def _take_shared(self, change: Change) -> None:
        """Say that a file which others use cannot be read; what it does to them, they say themselves."""
        if change.error is not None and change.path.endswith(PROMPT):
            _log.warning("%s; the last good version stays in use", change.error)
            if self._on_change is not None:
                self._on_change(change.path.removesuffix(PROMPT), change.error)

    async def _take(self, change: Change) -> None:
        name, is_calibration = _name_of(change.path)
        known = bool(self._library.calibrations(name)) if is_calibration else name in self._library.names()
        what = f"calibration of {name}" if is_calibration else f"prompt {name}"
        revision = self._library.revision
        error = await self._compile(name) if self._is_new(name, change) else _apply(self._library, change)
        if self._library.revision == revision:
            return
        if error is not None:
            kept = "the last good version stays in use" if known else "there is no good version yet"
            _log.warning("%s; %s", error.summary, kept)
        elif change.text is None:
            _log.info("%s removed", what)
        else:
            stale = not is_calibration and _is_stale(self._library, name)
            hint = f"; its calibration does not fit any more: `brains prompt calibrate {name}`" if stale else ""
            _log.info("%s %s%s", what, "reloaded" if known else "added", hint)
        if self._on_change is not None:
            self._on_change(name, error)

    def _is_new(self, name: str, change: Change) -> bool:
        """Tell whether a change is a prompt's text that has to be compiled."""
        if change.text is None or change.path.endswith(CALIBRATION):
            return False
        return self._library.is_changed(name)

    async def _compile(self, name: str) -> PromptError | None:
        """Compile a new text in a worker thread: it takes some 30 ms, which is two frames of a game."""
        try:
            prompt = await asyncio.to_thread(self._library.compiled, name)
        except PromptError as error:
            self._library.note(name, error)
            return error
        self._library.take(prompt)
        return None


class _Reader:
    """Finds what has changed in a folder since it last told. Blocking; knows nothing of libraries."""

    def __init__(self, folder: Path, known: list[str] | None = None) -> None:
        self._folder = folder
        self._told: dict[str, Signature] = dict.fromkeys(known or [], ())
        self._seen: dict[str, Signature] = {}

    def look(self, *, patient: bool = True) -> list[Change]:
        """Return the changes; if patient, only those that were there in the look before, too.

        Raises:
            OSError: the folder itself cannot be read.
        """
        found, closed = _scan(self._folder)
        changes = []
        for path in sorted(found.keys() | self._told.keys()):
            signature = found.get(path)
            hidden = any(path.startswith(f"{place}/") for place in closed)
            if signature == self._told.get(path) or (hidden and signature is None):
                continue
            if patient and signature != self._seen.get(path):
                continue
            change = self._read(path, signature)
            if change is None:
                continue
            changes.append(change)
            if signature is None:
                del self._told[path]
            else:
                self._told[path] = signature
        self._seen = found
        return changes

    def _read(self, path: str, signature: Signature | None) -> Change | None:
        """Read a file that is as `signature` says; None if it is not so any more, and the next look will tell."""
        file, path = self._folder / path, _as_text(path)
        if signature is None:
            return Change(path, _shown(file))
        problem = _forbidden(file, self._folder)
        if problem is not None:
            return Change(path, _shown(file), error=PromptError(problem, file=_shown(file)))
        try:
            text = read_text(file)
            if _signature(file) != signature:
                return None
        except PromptError as error:
            return Change(path, _shown(file), error=error)
        except FileNotFoundError:
            return None
        except OSError as error:
            return Change(path, _shown(file), error=PromptError(f"cannot be read: {error.strerror}", file=_shown(file)))
        return Change(path, _shown(file), text)


def _is_stale(library: PromptLibrary, name: str) -> bool:
    """Tell whether a prompt has calibrations, and none of them is of its present text."""
    found = library.calibrations(name).values()
    return bool(found) and all(one.prompt_hash != library.get(name).version for one in found)


def _shown(file: Path) -> str:
    """Return a file as messages name it: from the current folder, if it is in there."""
    try:
        return _as_text(str(Path(os.path.abspath(file)).relative_to(Path.cwd())))
    except (ValueError, OSError):
        return _as_text(str(file))


def _as_text(name: str) -> str:
    """Return a file's name without the bytes in it that are no text: they can be in no message."""
    return name.encode("utf-8", "replace").decode()


def read_text(file: Path, largest: int = LARGEST) -> str:
    """Return a file's text.

    Raises:
        PromptError: it is too large, or not UTF-8.
        OSError: it cannot be read.
    """
    with file.open("rb") as stream:
        data = stream.read(largest + 1)
    if len(data) > largest:
        what = ": this is no prompt" if largest == LARGEST else ""
        raise PromptError(f"larger than {largest // 1024} KiB{what}", file=str(file))
    try:
        return data.decode("utf-8-sig")  # editors of Windows put a byte order mark before the text
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise PromptError("not UTF-8; save it as UTF-8", file=str(file), line=line) from error


def _keep(library: PromptLibrary, change: Change) -> None:
    """Give the text of a template file to the library, which compiles nothing yet."""
    name, is_calibration = _name_of(change.path)
    if is_calibration:
        return
    if change.text is not None:
        library.put_source(change.path, change.text, file=change.file)
    elif change.error is None:
        library.sources.pop(change.path, None)
    if is_shared(change.path):
        library.errors.pop(name, None)
        if change.error is not None:
            library.note(name, change.error)


def _apply(library: PromptLibrary, change: Change) -> PromptError | None:
    """Give one change to the library; return what is wrong with it, if anything."""
    name, is_calibration = _name_of(change.path)
    if change.error is not None:
        library.note(f"{name}.calibration" if is_calibration else name, change.error)
        return change.error
    try:
        if change.text is None and is_calibration:
            library.remove_calibrations(name)
        elif change.text is None:
            library.remove_prompt(name)
        elif is_calibration:
            library.put_calibrations(name, change.text, file=change.file)
        else:
            library.put(name, change.text, file=change.file)
    except PromptError as error:
        return error
    return None


def _name_of(path: str) -> tuple[str, bool]:
    """Return the name of a file's prompt, and whether the file is its calibration."""
    if path.endswith(CALIBRATION):
        return path.removesuffix(CALIBRATION), True
    return path.removesuffix(PROMPT), False


def _scan(folder: Path) -> tuple[dict[str, Signature], list[str]]:
    """Return the signatures of all prompt files, and the folders that cannot be looked into."""
    found: dict[str, Signature] = {}
    closed: list[str] = []
    waiting = [""]
    while waiting:
        inside = waiting.pop()
        try:
            for entry in _entries(folder / inside):
                path = f"{inside}/{entry.name}" if inside else entry.name
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(path)
                elif entry.name.endswith((PROMPT, CALIBRATION)):
                    found[path] = _signature(Path(entry.path))
        except OSError:
            if not inside:
                raise
            closed.append(inside)
    return found, closed


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Yield what is in a folder, but for hidden files: editors keep their copies in those."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.name.startswith("."):
                yield entry


def _signature(file: Path) -> Signature:
    """Return what changes when the file does; a link that leads nowhere has a signature, too."""
    try:
        stat = file.stat()
    except OSError as error:
        # A link may lead to itself, or to where nobody may look: that is its fault alone, and not the folder's.
        if not isinstance(error, FileNotFoundError) and not file.is_symlink():
            raise
        return (-1,)
    return (stat.st_mtime_ns, stat.st_size, stat.st_ino)


def _forbidden(file: Path, folder: Path) -> str | None:
    """Say why a file may not be read: a link could lead to any file of the machine."""
    name = str(file.relative_to(folder))
    if _as_text(name) != name:
        return "the name of this file is not UTF-8; rename it, so that a tree can say it"
    # `realpath`, because `resolve` raises for a link that leads to itself, and no OSError.
    if file.is_symlink() and not Path(os.path.realpath(file)).is_relative_to(os.path.realpath(folder)):
        return "this link leads out of the prompts folder; put the file itself here"
    return None
