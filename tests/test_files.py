"""A file that is written in one step."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from brains.files import write_whole

posix_only = pytest.mark.skipif(os.name != "posix", reason="Windows has no such rights")


def rights(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_it_replaces_what_is_there_and_leaves_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "a"
    for content in (b"one", b"another", b""):
        write_whole(file, content)
        assert file.read_bytes() == content
    assert list(tmp_path.iterdir()) == [file]


@posix_only
def test_a_file_keeps_its_rights_and_a_new_one_can_be_read_by_all(tmp_path: Path) -> None:
    file = tmp_path / "a"
    write_whole(file, b"x")
    assert rights(file) == 0o644
    file.chmod(0o640)
    write_whole(file, b"y")
    assert rights(file) == 0o640
    write_whole(file, b"z", mode=0o600)
    assert rights(file) == 0o600


def test_what_cannot_be_written_leaves_all_as_it_was(tmp_path: Path) -> None:
    """The place is taken by a folder, which is found out when the draft has been written."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a/b").write_text("kept")
    with pytest.raises(OSError, match="a"):
        write_whole(tmp_path / "a", b"x", mode=0o600)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a/b").read_text() == "kept"
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "none" / "a", b"x")
    assert not (tmp_path / "none").exists()
