"""The AsyncAPI 3.0 document: the same messages, with who sends them and what answers them.

It is written from the server's side, as AsyncAPI wants it: `receive` is what a game sends. A WebSocket has one channel.
"""

from __future__ import annotations

import io
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import LiteralScalarString

from brains.description.codes import CLOSES, ERRORS
from brains.description.examples import examples_of
from brains.description.kinds import CHAT, KINDS, Kind
from brains.description.schema import components
from brains.messages import PROTOCOL_VERSION

__all__ = ["asyncapi", "to_yaml"]

SCHEMAS = "#/components/schemas/{name}"
CHANNEL = "game"

REPLIES = {"hello": "welcome", "agents": "agents_ack", "snapshot": "actions", "chat_message": "chat_response"}
"""What a client's message is answered by."""

DESCRIPTION = """\
What a game and brains say to each other: one JSON object per unfragmented text frame, over one uncompressed WebSocket.

The game sends `hello` within five seconds, gets `welcome`, adds its agents with `agents`, and then sends snapshots.
Every snapshot is answered by one `actions`; only then comes the next. State is latest-wins, events are never dropped in
silence. Unknown fields are ignored, unknown types get a non-fatal `error`. All numbers are finite, all whole ones below
2^53. With the feature `variant` a game may send the same messages as Godot writes them with `var_to_bytes()`, in binary
frames. docs/protocol/README.md has the rules.
"""


def asyncapi(version: str) -> dict[str, Any]:
    """Return the document; `version` is that of the package."""
    kinds = (*KINDS, *CHAT)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": f"brains protocol {PROTOCOL_VERSION}",
            "version": version,
            "description": LiteralScalarString(DESCRIPTION),
            "license": {"name": "MIT"},
            "x-protocol": PROTOCOL_VERSION,
        },
        "defaultContentType": "application/json",
        "servers": {
            "local": {
                "host": "127.0.0.1:8765",
                "protocol": "ws",
                "description": "`brains serve` on this machine. From elsewhere it needs a token in `hello`.",
            }
        },
        "channels": {
            CHANNEL: {
                "address": "/",
                "title": "The connection",
                "description": "One WebSocket per game. Without a subprotocol, or with `brains.v1`.",
                "servers": [{"$ref": "#/servers/local"}],
                "messages": {kind.name: {"$ref": f"#/components/messages/{kind.name}"} for kind in kinds},
                "bindings": {"ws": {"method": "GET", "bindingVersion": "0.1.0"}},
                "x-close-codes": {
                    str(close.code): {"name": close.name, "retry": close.retry, "description": close.text}
                    for close in sorted(CLOSES, key=lambda close: close.code)
                },
                "x-error-codes": dict(ERRORS),
            }
        },
        "operations": dict(_operations()),
        "components": {
            "messages": {kind.name: _message(kind) for kind in kinds},
            "schemas": components(SCHEMAS),
        },
    }


def to_yaml(document: dict[str, Any]) -> str:
    """Return a document as YAML, in the order in which it was made."""
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.allow_unicode = True
    yaml.width = 10_000  # a broken line would end with a space
    yaml.indent(mapping=2, sequence=4, offset=2)
    # Python shares equal parts; in a document that people read, an alias is only in the way.
    yaml.representer.ignore_aliases = lambda _: True
    out = io.StringIO()
    yaml.dump(document, out)
    return out.getvalue()


def _operations() -> list[tuple[str, dict[str, Any]]]:
    """Return one operation for each message that has an answer, and one each way for all the others."""
    answers = set(REPLIES.values())
    made: list[tuple[str, dict[str, Any]]] = []
    for name, reply in REPLIES.items():
        made.append((name, {**_operation("receive", [name]), "reply": _part([reply])}))
    told = [kind.name for kind in KINDS if "client" in kind.senders and kind.name not in REPLIES]
    made.append(("other_from_game", _operation("receive", told)))
    said = [kind.name for kind in KINDS if "server" in kind.senders and kind.name not in answers]
    made.append(("other_to_game", _operation("send", said)))
    return made


def _operation(action: str, names: list[str]) -> dict[str, Any]:
    return {"action": action, **_part(names)}


def _part(names: list[str]) -> dict[str, Any]:
    return {
        "channel": {"$ref": f"#/channels/{CHANNEL}"},
        "messages": [{"$ref": f"#/channels/{CHANNEL}/messages/{name}"} for name in names],
    }


def _message(kind: Kind) -> dict[str, Any]:
    text = (kind.cls.__doc__ or "").strip()
    return {
        "name": kind.name,
        "title": kind.name,
        "summary": text.partition("\n")[0],
        "contentType": "application/json",
        "payload": {"$ref": SCHEMAS.format(name=kind.cls.__name__)},
        "x-from": list(kind.senders),
        "examples": [{"name": one.case, "payload": one.message} for one in examples_of(kind.name)],
    }
