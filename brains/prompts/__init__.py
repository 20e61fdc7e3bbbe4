"""Prompts: front matter and Jinja parts, compiled from text, filled with one agent's world.

The layer does no input or output; `brains.reload` reads and watches the files.
"""

from __future__ import annotations

from brains.prompts.cases import Case
from brains.prompts.environment import MARK_END, MARK_START, Source
from brains.prompts.finding import Finding, Severity
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
from brains.prompts.linting import (
    ALIKE,
    BUDGET,
    PROMPT_RULES,
    about,
    from_error,
    from_errors,
    lint_library,
    lint_prompt,
    similar_labels,
)
from brains.prompts.prompt import ENOUGH_EXAMPLES, Prompt
from brains.prompts.safety import clean

__all__ = [
    "ALIKE",
    "BUDGET",
    "ENOUGH_EXAMPLES",
    "MARK_END",
    "MARK_START",
    "PROMPT_RULES",
    "SUFFIX",
    "AnswerKind",
    "Case",
    "Example",
    "Finding",
    "Prompt",
    "PromptLibrary",
    "Severity",
    "Source",
    "StoredCalibration",
    "about",
    "clean",
    "decode_calibrations",
    "encode_calibrations",
    "from_error",
    "from_errors",
    "is_shared",
    "label_problem",
    "lint_library",
    "lint_prompt",
    "similar_labels",
    "words_in",
]
