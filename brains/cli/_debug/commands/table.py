"""The table of commands, and how a word finds its command."""

from __future__ import annotations

import difflib
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from brains.cli._debug.console import Console
from brains.cli._debug.parsing import UsageError

__all__ = ["COMMANDS", "GROUPS", "Command", "command", "find", "in_order"]

Run = Callable[[Console, str], Awaitable[None]]


class Command(NamedTuple):
    """One command."""

    name: str
    usage: str
    """The whole of it, as it is typed."""
    group: str
    summary: str
    """One line."""
    more: str
    """What `help NAME` says besides."""
    run: Run
    short: tuple[str, ...]
    """Other names."""
    completes: str
    """What its argument is: `nodes`, `agents`, `keys`, `prompts`, `commands`, `files` or nothing."""


COMMANDS: dict[str, Command] = {}

GROUPS = (
    "Agents and running",
    "Breakpoints",
    "Looking and changing",
    "Prompts and the model",
    "The past",
    "This console",
)
"""In the order in which `help` lists them."""


def in_order() -> list[Command]:
    """Return all commands by their groups."""
    return sorted(COMMANDS.values(), key=lambda one: GROUPS.index(one.group))


def command(name: str, usage: str = "", *, group: str, short: str = "", completes: str = "") -> Callable[[Run], Run]:
    """Put a function into the table; its docstring's first line is the summary, the rest what `help NAME` adds."""

    def put(run: Run) -> Run:
        summary, _, more = (run.__doc__ or "").partition("\n")
        lines = [text.strip() for text in more.strip().split("\n")]
        COMMANDS[name] = Command(
            name, f"{name} {usage}".strip(), group, summary, "\n".join(lines), run, tuple(short.split()), completes
        )
        return run

    return put


def find(word: str) -> Command:
    """Return the command that a word stands for.

    Raises:
        UsageError: there is none, or there are several.
    """
    if word in COMMANDS:
        return COMMANDS[word]
    for one in COMMANDS.values():
        if word in one.short:
            return one
    matching = [name for name in COMMANDS if name.startswith(word)]
    if len(matching) == 1:
        return COMMANDS[matching[0]]
    if matching:
        raise UsageError(f"{word!r} may be {', '.join(matching[:-1])} or {matching[-1]}")
    near = difflib.get_close_matches(word, COMMANDS, n=1)
    raise UsageError(
        f"there is no command {word!r}", f"did you mean {near[0]!r}?" if near else "`help` lists the commands"
    )
