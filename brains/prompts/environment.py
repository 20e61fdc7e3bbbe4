"""The sandboxed Jinja environment of all templates, and its loader, which knows only the files that it is given."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from jinja2 import BaseLoader, StrictUndefined, TemplateNotFound
from jinja2 import Environment as Plain
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing

from brains.prompts.filters import bucket, rounded
from brains.prompts.reading import nearest
from brains.prompts.values import Rendered, as_json, quoted, show

__all__ = ["JINJA", "MARK_END", "MARK_START", "Environment", "Source", "environment_for", "marking"]

MARK_START, MARK_END = "\ue000", "\ue001"
"""Private characters that a marking environment puts around every value."""


class Source(NamedTuple):
    """The text of one file of the prompts folder, and how messages name the file."""

    text: str
    file: str


_INCLUDE_AT_END = re.compile(r"(\{%[-+]?\s*include\b[^%\n]*[^%\n+-])%\}[ \t]*$", re.MULTILINE)


class _Missing(StrictUndefined):
    """Says what is missing and what there is."""

    @property
    def _undefined_message(self) -> str:
        name = self._undefined_name
        if isinstance(self._undefined_obj, Mapping):
            return f"there is no {name!r}{nearest(str(name), map(str, self._undefined_obj))}"
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
            return obj[attribute] if attribute in obj else self.undefined(obj=obj, name=attribute)
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Return an entry."""
        if isinstance(obj, Mapping):
            try:
                return obj[argument]
            except (KeyError, TypeError):
                return self.undefined(obj=obj, name=argument)
        return super().getitem(obj, argument)


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
