"""`brains prompt eval` and `diff`, and what `calibrate` shares with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from brains.cli._prompt.diffing import Comparison, compare, print_comparison
from brains.cli._prompt.evaluation import Evaluation, Limits, Run, Work, evaluate
from brains.cli._prompt.folder import CASES, Folder
from brains.cli._prompt.looking import MODEL_HELP, errors_of, folder_option, json_option, model_option, trees_options
from brains.cli._prompt.plot import reliability_svg
from brains.cli._prompt.report import print_evaluations, write_file, write_junit
from brains.cli._prompt.revisions import library_at, library_from
from brains.cli._prompt.running import ask_all
from brains.errors import ConfigError, PromptError
from brains.prompts import Prompt, PromptLibrary
from brains.questions import Calibration, ModelInfo

__all__ = ["FILE", "cases_option", "diff", "eval_", "splits_option", "work_for"]

F = TypeVar("F", bound=Callable[..., Any])
FILE = click.Path(path_type=Path, dir_okay=False)
NO_LIMITS = Limits(0.0, -1.0)


def splits_option(function: F) -> F:
    """Add --splits."""
    return click.option(
        "--splits", default=20, show_default=True, type=click.IntRange(1), help="How often to halve the cases."
    )(function)


def cases_option(function: F) -> F:
    """Add --cases."""
    return click.option("--cases", metavar="FILE", type=FILE, help="Take the cases from here (YAML, or .jsonl).")(
        function
    )


EVAL_EPILOG = """\b
Examples:
  brains prompt eval
  brains prompt eval guard/is_hostile --model llama3.2 --model embedded
  brains prompt eval guard/is_hostile --cases night.jsonl --svg reliability.svg
  brains prompt eval --model embedded --threshold 0.85 --junit eval.xml
  brains prompt eval --model embedded --json > accuracy.json

Exit code 1: a prompt is broken, not good enough, or hardly better than the two guesses."""


@click.command("eval", epilog=EVAL_EPILOG)
@click.argument("names", nargs=-1, metavar="[NAME|FILE]...")
@folder_option
@click.option("--model", "models", multiple=True, help=f"{MODEL_HELP} Repeat it to compare.  [default: auto]")
@cases_option
@splits_option
@click.option(
    "--min-accuracy", "--threshold", "min_accuracy", default=0.80, show_default=True, help="Least calibrated accuracy."
)
@click.option("--min-margin", default=0.15, show_default=True, help="Least distance to both guesses.")
@click.option("--failures", default=5, show_default=True, type=click.IntRange(0), help="Show so many wrong cases.")
@click.option("--junit", metavar="FILE", type=FILE, help="Write JUnit XML.")
@click.option("--svg", metavar="FILE", type=FILE, help="Draw a reliability plot.")
@trees_options
@json_option
def eval_(
    names: tuple[str, ...],
    prompts: Path | None,
    models: tuple[str, ...],
    cases: Path | None,
    splits: int,
    min_accuracy: float,
    min_margin: float,
    failures: int,
    junit: Path | None,
    svg: Path | None,
    trees: Path | None,
    brain: str,
    as_json: bool,
) -> None:
    """Measure how often prompts decide rightly.

    All prompts are measured that have a NAME.cases.yaml (or .cases.jsonl), or only those named. The calibrated accuracy
    is held out: fitted on one half of the cases and measured on the other, many times; below 20 cases it is chance.

    It is compared with two guesses that need no model: always the most frequent answer (majority), and the answer of
    the example that shares most words with the case (nearest). AUC says how well it ranks (0.5 is chance), log loss and
    ECE (expected calibration error) how far its probabilities are off, before and after calibration.
    """
    folder = Folder(prompts, trees, brain)
    work = work_for(folder, names, cases)
    limits = Limits(min_accuracy, min_margin)
    results = [
        evaluate(run, info, limits, splits, folder.library.calibrations(run.work.prompt.name).get(info.digest))
        for info, runs in ask_all(models, work)
        for run in runs
    ]
    if junit is not None:
        write_junit(results, junit)
    if svg is not None:
        write_file(svg, reliability_svg(results))
    if as_json:
        click.echo(msgspec.json.encode(results).decode())
    else:
        print_evaluations(results, splits, failures)
    for result in results:
        for warning in result.warnings:
            click.echo(f"{result.prompt}: warning: {warning}", err=True)
        for problem in result.problems:
            click.echo(f"{result.prompt}: {problem}", err=True)
    broken = errors_of(folder.library) if not names else []
    for message in broken:
        click.echo(f"error: {message}", err=True)
    if broken or any(result.problems for result in results):
        raise click.exceptions.Exit(1)


DIFF_EPILOG = """\b
Examples:
  brains prompt diff
  brains prompt diff guard/is_hostile --rev HEAD~1 --model embedded
  brains prompt diff guard/is_hostile --old shorter.j2
  brains prompt diff --old prompts_before --new prompts --strict

Exit code 1 with --strict: more answers got worse than better."""


@click.command(epilog=DIFF_EPILOG)
@click.argument("names", nargs=-1)
@folder_option
@click.option("--rev", default=None, help="The git revision that is the old version.  [default: HEAD]")
@click.option("--old", metavar="PATH", type=click.Path(path_type=Path), help="The old version: a file or a folder.")
@click.option(
    "--new", metavar="PATH", type=click.Path(path_type=Path), help="The new one.  [default: the folder as it is]"
)
@model_option
@cases_option
@splits_option
@click.option("--strict", is_flag=True, help="Exit with code 1 if it got worse.")
@trees_options
@json_option
def diff(
    names: tuple[str, ...],
    prompts: Path | None,
    rev: str | None,
    old: Path | None,
    new: Path | None,
    model: str | None,
    cases: Path | None,
    splits: int,
    strict: bool,
    trees: Path | None,
    brain: str,
    as_json: bool,
) -> None:
    """Compare two versions of a prompt.

    The same cases are run with both, and the answers that flip are listed. The old version is that of a git revision
    (HEAD, so that what is not committed yet is compared), or what --old names; the new one is the prompts folder as it
    is, or what --new names. Prompts that are the same are left out.
    """
    if rev is not None and old is not None:
        raise click.UsageError("--rev and --old both say what the old version is; give one of them")
    folder = Folder(prompts, trees, brain)
    single = next((path for path in (old, new) if path is not None and not path.is_dir()), None)
    if len(names) != 1 and single is not None:
        if not single.exists():
            raise ConfigError(f"there is no {str(single)!r}; --old and --new take a file or a folder")
        raise click.UsageError("name the prompt that the file is a version of: brains prompt diff NAME --old FILE")
    name = names[0] if names else ""
    newer = folder.library if new is None else library_from(new, name, folder.library)
    older = library_at(folder.path, rev or "HEAD") if old is None else library_from(old, name, folder.library)
    changed = _changed(older, newer, names)
    if not changed:
        click.echo("[]" if as_json else "no prompt with cases has changed")
        return
    found = _compared(folder, (older, newer), changed, model, cases, splits)
    if as_json:
        click.echo(msgspec.json.encode(found).decode())
    for one in found if not as_json else ():
        print_comparison(one, str(old or rev or "HEAD"), str(new or "now"))
    if strict and any(one.count("worse") > one.count("better") for one in found):
        raise click.exceptions.Exit(1)


def _changed(older: PromptLibrary, newer: PromptLibrary, names: Sequence[str]) -> list[str]:
    """Return the prompts that both sides have, with another text.

    Raises:
        PromptError: one that is named is missing or broken on one side.
    """
    if names:
        pairs = [(older.get(name), newer.get(name)) for name in names]
        return [new.name for old, new in pairs if old.version != new.version]
    both = sorted(set(older.names()) & set(newer.names()))
    return [name for name in both if older.get(name).version != newer.get(name).version]


def _compared(
    folder: Folder,
    sides: tuple[PromptLibrary, PromptLibrary],
    names: Sequence[str],
    model: str | None,
    file: Path | None,
    splits: int,
) -> list[Comparison]:
    work: list[Work] = []
    for name in names:
        old, new = (side.get(name) for side in sides)
        cases = folder.cases(new, file) if new.kind != "text" else ()
        if cases:
            made = folder.work(new, cases, file)
            made.rendered()  # what is wrong with a case is not the old version's fault
            work += [msgspec.structs.replace(made, prompt=old), made]
    if not work:
        raise ConfigError(f"{', '.join(names)}: changed, but there are no cases to compare the versions on")
    for one in work[::2]:
        _check_old(one)
    ((info, runs),) = ask_all([model] if model else [], work)
    found = []
    for old_run, new_run in zip(runs[::2], runs[1::2], strict=True):
        stored = [side.calibrations(new_run.work.prompt.name).get(info.digest) for side in sides]
        scores = [_scores(run, info, splits, one) for run, one in zip((old_run, new_run), stored, strict=True)]
        found.append(compare((old_run, new_run), (scores[0], scores[1]), (stored[0], stored[1])))
    return found


def _scores(run: Run, info: ModelInfo, splits: int, stored: Calibration | None) -> Evaluation:
    return evaluate(run, info, NO_LIMITS, splits, stored)


def _check_old(work: Work) -> None:
    """Say plainly if the cases of today do not fit the version of then."""
    try:
        work.rendered()
    except PromptError as error:
        raise ConfigError(f"the cases do not fit the old version of {work.prompt.name!r}: {error}") from error
    strangers = sorted({answer for case in work.cases for answer in case.answers} - set(work.labels))
    if strangers:
        raise ConfigError(
            f"the old version of {work.prompt.name!r} has other labels: the cases answer with {', '.join(strangers)}"
        )


def work_for(folder: Folder, names: Sequence[str], file: Path | None) -> list[Work]:
    """Return the prompts to ask: all that have cases, or those named.

    Raises:
        BrainsError: there is nothing to ask, or a case is broken.
    """
    if file is not None and len(names) != 1:
        raise click.UsageError("--cases FILE is for one prompt: name it")
    named = folder.chosen(names) if names else [(name, None) for name in folder.library.names()]
    found = []
    for name, own in named:
        prompt = folder.library.get(name)
        cases = folder.cases(prompt, file or own)
        if names and not cases:
            if file is not None:
                raise ConfigError(f"there are no cases in {str(file)!r}: it is empty")
            raise _without_cases(folder, prompt)
        if cases:
            found.append(folder.work(prompt, cases, file or own))
    if not found:
        raise ConfigError(f"no prompt in {folder.path} has cases: write some into NAME{CASES[0]} beside a NAME.j2")
    return found


def _without_cases(folder: Folder, prompt: Prompt) -> ConfigError:
    if prompt.kind == "text":
        return ConfigError(
            f"{prompt.name!r} answers with free text and has no cases: write into "
            f"{folder.path / prompt.name}{CASES[0]} what its lines must be like (longest, says, never)"
        )
    return ConfigError(f"{prompt.name!r} has no cases: write some into {folder.path / prompt.name}{CASES[0]}")
