"""`brains prompt calibrate`: fit what corrects a model's probabilities, and store it if it is of use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from brains.cli._prompt.evaluation import FEW_CASES, Run
from brains.cli._prompt.folder import Folder, store
from brains.cli._prompt.looking import folder_option, json_option, model_option, trees_options
from brains.cli._prompt.measuring import cases_option, splits_option, work_for
from brains.cli._prompt.running import ask_all
from brains.decide import accuracy, apply_calibration, best_threshold, chances, choose_method, fit, held_out, log_loss
from brains.errors import ConfigError
from brains.prompts import StoredCalibration
from brains.questions import ModelInfo

__all__ = ["calibrate"]

LEAST_OF_A_LABEL = 2
"""Cases of each label: one to fit on, and one to see what that is worth."""
CALIBRATE_EPILOG = """\b
Examples:
  brains prompt calibrate
  brains prompt calibrate guard/is_hostile --model llama3.2
  brains prompt calibrate guard/is_hostile --cases more.yaml --method isotonic

A running `brains serve` takes the result over at once. Calibrate again after each edit of a prompt: a calibration holds
for the text that it was made with."""


@click.command(epilog=CALIBRATE_EPILOG)
@click.argument("names", nargs=-1)
@folder_option
@model_option
@cases_option
@splits_option
@click.option(
    "--method",
    type=click.Choice(["auto", "temperature", "platt", "isotonic"]),
    default="auto",
    show_default=True,
    help="How to correct probabilities; auto compares them by cross-validation.",
)
@click.option("--force", is_flag=True, help="Store it even if it predicts worse than none.")
@click.option("--dry-run", is_flag=True, help="Say what would be stored, and store nothing.")
@trees_options
@json_option
def calibrate(
    names: tuple[str, ...],
    prompts: Path | None,
    model: str | None,
    cases: Path | None,
    splits: int,
    method: str,
    force: bool,
    dry_run: bool,
    trees: Path | None,
    brain: str,
    as_json: bool,
) -> None:
    """Fit prompts to a model.

    All prompts that have a NAME.cases.yaml, or only those named, are fitted on all their cases, and the result is
    stored beside them in NAME.calibration.json. Write 40 cases or more; with fewer than 20, or with fewer than 2 for
    one of the labels, it would learn chance, and nothing is fitted. What predicts cases that it has not seen worse than
    the model alone does is not stored.
    """
    folder = Folder(prompts, trees, brain)
    work = [one for one in work_for(folder, names, cases) if one.prompt.kind != "text"]
    if not work:
        raise ConfigError("only prompts that choose among labels can be calibrated, and none of these does")
    short = {one.prompt.name: _shortfall([case.answer for case in one.cases if case.only], one.labels) for one in work}
    problems = [f"{name!r} is not calibrated: {why}" for name, why in short.items() if why]
    if len(problems) == len(work):
        raise ConfigError("; ".join(problems))
    ((info, runs),) = ask_all([model] if model else [], [one for one in work if not short[one.prompt.name]])
    told = []
    if info.backend == "scripted":
        click.echo(
            "warning: the scripted model only compares words with the examples, so this says nothing about any other",
            err=True,
        )
    for run in runs:
        _refuse_uncalibratable(run, info)
        facts, calibration = _fitted(run, info, splits, method)
        file = folder.path / f"{run.work.prompt.name}.calibration.json"
        problem = "" if force else _worse(facts)
        stored = not problem and not dry_run
        if stored:
            file = store(folder.path, run.work.prompt.name, info.digest, calibration)
        told.append({"file": str(file), "stored": stored, **facts})
        if not as_json:
            _print_fitted(file, facts, stored=stored)
        if problem:
            problems.append(problem)
    if as_json:
        click.echo(msgspec.json.encode(told).decode())
    _fail_with(problems)


def _fail_with(problems: Sequence[str]) -> None:
    for problem in problems:
        click.echo(f"error: {problem}", err=True)
    if problems:
        raise click.exceptions.Exit(1)


def _worse(facts: Mapping[str, Any]) -> str:
    """Say so if what was fitted predicts cases that it has not seen worse than the model alone; empty if not."""
    before, after = facts["log_loss"]
    if after <= before:
        return ""
    return (
        f"{facts['prompt']!r} is not calibrated: on cases that it was not fitted on its log loss is {after:.3f}, and "
        f"{before:.3f} without. Write more cases, 40 or more, or insist with --force"
    )


def _refuse_uncalibratable(run: Run, info: ModelInfo) -> None:
    if any(decision is not None and decision.way == "schema" for decision in run.decisions):
        raise ConfigError(f"{info.name} gives no probabilities to calibrate; use another model")
    answered, name = [right for _, right in run.samples], run.work.prompt.name
    if _shortfall(answered, run.work.labels) or len(answered) * 2 < len(run.work.cases):
        raise ConfigError(f"{info.name} answered too few cases of {name!r}; see `brains prompt eval`")


def _shortfall(answers: Sequence[str], labels: Sequence[str]) -> str:
    """Say what is lacking where there are too few right answers to calibrate on; empty if they suffice."""
    count = Counter(answers)
    if len(answers) < FEW_CASES:
        return (
            f"it has {len(answers)} cases with one right answer, and needs {FEW_CASES} or more, better 40: with fewer "
            "it would learn chance"
        )
    rare = [label for label in labels if count[label] < LEAST_OF_A_LABEL]
    if not rare:
        return ""
    return f"each label needs {LEAST_OF_A_LABEL} cases or more of which it is the answer; too few: {', '.join(rare)}"


def _fitted(run: Run, info: ModelInfo, splits: int, method: str) -> tuple[dict[str, Any], StoredCalibration]:
    """Fit one prompt; return what is told of it, and what is stored."""
    prompt, labels, samples = run.work.prompt, run.work.labels, run.samples
    choice = choose_method(samples, labels)
    chosen = choice.method
    if method != "auto":
        if method == "isotonic" and len(labels) != 2:
            raise ConfigError(f"{prompt.name!r} has {len(labels)} labels, and isotonic calibration is for two")
        chosen = "temperature" if method == "temperature" else "isotonic" if method == "isotonic" else "platt"
    scores = held_out(samples, labels, splits=splits, method=chosen)
    fitted = fit(samples, labels, method=chosen, prompt_hash=prompt.version, accuracy=scores.mean)
    threshold = best_threshold(chances(scores.predictions, prompt.answers)) if prompt.answers else None
    calibration = StoredCalibration(model=info.name, **{**msgspec.structs.asdict(fitted), "threshold": threshold})
    after = [(apply_calibration(fitted, raw, labels), right) for raw, right in samples]
    facts = {
        "prompt": prompt.name,
        "model": info.name,
        "cases": fitted.cases,
        "raw": accuracy(samples),
        "calibrated": scores.mean,
        "log_loss": [log_loss(samples), log_loss(scores.predictions)],
        "log_loss_fitted": log_loss(after),
        "method": chosen,
        "losses": choice.losses,
        "threshold": threshold,
    }
    return facts, calibration


def _print_fitted(file: Path, facts: dict[str, Any], *, stored: bool) -> None:
    click.echo(
        f"{file}: {facts['cases']} cases, raw {facts['raw']:.2f}, calibrated {facts['calibrated']:.2f} (held out)"
        + ("" if stored else "; not stored")
    )
    losses = ", ".join(f"{name} {loss:.3f}" for name, loss in facts["losses"].items())
    before, after = facts["log_loss"]
    click.echo(f"  {facts['method']} (cross-validated log loss: {losses or 'too few cases'})")
    told = f"  log loss {before:.2f} -> {after:.2f} (held out)"
    if facts["threshold"] is not None:
        told += f"; the threshold that is right most often is {facts['threshold']:.2f}"
    click.echo(told)
