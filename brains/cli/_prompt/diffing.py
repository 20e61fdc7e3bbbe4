"""Two versions of a prompt on the same cases: which answers flip, and what becomes of the scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import click
import msgspec

from brains.cli._prompt.evaluation import CaseResult, Evaluation, Run
from brains.cli._prompt.printing import print_lines
from brains.decide import apply_calibration
from brains.questions import Calibration, Decision

__all__ = ["Comparison", "Flip", "compare", "print_comparison"]

Verdict = Literal["better", "worse", "other"]


class Flip(CaseResult, frozen=True, kw_only=True):
    """A case that is answered otherwise."""

    old: str
    """Empty: no usable answer."""
    new: str
    old_probability: float
    """Of the old answer in the old version."""
    new_probability: float
    """Of the new answer in the new version."""
    verdict: Verdict


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """What a change of the text did."""

    prompt: str
    model: str
    old: Evaluation
    new: Evaluation
    flips: tuple[Flip, ...]
    calibrated: bool
    """The answers are calibrated ones, on both sides; else both are raw."""

    def count(self, verdict: Verdict) -> int:
        """Return how many flips there are of one kind."""
        return sum(flip.verdict == verdict for flip in self.flips)


def compare(
    runs: tuple[Run, Run], scores: tuple[Evaluation, Evaluation], stored: tuple[Calibration | None, Calibration | None]
) -> Comparison:
    """Compare an old and a new run over the same cases.

    Answers are calibrated where both versions have a calibration that fits; else raw ones are compared with raw ones.
    """
    fitting = [
        one if one is not None and one.prompt_hash == run.work.prompt.version else None
        for one, run in zip(stored, runs, strict=True)
    ]
    both = all(one is not None for one in fitting)
    flips = []
    for index, case in enumerate(runs[1].work.cases):
        answers = [
            _answer(run.decisions[index], fitted if both else None, run.work.labels)
            for run, fitted in zip(runs, fitting, strict=True)
        ]
        (old, old_all), (new, new_all) = answers
        if old == new:
            continue
        right = [bool(answer) and case.accepts(answer, found) for answer, found in answers]
        verdict: Verdict = "better" if right == [False, True] else "worse" if right == [True, False] else "other"
        flips.append(
            Flip(
                case=case.number,
                file=runs[1].work.file,
                line=case.line,
                question=runs[1].rendered[index].user,
                expected=case.answers,
                old=old,
                new=new,
                old_probability=old_all.get(old, 0.0),
                new_probability=new_all.get(new, 0.0),
                verdict=verdict,
            )
        )
    old_scores, new_scores = scores
    return Comparison(
        prompt=new_scores.prompt,
        model=new_scores.model,
        old=old_scores,
        new=new_scores,
        flips=tuple(flips),
        calibrated=both,
    )


def _answer(
    decision: Decision | None, calibration: Calibration | None, labels: Sequence[str]
) -> tuple[str, dict[str, float]]:
    if decision is None:
        return "", {}
    found = dict(decision.raw)
    if calibration is not None:
        found = apply_calibration(calibration, decision.raw, labels)
    return max(found, key=lambda label: found[label]), found


def print_comparison(one: Comparison, old: str, new: str) -> None:
    """Print the flips, then the scores side by side."""
    kind = "calibrated" if one.calibrated else "raw"
    click.echo(f"{one.prompt} ({one.model}): {old} against {new}, {one.new.cases} cases")
    counts = f"{one.count('better')} better, {one.count('worse')} worse, {one.count('other')} otherwise"
    click.echo(f"{len(one.flips)} answers flip ({kind}): {counts}")
    for flip in one.flips:
        colour = {"better": "green", "worse": "red"}.get(flip.verdict)
        told = click.style(flip.verdict, fg=colour) if colour else flip.verdict
        was, now = flip.old or "no answer", flip.new or "no answer"
        change = f"{was} {flip.old_probability:.2f} -> {now} {flip.new_probability:.2f}"
        click.echo(f"  {flip.file}:{flip.line}: {told}: {change} ({' or '.join(flip.expected)}): {flip.question}")
    click.echo()
    rows = []
    for title, name in (("raw accuracy", "raw"), ("calibrated", "calibrated"), ("AUC", "auc")):
        rows.append(_row(title, getattr(one.old, name), getattr(one.new, name)))
    rows.append(_row("log loss, held out", one.old.log_loss[1], one.new.log_loss[1]))
    rows.append(_row("calibration error", one.old.calibration_error[1], one.new.calibration_error[1]))
    rows.append(_row("median ms", one.old.median_ms, one.new.median_ms, digits=0))
    rows.append(_row("prompt tokens", one.old.prompt_tokens, one.new.prompt_tokens, digits=0))
    print_lines(("", "old", "new", "change"), rows, [()] * len(rows), right={1, 2, 3})


def _row(title: str, old: float, new: float, digits: int = 2) -> tuple[str, str, str, str]:
    return title, f"{old:.{digits}f}", f"{new:.{digits}f}", f"{new - old:+.{digits}f}"
