"""Read a label and its probabilities from what the model put at the place of the answer's first token.

Each of the likeliest tokens counts for the label that it begins, in whatever spelling (` danger`, `Danger`,
`dan`, `"danger`, `danger.`). A token that could begin two labels counts for neither. What counts for no label
is the off-label mass: how much the model wanted to say something else.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from brains.errors import MalformedAnswer
from brains.questions import TokenChoice

__all__ = ["FLOOR", "OFF_LABEL_LIMIT", "LabelScores", "label_of_token", "score_labels"]

FLOOR = 1e-6
"""Least probability of a label: one that is not among the 20 likeliest tokens is unlikely, not impossible."""
OFF_LABEL_LIMIT = 0.98
"""With more of the mass off the labels, there is no answer; a prompt may set a limit of its own.

Small base models spread their mass and still rank the labels rightly: with 0.9 off, the two labels of a good
prompt still hold 0.1 between them, far above the noise. At 0.98 the labels compete with the last of the 20
tokens that are visible at all, and their ratio says little.
"""

_TOO_MUCH = 1.05
"""No set of tokens may hold more than all the mass, but for rounding."""
_ALMOST_ZERO = 1e-4
"""Rounding may put the logarithm of a probability of 1 this far above 0."""
# The last three are how tokenizers write a space (two kinds) and a line end.
_BLANK = " \t\r\n\u00a0\u2581\u0120\u010a"
_EDGE = re.compile(r"^[\W_]+|[\W_]+$")


class LabelScores(NamedTuple):
    """What the first token says."""

    raw: dict[str, float]
    """Per label, in the labels' order; summing to 1."""
    off_label: float
    """Mass on anything else, 0 to 1."""
    stranger: str
    """The likeliest token that begins no label; empty if all do."""


def label_of_token(token: str, labels: Sequence[str]) -> str | None:
    """Return the one label that `token` begins; None if it begins none, or more than one."""
    return _label_of_token(token, tuple(labels))


@lru_cache(maxsize=4096)
def _label_of_token(token: str, labels: tuple[str, ...]) -> str | None:
    # Remembered, because a model says the same few tokens again and again.
    start = _EDGE.sub("", token.strip(_BLANK)).casefold()
    if not start:
        return None
    found = [label for label in labels if label.casefold().startswith(start)]
    return found[0] if len(found) == 1 else None


def score_labels(tokens: Sequence[TokenChoice], labels: Sequence[str]) -> LabelScores | None:
    """Score the labels by the first token that is not blank; None if there is none.

    Raises:
        MalformedAnswer: a logprob is not the logarithm of a probability, or together they are more than one.
    """
    place = next((choice for choice in tokens if choice.token.strip(_BLANK)), None)
    if place is None:
        return None
    seen = {place.token: _probability(place.logprob)}
    listed: dict[str, float] = {}
    for token, logprob in place.top:
        # The same text can stand for two tokens (one of them a byte token): both count.
        listed[token] = listed.get(token, 0.0) + _probability(logprob)
    seen.update(listed)
    if math.fsum(seen.values()) > _TOO_MUCH:
        raise MalformedAnswer("the model gave probabilities that are more than 1 together; update its server")
    mass = dict.fromkeys(labels, 0.0)
    stranger, most = "", 0.0
    for token, probability in seen.items():
        label = label_of_token(token, labels)
        if label is not None:
            mass[label] += probability
        elif probability > most:
            stranger, most = token, probability
    off_label = min(max(1.0 - math.fsum(mass.values()), 0.0), 1.0)
    floored = {label: max(probability, FLOOR) for label, probability in mass.items()}
    total = math.fsum(floored.values())
    return LabelScores({label: value / total for label, value in floored.items()}, off_label, stranger)


def certain(label: str, labels: Sequence[str]) -> dict[str, float]:
    """Return the probabilities of an answer that came without any."""
    return {one: 1.0 if one == label else 0.0 for one in labels}


def likeliest(probabilities: Mapping[str, float]) -> str:
    """Return the likeliest label; among equals the first."""
    return max(probabilities, key=lambda label: probabilities[label])


def _probability(logprob: float) -> float:
    if not math.isfinite(logprob) or logprob > _ALMOST_ZERO:
        raise MalformedAnswer(f"the model gave {logprob} as the logarithm of a probability; update its server")
    return math.exp(min(logprob, 0.0))
