"""The prompts folder, read and watched; no test waits, each look is called for."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from pathlib import Path

import pytest

from brains.errors import ConfigError, PromptError
from brains.prompts import PromptLibrary, StoredCalibration, encode_calibrations
from brains.reload import PromptWatcher, load_prompts, read_text

GOOD = "---\nanswer: [low, high]\ninputs: {x: []}\n---\nuser:\n{{ x }} %s"
BAD = "---\nanswer: [low, high]\n---\nuser:\n{{ x }} %s"
CALIBRATION = encode_calibrations({"d": StoredCalibration(model="smol", scale=2.0)})

pytestmark = pytest.mark.may_block  # the tests themselves write files


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder `prompts` with one prompt, named from the current folder."""
    monkeypatch.chdir(tmp_path)
    place = Path("prompts")
    write(place / "guard/is_hostile.j2", GOOD % "one")
    return place


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


class Watched:
    """A folder, its library, and all that the watcher has told."""

    def __init__(self, folder: Path) -> None:
        self.library: PromptLibrary = load_prompts(folder)
        self.told: list[tuple[str, str | None]] = []
        self.watcher = PromptWatcher(folder, self.library, self._tell)

    def _tell(self, name: str, error: PromptError | None) -> None:
        self.told.append((name, None if error is None else str(error)))

    async def settle(self) -> list[tuple[str, str | None]]:
        """Look twice: a change counts when it has settled."""
        self.told.clear()
        await self.watcher.look()
        await self.watcher.look()
        return list(self.told)

    def shown(self, name: str = "guard/is_hostile") -> str:
        return self.library.render(name, {"x": "x"}).user


def test_prompts_are_named_by_their_path(folder: Path) -> None:
    write(folder / "top.j2", GOOD % "top")
    write(folder / "guard/is_hostile.calibration.json", CALIBRATION)
    write(folder / "guard/is_hostile.cases.yaml", "- {}")
    write(folder / "guard/.#is_hostile.j2", "an editor's")
    library = load_prompts(folder)
    assert library.names() == ["guard/is_hostile", "top"]
    assert library.get("guard/is_hostile").file == str(folder / "guard/is_hostile.j2")
    assert list(library.calibrations("guard/is_hostile")) == ["d"]
    assert library.errors == {}


def test_what_is_wrong_with_files_is_found_and_not_raised(folder: Path, tmp_path: Path) -> None:
    write(folder / "broken.j2", BAD % "x")
    (folder / "latin.j2").write_bytes(b"---\nanswer: text\n---\nuser:\nSe\xf1or")
    (folder / "huge.j2").write_bytes(b"x" * 300_000)
    write(folder / "top.calibration.json", "{")
    write(tmp_path / "secret.j2", GOOD % "secret")
    (folder / "out.j2").symlink_to(tmp_path / "secret.j2")
    (folder / "in.j2").symlink_to("guard/is_hostile.j2")
    (folder / "nowhere.j2").symlink_to("missing.j2")
    (folder / "folder.j2").symlink_to("guard")
    (folder / "loop.j2").symlink_to("loop.j2")
    library = load_prompts(folder)
    assert library.names() == ["guard/is_hostile", "in"]
    found = {name: str(error) for name, error in library.errors.items()}
    assert found.pop("broken").startswith(f"{folder / 'broken.j2'}:5: 'x' is not among the `inputs:`")
    assert found.pop("latin") == f"{folder / 'latin.j2'}:5: not UTF-8; save it as UTF-8"
    assert "larger than 256 KiB" in found.pop("huge")
    assert "leads out of the prompts folder" in found.pop("out")
    assert "no calibration file" in found.pop("top.calibration")
    assert "cannot be read" in found.pop("folder")
    assert "cannot be read" in found.pop("loop")
    assert found == {}


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are text there")
async def test_a_name_that_is_no_text_is_an_error_of_that_file(folder: Path) -> None:
    """As unpacked from an archive of another time; what is told of it goes into JSON, which holds text only."""
    odd = folder / os.fsdecode(b"guard/w\xe4chter.j2")
    watched = Watched(folder)
    write(odd, GOOD % "x")
    ((name, error),) = await watched.settle()
    assert (name, watched.library.names()) == ("guard/w?chter", ["guard/is_hostile"])
    assert error is not None
    assert error.startswith("prompts/guard/w?chter.j2: the name of this file is not UTF-8")
    odd.unlink()
    assert await watched.settle() == [("guard/w?chter", None)]
    assert watched.library.errors == {}


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load_prompts(tmp_path / "no")


async def test_an_edit_is_taken_over_and_logged(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "brains.reload")
    watched = Watched(folder)
    assert await watched.settle() == []
    write(folder / "guard/is_hostile.j2", GOOD % "two")
    assert await watched.settle() == [("guard/is_hostile", None)]
    assert watched.shown() == "x two"
    assert await watched.settle() == []
    assert caplog.messages == ["prompt guard/is_hostile reloaded"]


async def test_a_broken_edit_says_how_many_mistakes_are_left(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Also if the first one is as it was."""
    watched = Watched(folder)
    told = []
    for text in ("{{ z }} {{ y }}", "{{ z }} hm"):
        write(folder / "guard/is_hostile.j2", f"---\nanswer: text\n---\nuser:\n{text}")
        caplog.clear()
        await watched.settle()
        told += caplog.messages
    first, second = told
    assert "'z' is not among" in first
    assert first.endswith(" (and 1 more: `brains prompt lint` tells all); the last good version stays in use")
    assert "'z' is not among" in second
    assert "more" not in second


async def test_a_broken_edit_keeps_the_last_good_version(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    watched = Watched(folder)
    write(folder / "guard/is_hostile.j2", BAD % "two")
    ((name, problem),) = await watched.settle()
    assert (name, problem) == (
        "guard/is_hostile",
        f"{folder / 'guard/is_hostile.j2'}:5: 'x' is not among the `inputs:`; there is none",
    )
    assert watched.shown() == "x one"
    assert caplog.messages == [f"{problem}; the last good version stays in use"]
    write(folder / "guard/is_hostile.j2", GOOD % "one")  # taken back
    assert await watched.settle() == [("guard/is_hostile", None)]
    assert watched.library.errors == {}


async def test_a_file_counts_when_it_has_settled(folder: Path) -> None:
    watched = Watched(folder)
    await watched.settle()
    for text in ("", "---\nanswer:", GOOD % "tw"):
        write(folder / "guard/is_hostile.j2", text)
        await watched.watcher.look()
        assert watched.told == []
    write(folder / "guard/is_hostile.j2", GOOD % "two")
    assert await watched.settle() == [("guard/is_hostile", None)]
    assert watched.shown() == "x two"


async def test_files_come_and_go(folder: Path) -> None:
    watched = Watched(folder)
    await watched.settle()
    write(folder / "new.j2", GOOD % "new")
    write(folder / "bad.j2", BAD % "bad")
    told = await watched.settle()
    assert [name for name, _ in told] == ["bad", "new"]
    assert watched.shown("new") == "x new"
    (folder / "guard/is_hostile.j2").unlink()
    (folder / "bad.j2").unlink()
    assert await watched.settle() == [("bad", None), ("guard/is_hostile", None)]
    assert watched.library.names() == ["new"]
    assert watched.library.errors == {}


async def test_a_replaced_file_of_the_same_age_and_size_is_seen(folder: Path) -> None:
    watched = Watched(folder)
    await watched.settle()
    file, other = folder / "guard/is_hostile.j2", folder / "guard/temporary"
    before = file.stat()
    other.write_text(GOOD % "two")
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    os.replace(other, file)
    assert await watched.settle() == [("guard/is_hostile", None)]
    assert watched.shown() == "x two"


async def test_a_file_that_goes_away_for_one_look_stays(folder: Path) -> None:
    watched = Watched(folder)
    await watched.settle()
    file = folder / "guard/is_hostile.j2"
    file.rename(folder / "aside")
    await watched.watcher.look()
    (folder / "aside").rename(file)
    assert await watched.settle() == []
    assert watched.shown() == "x one"


async def test_a_folder_that_goes_away_changes_nothing(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    watched = Watched(folder)
    await watched.settle()
    os.rename(folder, "elsewhere")
    assert await watched.settle() == []
    assert watched.shown() == "x one"
    assert caplog.messages == ["prompts cannot be read (No such file or directory); its prompts stay in use"]
    os.rename("elsewhere", folder)
    assert await watched.settle() == []


async def test_calibrations_are_taken_over(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "brains.reload")
    watched = Watched(folder)
    file = folder / "guard/is_hostile.calibration.json"
    write(file, CALIBRATION)
    assert await watched.settle() == [("guard/is_hostile", None)]
    assert watched.library.render("guard/is_hostile", {"x": 1}).calibrations["d"].scale == 2.0
    write(file, "{")
    ((_, problem),) = await watched.settle()
    assert problem is not None
    assert "no calibration file" in problem
    assert list(watched.library.calibrations("guard/is_hostile")) == ["d"]
    file.unlink()
    await watched.settle()
    assert watched.library.calibrations("guard/is_hostile") == {}
    assert watched.library.errors == {}
    assert caplog.messages[0] == "calibration of guard/is_hostile added"
    assert caplog.messages[2] == "calibration of guard/is_hostile removed"


async def test_an_edit_between_loading_and_watching_is_not_lost(folder: Path) -> None:
    watched = Watched(folder)
    write(folder / "guard/is_hostile.j2", GOOD % "two")
    assert await watched.settle() == [("guard/is_hostile", None)]
    watched = Watched(folder)
    (folder / "guard/is_hostile.j2").unlink()
    assert await watched.settle() == [("guard/is_hostile", None)]
    assert watched.library.names() == []


async def test_run_looks_until_it_is_cancelled(folder: Path) -> None:
    library, seen = load_prompts(folder), asyncio.Event()
    watcher = PromptWatcher(folder, library, lambda name, error: seen.set(), interval=0.001)
    task = asyncio.create_task(watcher.run())
    write(folder / "guard/is_hostile.j2", GOOD % "two")
    async with asyncio.timeout(10):
        await seen.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_edit_that_leaves_a_calibration_behind_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It would otherwise quietly decide worse."""
    text = "---\nanswer: {danger: true, safe: false}\n---\nuser:\nwhat is it?\n"
    (tmp_path / "p.j2").write_text(text)
    version = load_prompts(tmp_path).get("p").version
    (tmp_path / "p.calibration.json").write_text(json.dumps({"d": {"scale": 1.5, "prompt_hash": version}}))
    watcher = PromptWatcher(tmp_path, load_prompts(tmp_path))
    caplog.set_level("INFO", "brains")
    (tmp_path / "p.j2").write_text(text + "now?\n")
    for _ in range(3):
        await watcher.look()
    assert "prompt p reloaded; its calibration does not fit any more: `brains prompt calibrate p`" in caplog.text


def test_a_byte_order_mark_is_no_part_of_a_text(folder: Path) -> None:
    """Editors of Windows write one, and JSON has no room for it: cases, snapshots and calibrations are that."""
    (folder / "marked.jsonl").write_bytes(b'\xef\xbb\xbf{"answer": "low"}')
    assert json.loads(read_text(folder / "marked.jsonl")) == {"answer": "low"}
