"""`brains check`: mistakes in trees and prompts, one line each, before a game finds them."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from brains.checking import check_all
from brains.cli._model_names import unknown_models
from brains.cli._prompt.folder import case_findings
from brains.cli._prompt.printing import counted, tell
from brains.cli._prompt.snapshots import TreeInputs
from brains.cli._running import short_path
from brains.config import load_config
from brains.errors import TreeError
from brains.loading import load_trees
from brains.prompts import from_error, lint_library
from brains.reload import load_prompts

__all__ = ["command"]

EPILOG = """\b
Examples:
  brains check
  brains check --trees my_trees --prompts my_prompts
  brains check --json | jq '.[] | select(.severity == "error")'

Exit code 0: no errors (warnings are shown); 1: errors; 2: wrong usage."""


@click.command(epilog=EPILOG)
@click.option("--trees", type=click.Path(path_type=Path), help="The trees folder.  [default: trees]")
@click.option("--prompts", type=click.Path(path_type=Path), help="The prompts folder.  [default: prompts]")
@click.option("--config", type=click.Path(path_type=Path), help="Read settings from this file.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list of findings.")
def command(trees: Path | None, prompts: Path | None, config: Path | None, as_json: bool) -> None:
    """Load all trees and prompts without a server or a model, and say what is wrong with them.

    One line per finding: FILE:LINE: severity: what is wrong and what to do (NODE PATH) [rule].

    Labels of one question must differ within their first three letters (rule labels-alike): a model answers with one
    token, which may be no longer than that.
    """
    settings = load_config(config, trees=trees, prompts=prompts)
    library = load_prompts(settings.prompts_folder)
    try:
        brains = load_trees(settings.trees_folder)
        folder, inputs = Path(short_path(str(settings.prompts_folder))), TreeInputs(brains, library)
        found = sorted({*check_all(brains, library), *case_findings(folder, library, inputs)})
        looked_at = f"{counted(len(brains.names()), 'brain')}, {counted(len(library.names()), 'prompt')}"
    except TreeError as error:
        found = sorted({from_error(error, "tree"), *lint_library(library)})
        looked_at = f"trees do not load, {counted(len(library.names()), 'prompt')}"
    else:
        found = sorted({*found, *unknown_models(brains, settings.model_names)})
    sys.exit(1 if tell(found, looked_at, as_json=as_json) else 0)
