"""JSON of texts that have no UTF-8."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brains.jsontext import encoded
from brains.trace.events import DoneEvent, NodesEvent, TurnEvent, encode

any_text = st.text(
    st.characters(codec=None, categories=None) | st.characters(min_codepoint=0xD800, max_codepoint=0xDFFF)
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | any_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text, inner, max_size=4),
    max_leaves=8,
)


@given(values)
def test_any_text_can_be_put_into_json_and_whole_text_is_left_as_it_is(value: Any) -> None:
    found = encoded(value)
    try:
        assert found == msgspec.json.encode(value)
    except UnicodeEncodeError:
        assert "\ufffd" in json.dumps(json.loads(found), ensure_ascii=False)


def test_what_is_raw_and_what_json_does_not_know_is_written_as_ever() -> None:
    turn = TurnEvent(agent=1, tick=2, at=0.5, me=msgspec.Raw(b'{"hp":3}'), texts=((0, "half \ud83d"),))
    assert json.loads(encode(turn)) == {
        "type": "turn", "agent": 1, "tick": 2, "at": 0.5, "me": {"hp": 3}, "texts": [[0, "half \ufffd"]],
    }  # fmt: skip
    nodes = NodesEvent(agent=1, tick=2, ran=((0, "S"),), why={3: "\udcff"})
    assert json.loads(encode(nodes))["why"] == {"3": "\ufffd"}
    done = DoneEvent(agent=1, tick=2, time=0.5, status="RUNNING", speech=(("a~1", "\ud83d", True),))
    assert json.loads(encode(done))["speech"] == [["a~1", "\ufffd", True]]


def test_what_has_no_json_is_still_an_error() -> None:
    with pytest.raises(TypeError):
        encoded({"\ud83d": object()})
