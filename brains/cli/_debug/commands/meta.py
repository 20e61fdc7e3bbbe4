"""The console itself: help, aliases, files of commands, and leaving."""

from __future__ import annotations

import asyncio
import re
from itertools import groupby
from pathlib import Path
from typing import Any

from brains.cli._debug.commands.table import COMMANDS, command, find, in_order
from brains.cli._debug.console import Console
from brains.cli._debug.failing import Quit
from brains.cli._debug.parsing import UsageError, unquoted
from brains.cli._debug.text import Line, bold, dim, line
from brains.control import RequestFailed

__all__: list[str] = []
"""Its commands are found by their names in the table."""

GROUP = "This console"


@command("help", "[COMMAND]", group=GROUP, short="h ?", completes="commands")
async def help_(console: Console, rest: str) -> None:
    """List the commands, or explain one."""
    if rest:
        one = find(rest.split()[0])
        body = {"usage": one.usage, "summary": one.summary, "more": one.more, "short": list(one.short)}
        console.out.answer("help", body, lambda: _explained(rest.split()[0]))
    else:
        names = {"commands": {one.name: one.summary for one in COMMANDS.values()}}
        console.out.answer("help", names, _listed)


def _explained(word: str) -> list[Line | str]:
    one = find(word)
    short = f"   (also: {', '.join(one.short)})" if one.short else ""
    lines: list[Line | str] = [line(bold(one.usage), dim(short)), one.summary]
    return [*lines, *(["", *one.more.split("\n")] if one.more else [])]


def _listed() -> list[Line | str]:
    lines: list[Line | str] = []
    wide = max(len(one.usage) for one in COMMANDS.values() if len(one.usage) <= 30)
    for group, members in groupby(in_order(), key=lambda one: one.group):
        lines.append(line(bold(group)))
        for one in members:
            short = f"{one.short[0]:>2} " if one.short and len(one.short[0]) <= 2 else "   "
            usage = one.usage if len(one.usage) <= wide else f"{one.name} ..."
            # What stands behind a colon or a semicolon, `help COMMAND` says.
            summary = re.split(r"[;:] ", one.summary)[0].rstrip(".")
            lines.append(line(dim(short), f"{usage:<{wide}}  ", dim(summary)))
    lines.append(line(dim("Any beginning that is unambiguous works; an empty line repeats; `;;` parts commands.")))
    return lines


@command("sticky", "[on|off]", group=GROUP)
async def sticky(console: Console, rest: str) -> None:
    """Draw the tree anew after each stop, with the way to where the agent stands."""
    if rest not in ("", "on", "off"):
        raise UsageError("on or off?", "as in: sticky on")
    console.sticky = not console.sticky if not rest else rest == "on"
    console.out.answer("sticky", {"sticky": console.sticky}, lambda: [f"sticky {'on' if console.sticky else 'off'}"])


@command("alias", "[NAME [COMMAND ...]]", group=GROUP)
async def alias(console: Console, rest: str) -> None:
    """Give a command line a name; %1 to %9 are the words after it, %* all of them. Alone: list them.

    as in: alias bw break %1 if me.hp < %2
    """
    name, _, text = rest.partition(" ")
    text = text.strip()
    if text:
        if not name.isidentifier():
            raise UsageError(f"{name!r} cannot be a name", "letters, digits and _")
        console.aliases[name] = text
        console.note_startup(name)
    elif name and name not in console.aliases:
        raise UsageError(f"there is no alias {name!r}", "`alias` lists them")
    shown = {name: console.aliases[name]} if name else console.aliases
    console.out.answer("alias", {"aliases": shown}, lambda: [line(bold(key), f" = {given}") for key, given in
                                                             shown.items()] or ["no aliases"])  # fmt: skip


@command("unalias", "NAME", group=GROUP)
async def unalias(console: Console, rest: str) -> None:
    """Take an alias away."""
    if console.aliases.pop(rest, None) is None:
        raise UsageError(f"there is no alias {rest!r}", "`alias` lists them")
    console.out.answer("unalias", {"gone": rest}, lambda: [f"{rest} is gone"])


@command("save", "FILE", group=GROUP, completes="files")
async def save(console: Console, rest: str) -> None:
    """Write breakpoints, displays and aliases into a file that `source` reads."""
    if not rest:
        raise UsageError("into which file?", "as in: save guard.brains")
    if console.in_startup:
        raise UsageError("a startup file may not write files", "type it, or put it into a file for `source`")
    found = (await console.ask("breakpoints"))["breakpoints"]
    lines = [_as_line(one) for one in found]
    for index, one in enumerate(found, 1):
        if one.get("commands"):
            lines.append(f"commands {index} {' ;; '.join(one['commands'])}")
        if not one.get("enabled", True):
            lines.append(f"disable {index}")
    lines += [f"display {expression}" for expression in console.displays]
    lines += [f"alias {name} {text}" for name, text in console.aliases.items()]
    path = await asyncio.to_thread(_write, unquoted(rest), "".join(f"{text}\n" for text in lines))
    console.out.answer("save", {"file": str(path), "lines": len(lines)}, lambda: [f"{len(lines)} lines in {path}"])


def _as_line(one: dict[str, Any]) -> str:
    kind, where = one.get("kind", "node"), one["where"]
    place = {"template": f"template:{where}", "model_error": "model-error", "error": "error"}.get(kind, where)
    if kind in ("node", "line") and one.get("on", "enter") != "enter":
        place = f"{place}:{one['on']}"
    word = "watch" if kind == "data" else ("log" if one.get("log") else "break")
    parts = [word, place]
    if one.get("agents", "*") != "*":
        parts.append(f"--agents {one['agents']}")
    if one.get("once"):
        parts.append("--once")
    if one.get("ignore"):
        parts.append(f"--ignore {one['ignore']}")
    if one.get("log"):
        quote = "'" if '"' in one["log"] else '"'
        parts.append(f"{quote}{one['log']}{quote}")
    if one.get("condition"):
        parts.append(f"if {one['condition']}")
    return " ".join(parts)


@command("source", "FILE", group=GROUP, short=".", completes="files")
async def source(console: Console, rest: str) -> None:
    """Run the commands of a file; it ends at the first that fails."""
    if not rest:
        raise UsageError("which file?", "as in: source guard.brains")
    await console.run_lines(await asyncio.to_thread(_read, unquoted(rest)))


def _write(name: str, text: str) -> Path:
    path = Path(name).expanduser()
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RequestFailed("file", f"{path}: {error.strerror or error}") from error
    return path


def _read(name: str) -> list[str]:
    path = Path(name).expanduser()
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RequestFailed("file", f"{path}: {getattr(error, 'strerror', None) or error}") from error


@command("quit", group=GROUP, short="q exit")
async def quit_(console: Console, rest: str) -> None:
    """Leave: breakpoints go, and what is held goes on; `detach --hold` first keeps it held."""
    raise Quit
