"""Prompts and the model: what was asked, what came back, what would come back now."""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
from typing import Any

from brains.cli._debug import show_prompt
from brains.cli._debug.commands.table import command
from brains.cli._debug.console import Console
from brains.cli._debug.parsing import UsageError, options, unquoted
from brains.control import RequestFailed

__all__: list[str] = []
"""Its commands are found by their names in the table."""

GROUP = "Prompts and the model"


async def _of_leaf(console: Console, request: str, node: str, **extra: Any) -> dict[str, Any]:
    """Ask about a leaf. Without a node that is where the agent stands; if that asks no model, the last one that did."""
    named = unquoted(node) or console.node
    try:
        return await console.ask(request, agent=console.address, node=named, **extra)
    except RequestFailed as error:
        last = ((console.stop or {}).get("decision") or {}).get("leaf")
        if error.kind != "no_prompt" or named or not last:
            raise
        return await console.ask(request, agent=console.address, node=last, **extra)


@command("prompt", "[NODE] [--all]", group=GROUP, completes="nodes")
async def prompt(console: Console, rest: str) -> None:
    """Show a leaf's prompt as the model got it, and how it would be now; --all: with all its examples.

    Without NODE: of the leaf where the agent stands, or else of the one whose answer came last.
    """
    node, given = options(rest, {"--all": bool})
    body = await _of_leaf(console, "prompt", node)
    console.out.answer("prompt", body, lambda: show_prompt.prompt(body, full=bool(given)))


@command("reply", "[NODE]", group=GROUP, completes="nodes")
async def reply(console: Console, rest: str) -> None:
    """Show the model's last answer to a leaf: raw, with its probabilities, time and tokens."""
    body = await _of_leaf(console, "reply", rest)
    console.out.answer("reply", body, lambda: show_prompt.reply(body))


@command("template", "[NODE | template:NAME]", group=GROUP, completes="nodes")
async def template(console: Console, rest: str) -> None:
    """Show the text of a leaf's template."""
    body = await _template(console, rest)
    console.out.answer("template", body, lambda: show_prompt.template(body))


async def _template(console: Console, rest: str) -> dict[str, Any]:
    name = unquoted(rest)
    if name.startswith("template:"):
        return await console.ask("template", prompt=name[len("template:") :])
    return await _of_leaf(console, "template", rest)


@command("edit", "[NODE | template:NAME]", group=GROUP, completes="nodes")
async def edit(console: Console, rest: str) -> None:
    """Open a leaf's template in $EDITOR; when you leave it, it is read and checked.

    A broken template is named, and the last good one stays in use.
    """
    body = await _template(console, rest)
    file = body.get("file") or ""
    if not file:
        raise UsageError(f"the prompt {body.get('prompt', '')} is not in a file", "it cannot be edited here")
    file = os.path.join(console.link.folder, file)
    await _run_editor(console, file)
    answer = await console.ask("reload")
    console.out.answer("edit", {"file": file, **answer}, lambda: show_prompt.reloaded(answer))
    for error in answer.get("errors", ()):
        if isinstance(error, dict) and error.get("prompt") == body.get("prompt"):
            raise RequestFailed("prompt_error", str(error.get("message")), "`edit` again; the last good one is in use")


async def _run_editor(console: Console, file: str) -> None:
    named = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not named:
        if not (console.interactive and sys.stdin.isatty()):
            raise UsageError("no editor", "put one into EDITOR")
        named = "notepad" if sys.platform == "win32" else "vi"
    try:
        editor = await asyncio.create_subprocess_exec(*shlex.split(named), file)
    except (OSError, ValueError) as error:
        raise UsageError(f"the editor {named!r} does not start: {error}", "name another in EDITOR") from error
    code = await editor.wait()
    if code:
        raise UsageError(f"the editor {named!r} ended with {code}", "the template was not read again")


@command("reload", group=GROUP)
async def reload(console: Console, rest: str) -> None:
    """Read templates that have changed now, and say what is wrong with them."""
    body = await console.ask("reload")
    console.out.answer("reload", body, lambda: show_prompt.reloaded(body))


@command("rerun", "[NODE] [--model M] [-n K] [--apply]", group=GROUP, completes="nodes")
async def rerun(console: Console, rest: str) -> None:
    """Ask the model a leaf's question again, with the template as it is now, and compare.

    --model M   another model of the server's settings
    -n K        so many times
    --apply     the leaf takes the answer as its own
    """
    node, given = options(rest, {"--model": str, "-n": int, "--apply": bool})
    extra: dict[str, Any] = {}
    if "--model" in given:
        extra["model"] = given["--model"]
    if "-n" in given:
        extra["times"] = given["-n"]
    if "--apply" in given:
        extra["apply"] = True
    try:
        async with asyncio.timeout(None if console.interactive else console.timeout):
            body = await _of_leaf(console, "rerun", node, **extra)
    except TimeoutError:
        raise RequestFailed("timeout", f"the model has not answered within {console.timeout:g} s",
                            "`--timeout SECONDS` waits longer") from None  # fmt: skip
    console.out.answer("rerun", body, lambda: show_prompt.rerun(body))
