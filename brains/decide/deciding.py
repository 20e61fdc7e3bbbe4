"""Make a decision of a reply: never an answer that was not asked for, never a probability that is none."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from brains.decide import calibration as calibrating
from brains.decide.labels import OFF_LABEL_LIMIT, LabelScores, certain, likeliest, score_labels
from brains.decide.schema import check_value, parse_object
from brains.decide.ways import choose_way, label_schema
from brains.errors import MalformedAnswer
from brains.questions import Calibration, Decision, Latency, ModelInfo, ModelReply, ModelRequest, Question

__all__ = ["check_probabilities", "decide", "usable_calibration"]

_WHOLE_WORDS = re.compile(r"\s+\S*\Z")
_SUM_SLACK = 0.02
"""Servers round: 26 options to four places may miss 1 by a little."""
_CONTROL = dict.fromkeys((*range(0, 9), *range(11, 32), 127))


def decide(question: Question, request: ModelRequest, reply: ModelReply, info: ModelInfo, latency: Latency) -> Decision:
    """Read the answer to `question` from the reply to `request`.

    Raises:
        MalformedAnswer: the reply answers something else, or is cut off; says what to do.
    """
    facts: dict[str, Any] = {
        "way": request.way,
        "model": info.name,
        "model_digest": info.digest,
        "latency": latency,
        "prompt_tokens": reply.prompt_tokens,
        "output_tokens": reply.output_tokens,
        "prompt": question.prompt.name,
        "prompt_hash": question.prompt.digest,
        "tick_asked": question.tick,
    }
    try:
        if request.way == "schema":
            return _from_object(question, reply, facts)
        if not question.labels:
            return Decision(answer=_free_text(reply), **{**facts, "way": "text"})
        return _from_labels(question, request, reply, info, facts)
    except MalformedAnswer as error:
        raise MalformedAnswer(f"{question.prompt.name}, asked of {info.name}: {error}") from error


def usable_calibration(question: Question, request: ModelRequest, info: ModelInfo) -> Calibration | None:
    """Return the calibration that fits this prompt's text and this model; None if there is none.

    A calibration of an older text is stale and not used; nor is any for a way that would not be chosen by itself,
    since that is the way it was fitted on.
    """
    prompt = question.prompt
    found = prompt.calibrations.get(info.digest)
    if found is None or found.prompt_hash != prompt.version or request.way != choose_way(question, info):
        return None
    return found


def _from_labels(
    question: Question, request: ModelRequest, reply: ModelReply, info: ModelInfo, facts: Mapping[str, Any]
) -> Decision:
    labels = question.labels
    scores = _scores(request, reply, labels)
    limit = question.prompt.off_label_limit
    if scores.off_label > (OFF_LABEL_LIMIT if limit is None else limit):
        raise MalformedAnswer(
            f"{scores.off_label:.0%} of the answer is none of {', '.join(labels)} (but {scores.stranger!r}); "
            "give more examples, or label words that fit better"
        )
    calibration = usable_calibration(question, request, info)
    probabilities = scores.raw
    if calibration is not None:
        probabilities = calibrating.apply(calibration, scores.raw, labels)
    return Decision(
        answer=likeliest(probabilities),
        probabilities=probabilities,
        raw=scores.raw,
        off_label=scores.off_label,
        calibrated=calibration is not None,
        **facts,
    )


def _scores(request: ModelRequest, reply: ModelReply, labels: Sequence[str]) -> LabelScores:
    """Return what the reply says of the labels.

    Raises:
        MalformedAnswer: nothing, or what cannot be.
    """
    if request.way == "systemone":
        return LabelScores(check_probabilities(reply.probabilities, labels), 0.0, "")
    if not reply.tokens and not reply.text:
        raise MalformedAnswer(
            f"the answer is empty: the model ended it at once, or began with a letter that takes it several tokens; "
            f"show it more examples, or choose labels that begin with a plain letter ({', '.join(labels)})"
        )
    if not reply.tokens:
        raise MalformedAnswer(
            f"there are no log-probabilities with the answer {reply.text[:40]!r}, and without them it is a mere guess; "
            "update the model's server, choose labels that begin with a plain letter, or ask this model by "
            "label_way = 'schema'"
        )
    scores = score_labels(reply.tokens, labels)
    if scores is None:
        raise MalformedAnswer(f"the answer {reply.text[:40]!r} is none of {', '.join(labels)}")
    return scores


def check_probabilities(given: Mapping[str, float], labels: Sequence[str]) -> dict[str, float]:
    """Return the probabilities of exactly these labels, in their order, summing to 1.

    Raises:
        MalformedAnswer: one is missing, strange, or no probability, or they do not sum to 1.
    """
    strange = sorted(given.keys() - set(labels)) or sorted(set(labels) - given.keys())
    if strange:
        raise MalformedAnswer(f"it decided between other answers than {', '.join(labels)}: see {strange[0][:40]!r}")
    for label, chance in given.items():
        if not 0.0 <= chance <= 1.0:  # NaN is not, either
            raise MalformedAnswer(f"the model gave {chance} as the probability of {label}; update its server")
    total = math.fsum(given.values())
    if abs(total - 1.0) > _SUM_SLACK:
        raise MalformedAnswer(f"the model's probabilities sum to {total:.3g} and not to 1; update its server")
    return {label: given[label] / total for label in labels}


def _from_object(question: Question, reply: ModelReply, facts: Mapping[str, Any]) -> Decision:
    if reply.done_reason == "length":
        raise MalformedAnswer(f"the answer was cut off after {reply.output_tokens} tokens: {reply.text[:40]!r}")
    value = parse_object(reply.text)
    if question.schema is not None:
        check_value(value, question.schema)
        return Decision(answer="", value=value, **facts)
    check_value(value, label_schema(question.labels))
    answer = str(value["answer"])
    found = certain(answer, question.labels)
    return Decision(answer=answer, probabilities=found, raw=found, **facts)


def _free_text(reply: ModelReply) -> str:
    """Return what was said, without control characters; line ends stay, and half a word at a cut-off end does not."""
    said = reply.text.translate(_CONTROL)
    if reply.done_reason == "length":
        said = _WHOLE_WORDS.sub("", said) or said
    said = said.strip()
    if not said:
        raise MalformedAnswer("the model said nothing")
    return said
