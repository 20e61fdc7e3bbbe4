"""Protocol 1, described for machines and for people: AsyncAPI, JSON Schema, examples and tables.

All of it is made from the classes of `brains.messages` and from the texts in `brains.description.kinds`.
"""

from __future__ import annotations

from brains.description.asyncapi import asyncapi, to_yaml
from brains.description.codes import CLOSES, ERRORS
from brains.description.examples import Example, examples
from brains.description.files import files
from brains.description.invalid_examples import INVALID_EXAMPLES
from brains.description.kinds import CHAT, FIELDS, KINDS, Kind
from brains.description.schema import components, json_schema
from brains.description.tables import fill_in

__all__ = [
    "CHAT",
    "CLOSES",
    "ERRORS",
    "FIELDS",
    "INVALID_EXAMPLES",
    "KINDS",
    "Example",
    "Kind",
    "asyncapi",
    "components",
    "examples",
    "files",
    "fill_in",
    "json_schema",
    "to_yaml",
]
