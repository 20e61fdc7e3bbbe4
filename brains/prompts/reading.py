"""Read YAML 1.2 (`yes` and `no` stay words) so that every complaint can name its line."""

from __future__ import annotations

import contextlib
import datetime
import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from brains.errors import PromptError

__all__ = ["Place", "Reader", "nearest", "parse_yaml"]


class Place:
    """Where in which file; raises errors that say so.

    A mistake after which there is more to be read is kept (`going_on`), and raised with all others at the end
    (`settle`): who writes prompts wants to hear of all of them, and not of one after each edit.
    """

    def __init__(self, file: str | None) -> None:
        self.file = file
        self._kept: dict[str, PromptError] = {}
        """By what they say, so that nothing is told twice."""

    def beside(self, file: str | None) -> Place:
        """Return the place of another file that belongs to this one: what is kept there is kept here."""
        other = Place(file)
        other._kept = self._kept
        return other

    @contextlib.contextmanager
    def going_on(self) -> Iterator[None]:
        """Keep the mistake that ends this block, and go on after it."""
        try:
            yield
        except PromptError as error:
            self.keep(error)

    def keep(self, error: PromptError) -> None:
        """Keep a mistake, and those that came with it; one that is known already is not kept twice."""
        for one in (error, *error.further):
            self._kept.setdefault(str(one), one)
        error.further = ()

    def settle(self) -> None:
        """Raise the first mistake that was kept, with the others in `further`, if there is one.

        Raises:
            PromptError: as it was raised.
        """
        if self._kept:
            first, *others = self._kept.values()
            self._kept.clear()
            first.further = tuple(others)
            raise first

    def error(self, message: str, line: int | None = None, *, code: str = "prompt") -> PromptError:
        """Return the error, to be raised; `code` is the word that checks name it by."""
        return PromptError(message, file=self.file, line=line, code=code)

    def fail(self, message: str, line: int | None = None, *, code: str = "prompt") -> NoReturn:
        """Raise the error."""
        raise self.error(message, line, code=code)


def nearest(word: str, known: Iterable[str]) -> str:
    """Return a hint such as `; did you mean 'says'?`, or what there is."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; there is: {', '.join(names)}" if names else "; there is none"


class _Yaml(YAML):
    """Does not look for plug-ins on the disk: this layer opens no files."""

    def official_plug_ins(self) -> Any:
        return []


def parse_yaml(text: str, place: Place, first_line: int) -> Any:
    """Parse YAML 1.2 into ruamel's own types, which know their lines; None for empty text."""
    yaml = _Yaml(typ="rt", pure=True)
    try:
        return yaml.load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = None if mark is None else first_line + mark.line
        problem = (error.problem or error.context or "this is not YAML").split("\n")[0]
        began = error.context_mark
        if mark is not None and began is not None and began.line != mark.line:
            # As after a brace that is not closed: the mistake is noticed later than it was made.
            problem += f" ({error.context} that begins in line {first_line + began.line})"
        raise place.error(f"YAML: {problem}", line) from error
    except (YAMLError, ValueError, TypeError, AttributeError, LookupError, RecursionError) as error:
        # ruamel lets a few odd documents through to plain Python errors
        problem = (str(error) or type(error).__name__).split("\n")[0]
        raise place.error(f"YAML: {problem}", first_line) from error


class Reader:
    """Reads ruamel's mappings and lists, and knows the line of each entry."""

    def __init__(self, place: Place, first_line: int) -> None:
        self.place = place
        self._first = first_line

    def line(self, node: Any, key: Any = None) -> int:
        """Return the file's line of a mapping's key or a list's entry, else of the node itself."""
        try:
            row = node.lc.line if key is None else node.lc.data[key][0]
        except (AttributeError, KeyError, TypeError):
            row = getattr(getattr(node, "lc", None), "line", None) or 0
        return self._first + int(row or 0)

    def mapping(self, node: Any, what: str, line: int) -> Mapping[str, Any]:
        """Return `node` if it is a mapping with words for keys."""
        if not isinstance(node, Mapping):
            self.place.fail(f"{what} must be a mapping such as {{name: value}}, not {_kind(node)}", line)
        for key in node:
            if not isinstance(key, str):
                self.place.fail(f"{what}: the key {key!r} is not a word; put it in quotes", self.line(node, key))
        return node

    def plain(self, node: Any, what: str, line: int) -> Any:
        """Return `node` as plain dicts, lists, strings, numbers, booleans and None."""
        if isinstance(node, Mapping):
            found = self.mapping(node, what, line)
            return {str(key): self.plain(value, what, self.line(node, key)) for key, value in found.items()}
        if isinstance(node, list):
            return [self.plain(value, what, self.line(node, index)) for index, value in enumerate(node)]
        if node is None or isinstance(node, bool):
            return node
        for kind in (str, int, float):
            if isinstance(node, kind):
                # ruamel's ScalarBoolean is an int
                return bool(node) if type(node).__name__ == "ScalarBoolean" else kind(node)
        if isinstance(node, datetime.date):
            return node.isoformat()
        self.place.fail(f"{what}: {_kind(node)} cannot be used here", line)


def _kind(node: Any) -> str:
    """Name a YAML value's kind for people."""
    if node is None:
        return "nothing"
    if isinstance(node, Mapping):
        return "a mapping"
    if isinstance(node, list):
        return "a list"
    return f"{str(node)[:40]!r}"
