"""Questions into requests, replies into decisions; and how sure a decision may be. All of it pure.

How a question becomes one token: the answers are words that carry their meaning and begin differently, the
prompt shows examples, and the next token's probabilities, summed over spellings, are the answer.
"""

from __future__ import annotations

from brains.decide.calibration import Sample, fit
from brains.decide.calibration import apply as apply_calibration
from brains.decide.deciding import decide, usable_calibration
from brains.decide.labels import FLOOR, OFF_LABEL_LIMIT, LabelScores, alike, score_labels
from brains.decide.repair import repair_for
from brains.decide.schema import check_value, parse_object
from brains.decide.scoring import Scores, accuracy, auc, held_out, majority, nearest_example
from brains.decide.ways import choose_way, completion_text, is_yes_no, label_schema, request_for

__all__ = [
    "FLOOR",
    "OFF_LABEL_LIMIT",
    "LabelScores",
    "Sample",
    "Scores",
    "accuracy",
    "alike",
    "apply_calibration",
    "auc",
    "check_value",
    "choose_way",
    "completion_text",
    "decide",
    "fit",
    "held_out",
    "is_yes_no",
    "label_schema",
    "majority",
    "nearest_example",
    "parse_object",
    "repair_for",
    "request_for",
    "score_labels",
    "usable_calibration",
]
