"""The prompts folder as the workbench sees it: prompts, their cases, and where their calibrations are kept."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from brains.cli._prompt.evaluation import Work
from brains.cli._prompt.snapshots import TreeInputs, read_snapshot, situation_of
from brains.config import load_config
from brains.errors import BrainsError, ConfigError, PromptError, TreeError
from brains.files import write_whole
from brains.prompts import (
    Case,
    Finding,
    Prompt,
    PromptLibrary,
    StoredCalibration,
    decode_calibrations,
    encode_calibrations,
    from_error,
    from_errors,
)
from brains.reload import CALIBRATION, LARGEST_DATA, load_prompts, read_text

__all__ = ["CASES", "Folder", "case_findings", "cases_file", "store", "work_of"]

CASES = (".cases.yaml", ".cases.jsonl")


def cases_file(folder: Path, name: str) -> Path | None:
    """Return the case file of a prompt; None if it has none."""
    return next((file for file in (folder / f"{name}{ending}" for ending in CASES) if file.is_file()), None)


def case_findings(folder: Path, prompts: PromptLibrary, trees: TreeInputs) -> Iterator[Finding]:
    """Yield what is wrong with case files, each case by itself; a file without a prompt is not one."""
    for name in prompts.names():
        file = cases_file(folder, name)
        if file is None:
            continue
        try:
            cases, error = prompts.get(name).cases_and_error(read_text(file, LARGEST_DATA), file=str(file))
        except OSError as broken:
            yield Finding(str(file), 0, "error", "cases", f"cannot be read: {broken.strerror}")
            continue
        if error is not None:
            yield from from_errors(error, "cases")
        for case in cases:
            try:
                work_of(prompts.get(name), [case], file, trees).rendered()
            except PromptError as lacking:
                yield from_error(lacking, "cases")
            except TreeError:  # told by `brains check`, and no fault of the case
                continue


def work_of(prompt: Prompt, cases: Sequence[Case], file: Path, trees: TreeInputs) -> Work:
    """Put a prompt and its cases together, each with all that the prompt may know.

    Raises:
        PromptError: a case's snapshot cannot be used; with the case's line.
        TreeError: the trees that compute its inputs are broken.
    """
    contexts = []
    for case in cases:
        try:
            contexts.append(_context(prompt, case, file, trees))
        except ConfigError as error:
            raise PromptError(f"case {case.number}: {error}", file=str(file), line=case.line, code="cases") from error
    labels = trees.labels(prompt) if prompt.kind == "action" else prompt.labels
    return Work(prompt, tuple(cases), tuple(contexts), labels, str(file))


def _context(prompt: Prompt, case: Case, file: Path, trees: TreeInputs) -> dict[str, object]:
    if case.snapshot is None:
        return dict(case.inputs)
    if isinstance(case.snapshot, str):
        situation = read_snapshot(file.parent / case.snapshot, case.agent)
    else:
        situation = situation_of(case.snapshot, "its snapshot", case.agent)
    situation = situation._replace(inputs={**situation.inputs, **case.inputs})
    return trees.context(prompt, situation)


class Folder:
    """The prompts, opened; messages name its files from the current folder."""

    def __init__(
        self,
        prompts: Path | None = None,
        trees: Path | None = None,
        brain: str = "",
        *,
        library: PromptLibrary | None = None,
    ) -> None:
        config = load_config(prompts=prompts, trees=trees)
        self.path = config.prompts_folder
        with contextlib.suppress(ValueError):
            self.path = self.path.relative_to(Path.cwd())
        self.library = library or load_prompts(self.path)
        try:
            tree_folder: Path | None = config.trees_folder
        except BrainsError:
            if trees is not None:
                raise
            tree_folder = None
        self.trees = TreeInputs(tree_folder, self.library, brain)

    def get(self, name: str) -> Prompt:
        """Return a prompt by its name, or by its file in the folder.

        Raises:
            PromptError: there is none; names the nearest.
        """
        if name.endswith(".j2"):
            with contextlib.suppress(ValueError):
                inside = Path(os.path.abspath(name)).relative_to(self.path.absolute())
                return self.library.get(inside.as_posix().removesuffix(".j2"))
        return self.library.get(name)

    def cases(self, prompt: Prompt, file: Path | None = None, *, most: int | None = None) -> tuple[Case, ...]:
        """Return the cases of a prompt (no more than `most`), or those of another file; none if it has no case file.

        Raises:
            PromptError: the file is broken; with its line.
        """
        file = file or cases_file(self.path, prompt.name)
        if file is None:
            return ()
        try:
            text = read_text(file, LARGEST_DATA)
        except OSError as error:
            raise PromptError(f"cannot be read: {error.strerror}", file=str(file)) from error
        return prompt.cases(text, file=str(file), most=most)

    def work(self, prompt: Prompt, cases: Sequence[Case], file: Path | None = None) -> Work:
        """Put a prompt and its cases together, each with all that the prompt may know.

        Raises:
            BrainsError: a case's snapshot cannot be used; with the case's line.
        """
        file = file or cases_file(self.path, prompt.name) or self.path / f"{prompt.name}{CASES[0]}"
        return work_of(prompt, cases, file, self.trees)

    def chosen(self, names: Sequence[str]) -> list[tuple[str, Path | None]]:
        """Return (prompt, case file) for each name; a name may be that of a case file, which lies beside its prompt.

        Raises:
            ConfigError: a case file whose prompt nobody can tell.
        """
        found: list[tuple[str, Path | None]] = []
        for name in names:
            ending = next((ending for ending in (*CASES, ".yaml", ".jsonl") if name.endswith(ending)), None)
            if ending is None:
                found.append((self.get(name).name, None))
                continue
            file = Path(name)
            if not file.is_file():
                raise ConfigError(f"there is no case file {name!r}")
            try:
                inside = file.absolute().relative_to(self.path.absolute()).as_posix().removesuffix(ending)
            except ValueError:
                inside = file.name.removesuffix(ending)
            if inside not in self.library.names():
                raise ConfigError(f"which prompt are the cases in {name!r} of? Say NAME --cases {name}")
            found.append((inside, file))
        return found


def store(folder: Path, name: str, digest: str, calibration: StoredCalibration) -> Path:
    """Put one model's calibration into a file beside those of other models; readers see the old file or the new.

    Raises:
        PromptError: the file that is there is broken.
        ConfigError: it cannot be written.
    """
    file = folder / f"{name}{CALIBRATION}"
    stored = decode_calibrations(read_text(file), file=str(file)) if file.exists() else {}
    text = encode_calibrations({**stored, digest: calibration})
    try:
        write_whole(file, text.encode())
    except OSError as error:
        raise ConfigError(f"{file} cannot be written: {error.strerror}") from error
    return file
