"""Ask a model a prompt's cases, and measure what came of it."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable, Iterator, Sequence

import msgspec

from brains.decide import Sample, accuracy, decide, held_out, majority, nearest_example, request_for
from brains.errors import MalformedAnswer
from brains.prompts import Example, Prompt
from brains.questions import ChatModel, Decision, Latency, ModelInfo, Question, RenderedPrompt

__all__ = ["FEW_CASES", "Evaluation", "Limits", "Run", "Work", "ask_cases", "evaluate", "too_few"]

FEW_CASES = 20
"""With fewer the measured accuracies are chance: one case more or less that is right moves them by five points."""


class Work(msgspec.Struct, frozen=True):
    """A prompt and its cases."""

    prompt: Prompt
    cases: tuple[Example, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """The answers to choose from; those of actions are taken from the examples and cases."""
        cases = dict.fromkeys(case.answer for case in self.cases)
        return self.prompt.labels or tuple(dict.fromkeys((*self.prompt.example_labels, *cases)))


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
        """Raw probabilities and right answers, to fit a calibration on."""
        pairs = zip(self.decisions, self.work.cases, strict=True)
        return [(decision.raw, case.answer) for decision, case in pairs if decision is not None]


class Limits(msgspec.Struct, frozen=True):
    """What a prompt has to reach."""

    accuracy: float
    """Held-out, 0 to 1."""
    margin: float
    """Over the most frequent answer and over the nearest example's."""


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


async def ask_cases(model: ChatModel, info: ModelInfo, work: Work, step: Callable[[], None]) -> Run:
    """Ask all cases, as many at a time as the model has slots; `step` is called after each.

    Raises:
        PromptError: a case does not give what the prompt needs.
        ModelError: the model is away or refuses; a single unusable answer is not an error.
    """
    rendered = tuple(work.prompt.render(case.inputs, labels=work.labels) for case in work.cases)
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
    except ExceptionGroup as errors:
        # The first one tells what happened; the others follow from it.
        raise _first(errors) from None
    return Run(work=work, rendered=rendered, decisions=tuple(decisions), seconds=tuple(seconds))


def _first(errors: BaseException) -> BaseException:
    while isinstance(errors, BaseExceptionGroup):
        errors = errors.exceptions[0]
    return errors


def evaluate(run: Run, info: ModelInfo, limits: Limits, splits: int) -> Evaluation:
    """Measure one prompt; `splits` is how often its cases are halved."""
    prompt, cases = run.work.prompt, run.work.cases
    samples, labels = run.samples, run.work.labels
    answered = len(samples) / len(cases)
    scores = held_out(samples, labels, splits=splits)
    asked = [(one.user, case.answer) for one, case in zip(run.rendered, cases, strict=True)]
    guess = majority([case.answer for case in cases])
    copied = nearest_example(asked, run.rendered[0].turns)
    calibrated = scores.mean * answered
    return Evaluation(
        prompt=prompt.name,
        model=info.name,
        labels=labels,
        examples=len(prompt.examples),
        cases=len(cases),
        unanswered=len(cases) - len(samples),
        raw=accuracy(samples) * answered,
        calibrated=calibrated,
        worst=scores.worst * answered,
        majority=guess,
        nearest=copied,
        median_ms=statistics.median(run.seconds) * 1000,
        problems=tuple(_problems(calibrated, guess, copied, limits)),
        warnings=tuple(too_few(len(cases))),
    )


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
