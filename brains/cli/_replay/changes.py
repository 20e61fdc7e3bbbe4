"""What has changed since a recording was made: trees and prompts, each with the difference."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path

from brains.recording import texts_of
from brains.trace import Recording
from brains.trace.prompting import text_hash

__all__ = ["prompts_changed", "trees_changed"]

MOST_LINES = 12
"""Of a difference; the rest is only counted."""


def trees_changed(recording: Recording, folder: Path) -> list[str]:
    """Return a note for each file of the trees folder that is not as it was."""
    recorded = {} if recording.head is None else recording.head.trees
    texts = {path: recording.texts.get(digest) for path, digest in recorded.items()}
    present = texts_of(folder)
    return _notes(folder.name, recorded, texts, present) if recorded else []


def prompts_changed(recording: Recording, folder: Path) -> list[str]:
    """Return a note for each prompt that is not as it was when the recording ended; the recorded ones are used."""
    recorded: dict[str, str] = {}
    for name, record in recording.prompts.prompts.items():
        recorded[f"{name}.j2"] = record.text
        recorded.update({path: digest for path, (digest, _) in record.files.items()})
    texts = {path: recording.texts.get(digest) for path, digest in recorded.items()}
    present = {path: text for path, text in texts_of(folder, ".j2").items() if path in recorded}
    return [f"{note} (the replay uses the recorded one)" for note in _notes(folder.name, recorded, texts, present)]


def _notes(
    folder: str, recorded: Mapping[str, str], texts: Mapping[str, str | None], present: Mapping[str, str]
) -> list[str]:
    notes = []
    for path in sorted({*recorded, *present}):
        name = f"{folder}/{path}"
        if path not in present:
            notes.append(f"{name} is not there any more")
        elif path not in recorded:
            notes.append(f"{name} is new since the recording")
        elif text_hash(present[path]) != recorded[path]:
            notes.append(f"{name} has changed since the recording{_difference(texts[path], present[path])}")
    return notes


def _difference(before: str | None, after: str) -> str:
    if before is None:
        return ""
    changed = [
        line.rstrip("\n")
        for line in difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
        if line[:1] in "+-" and line[:3] not in ("+++", "---")
    ]
    more = f" and {len(changed) - MOST_LINES} more lines" if len(changed) > MOST_LINES else ""
    return ": " + " | ".join(changed[:MOST_LINES]) + more
