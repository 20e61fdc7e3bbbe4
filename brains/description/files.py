"""The description as files: what lies in `docs/protocol/` of the project."""

from __future__ import annotations

import json
from typing import Any

from brains.description.asyncapi import asyncapi, to_yaml
from brains.description.examples import examples
from brains.description.invalid_examples import INVALID_EXAMPLES
from brains.description.schema import json_schema

__all__ = ["files"]


def files(version: str) -> dict[str, str]:
    """Return the text of each generated file by its path; the README, which is only partly generated, is not in it."""
    made = {"asyncapi.yaml": to_yaml(asyncapi(version)), "schema.json": _text(json_schema())}
    for one in examples():
        made[f"examples/{one.sender}/{one.type}.{one.case}.json"] = _text(one.message)
    for sender, cases in INVALID_EXAMPLES.items():
        for case, (frame, code) in cases.items():
            made[f"examples/invalid/{sender}/{case}.json"] = _text({"frame": frame, "code": code})
    return made


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"
