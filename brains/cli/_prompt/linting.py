"""`brains prompt lint`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from brains.cli._prompt.folder import Folder, case_findings
from brains.cli._prompt.looking import folder_option, json_option
from brains.cli._prompt.printing import counted, print_lines, tell
from brains.cli._running import short_path
from brains.prompts import BUDGET, PROMPT_RULES, Finding, lint_library

__all__ = ["lint"]

LINT_EPILOG = """\b
Examples:
  brains prompt lint
  brains prompt lint guard/is_hostile --strict
  brains prompt lint --json | jq '.[] | select(.severity == "error")'

Exit code 1: errors, or warnings with --strict."""


@click.command(epilog=LINT_EPILOG)
@click.argument("names", nargs=-1)
@folder_option
@click.option("--budget", default=BUDGET, show_default=True, type=click.IntRange(1), help="Tokens before the question.")
@click.option("--strict", is_flag=True, help="Let warnings count as errors.")
@click.option("--rules", is_flag=True, help="List the rules, and end.")
@json_option
def lint(names: tuple[str, ...], prompts: Path | None, budget: int, strict: bool, rules: bool, as_json: bool) -> None:
    """Find mistakes in prompts.

    One line per finding: FILE:LINE: severity: what is wrong and what to do [rule].

    `brains check` tells the same, and what is wrong between trees and prompts besides.
    """
    if rules:
        print_lines(("rule", "what it finds"), list(PROMPT_RULES.items()), [()] * len(PROMPT_RULES), right=set())
        return
    folder = Folder(prompts)
    found = sorted(
        {*lint_library(folder.library, budget=budget), *case_findings(folder.path, folder.library, folder.trees)}
    )
    if names:
        found = _only(found, names, folder)
    looked_at = len(names or {*folder.library.names(), *folder.library.errors})
    errors = tell(found, counted(looked_at, "prompt"), as_json=as_json)
    if errors or (strict and found):
        raise click.exceptions.Exit(1)


def _only(found: Sequence[Finding], names: Sequence[str], folder: Folder) -> list[Finding]:
    """Keep what is about the named prompts, their cases, and the files that they use."""
    files: set[str] = set()
    for name in names:
        if name not in folder.library.errors:
            prompt = folder.get(name)
            files |= {source.file for source in prompt.files.values()}
            name = prompt.name
        else:
            files.add(folder.library.errors[name].file or "")
        files |= {str(folder.path / f"{name}{ending}") for ending in (".j2", ".cases.yaml", ".cases.jsonl")}
    kept = {short_path(file) for file in files}
    return [one for one in found if short_path(one.file) in kept]
