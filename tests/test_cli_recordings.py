"""What a debugger has a running server record."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from brains.cli._recordings import Recordings
from brains.debugger import DebugError
from brains.debugger.local import NoModel
from brains.library import BrainLibrary
from brains.prompts import PromptLibrary
from brains.recording import FileRecorder, open_recording


def recordings_of(folder: Path, active: FileRecorder | None = None) -> Recordings:
    return Recordings(BrainLibrary(), PromptLibrary(), folder, NoModel(), active)


async def test_of_two_that_begin_at_once_one_is_refused_and_leaves_the_file_of_the_other_alone(tmp_path: Path) -> None:
    recordings = recordings_of(tmp_path)
    file = str(tmp_path / "run.jsonl")
    first, second = await asyncio.gather(
        *(recordings.record({"on": True, "file": file}) for _ in range(2)), return_exceptions=True
    )
    assert first == {"recording": file}
    assert isinstance(second, DebugError)
    assert await recordings.record({"on": False}) == {"recording": None}
    assert (await asyncio.to_thread(open_recording, file)).is_ended


async def test_the_end_of_the_server_ends_what_a_debugger_has_begun(tmp_path: Path) -> None:
    recordings = recordings_of(tmp_path)
    file = tmp_path / "run.jsonl"
    await recordings.record({"on": True, "file": str(file)})
    await recordings.close()
    await recordings.close()
    assert (await asyncio.to_thread(open_recording, file)).is_ended
    with pytest.raises(DebugError, match="nothing is recorded now"):
        await recordings.record({"on": False})


async def test_what_the_command_line_has_begun_goes_on_until_the_agents_are_closed(tmp_path: Path) -> None:
    recorder = await asyncio.to_thread(FileRecorder, tmp_path / "run.jsonl")
    recordings = recordings_of(tmp_path, recorder)
    await recordings.close()
    assert recordings.active is recorder
    assert not (await asyncio.to_thread(recorder.read)).is_ended
    await asyncio.to_thread(recorder.close)
