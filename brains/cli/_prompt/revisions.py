"""Prompts of another time or place: a git revision, another folder, a single file."""

from __future__ import annotations

import contextlib
import io
import subprocess
import tarfile
from pathlib import Path

from brains.errors import ConfigError, PromptError
from brains.prompts import SUFFIX, PromptLibrary, is_shared
from brains.reload import CALIBRATION, LARGEST, load_prompts, read_text

__all__ = ["library_at", "library_from"]

OTHERWISE = "name the old version: `brains prompt diff NAME --old FILE`, or a whole folder with `--old FOLDER`"


def library_at(folder: Path, revision: str) -> PromptLibrary:
    """Read the prompts folder as it was in a git revision; the working tree is left alone.

    Raises:
        ConfigError: no git, no repository, no such revision, or the folder was not in it.
    """
    if not folder.is_dir():
        raise ConfigError(f"there is no prompts folder {str(folder)!r}")
    _git(folder, "rev-parse", "--is-inside-work-tree")
    try:
        commit = _git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    except ConfigError as error:
        hint = f"nothing is committed yet: commit your prompts, or {OTHERWISE}"
        if revision != "HEAD":
            hint = f"`git log --oneline` names some; or {OTHERWISE}"
        raise ConfigError(f"git knows no revision {revision!r}; {hint}") from error
    packed = _git(folder, "archive", "--format=tar", commit.decode().strip())
    library = PromptLibrary()
    calibrations = {}
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        for member in archive:
            if not member.isfile() or member.size > LARGEST or not member.name.endswith((SUFFIX, CALIBRATION)):
                continue
            stream = archive.extractfile(member)
            assert stream is not None
            text = stream.read().decode("utf-8", "replace")
            if member.name.endswith(CALIBRATION):
                calibrations[member.name.removesuffix(CALIBRATION)] = text
            else:
                library.put_source(member.name, text, file=f"{revision}:{folder / member.name}")
    for path in list(library.sources):
        if not is_shared(path):
            with contextlib.suppress(PromptError):  # the library remembers
                library.compile(path.removesuffix(SUFFIX))
    for name, text in calibrations.items():
        with contextlib.suppress(PromptError):
            library.put_calibrations(name, text)
    return library


def _git(folder: Path, *arguments: str) -> bytes:
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, check=False)  # noqa: S603, S607
    except FileNotFoundError as error:
        raise ConfigError(f"there is no git on this machine: {OTHERWISE}") from error
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().split("\n")[0].removeprefix("fatal: ")
        raise ConfigError(f"git cannot read {str(folder)!r}: {said or 'no reason given'}. Without git, {OTHERWISE}")
    return done.stdout


def library_from(path: Path, name: str, library: PromptLibrary) -> PromptLibrary:
    """Read a folder of prompts, or put a single file in the place of the prompt `name` of `library`.

    Raises:
        ConfigError: there is nothing there.
        PromptError: the file is broken; with its line.
    """
    if path.is_dir():
        return load_prompts(path)
    try:
        text = read_text(path)
    except OSError as error:
        raise ConfigError(f"{str(path)!r} cannot be read: {error.strerror}") from error
    other = PromptLibrary()
    other.sources.update(library.sources)
    other.put(name, text, file=str(path))
    return other
