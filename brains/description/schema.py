"""JSON Schema of all messages, from their classes.

A message that validates is one that `brains.messages` reads. Where the classes are lenient, the schema says what should
be sent: counts are integers, although 1.5 would pass.
"""

from __future__ import annotations

import copy
from typing import Any

import msgspec

from brains.description.kinds import CHAT, FIELDS, KINDS
from brains.messages import PROTOCOL_VERSION, ActionResult, SnapshotMessage

__all__ = ["DEFS", "components", "json_schema"]

DEFS = "#/$defs/{name}"

_NOT_COUNTED = 2**53
RESULT_IN_SNAPSHOT = "ActionResultInSnapshot"


def json_schema() -> dict[str, Any]:
    """Return one JSON Schema (2020-12) for all frames; `$defs` has `ClientMessage` and `ServerMessage`."""
    defs = components(DEFS)
    for sender, name in (("client", "ClientMessage"), ("server", "ServerMessage")):
        of_sender = [kind.cls.__name__ for kind in KINDS if sender in kind.senders]
        defs[name] = {
            "title": name,
            "description": f"All that a {sender} sends; `type` tells them apart.",
            "oneOf": [{"$ref": DEFS.format(name=one)} for one in of_sender],
        }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:brains:protocol:{PROTOCOL_VERSION}",
        "title": f"brains protocol {PROTOCOL_VERSION}",
        "description": "Each text frame is one of these objects. Unknown fields are ignored.",
        "anyOf": [
            {"$ref": DEFS.format(name=name)}
            for name in ("ClientMessage", "ServerMessage", *(kind.cls.__name__ for kind in CHAT))
        ],
        "$defs": dict(sorted(defs.items())),
    }


def components(ref_template: str) -> dict[str, Any]:
    """Return the schema of every message and of every object in one, by class name."""
    classes = tuple(kind.cls for kind in (*KINDS, *CHAT))
    _, found = msgspec.json.schema_components(classes, ref_template=ref_template)
    schemas = {name: _finished(name, schema) for name, schema in found.items()}
    _free_results(schemas, ref_template)
    return schemas


def _finished(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Add what the fields mean, and say what msgspec cannot know."""
    schema = copy.deepcopy(schema)
    for field, part in schema["properties"].items():
        _count(part)
        if field == "type" and "enum" in part:
            schema["properties"][field] = {"const": part["enum"][0]}
        elif text := FIELDS.get(name, {}).get(field):
            # Beside a $ref, a description is allowed since 2019-09; before that it is ignored.
            part["description"] = text
    if not schema["required"]:
        del schema["required"]
    return schema


def _count(part: dict[str, Any]) -> None:
    """Make integers of counts; they are declared as floats because Godot sends 3 as 3.0, which is an integer here."""
    for choice in part.get("anyOf", [part]):
        if choice.get("minimum") == 0 and choice.get("maximum") == _NOT_COUNTED:
            choice["type"] = "integer"


def _free_results(schemas: dict[str, Any], ref_template: str) -> None:
    """Let results in a snapshot do without their `type`."""
    result = copy.deepcopy(schemas[ActionResult.__name__])
    result["title"] = RESULT_IN_SNAPSHOT
    result["description"] = "An `action_result` that rides in a snapshot, where it needs no `type`."
    result["required"].remove("type")
    schemas[RESULT_IN_SNAPSHOT] = result
    snapshot = schemas[SnapshotMessage.__name__]
    snapshot["properties"]["results"]["items"] = {"$ref": ref_template.format(name=RESULT_IN_SNAPSHOT)}
