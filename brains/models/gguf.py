"""Reads the few facts at the head of a GGUF file that decide how a model is loaded."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import IO, Any, NamedTuple

from brains.errors import ModelRefused

__all__ = ["GgufHead", "read_head"]

MAGIC = b"GGUF"
STRING, ARRAY = 8, 9
SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
LONGEST_STRING = 1 << 20
MOST_ENTRIES = 4096
F16_BYTES = 2


class GgufHead(NamedTuple):
    """What a model is. A number that the file does not tell is 0."""

    name: str
    architecture: str
    context: int
    """Tokens that it was trained for."""
    cache_per_token: int
    """Bytes of the key and value cache that one token takes."""
    size_label: str = ""
    """How many parameters it has, in words such as `135M`; empty if the file does not say."""


def read_head(path: Path) -> GgufHead:
    """Read the head of a file.

    Raises:
        ModelRefused: it is not a GGUF file.
    """
    with path.open("rb") as file:
        if file.read(4) != MAGIC:
            raise ModelRefused(f"{path} is not a GGUF file: llama.cpp runs nothing else")
        try:
            values = _metadata(file)
        except (struct.error, ValueError, UnicodeDecodeError) as error:
            raise ModelRefused(f"{path} is cut off or damaged in its head ({error}): fetch it again") from error
    kind = str(values.get("general.architecture", ""))

    def number(key: str) -> int:
        value = values.get(f"{kind}.{key}", 0)
        return value if isinstance(value, int) else 0

    heads = number("attention.head_count")
    width = number("embedding_length") // heads if heads else 0
    keys = number("attention.key_length") or width
    floats = (keys + (number("attention.value_length") or width)) * (number("attention.head_count_kv") or heads)
    return GgufHead(
        name=str(values.get("general.name", path.stem)),
        architecture=kind,
        context=number("context_length"),
        cache_per_token=number("block_count") * floats * F16_BYTES,
        size_label=str(values.get("general.size_label", "")),
    )


def _metadata(file: IO[bytes]) -> dict[str, Any]:
    """Return the values before the tokenizer's, whose hundreds of thousands of words nobody here needs."""
    version, _, entries = _unpack(file, "<I"), _unpack(file, "<Q"), _unpack(file, "<Q")
    if version < 2 or entries > MOST_ENTRIES:
        raise ValueError(f"version {version} with {entries} values")
    values: dict[str, Any] = {}
    for _ in range(entries):
        key = _string(file)
        if key.startswith("tokenizer."):
            break
        values[key] = _value(file, _unpack(file, "<I"))
    return values


def _value(file: IO[bytes], kind: int) -> Any:
    if kind == STRING:
        return _string(file)
    if kind == ARRAY:
        kind, count = _unpack(file, "<I"), _unpack(file, "<Q")
        if count > LONGEST_STRING:
            raise ValueError(f"a list of {count} values")
        return [_value(file, kind) for _ in range(count)]
    if kind not in SCALARS:
        raise ValueError(f"a value of the unknown type {kind}")
    return _unpack(file, SCALARS[kind])


def _unpack(file: IO[bytes], form: str) -> Any:
    return struct.unpack(form, file.read(struct.calcsize(form)))[0]


def _string(file: IO[bytes]) -> str:
    length = _unpack(file, "<Q")
    if length > LONGEST_STRING:
        raise ValueError(f"a text of {length} bytes")
    return file.read(length).decode()
