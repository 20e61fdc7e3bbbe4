"""Where the debugger's output goes: lines for people, or one JSON object per line for programs."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterable
from typing import Any, TextIO

from brains.cli._debug.text import Line, line, paint
from brains.jsontext import encoded

__all__ = ["Out", "OutputClosed", "coloured"]


class OutputClosed(Exception):
    """Whoever read our output is gone, as after `| head`."""


def coloured(stream: TextIO) -> bool:
    """Tell whether colours are wanted there: on a terminal that has them, unless NO_COLOR says otherwise."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    with contextlib.suppress(AttributeError, ValueError, OSError):
        return stream.isatty()
    return False


class Out:
    """Writes answers, stops and errors.

    Args:
        as_json: one object per line on standard output, and nothing else there.
        write: gets each line of text, instead of standard output.
        colour: paint it; found out if not given.
    """

    def __init__(
        self, *, as_json: bool = False, write: Callable[[str], None] | None = None, colour: bool | None = None
    ) -> None:
        self.as_json = as_json
        self.colour = coloured(sys.stdout) if colour is None else colour
        self.write = write or self._print

    def _print(self, text: str) -> None:
        try:
            sys.stdout.write(text + "\n")
            sys.stdout.flush()
        except (BrokenPipeError, ValueError) as error:
            raise OutputClosed from error

    def lines(self, lines: Iterable[Line | str]) -> None:
        """Print lines, if people read them."""
        if not self.as_json:
            for one in lines:
                self.write(paint(line(one) if isinstance(one, str) else one, colour=self.colour))

    def json(self, item: dict[str, Any]) -> None:
        """Print an object, if programs read it. Text is what it is: nothing is taken out of it."""
        if self.as_json:
            self.write(encoded(item).decode())

    def answer(self, command: str, body: Any, lines: Callable[[], Iterable[Line | str]]) -> None:
        """Print a command's answer for whom it is."""
        if self.as_json:
            self.json({"command": command, "ok": True, "body": body})
        else:
            self.lines(lines())

    def event(self, name: str, body: Any, lines: Callable[[], Iterable[Line | str]]) -> None:
        """Print an event for whom it is."""
        if self.as_json:
            self.json({"event": name, "body": body})
        else:
            self.lines(lines())

    def failure(self, command: str, kind: str, message: str, hint: str = "") -> None:
        """Print why something could not be done."""
        if self.as_json:
            error = {"kind": kind, "message": message, **({"hint": hint} if hint else {})}
            self.json({"command": command, "ok": False, "error": error})
            return
        text = f"{message}; {hint}" if hint else message
        first, *rest = text.split("\n")
        self.lines([line(_red("error: "), first), *rest])


def _red(text: str) -> Any:
    from brains.cli._debug.text import Piece

    return Piece(text, "red")
