"""All prompts of a game by name. It opens no files: it is given their text, again after each edit."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from itertools import pairwise
from typing import Any

import msgspec

from brains.errors import PromptError
from brains.prompts.environment import Source
from brains.prompts.prompt import Prompt
from brains.prompts.reading import nearest
from brains.questions import Calibration, RenderedPrompt

__all__ = ["SUFFIX", "PromptLibrary", "StoredCalibration", "decode_calibrations", "encode_calibrations", "is_shared"]

SUFFIX = ".j2"
"""Of every template file."""
_METHOD_FIELDS = ("method", "label", "knots", "threshold")
"""Written only where they say something: so files that have been there for long stay as they are."""
_LARGEST = 50.0
"""Scale and bias beyond this would only overflow."""


class StoredCalibration(Calibration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A calibration as its file keeps it: with the name that people call the model by."""

    model: str = ""


class PromptLibrary:
    """Compiled prompts; each name keeps its last good version until a better one or `remove`.

    Attributes:
        errors: by name, what is wrong with the newest text of a prompt (or `NAME.calibration`).
        sources: the newest text of every template file by its path, such as `_shared/people.j2`: prompts, and files
            that only others include, import or extend.
        revision: grows with every change, so that others can tell cheaply whether anything is new.
    """

    def __init__(self) -> None:
        self.errors: dict[str, PromptError] = {}
        self.sources: dict[str, Source] = {}
        self.revision = 0
        self._prompts: dict[str, Prompt] = {}
        self._calibrations: dict[str, dict[str, Calibration]] = {}

    def put(self, name: str, text: str, *, file: str | None = None) -> Prompt:
        """Compile `text` and put it in place of the older version.

        Raises:
            PromptError: with file and line; the last good version stays, and `errors` remembers.
        """
        self.put_source(f"{name}{SUFFIX}", text, file=file)
        return self.compile(name)

    def put_source(self, path: str, text: str, *, file: str | None = None) -> None:
        """Keep the text of a file of the folder; nothing is compiled before `compile`."""
        self.sources[path] = Source(text, file or path.removesuffix(SUFFIX))

    def compile(self, name: str) -> Prompt:
        """Compile the newest text of a prompt with the files that it uses, and put it in place of the older version.

        Raises:
            PromptError: with file and line; the last good version stays, and `errors` remembers.
        """
        if not self.is_changed(name):
            if self.errors.pop(name, None) is not None:
                self.revision += 1
            return self._prompts[name]
        try:
            prompt = self.compiled(name)
        except PromptError as error:
            self.note(name, error)
            raise
        self.take(prompt)
        return prompt

    def compiled(self, name: str) -> Prompt:
        """Compile the newest text of a prompt and change nothing; another thread may do that.

        Raises:
            PromptError: with file and line.
        """
        text, file = self.sources[f"{name}{SUFFIX}"]
        return Prompt(name, text, file=None if file == name else file, sources=dict(self.sources))

    def is_changed(self, name: str) -> bool:
        """Tell whether a prompt, or a file that it uses, has another text than the version in use."""
        old, new = self._prompts.get(name), self.sources.get(f"{name}{SUFFIX}")
        if old is None or new is None or old.text != new.text or (old.file or name) != new.file:
            return True
        return any(self.sources.get(path) != source for path, source in old.files.items())

    def users_of(self, paths: Collection[str]) -> list[str]:
        """Return the prompts that use one of these files, and those that are broken, which may need one."""
        names = (path.removesuffix(SUFFIX) for path in sorted(self.sources) if not is_shared(path))
        return [
            name
            for name in names
            if name in self.errors or (name in self._prompts and not self._prompts[name].files.keys().isdisjoint(paths))
        ]

    def take(self, prompt: Prompt) -> None:
        """Put a prompt that was compiled elsewhere, such as in another thread, in place of the older version."""
        self._prompts[prompt.name] = prompt
        self.errors.pop(prompt.name, None)
        self.revision += 1

    def put_calibrations(self, name: str, text: str, *, file: str | None = None) -> None:
        """Take over the calibrations of a prompt, by model digest, from the JSON of its `.calibration.json`.

        Raises:
            PromptError: the last good ones stay, and `errors` remembers under `NAME.calibration`.
        """
        key = f"{name}.calibration"
        try:
            stored = decode_calibrations(text, file=file or key)
        except PromptError as error:
            self.note(key, error)
            raise
        calibrations: dict[str, Calibration] = dict(stored)
        if self._calibrations.get(name) != calibrations or key in self.errors:
            self._calibrations[name] = calibrations
            self.errors.pop(key, None)
            self.revision += 1

    def note(self, name: str, error: PromptError) -> None:
        """Remember an error that has happened before there was a text, such as an unreadable file."""
        known = self.errors.get(name)
        if known is None or known.summary != error.summary:
            self.revision += 1
        self.errors[name] = error

    def remove(self, name: str) -> None:
        """Forget a prompt, its calibrations and its errors; no such prompt is no error."""
        self.remove_prompt(name)
        self.remove_calibrations(name)

    def remove_prompt(self, name: str) -> None:
        """Forget a prompt and its error, but not its calibrations."""
        self.sources.pop(f"{name}{SUFFIX}", None)
        found: list[object] = [self._prompts.pop(name, None), self.errors.pop(name, None)]
        self.revision += any(one is not None for one in found)

    def remove_calibrations(self, name: str) -> None:
        """Forget the calibrations of a prompt, and their error."""
        found: list[object] = [self._calibrations.pop(name, None), self.errors.pop(f"{name}.calibration", None)]
        self.revision += any(one is not None for one in found)

    def names(self) -> list[str]:
        """Return the names of all prompts that have a good version, sorted."""
        return sorted(self._prompts)

    def get(self, name: str) -> Prompt:
        """Return the last good version of a prompt.

        Raises:
            PromptError: there is none; says which name is near, or what is wrong with the file.
        """
        prompt = self._prompts.get(name)
        if prompt is not None:
            return prompt
        broken = self.errors.get(name)
        if broken is not None:
            again = PromptError(broken.message, file=broken.file, line=broken.line, code=broken.code)
            again.further = broken.further
            raise again
        raise PromptError(f"there is no prompt called {name!r}{nearest(name, self._prompts)}")

    def calibrations(self, name: str) -> Mapping[str, Calibration]:
        """Return the calibrations of a prompt by model digest; stale ones included."""
        return self._calibrations.get(name, {})

    def render(
        self,
        name: str,
        context: Mapping[str, Any],
        *,
        labels: Collection[str] | None = None,
        all_labels: Collection[str] | None = None,
    ) -> RenderedPrompt:
        """Fill a prompt from a flat mapping of names to values (leaf inputs, me, world, events, blackboard).

        Args:
            name: the prompt.
            context: may hold more than the prompt declares; the rest does not reach the template.
            labels: the answers that are possible now; examples with other answers are left out. None: all.
            all_labels: all that the leaf knows; an example with another answer is then an error.

        Raises:
            PromptError: no such prompt, or something is missing; with the template's line.
        """
        prompt = self.get(name)
        calibrations = self._calibrations.get(name)
        return prompt.render(context, labels=labels, all_labels=all_labels, calibrations=calibrations)


def is_shared(path: str) -> bool:
    """Tell whether a file is no prompt itself: its name, or a folder's, begins with `_`."""
    return any(part.startswith("_") for part in path.split("/"))


def decode_calibrations(text: str, *, file: str) -> dict[str, StoredCalibration]:
    """Read the JSON of a `.calibration.json`: model digest to calibration.

    Raises:
        PromptError: it is not that, or a number is out of bounds.
    """
    try:
        stored = msgspec.json.decode(text.encode("utf-8", "replace"), type=dict[str, StoredCalibration])
    except (msgspec.DecodeError, RecursionError) as error:
        raise PromptError(
            f"this is no calibration file: {error}; `brains prompt calibrate` makes one", file=file
        ) from error
    for digest, one in stored.items():
        problem = _flaw(one)
        if problem is not None:
            raise PromptError(f"calibration {digest[:12]!r}: {problem}; calibrate again", file=file)
    return stored


def _flaw(one: Calibration) -> str | None:
    """Say what keeps a calibration from being used."""
    numbers = (one.scale, *one.bias.values())
    if one.scale <= 0 or not all(math.isfinite(x) and abs(x) <= _LARGEST for x in numbers):
        return "scale or bias out of bounds"
    if one.threshold is not None and not 0 <= one.threshold <= 1:
        return "the threshold is not from 0 to 1"
    if one.method == "isotonic" and not (one.knots and one.label):
        return "there are no knots, or no label that they are of"
    if not all(0 <= x <= 1 and 0 <= y <= 1 for x, y in one.knots):
        return "a knot is not from 0 to 1"
    if any(x0 >= x1 or y0 > y1 for (x0, y0), (x1, y1) in pairwise(one.knots)):
        return "the knots do not rise"
    return None


def encode_calibrations(stored: Mapping[str, StoredCalibration]) -> str:
    """Write the JSON of a `.calibration.json`, sorted, so that it merges well in version control."""
    raw = msgspec.json.encode({digest: _rounded(one) for digest, one in stored.items()}, order="sorted")
    return msgspec.json.format(raw, indent=2).decode() + "\n"


def _rounded(one: StoredCalibration) -> dict[str, Any]:
    """Return what is written of a calibration."""
    values = msgspec.structs.asdict(one)
    for field in msgspec.structs.fields(StoredCalibration):
        if field.name in _METHOD_FIELDS and values[field.name] == field.default:
            del values[field.name]
    values["scale"] = round(one.scale, 6)
    values["bias"] = {label: round(one.bias[label], 6) for label in sorted(one.bias)}
    values["accuracy"] = round(one.accuracy, 4)
    if one.knots:
        values["knots"] = [[x, round(y, 6)] for x, y in one.knots]
    if one.threshold is not None:
        values["threshold"] = round(one.threshold, 4)
    return values
