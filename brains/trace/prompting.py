"""Prompts in a recording: a library as an event, and a library made of one again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import msgspec

from brains.errors import PromptError, RecordingError
from brains.prompts import Prompt, PromptLibrary, Source
from brains.trace.events import PromptRecord, PromptsEvent

__all__ = ["RecordedPrompts", "prompts_event", "text_hash"]


def text_hash(text: str) -> str:
    """Return the hash that a text goes by."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def prompts_event(library: PromptLibrary, n: int) -> tuple[PromptsEvent, dict[str, str]]:
    """Return all prompts that are in use, and their texts by hash."""
    texts: dict[str, str] = {}

    def keep(text: str) -> str:
        digest = text_hash(text)
        texts[digest] = text
        return digest

    prompts = {}
    for name in library.names():
        prompt = library.get(name)
        prompts[name] = PromptRecord(
            text=keep(prompt.text),
            version=prompt.version,
            file=prompt.file,
            files={path: (keep(source.text), source.file) for path, source in prompt.files.items()},
        )
    calibrations = {name: library.calibrations(name) for name in prompts if library.calibrations(name)}
    errors = {
        name: (error.message, error.file, error.line) for name, error in library.errors.items() if name not in prompts
    }
    return PromptsEvent(n=n, prompts=prompts, calibrations=calibrations, errors=errors), texts


class RecordedPrompts:
    """Brings libraries to what a recording says that prompts were; each version is compiled once.

    Args:
        texts: the recording's texts by hash; may grow.
        instead: a library to take texts from that the recording left out.
    """

    def __init__(self, texts: Mapping[str, str], instead: PromptLibrary | None = None) -> None:
        self._texts = texts
        self._instead = instead
        self._compiled: dict[tuple[str, str, str | None], Prompt] = {}

    def bring(self, library: PromptLibrary, event: PromptsEvent) -> None:
        """Make a library what the event says.

        Raises:
            RecordingError: a text is not in the recording, or a prompt cannot be compiled any more.
        """
        for name in {*library.names(), *library.errors} - event.prompts.keys():
            library.remove(name)
        for name, record in event.prompts.items():
            library.take(self._prompt(name, record))
            calibrations = event.calibrations.get(name)
            if calibrations:
                library.put_calibrations(name, msgspec.json.encode(calibrations).decode())
            else:
                library.remove_calibrations(name)
        for name, (message, file, line) in event.errors.items():
            library.note(name, PromptError(message, file=file, line=line))

    def _prompt(self, name: str, record: PromptRecord) -> Prompt:
        key = name, record.version, record.file
        if key not in self._compiled:
            self._compiled[key] = self._present(name, record) or _compiled(name, record, self._texts)
        return self._compiled[key]

    def _present(self, name: str, record: PromptRecord) -> Prompt | None:
        """Return the prompt as it is now if it was the same then: to compile one takes some 20 ms."""
        if self._instead is None or name not in self._instead.names():
            return None
        prompt = self._instead.get(name)
        if prompt.version != record.version:
            return None
        return prompt if record.text not in self._texts or _is_same(prompt, record) else None


def _is_same(prompt: Prompt, record: PromptRecord) -> bool:
    files = {path: (text_hash(source.text), source.file) for path, source in prompt.files.items()}
    return text_hash(prompt.text) == record.text and prompt.file == record.file and files == dict(record.files)


def _compiled(name: str, record: PromptRecord, texts: Mapping[str, str]) -> Prompt:
    wanted = [record.text, *(digest for digest, _ in record.files.values())]
    if any(digest not in texts for digest in wanted):
        raise RecordingError(
            f"the text of prompt {name!r} is not in the recording, which was made with --record-content off, and the "
            "prompts folder has another version of it: replay it with the prompts that it was made with"
        )
    sources = {path: Source(texts[digest], file) for path, (digest, file) in record.files.items()}
    try:
        return Prompt(name, texts[record.text], file=record.file, sources=sources)
    except PromptError as error:
        raise RecordingError(f"the recorded prompt {name!r} does not compile with this version: {error}") from error
