"""Ask a model a prompt's cases, and measure what came of it."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from brains.decide import (
    Bin,
    Choice,
    Sample,
    apply_calibration,
    calibration_error,
    chances,
    choose_method,
    decide,
    held_out,
    log_loss,
    majority,
    mean_auc,
    nearest_example,
    reliability,
    request_for,
)
from brains.errors import MalformedAnswer, PromptError
from brains.prompts import Case, Prompt
from brains.questions import Calibration, ChatModel, Decision, Latency, ModelInfo, Question, RenderedPrompt

__all__ = [
    "FEW_CASES",
    "CaseResult",
    "Evaluation",
    "Failure",
    "Limits",
    "Run",
    "Work",
    "ask_cases",
    "evaluate",
    "too_few",
]

FEW_CASES = 20
"""With fewer the measured accuracies are chance: one case more or less that is right moves them by five points."""


class Work(msgspec.Struct, frozen=True):
    """A prompt and its cases."""

    prompt: Prompt
    cases: tuple[Case, ...]
    contexts: tuple[Mapping[str, Any], ...] = ()
    """What the prompt may know in each case; the cases' own inputs if not given."""
    choices: tuple[str, ...] = ()
    """The answers that its leaf allows, where the prompt itself does not say."""
    file: str = ""
    """Of the cases."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The answers to choose from; those of actions are taken from the leaf, else from the examples and cases."""
        cases = dict.fromkeys(answer for case in self.cases for answer in case.answers)
        if self.prompt.kind == "text":
            return ()
        return self.prompt.labels or self.choices or tuple(dict.fromkeys((*self.prompt.example_labels, *cases)))

    def rendered(self) -> tuple[RenderedPrompt, ...]:
        """Fill the prompt for every case.

        Raises:
            PromptError: a case does not give what the prompt needs; with the case's line.
        """
        contexts = self.contexts or tuple(case.inputs for case in self.cases)
        return tuple(self._filled(case, context) for case, context in zip(self.cases, contexts, strict=True))

    def _filled(self, case: Case, context: Mapping[str, Any]) -> RenderedPrompt:
        try:
            return self.prompt.render(context, labels=self.labels or None)
        except PromptError as error:
            where = f" (in {error.file}{f':{error.line}' if error.line else ''})" if error.file else ""
            message = f"case {case.number}: {error.message}{where}"
            raise PromptError(message, file=self.file or None, line=case.line, code="cases") from error


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """What a model made of a prompt's cases."""

    work: Work
    rendered: tuple[RenderedPrompt, ...]
    decisions: tuple[Decision | None, ...]
    """None where the answer was unusable."""
    seconds: tuple[float, ...]
    """Per case: what the model says that it took, else from request to reply."""

    @property
    def samples(self) -> list[Sample]:
        """Raw probabilities and right answers, to fit a calibration on: of the cases with one right answer."""
        pairs = zip(self.decisions, self.work.cases, strict=True)
        return [(decision.raw, case.answer) for decision, case in pairs if decision is not None and case.only]


class Limits(msgspec.Struct, frozen=True):
    """What a prompt has to reach."""

    accuracy: float
    """Held-out, 0 to 1."""
    margin: float
    """Over the most frequent answer and over the nearest example's."""


class CaseResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one case."""

    case: int
    """Its number in the file, from 1."""
    file: str
    line: int
    question: str
    """The last line of the prompt, filled in."""
    expected: tuple[str, ...]
    """The answers that are right; of speech, what is wrong with the line."""


class Failure(CaseResult, frozen=True, kw_only=True):
    """A case that was decided wrongly."""

    got: str
    """Empty: there was no usable answer."""
    probability: float = 0.0
    """Of what was expected."""


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """How a prompt did with a model; accuracies are from 0 to 1."""

    prompt: str
    model: str
    labels: tuple[str, ...]
    examples: int
    cases: int
    unanswered: int
    """Cases where the model said none of the labels; they count as wrong."""
    raw: float
    calibrated: float
    """Mean over splits: fitted on one half of the cases, measured on the other."""
    worst: float
    """Of the splits."""
    majority: float
    nearest: float
    median_ms: float
    problems: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    version: str = ""
    """Of the prompt's text."""
    model_digest: str = ""
    way: str = ""
    used: float = 0.0
    """Accuracy as the prompt decides now: with its stored calibration if that fits, else raw."""
    calibration: str = "none"
    """The stored one: `none`, `stale`, or its method."""
    method: str = "platt"
    """Of the calibration that was measured."""
    true_labels: tuple[str, ...] = ()
    """Of a condition."""
    auc: float = 0.0
    log_loss: tuple[float, float] = (0.0, 0.0)
    """Before and after calibration, held out."""
    calibration_error: tuple[float, float] = (0.0, 0.0)
    """Expected calibration error, before and after."""
    p95_ms: float = 0.0
    prompt_tokens: float = 0.0
    """Mean."""
    bins_before: tuple[Bin, ...] = ()
    bins_after: tuple[Bin, ...] = ()
    failures: tuple[Failure, ...] = ()


async def ask_cases(model: ChatModel, info: ModelInfo, work: Work, step: Callable[[], None]) -> Run:
    """Ask all cases, as many at a time as the model has slots; `step` is called after each.

    Raises:
        PromptError: a case does not give what the prompt needs.
        ModelError: the model is away or refuses; a single unusable answer is not an error.
    """
    rendered = work.rendered()
    decisions: list[Decision | None] = [None] * len(rendered)
    seconds = [0.0] * len(rendered)

    async def worker(waiting: Iterator[tuple[int, RenderedPrompt]]) -> None:
        for index, prompt in waiting:
            question = Question(session="", agent="", leaf=f"case {index + 1}", prompt=prompt, labels=work.labels)
            request = request_for(question, info)
            start = time.perf_counter()
            try:
                reply = await model.generate(request)
                # Some of the time until the reply, the request may have waited for others of ours.
                own = reply.prompt_time + reply.generate_time
                seconds[index] = own or time.perf_counter() - start
                decisions[index] = decide(question, request, reply, info, Latency(total=seconds[index]))
            except MalformedAnswer:
                seconds[index] = seconds[index] or time.perf_counter() - start
            step()

    waiting = iter(enumerate(rendered))
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(max(info.slots, 1)):
                group.create_task(worker(waiting))
    except BaseExceptionGroup as errors:
        # The first one tells what happened; the others follow from it.
        raise _first(errors) from None
    return Run(work=work, rendered=rendered, decisions=tuple(decisions), seconds=tuple(seconds))


def _first(errors: BaseException) -> BaseException:
    while isinstance(errors, BaseExceptionGroup):
        errors = errors.exceptions[0]
    return errors


def evaluate(run: Run, info: ModelInfo, limits: Limits, splits: int, stored: Calibration | None = None) -> Evaluation:
    """Measure one prompt; `splits` is how often its cases are halved, `stored` its calibration for this model."""
    if run.work.prompt.kind == "text":
        return _of_speech(run, info, limits)
    prompt, cases, samples, labels = run.work.prompt, run.work.cases, run.samples, run.work.labels
    truth = prompt.answers
    answered = sum(decision is not None for decision in run.decisions) / len(cases)
    choice: Choice = choose_method(samples, labels)
    scores = held_out(samples, labels, splits=splits, method=choice.method)
    fits = stored is not None and stored.prompt_hash == prompt.version
    failures = _failures(run, stored if fits else None)
    asked = [(one.user, case.answer) for one, case in zip(run.rendered, cases, strict=True)]
    guess = majority([case.answer for case in cases])
    copied = nearest_example(asked, run.rendered[0].turns)
    calibrated = scores.mean * answered
    before, after = chances(samples, truth), chances(scores.predictions, truth)
    return Evaluation(
        **_facts(run, info),
        raw=1 - len(_failures(run, None)) / len(cases),
        calibrated=calibrated,
        worst=scores.worst * answered,
        majority=guess,
        nearest=copied,
        problems=tuple(_problems(calibrated, guess, copied, limits)),
        warnings=tuple(too_few(len(cases))),
        used=1 - len(failures) / len(cases),
        calibration="none" if stored is None else stored.method if fits else "stale",
        method=choice.method,
        true_labels=tuple(label for label, meaning in (truth or {}).items() if meaning),
        auc=mean_auc(samples, labels, truth),
        log_loss=(log_loss(samples), log_loss(scores.predictions)),
        calibration_error=(calibration_error(before), calibration_error(after)),
        bins_before=tuple(reliability(before)),
        bins_after=tuple(reliability(after)),
        failures=failures,
    )


def _facts(run: Run, info: ModelInfo) -> dict[str, Any]:
    """Return what is told of every run."""
    prompt, known = run.work.prompt, [decision for decision in run.decisions if decision is not None]
    ordered = sorted(run.seconds)
    return {
        "prompt": prompt.name,
        "model": info.name,
        "model_digest": info.digest,
        "version": prompt.version,
        "way": known[0].way if known else "",
        "labels": run.work.labels,
        "examples": len(prompt.examples),
        "cases": len(run.work.cases),
        "unanswered": len(run.work.cases) - len(known),
        "median_ms": statistics.median(ordered) * 1000,
        "p95_ms": ordered[min(int(len(ordered) * 0.95), len(ordered) - 1)] * 1000,
        "prompt_tokens": statistics.mean(one.prompt_tokens for one in known) if known else 0.0,
    }


def _of_speech(run: Run, info: ModelInfo, limits: Limits) -> Evaluation:
    """Measure a prompt that is answered with text: how many lines are as their cases say."""
    failures = []
    for case, rendered, decision in zip(run.work.cases, run.rendered, run.decisions, strict=True):
        flaws = ["said nothing usable"] if decision is None else case.flaws(decision.answer)
        if flaws:
            said = "" if decision is None else decision.answer
            failures.append(_failure(run, case, rendered, expected=tuple(flaws), got=said))
    share = 1 - len(failures) / len(run.work.cases)
    problem = f"{share:.2f} of the lines are as they should be, less than {limits.accuracy:.2f}"
    return Evaluation(
        **_facts(run, info),
        raw=share,
        calibrated=share,
        worst=share,
        used=share,
        majority=0.0,
        nearest=0.0,
        problems=(problem,) if share < limits.accuracy - 1e-9 else (),
        failures=tuple(failures),
    )


def _failures(run: Run, calibration: Calibration | None) -> tuple[Failure, ...]:
    """Return the cases that are decided wrongly, raw or with a calibration."""
    found = []
    for case, rendered, decision in zip(run.work.cases, run.rendered, run.decisions, strict=True):
        if decision is None:
            found.append(_failure(run, case, rendered, expected=case.answers, got=""))
            continue
        probabilities: Mapping[str, float] = decision.raw
        if calibration is not None:
            probabilities = apply_calibration(calibration, decision.raw, run.work.labels)
        answer = max(probabilities, key=lambda label: probabilities[label])
        if not case.accepts(answer, probabilities):
            best = max(probabilities.get(one, 0.0) for one in case.answers)
            found.append(_failure(run, case, rendered, expected=case.answers, got=answer, probability=best))
    return tuple(found)


def _failure(run: Run, case: Case, rendered: RenderedPrompt, **what: Any) -> Failure:
    return Failure(case=case.number, file=run.work.file, line=case.line, question=rendered.user, **what)


def too_few(cases: int) -> Sequence[str]:
    """Say whether there are too few cases for the numbers to mean anything."""
    if cases >= FEW_CASES:
        return ()
    return (f"{cases} cases are too few: accuracies are chance below {FEW_CASES}; write 40 or more",)


def _problems(calibrated: float, guess: float, copied: float, limits: Limits) -> Sequence[str]:
    """Say what is not good enough."""
    found = []
    almost = 1e-9  # 0.95 - 0.80 is a little less than 0.15
    if calibrated < limits.accuracy - almost:
        found.append(f"accuracy {calibrated:.2f} is less than {limits.accuracy:.2f}: add examples, or say it plainer")
    for value, what in ((guess, "the most frequent answer"), (copied, "copying the nearest example")):
        if calibrated - value < limits.margin - almost:
            found.append(f"accuracy {calibrated:.2f} is hardly better than {what} ({value:.2f})")
    return found
