"""Messages as servers send them, and what the plain chat client says and hears."""

from __future__ import annotations

from typing import Any

from brains.description.client_examples import CLIENT_EXAMPLES

__all__ = ["CHAT_EXAMPLES", "SERVER_EXAMPLES"]

_SESSION = {"id": "5f0c62e7a1b94d38", "resume": "q3J8vN0d1m2wYb7K", "resumed": False, "ttl_s": 60.0}
_WELCOME = {
    "type": "welcome",
    "protocol": 1,
    "server": {"name": "brains", "version": "0.1.0"},
    "session": _SESSION,
    "tick": {"mode": "snapshot", "hz": 10},
    "limits": {"max_message_bytes": 4194304, "max_agents": 1000, "window": 2},
    "heartbeat_s": 20.0,
    "features": [],
    "brains": ["guard", "merchant", "thief", "villager"],
}
_EMPTY = {
    "type": "actions",
    "seq": 1,
    "snapshot": 1,
    "epoch": 0,
    "cancel": [],
    "actions": [],
    "busy": [],
    "server_ms": 0.0,
}
_PATROL = {"agent": "guard_1", "id": "guard_1#7", "name": "Patrol", "params": {"route": "wall"}, "source": "tree"}

SERVER_EXAMPLES: dict[str, dict[str, dict[str, Any]]] = {
    "welcome": {
        "minimal": {**_WELCOME, "server": {}, "tick": {}, "limits": {}, "brains": []},
        "full": _WELCOME,
        "no_resume": {**_WELCOME, "session": {"id": "5f0c62e7a1b94d38", "resumed": False, "ttl_s": 0.0}},
        "resumed": {**_WELCOME, "session": {**_SESSION, "resume": "Zr4T9aPq6sXw1LhE", "resumed": True}},
        "whole_as_float": {
            **_WELCOME,
            "protocol": 1.0,
            "tick": {"mode": "snapshot", "hz": 10.0},
            "limits": {"max_message_bytes": 65535.0, "max_agents": 8.0, "window": 1.0},
            "heartbeat_s": 20,
        },
        "unicode": {**_WELCOME, "brains": ["村人", "señora", "🦤"]},
        "unknown_fields": {**_WELCOME, "motd": "be kind", "session": {**_SESSION, "kept": [1, {"a": None}]}},
    },
    "agents_ack": {
        "minimal": {"type": "agents_ack", "epoch": 0, "ok": [], "rejected": []},
        "full": {
            "type": "agents_ack",
            "epoch": 2,
            "ok": ["guard_1", "guard_2"],
            "rejected": [
                {"id": "gaurd_3", "code": "unknown_brain", "message": "there is no brain called 'gaurd'"},
                {"id": "guard_1", "code": "duplicate_agent", "message": "'guard_1' is in this message twice"},
            ],
        },
        "whole_as_float": {"type": "agents_ack", "epoch": 3.0, "ok": ["a"], "rejected": []},
        "unicode": {"type": "agents_ack", "epoch": 1, "ok": ["señora Ñandú 🦤"], "rejected": []},
        "unknown_fields": {
            "type": "agents_ack",
            "epoch": 1,
            "ok": [],
            "rejected": [{"id": "a", "code": "a_new_one", "message": "", "line": 4}],
            "took_ms": 1.5,
        },
    },
    "actions": {
        "minimal": _EMPTY,
        "full": {
            **_EMPTY,
            "seq": 42,
            "snapshot": 42,
            "epoch": 2,
            "cancel": ["guard_1#6", "guard_2#2"],
            "actions": [
                {**_PATROL, "ttl_ms": 1000, "reason": "Guard/Patrol"},
                {
                    "agent": "guard_2",
                    "id": "guard_2#3",
                    "name": "MoveTo",
                    "params": {"to": [3.0, 1.5], "speed": 2.5, "steps": 3, "run": True},
                    "source": "llm",
                    "ttl_ms": 1000,
                    "reason": "the model said: walk",
                },
                {
                    "agent": "guard_3",
                    "id": "guard_3#1",
                    "name": "Ignore",
                    "params": {},
                    "source": "fallback",
                    "ttl_ms": 250,
                },
            ],
            "busy": ["guard_2"],
            "server_ms": 0.482,
        },
        "no_ttl": {**_EMPTY, "actions": [_PATROL]},
        "null_ttl": {**_EMPTY, "actions": [{**_PATROL, "ttl_ms": None}]},
        "cancel_only": {**_EMPTY, "seq": 3, "snapshot": 3, "cancel": ["never_heard_of#1"]},
        "whole_as_float": {
            **_EMPTY,
            "seq": 5.0,
            "snapshot": 5.0,
            "epoch": 1.0,
            "actions": [{**_PATROL, "params": {"steps": 3.0}, "ttl_ms": 1000.0}],
            "server_ms": 1,
        },
        "nested_params": {
            **_EMPTY,
            "actions": [{**_PATROL, "params": {"route": [{"at": [0, [1, {"deep": None}]]}, [], {}], "type": "wake"}}],
        },
        "unicode": {
            **_EMPTY,
            "actions": [
                {
                    "agent": "señora Ñandú 🦤",
                    "id": "señora Ñandú 🦤#1",
                    "name": "Saluer",
                    "params": {"qui": "la « reine »", "emoji": "👑"},
                    "source": "llm",
                    "reason": "elle l'a vue",
                }
            ],
        },
        "escaped_control_characters": {
            **_EMPTY,
            "actions": [{**_PATROL, "params": {"text": 'one\ntwo\tthree\u000b\u001b[0m "four" \\'}}],
        },
        "unknown_fields": {
            **_EMPTY,
            "actions": [{**_PATROL, "priority": 3}],
            "debug": {"nodes": []},
        },
    },
    "say": {
        "minimal": {"type": "say", "agent": "guard_1", "id": "line_1", "text": "", "done": False},
        "full": {"type": "say", "agent": "guard_1", "id": "line_1", "text": "Halt! Who goes there?", "done": True},
        "last_piece_empty": {"type": "say", "agent": "guard_1", "id": "line_1", "text": "", "done": True},
        "unicode": {
            "type": "say",
            "agent": "señora Ñandú 🦤",
            "id": "línea 1",
            "text": "¡Hola! 👋🏽 你好",
            "done": True,
        },
        "escaped_control_characters": {
            "type": "say",
            "agent": "guard_1",
            "id": "line_2",
            "text": 'He said: "no".\n\tThen \u0007 \u000b \u001b[31mred \\ backslash',
            "done": False,
        },
        "unknown_fields": {"type": "say", "agent": "a", "id": "1", "text": "Hm.", "done": True, "voice": "deep"},
    },
    "wake": {
        "minimal": {"type": "wake", "agents": []},
        "full": {"type": "wake", "agents": ["guard_1", "guard_2", "nobody_of_this_name"]},
        "unknown_fields": {"type": "wake", "agents": ["guard_1"], "why": "an answer has come"},
    },
    "hold": {
        "minimal": {"type": "hold", "agent": "guard_1"},
        "full": {"type": "hold", "agent": "guard_1", "reason": "breakpoint at Guard/Patrol"},
        "unknown_fields": {"type": "hold", "agent": "guard_1", "reason": "step", "by": "a person"},
    },
    "release": {
        "minimal": {"type": "release", "agent": "guard_1"},
        "unknown_fields": {"type": "release", "agent": "guard_1", "after_ms": 4000},
    },
    "decided": {
        "minimal": {"type": "decided", "agent": "guard_1", "leaf": "Guard/Respond"},
        "full": {
            "type": "decided",
            "agent": "guard_1",
            "leaf": "Guard/Deal with a stranger/Respond",
            "question": 'A pilgrim rests, saying "Peace!"',
            "answer": "peaceful",
            "probabilities": {"peaceful": 0.75, "violent": 0.25},
            "latency_ms": 53.5,
            "model": "embedded",
            "reason": "stale",
        },
        "no_answer": {"type": "decided", "agent": "a", "leaf": "Guard/Respond", "reason": "deadline"},
        "unicode": {"type": "decided", "agent": "a", "leaf": "Ñ", "question": "«¿Quién va?» 🦤", "answer": "sí"},
        "unknown_fields": {"type": "decided", "agent": "a", "leaf": "b", "mood": {"sunny": True}},
    },
    "mind": {
        "minimal": {"type": "mind", "agent": "guard_1", "states": "r.s"},
        "full": {
            "type": "mind",
            "agent": "guard_1",
            "states": "rfr",
            "nodes": [
                {"name": "Guard", "kind": "ReactiveSelector", "depth": 0},
                {"name": "Sees a stranger", "kind": "Sees", "depth": 1},
                {"name": "Patrol", "kind": "Action", "depth": 1},
            ],
        },
        "whole_as_float": {
            "type": "mind",
            "agent": "a",
            "states": "s",
            "nodes": [{"name": "A", "kind": "Action", "depth": 0.0}],
        },
        "unicode": {"type": "mind", "agent": "señora 🦤", "states": "."},
        "unknown_fields": {"type": "mind", "agent": "a", "states": "", "tick": 9},
    },
    "ping": CLIENT_EXAMPLES["ping"],
    "pong": CLIENT_EXAMPLES["pong"],
    "error": {
        "minimal": {"type": "error", "code": "internal", "message": ""},
        "full": {
            "type": "error",
            "code": "bad_field",
            "message": "snapshot: Expected `float`, got `str` - at `$.time_ms`",
            "hint": "look at 'time_ms'",
            "fatal": False,
            "ref": {"type": "snapshot", "seq": 12, "agent": "guard_1", "id": "guard_1#7"},
        },
        "fatal": {
            "type": "error",
            "code": "unauthorized",
            "message": "the token is wrong: the one in BRAINS_TOKEN or --token-file",
            "fatal": True,
        },
        "code_of_its_own": {"type": "error", "code": "a_new_one", "message": "from a newer server"},
        "unknown_fields": {"type": "error", "code": "stale", "message": "", "ref": {"colour": 3}, "severity": 2},
    },
    "bye": {
        "minimal": {"type": "bye"},
        "full": {"type": "bye", "reason": "server stops"},
        "unknown_fields": {"type": "bye", "reason": "", "back_in_s": 5},
    },
}
"""By type and case."""

CHAT_EXAMPLES: dict[str, dict[str, dict[str, Any]]] = {
    "chat_message": {
        "minimal": {"message": ""},
        "full": {"message": "Hola"},
        "unknown_fields": {"message": "Hola", "user": "Ana"},
    },
    "chat_response": {"minimal": {"response": ""}, "full": {"response": "¡Hola! ¿Qué tal?"}},
}
"""Of the plain chat client; these have no `type`."""
