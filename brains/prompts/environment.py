"""The sandboxed Jinja environment of all templates, and its loader, which knows only the files that it is given."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, cast

from jinja2 import BaseLoader, StrictUndefined, TemplateNotFound, UndefinedError
from jinja2 import Environment as Plain
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing

from brains.prompts.filters import bucket, rounded
from brains.prompts.reading import nearest
from brains.prompts.values import Rendered, as_json, quoted, show

__all__ = ["JINJA", "MARK_END", "MARK_START", "Environment", "MissingEntry", "Source", "environment_for", "marking"]

MARK_START, MARK_END = "\ue000", "\ue001"
"""Private characters that a marking environment puts around every value."""


class Source(NamedTuple):
    """The text of one file of the prompts folder, and how messages name the file."""

    text: str
    file: str


_INCLUDE_AT_END = re.compile(r"(\{%[-+]?\s*include\b[^%\n]*[^%\n+-])%\}[ \t]*$", re.MULTILINE)


class MissingEntry(UndefinedError):
    """A mapping lacks an entry that a template uses."""

    def __init__(self, message: str | None, within: Mapping[Any, Any], key: object) -> None:
        super().__init__(message)
        self._within = within
        self._key = key

    def told(self, values: Mapping[str, Any]) -> str:
        """Say what is missing by its whole name, such as `visitor.does`, and what there is in its place."""
        whole = f"{_name_of(self._within, values)}{self._key}"
        return f"there is no {whole!r}{nearest(str(self._key), map(str, self._within))}"


_MOST_LOOKED_AT = 2000
"""Values among which the mapping that lacks an entry is looked for: a world may be large."""


def _name_of(wanted: Mapping[Any, Any], values: Mapping[str, Any]) -> str:
    """Return what to write before the field of a mapping somewhere in these values; empty if it is not there."""
    waiting = deque((name, value) for name, value in values.items())
    for _ in range(_MOST_LOOKED_AT):
        if not waiting:
            break
        name, value = waiting.popleft()
        if value is wanted:
            return f"{name}."
        waiting.extend(_within(name, value))
    return ""


def _within(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield f"{name}.{key}", inner
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for index, inner in enumerate(value[:_MOST_LOOKED_AT]):
            yield f"{name}[{index}]", inner


class _Missing(StrictUndefined):
    """Says what is missing and what there is."""

    @property
    def _undefined_message(self) -> str:
        name = self._undefined_name
        if isinstance(self._undefined_obj, Mapping):
            return f"there is no {name!r}"  # and `MissingEntry` says the rest
        if self._undefined_hint or not isinstance(name, str):
            return super()._undefined_message
        if self._undefined_obj is missing:
            return f"{name!r} was not given"
        return f"{show(self._undefined_obj)[:40]!r} has no {name!r}"


def _concat(pieces: Iterable[str]) -> str:
    """Join what a macro or block made of values that are clean already."""
    return Rendered("".join(pieces))


class Environment(ImmutableSandboxedEnvironment):
    """Sandboxed; in a mapping, `x.items` is the entry of that name and never a method."""

    concat = staticmethod(_concat)

    def preprocess(self, source: str, name: str | None = None, filename: str | None = None) -> str:
        """Keep the line end after an include that ends a line: what is included is text, and its line goes on to there.

        Jinja drops it, as after a tag that stands for nothing, and Jinja's own loader drops the file's last one.
        """
        return _INCLUDE_AT_END.sub(r"\1+%}", str(super().preprocess(source, name, filename)))

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return a mapping's entry, or an attribute of what is no mapping."""
        if isinstance(obj, Mapping):
            return obj[attribute] if attribute in obj else self._lacking(obj, attribute)
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Return an entry."""
        if isinstance(obj, Mapping):
            try:
                return obj[argument]
            except (KeyError, TypeError):
                return self._lacking(obj, argument)
        return super().getitem(obj, argument)

    def _lacking(self, obj: Mapping[Any, Any], key: Any) -> Any:
        kind = cast(type[UndefinedError], partial(MissingEntry, within=obj, key=key))
        return self.undefined(obj=obj, name=key, exc=kind)


class _Loader(BaseLoader):
    """Gives the sources that it was made with, and opens nothing."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self._sources = sources

    def get_source(self, environment: Plain, template: str) -> tuple[str, str, Callable[[], bool]]:
        """Return text, file, and whether it is still good: always."""
        if template not in self._sources:
            raise TemplateNotFound(template)
        found = self._sources[template]
        return found.text, found.file, lambda: True


def _environment() -> Environment:
    environment = Environment(undefined=_Missing, autoescape=False, finalize=show, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update({"quoted": quoted, "json": as_json, "round": rounded, "bucket": bucket})
    environment.globals.pop("lipsum", None)
    return environment


JINJA = _environment()


def environment_for(sources: Mapping[str, Source]) -> Environment:
    """Return the environment of a part that uses these files."""
    return JINJA.overlay(loader=_Loader(sources), cache_size=max(len(sources), 1)) if sources else JINJA


def marking(environment: Environment) -> Environment:
    """Return an environment that renders the same text with a mark around every value."""
    return environment.overlay(finalize=_marked)


def _marked(value: Any) -> str:
    shown = show(value)
    return shown if type(value) is Rendered else f"{MARK_START}{shown}{MARK_END}"
