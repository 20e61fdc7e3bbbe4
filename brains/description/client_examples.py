"""Messages as games send them: for readers, and as fixtures for every implementation."""

from __future__ import annotations

from typing import Any

__all__ = ["CLIENT_EXAMPLES"]

_PATROL = {
    "name": "Patrol",
    "description": "Walk one round of a route.",
    "params": {
        "type": "object",
        "properties": {"route": {"type": "string", "enum": ["wall", "market"]}},
        "required": ["route"],
    },
}
_MOVE = {
    "name": "MoveTo",
    "description": "Walk to a place.",
    "params": {
        "type": "object",
        "properties": {
            "to": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
            "speed": {"type": "number", "minimum": 0.0, "maximum": 10.0},
            "steps": {"type": "integer", "minimum": 1.0},
            "run": {"type": "boolean"},
        },
        "required": ["to"],
    },
}

CLIENT_EXAMPLES: dict[str, dict[str, dict[str, Any]]] = {
    "hello": {
        "minimal": {"type": "hello", "protocol": 1},
        "full": {
            "type": "hello",
            "protocol": 1,
            "min_protocol": 1,
            "client": {"name": "Castle", "version": "0.3", "engine": "Godot 4.6.3", "platform": "Linux"},
            "token": "open sesame",
            "session": {"id": "5f0c62e7a1b94d38", "resume": "q3J8vN0d1m2wYb7K"},
            "features": ["variant"],
            "limits": {"max_message_bytes": 4194304},
            "clock": {"physics_tps": 60},
        },
        "whole_as_float": {
            "type": "hello",
            "protocol": 1.0,
            "min_protocol": 1.0,
            "limits": {"max_message_bytes": 65535.0},
            "clock": {"physics_tps": 60.0},
        },
        "newer": {"type": "hello", "protocol": 3, "min_protocol": 1, "features": ["delta", "rows"]},
        "null_is_absent": {"type": "hello", "protocol": 1, "token": None, "session": None},
        "unknown_fields": {
            "type": "hello",
            "protocol": 1,
            "mood": "sunny",
            "limits": {"max_message_bytes": 4096, "max_colours": [16, None, {"type": "hello"}]},
        },
    },
    "agents": {
        "minimal": {"type": "agents"},
        "full": {
            "type": "agents",
            "epoch": 2,
            "add": [
                {
                    "id": "guard_1",
                    "brain": "guard",
                    "kind": "guard",
                    "actions": [_PATROL, _MOVE, {"name": "Ignore", "description": "Look away.", "params": {}}],
                    "meta": {"scene": "res://yard.tscn"},
                }
            ],
            "remove": ["thief_1", "thief_2"],
        },
        "empty_lists": {
            "type": "agents",
            "epoch": 0,
            "add": [{"id": "stone", "brain": "guard", "actions": []}],
            "remove": [],
        },
        "whole_as_float": {"type": "agents", "epoch": 3.0, "add": [], "remove": ["guard_1"]},
        "unicode": {
            "type": "agents",
            "epoch": 1,
            "add": [
                {
                    "id": "señora Ñandú 🦤",
                    "brain": "村人",
                    "actions": [{"name": "Saluer", "description": "Dire « bonjour » à quelqu'un."}],
                }
            ],
        },
        "unknown_fields": {
            "type": "agents",
            "epoch": 1,
            "kinds": {"guard": {"actions": ["Patrol"]}},
            "add": [{"id": "a", "brain": "guard", "colour": [1, 0, 0, 1], "actions": [{"name": "Patrol", "cost": 3}]}],
        },
    },
    "snapshot": {
        "minimal": {"type": "snapshot", "seq": 1, "time_ms": 0},
        "full": {
            "type": "snapshot",
            "seq": 42,
            "epoch": 2,
            "frame": 2520,
            "time_ms": 42016.667,
            "world": {"light": "dark", "alarm": False},
            "agents": {
                "guard_1": {
                    "me": {
                        "pos": [3.2, 8.1],
                        "hp": 100,
                        "sees": [{"id": "villain", "kind": "stranger", "looks": "a masked man", "distance": 4.0}],
                    },
                    "available": ["Patrol", "MoveTo"],
                    "requested": True,
                },
                "guard_2": {"me": {"pos": [0.0, 0.0], "hp": 12, "sees": []}, "requested": False},
            },
            "events": [
                {"agent": "guard_1", "name": "hurt", "data": {"by": "villain", "points": 7}, "time_ms": 41980.5},
                {"name": "bell", "data": {}, "time_ms": 42000.0},
            ],
            "events_dropped": 0,
            "results": [
                {
                    "type": "action_result",
                    "agent": "guard_1",
                    "id": "guard_1#7",
                    "status": "success",
                    "time_ms": 42010.0,
                },
                {"agent": "guard_2", "id": "guard_2#3", "status": "failure", "code": "blocked", "message": "no way"},
            ],
        },
        "empty": {
            "type": "snapshot",
            "seq": 2,
            "epoch": 0,
            "time_ms": 100,
            "world": {},
            "agents": {},
            "events": [],
            "results": [],
        },
        "empty_me": {
            "type": "snapshot",
            "seq": 3,
            "time_ms": 200,
            "agents": {"blind": {"me": {}, "available": []}},
        },
        "nested_me": {
            "type": "snapshot",
            "seq": 4,
            "time_ms": 300,
            "agents": {
                "a": {
                    "me": {
                        "type": "snapshot",
                        "seq": 999,
                        "inventory": {"bag": {"purse": {"coins": [1, [2, [3, [4, {"rare": True}]]]]}}},
                        "nothing": None,
                        "table": [[], {}, [[]], [{}], ""],
                        "": "a key without a name",
                    }
                }
            },
        },
        "whole_as_float": {
            "type": "snapshot",
            "seq": 5.0,
            "epoch": 1.0,
            "frame": 300.0,
            "time_ms": 5000.0,
            "agents": {"a": {"me": {"hp": 100.0, "id": 7.0}}},
            "events_dropped": 0.0,
        },
        "large_numbers": {
            "type": "snapshot",
            "seq": 9007199254740991,
            "time_ms": 9007199254740.5,
            "frame": 9007199254740992,
            "world": {"tiny": 1e-300, "huge": 1.5e300, "negative_zero": -0.0, "below": -9007199254740991},
        },
        "unicode": {
            "type": "snapshot",
            "seq": 6,
            "time_ms": 500,
            "world": {"sign": "Zum Bären — 🐻‍❄️ 熊 \u202eright to left\u202c"},
            "agents": {"señora Ñandú 🦤": {"me": {"hears": "¿Quién está ahí?"}}},
            "events": [{"agent": "señora Ñandú 🦤", "name": "oído", "data": {"texto": "¡Alto!"}}],
        },
        "escaped_control_characters": {
            "type": "snapshot",
            "seq": 7,
            "time_ms": 600,
            "world": {
                "note": 'tab\there, line\nthere, bell\u0007, escape\u001b[31m, vertical\u000b, "quoted" \\ / \u2028'
            },
        },
        "null_is_absent": {
            "type": "snapshot",
            "seq": 8,
            "time_ms": 700,
            "agents": {"a": {"me": {"target": None}, "available": None}},
            "events": [{"name": "bell", "agent": None}],
        },
        "event_for_all": {
            "type": "snapshot",
            "seq": 9,
            "time_ms": 800,
            "events": [{"agent": "", "name": "thunder"}, {"name": "rain"}],
        },
        "unknown_fields": {
            "type": "snapshot",
            "seq": 10,
            "time_ms": 900,
            "base": 9,
            "agents": {"a": {"me": {"hp": 1}, "obs": {"hp": 2}, "mood": "good"}},
            "events": [{"name": "bell", "loudness": 11}],
            "results": [{"agent": "a", "id": "a#1", "status": "running", "part": 0.25}],
        },
    },
    "action_result": {
        "minimal": {"type": "action_result", "agent": "guard_1", "id": "guard_1#7", "status": "running"},
        "full": {
            "type": "action_result",
            "agent": "guard_1",
            "id": "guard_1#7",
            "status": "failure",
            "code": "blocked",
            "message": "the gate is shut",
            "data": {"at": [3.0, 1.5], "tries": 2},
            "time_ms": 42016.667,
        },
        "success": {
            "type": "action_result",
            "agent": "guard_1",
            "id": "guard_1#8",
            "status": "success",
            "time_ms": 43000,
        },
        "rejected": {
            "type": "action_result",
            "agent": "guard_1",
            "id": "guard_1#9",
            "status": "rejected",
            "code": "bad_params",
            "message": "route: not one of wall, market",
        },
        "cancelled": {"type": "action_result", "agent": "guard_1", "id": "guard_1#10", "status": "cancelled"},
        "expired": {
            "type": "action_result",
            "agent": "guard_1",
            "id": "guard_1#11",
            "status": "expired",
            "code": "stale",
            "time_ms": 45000.0,
        },
        "unicode": {
            "type": "action_result",
            "agent": "señora Ñandú 🦤",
            "id": "señora Ñandú 🦤#1",
            "status": "failure",
            "message": "está cerrado 🔒",
        },
        "unknown_fields": {
            "type": "action_result",
            "agent": "a",
            "id": "a#1",
            "status": "running",
            "part": 0.5,
            "name": "Patrol",
        },
    },
    "track": {
        "minimal": {"type": "track"},
        "full": {"type": "track", "agent": "guard_1"},
        "unicode": {"type": "track", "agent": "señora Ñandú 🦤"},
        "unknown_fields": {"type": "track", "agent": "guard_1", "since": 4},
    },
    "ping": {
        "minimal": {"type": "ping"},
        "full": {"type": "ping", "t": 1234.5},
        "whole": {"type": "ping", "t": 7},
        "unknown_fields": {"type": "ping", "t": -1.0, "from": "web"},
    },
    "pong": {
        "minimal": {"type": "pong"},
        "full": {"type": "pong", "t": 1234.5},
        "unknown_fields": {"type": "pong", "t": 0, "late": True},
    },
    "error": {
        "minimal": {"type": "error", "code": "unknown_type", "message": "there is no message of type 'dance'"},
        "full": {
            "type": "error",
            "code": "bad_field",
            "message": "actions: `seq` is missing",
            "hint": "send one with every answer",
            "fatal": False,
            "ref": {"type": "actions", "seq": 12, "agent": "guard_1", "id": "guard_1#7"},
        },
        "code_of_its_own": {"type": "error", "code": "too_hot", "message": "🔥", "ref": {}},
        "unknown_fields": {"type": "error", "code": "internal", "message": "", "stack": ["a", "b"]},
    },
    "bye": {
        "minimal": {"type": "bye"},
        "full": {"type": "bye", "reason": "the player has quit"},
        "unknown_fields": {"type": "bye", "reason": "", "code": 1000},
    },
}
"""By type and case."""
