"""Frames that are no message, and the code with which they are refused."""

from __future__ import annotations

from brains.description.kinds import Sender

__all__ = ["INVALID_EXAMPLES"]

_NOT_JSON = {
    "empty": "",
    "not_json": "hello",
    "cut_off": '{"type":"ping","t":1',
    "nan": '{"type":"ping","t":nan}',
    "infinity": '{"type":"ping","t":Infinity}',
    "vertical_tab": '{"type":"pong","x":"\\v"}',
    "list": "[]",
    "string": '"hello"',
    "null": "null",
}
"""Neither side may take these for a message."""

INVALID_EXAMPLES: dict[Sender, dict[str, tuple[str, str]]] = {
    "client": {
        **{case: (frame, "bad_message") for case, frame in _NOT_JSON.items()},
        "control_character": ('{"type":"pong","x":"\x01"}', "bad_message"),
        "overflow": ('{"type":"ping","t":1e99999}', "bad_message"),
        "half_of_a_surrogate_pair": ('{"type":"pong","x":"\\ud800"}', "bad_message"),
        "trailing_comma": ('{"type":"pong","x":[1,2,]}', "bad_message"),
        "no_type": ("{}", "unknown_type"),
        "number_as_type": ('{"type":7}', "unknown_type"),
        "type_of_the_server": ('{"type":"welcome"}', "unknown_type"),
        "type_in_capitals": ('{"type":"Hello","protocol":1}', "unknown_type"),
        "hello_without_protocol": ('{"type":"hello"}', "bad_field"),
        "protocol_as_text": ('{"type":"hello","protocol":"1"}', "bad_field"),
        "hello_client_as_text": ('{"type":"hello","protocol":1,"client":"Castle"}', "bad_field"),
        "limits_negative": ('{"type":"hello","protocol":1,"limits":{"max_message_bytes":-1}}', "bad_field"),
        "agent_without_id": ('{"type":"agents","add":[{"brain":"guard"}]}', "bad_field"),
        "agent_with_empty_id": ('{"type":"agents","add":[{"id":"","brain":"guard"}]}', "bad_field"),
        "agent_id_as_number": ('{"type":"agents","add":[{"id":7,"brain":"guard"}]}', "bad_field"),
        "actions_as_names": ('{"type":"agents","add":[{"id":"a","brain":"b","actions":["Patrol"]}]}', "bad_field"),
        "remove_null": ('{"type":"agents","remove":null}', "bad_field"),
        "snapshot_without_seq": ('{"type":"snapshot","time_ms":5}', "bad_field"),
        "snapshot_without_time": ('{"type":"snapshot","seq":1}', "bad_field"),
        "snapshot_seq_negative": ('{"type":"snapshot","seq":-1,"time_ms":5}', "bad_field"),
        "snapshot_seq_too_large": ('{"type":"snapshot","seq":9e16,"time_ms":5}', "bad_field"),
        "snapshot_seq_as_text": ('{"type":"snapshot","seq":"1","time_ms":5}', "bad_field"),
        "snapshot_agents_as_list": ('{"type":"snapshot","seq":1,"time_ms":5,"agents":[{"id":"a"}]}', "bad_field"),
        "snapshot_me_as_list": ('{"type":"snapshot","seq":1,"time_ms":5,"agents":{"a":{"me":[1]}}}', "bad_field"),
        "event_without_name": ('{"type":"snapshot","seq":1,"time_ms":5,"events":[{"agent":"a"}]}', "bad_field"),
        "result_without_id": ('{"type":"action_result","agent":"a","status":"success"}', "bad_field"),
        "result_with_unknown_status": ('{"type":"action_result","agent":"a","id":"1","status":"fine"}', "bad_field"),
        "error_without_code": ('{"type":"error","message":"oh"}', "bad_field"),
        "ping_as_text": ('{"type":"ping","t":"now"}', "bad_field"),
        "chat_of_a_number": ('{"message":5}', "bad_field"),
    },
    "server": {
        **{case: (frame, "bad_message") for case, frame in _NOT_JSON.items()},
        "no_type": ("{}", "unknown_type"),
        "unknown_type": ('{"type":"dance","agents":[]}', "unknown_type"),
        "type_of_the_client": ('{"type":"hello","protocol":1}', "unknown_type"),
        "number_as_type": ('{"type":7}', "unknown_type"),
        "welcome_without_session": ('{"type":"welcome","protocol":1}', "bad_field"),
        "welcome_with_empty_session": (
            '{"type":"welcome","protocol":1,"server":{},"session":{},"tick":{},"limits":{},"heartbeat_s":20,'
            '"features":[],"brains":[]}',
            "bad_field",
        ),
        "ack_without_lists": ('{"type":"agents_ack","epoch":1}', "bad_field"),
        "ack_with_null": ('{"type":"agents_ack","epoch":1,"ok":null,"rejected":null}', "bad_field"),
        "actions_without_snapshot": (
            '{"type":"actions","seq":1,"epoch":0,"cancel":[],"actions":[],"busy":[],"server_ms":0}',
            "bad_field",
        ),
        "actions_as_object": (
            '{"type":"actions","seq":1,"snapshot":1,"epoch":0,"cancel":[],"actions":{},"busy":[],"server_ms":0}',
            "bad_field",
        ),
        "action_without_id": (
            '{"type":"actions","seq":1,"snapshot":1,"epoch":0,"cancel":[],"busy":[],"server_ms":0,'
            '"actions":[{"agent":"a","name":"Patrol","params":{},"source":"tree"}]}',
            "bad_field",
        ),
        "action_with_list_of_params": (
            '{"type":"actions","seq":1,"snapshot":1,"epoch":0,"cancel":[],"busy":[],"server_ms":0,'
            '"actions":[{"agent":"a","id":"a#1","name":"Patrol","params":["wall"],"source":"tree"}]}',
            "bad_field",
        ),
        "say_without_text": ('{"type":"say","agent":"a","id":"1","done":true}', "bad_field"),
        "wake_of_one": ('{"type":"wake","agents":"guard_1"}', "bad_field"),
        "hold_of_nobody": ('{"type":"hold","reason":"breakpoint"}', "bad_field"),
    },
}
"""By sender and case: the raw text of the frame, and the code."""
