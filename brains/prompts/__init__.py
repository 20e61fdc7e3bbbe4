"""Prompts: front matter and Jinja parts, compiled from text, filled with one agent's world.

The layer does no input or output; `brains.reload` reads and watches the files.
"""

from __future__ import annotations

from brains.prompts.cases import Case
from brains.prompts.environment import MARK_END, MARK_START, Source
from brains.prompts.frontmatter import AnswerKind, Example
from brains.prompts.labels import label_problem, words_in
from brains.prompts.library import (
    SUFFIX,
    PromptLibrary,
    StoredCalibration,
    decode_calibrations,
    encode_calibrations,
    is_shared,
)
from brains.prompts.prompt import ENOUGH_EXAMPLES, Prompt
from brains.prompts.safety import clean

__all__ = [
    "ENOUGH_EXAMPLES",
    "MARK_END",
    "MARK_START",
    "SUFFIX",
    "AnswerKind",
    "Case",
    "Example",
    "Prompt",
    "PromptLibrary",
    "Source",
    "StoredCalibration",
    "clean",
    "decode_calibrations",
    "encode_calibrations",
    "is_shared",
    "label_problem",
    "words_in",
]
