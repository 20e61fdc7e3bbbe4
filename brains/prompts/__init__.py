"""Prompts: front matter and Jinja parts, compiled from text, filled with one agent's world.

The layer does no input or output; `brains.reload` reads and watches the files.
"""

from __future__ import annotations

from brains.prompts.frontmatter import AnswerKind, Example
from brains.prompts.labels import label_problem, words_in
from brains.prompts.library import PromptLibrary, StoredCalibration, decode_calibrations, encode_calibrations
from brains.prompts.prompt import ENOUGH_EXAMPLES, Prompt
from brains.prompts.safety import clean

__all__ = [
    "ENOUGH_EXAMPLES",
    "AnswerKind",
    "Example",
    "Prompt",
    "PromptLibrary",
    "StoredCalibration",
    "clean",
    "decode_calibrations",
    "encode_calibrations",
    "label_problem",
    "words_in",
]
