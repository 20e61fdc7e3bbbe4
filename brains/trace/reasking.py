"""The questions of a recording, put once more: with prompts as they are now, to any model.

The trees are taken through the recorded play on the recorded answers, so that every question comes up as it did; what
another model, or another text, says to it is held against what was said then.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import msgspec

from brains.errors import PromptError, RecordingError
from brains.library import BrainLibrary
from brains.prompts import PromptLibrary
from brains.questions import Decision, Outcome, Question, RenderedPrompt
from brains.trace.comparing import Difference
from brains.trace.recording import Recording
from brains.trace.replaying import Replayer, Turn

__all__ = ["Asked", "Flip", "flip_of", "questions_of"]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A question of the recording that was answered, and as it is put now."""

    agent: str
    tick: int
    leaf: str
    prompt: str
    before: Decision
    """What was answered."""
    question: Question | None
    """None: the prompt cannot be filled as it is now, or is not there any more."""
    problem: str = ""
    then: Mapping[str, bool] = {}
    """What labels meant, of a condition."""
    now: Mapping[str, bool] = {}
    """What they mean now; both the labels and what they mean may have been edited."""

    @property
    def is_text(self) -> bool:
        """Whether free text was asked for: it is never the same twice."""
        return self.before.way == "text"


class Flip(msgspec.Struct, frozen=True, kw_only=True):
    """A question that is answered otherwise now."""

    agent: str
    tick: int
    leaf: str
    prompt: str
    question: str
    before: str
    now: str
    """Empty: there was no answer."""
    before_probability: float
    now_probability: float
    problem: str = ""


def questions_of(
    recording: Recording,
    library: BrainLibrary,
    prompts: PromptLibrary | None,
    *,
    stored: PromptLibrary | None = None,
    only: Collection[int] | None = None,
) -> Iterator[Asked | Difference]:
    """Yield each question of the recording that was answered, and each difference, which ends an agent's replay.

    Args:
        recording: what to replay.
        library: the brains.
        prompts: as they are now; None: as recorded.
        stored: where to take texts from that the recording has left out.
        only: numbers of the agents.

    Raises:
        RecordingError: it cannot be replayed.
    """
    replayer = Replayer(recording, library, stored, only=only, new_library=lambda: _Twice(prompts))
    answers = {
        (life.agent.n, answer.question): answer.outcome
        for life in recording.lives.values()
        for tick in life.ticks.values()
        for answer in tick.turn.answers
    }
    for turn in replayer:
        difference = turn.run()
        twice = turn.prompts
        assert isinstance(twice, _Twice)
        for number, question in turn.asked.items():
            before = answers.get((turn.life.agent.n, number))
            if isinstance(before, Decision):
                yield twice.asked(turn, question, before)
        if difference is not None:
            yield difference
    if replayer.stopped:
        raise RecordingError(replayer.stopped, file=recording.name)


def flip_of(asked: Asked, outcome: Outcome | None) -> Flip | None:
    """Return what is otherwise now; None if nothing is."""
    decision = outcome if isinstance(outcome, Decision) else None
    before, now = _verdict(asked.then, asked.before), "" if decision is None else _verdict(asked.now, decision)
    meant = asked.then.get(asked.before.answer)
    if decision is not None and meant is not None and asked.now.get(decision.answer) is meant:
        return None
    if before == now:
        return None
    problem = asked.problem or ("" if outcome is None or decision is not None else getattr(outcome, "message", ""))
    return Flip(
        agent=asked.agent,
        tick=asked.tick,
        leaf=asked.leaf,
        prompt=asked.prompt,
        question="" if asked.question is None else asked.question.prompt.user,
        before=before,
        now=now,
        before_probability=asked.before.confidence,
        now_probability=0.0 if decision is None else decision.confidence,
        problem=problem,
    )


class _Twice(PromptLibrary):
    """A library that fills each prompt once more as it is now."""

    def __init__(self, now: PromptLibrary | None) -> None:
        super().__init__()
        self._now = now
        self._last: dict[str, tuple[RenderedPrompt, RenderedPrompt | PromptError]] = {}

    def render(
        self,
        name: str,
        context: Mapping[str, Any],
        *,
        labels: Collection[str] | None = None,
        all_labels: Collection[str] | None = None,
    ) -> RenderedPrompt:
        """Fill a prompt as recorded, and keep what it is with the present text."""
        then = super().render(name, context, labels=labels, all_labels=all_labels)
        if self._now is not None:
            try:
                self._last[name] = then, self._now.render(name, context, labels=labels, all_labels=all_labels)
            except PromptError as error:
                self._last[name] = then, error
        return then

    def asked(self, turn: Turn, question: Question, before: Decision) -> Asked:
        """Return a question that has just been asked, as it is put now."""
        name, _, action = question.prompt.name.partition("#")
        now: Question | None = question
        problem = ""
        meant = meaning = self.get(name).answers or {}
        if self._now is not None:
            then, rendered = self._last[name]
            if isinstance(rendered, PromptError):
                now, problem = None, str(rendered)
            else:
                if action:
                    # The second question of a leaf: the first one's text, and what the values are for.
                    rest = question.prompt.user[len(then.user) :]
                    rendered = msgspec.structs.replace(
                        rendered, name=question.prompt.name, user=rendered.user + rest, turns=()
                    )
                present = self._now.get(name)
                labels = question.labels
                if meant and present.answers and labels == tuple(meant):
                    labels, meaning = present.labels, present.answers
                now = msgspec.structs.replace(question, prompt=rendered, labels=labels)
        return Asked(
            agent=turn.life.id,
            tick=turn.number,
            leaf=question.leaf,
            prompt=question.prompt.name,
            before=before,
            question=now,
            problem=problem,
            then=meant,
            now=meaning,
        )


def _verdict(meaning: Mapping[str, bool], decision: Decision) -> str:
    """Return what an answer comes to: what it means, of a condition; else the label, or the values."""
    if decision.value is not None:
        return msgspec.json.encode(decision.value, order="deterministic").decode()
    means = meaning.get(decision.answer)
    return decision.answer if means is None else f"{decision.answer} ({'yes' if means else 'no'})"
