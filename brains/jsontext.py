"""JSON of values whose texts may hold halves of surrogate pairs, which no UTF-8 has.

A model that breaks an emoji in two brings one, and so does the name of a file that is no UTF-8. One such text must not
take down whatever is sent or recorded with it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

__all__ = ["encoded"]

_HALF = re.compile("[\ud800-\udfff]")
_PLAIN = msgspec.json.Encoder()


def encoded(value: Any, encoder: msgspec.json.Encoder = _PLAIN) -> bytes:
    """Return a value as JSON, by an encoder of one's own or a plain one; U+FFFD stands for half a surrogate pair.

    Raises:
        TypeError: there is something in it that has no JSON.
    """
    try:
        return encoder.encode(value)
    except UnicodeEncodeError:
        return encoder.encode(_mended(msgspec.to_builtins(value, enc_hook=_hook_of(encoder))))


def _hook_of(encoder: msgspec.json.Encoder) -> Any:
    def plain(value: Any) -> Any:
        if isinstance(value, msgspec.Raw):
            return msgspec.json.decode(value)
        if encoder.enc_hook is None:
            raise TypeError(f"a {type(value).__name__} has no JSON")
        return encoder.enc_hook(value)

    return plain


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return _HALF.sub("\ufffd", value)
    if isinstance(value, Mapping):
        return {_mended(key): _mended(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_mended(one) for one in value]
    return value
