"""Questions into requests, replies into decisions; and how sure a decision may be. All of it pure.

How a question becomes one token: the answers are words that carry their meaning and begin differently, the
prompt shows examples, and the next token's probabilities, summed over spellings, are the answer.
"""

from __future__ import annotations

from brains.decide.calibration import METHODS, Method, Sample, fit
from brains.decide.calibration import apply as apply_calibration
from brains.decide.choosing import Choice, choose_method
from brains.decide.deciding import decide, usable_calibration
from brains.decide.labels import FLOOR, OFF_LABEL_LIMIT, LabelScores, score_labels
from brains.decide.repair import repair_for
from brains.decide.schema import check_value, parse_object
from brains.decide.scoring import (
    Bin,
    Scores,
    accuracy,
    auc,
    best_threshold,
    calibration_error,
    chances,
    held_out,
    log_loss,
    majority,
    mean_auc,
    nearest_example,
    reliability,
)
from brains.decide.ways import choose_way, completion_text, is_yes_no, label_schema, request_for

__all__ = [
    "FLOOR",
    "METHODS",
    "OFF_LABEL_LIMIT",
    "Bin",
    "Choice",
    "LabelScores",
    "Method",
    "Sample",
    "Scores",
    "accuracy",
    "apply_calibration",
    "auc",
    "best_threshold",
    "calibration_error",
    "chances",
    "check_value",
    "choose_method",
    "choose_way",
    "completion_text",
    "decide",
    "fit",
    "held_out",
    "is_yes_no",
    "label_schema",
    "log_loss",
    "majority",
    "mean_auc",
    "nearest_example",
    "parse_object",
    "reliability",
    "repair_for",
    "request_for",
    "score_labels",
    "usable_calibration",
]
