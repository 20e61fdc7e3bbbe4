"""Expressions that a person at the debugger writes: sandboxed Jinja over plain data, never Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import StrictUndefined, TemplateError, Undefined, UndefinedError
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from brains.debugger.messages import DebugError

__all__ = ["Expression", "Text"]

_LONGEST = 1_000_000
"""Characters or items that an operator may make of a short expression."""
_LARGEST_POWER = 1000
_PLAIN = (str, int, float, list, dict, tuple)


class _Sandbox(ImmutableSandboxedEnvironment):
    """Calls nothing but methods of plain values, changes nothing, and makes nothing huge."""

    intercepted_binops = frozenset(("**", "*"))

    def is_safe_callable(self, obj: Any) -> bool:
        """Allow methods of text, numbers, lists and mappings, and Jinja's `range`."""
        owner = getattr(obj, "__self__", None)
        is_plain = type(owner) in _PLAIN or isinstance(owner, Mapping)
        return (is_plain or obj is self.globals.get("range")) and super().is_safe_callable(obj)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Multiply, or raise to a power, within bounds."""
        if operator == "**" and (abs(_number(right)) > _LARGEST_POWER or abs(_number(left)) > _LONGEST):
            raise SecurityError("this power is too large")
        if operator == "*":
            size = max((len(one) for one in (left, right) if hasattr(one, "__len__")), default=0)
            if size * max(abs(_number(left)), abs(_number(right)), 1) > _LONGEST and size:
                raise SecurityError("this product is too large")
        return super().call_binop(context, operator, left, right)


def _number(value: Any) -> float:
    return value if isinstance(value, int | float) else 0


_JINJA = _Sandbox(undefined=StrictUndefined)


class Expression:
    """A compiled expression.

    Raises:
        DebugError: it does not parse.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        try:
            self._call: Callable[..., Any] = _JINJA.compile_expression(source, undefined_to_none=False)
        except (TemplateError, RecursionError) as error:
            raise DebugError(
                "bad_expression", f"{source!r} does not parse: {error}", "expressions are Jinja's: me.hp < 30"
            ) from error

    def value(self, context: Mapping[str, Any]) -> Any:
        """Return its value.

        Raises:
            DebugError: it fails with these values; says how.
        """
        try:
            found = self._call(**context)
            if isinstance(found, Undefined):
                str(found)  # raises, and says what is missing
            return found
        except UndefinedError as error:
            raise DebugError("bad_expression", f"{self.source!r}: {error.message}", _known(context)) from error
        except Exception as error:
            raise DebugError("bad_expression", f"{self.source!r}: {type(error).__name__}: {error}") from error

    def holds(self, context: Mapping[str, Any]) -> bool:
        """Tell whether it is true.

        Raises:
            DebugError: it fails with these values.
        """
        return bool(self.value(context))


class Text:
    """The text of a log point, with `{{ expressions }}` in it.

    Raises:
        DebugError: it does not parse.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        if "{%" in source:
            raise DebugError("bad_expression", f"{source!r}: a log point has {{{{ expressions }}}} only, no statements")
        try:
            self._template = _JINJA.from_string(source)
        except (TemplateError, RecursionError) as error:
            raise DebugError("bad_expression", f"{source!r} does not parse: {error}") from error

    def render(self, context: Mapping[str, Any]) -> str:
        """Return the text; where it fails, the reason in its place."""
        try:
            return self._template.render(context)
        except Exception as error:
            return f"{self.source} ({type(error).__name__}: {error})"


def _known(context: Mapping[str, Any]) -> str:
    return f"an expression knows {', '.join(sorted(context))}"
