"""Reads the head of a GGUF file: the few facts that decide how a model is loaded, and where its tensors are."""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

from brains.errors import ModelRefused

__all__ = ["GgufHead", "GgufLayout", "GgufTensor", "read_head", "read_layout"]

MAGIC = b"GGUF"
STRING, ARRAY = 8, 9
SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
LONGEST_STRING = 1 << 20
MOST_ENTRIES = 4096
MOST_TENSORS = 1 << 16
MOST_DIMENSIONS = 4
ALIGNMENT = 32
"""Of the tensors' data, where the file does not say."""
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


class GgufTensor(NamedTuple):
    """One tensor of a file."""

    name: str
    shape: tuple[int, ...]
    """The length of a row first."""
    kind: int
    """How its numbers are written, by ggml's number for that."""
    offset: int
    """Of its data in the file, in bytes."""
    size: int
    """Bytes until the next tensor, or the end of the file."""


class GgufLayout(NamedTuple):
    """Where everything is in a file."""

    values_end: int
    """Bytes before the list of tensors: magic, counts and all values."""
    alignment: int
    """The data of each tensor begins at a multiple of this."""
    tensors: tuple[GgufTensor, ...]
    """In the order of the list."""


def read_head(path: Path) -> GgufHead:
    """Read the head of a file.

    Raises:
        ModelRefused: it is not a GGUF file.
    """
    with _opened(path) as file:
        values = _metadata(file)
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


def read_layout(path: Path) -> GgufLayout:
    """Read where everything is in a file; takes a tenth of a second, for all the words of the tokenizer.

    Raises:
        ModelRefused: it is not a GGUF file.
    """
    with _opened(path) as file:
        _, count, entries = _counts(file)
        values = {_string(file): _value(file, _unpack(file, "<I")) for _ in range(entries)}
        end = file.tell()
        alignment = int(values.get("general.alignment", ALIGNMENT))
        if alignment < 1 or count > MOST_TENSORS:
            raise ValueError(f"{count} tensors, aligned to {alignment} bytes")
        listed = [_tensor(file) for _ in range(count)]
        begin = -(-file.tell() // alignment) * alignment
        length = file.seek(0, os.SEEK_END)
    offsets = sorted(begin + tensor.offset for tensor in listed)
    ends = dict(zip(offsets, [*offsets[1:], length], strict=True))
    tensors = (tensor._replace(offset=begin + tensor.offset) for tensor in listed)
    return GgufLayout(
        end, alignment, tuple(tensor._replace(size=ends[tensor.offset] - tensor.offset) for tensor in tensors)
    )


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file behind its magic; whatever is wrong with it while it is read is said of the file."""
    with path.open("rb") as file:
        if file.read(4) != MAGIC:
            raise ModelRefused(f"{path} is not a GGUF file: llama.cpp runs nothing else")
        try:
            yield file
        except (struct.error, ValueError, TypeError, RecursionError) as error:
            raise ModelRefused(f"{path} is cut off or damaged in its head ({error}): fetch it again") from error


def _counts(file: IO[bytes]) -> tuple[int, int, int]:
    """Return the version and the numbers of tensors and values."""
    version, tensors, entries = _unpack(file, "<I"), _unpack(file, "<Q"), _unpack(file, "<Q")
    if version < 2 or entries > MOST_ENTRIES:
        raise ValueError(f"version {version} with {entries} values")
    return version, tensors, entries


def _tensor(file: IO[bytes]) -> GgufTensor:
    """Read one line of the list; its offset counts from the beginning of all data, and its size is not known yet."""
    name, dimensions = _string(file), _unpack(file, "<I")
    if dimensions > MOST_DIMENSIONS:
        raise ValueError(f"a tensor with {dimensions} dimensions")
    shape = tuple(_unpack(file, "<Q") for _ in range(dimensions))
    return GgufTensor(name, shape, _unpack(file, "<I"), _unpack(file, "<Q"), 0)


def _metadata(file: IO[bytes]) -> dict[str, Any]:
    """Return the values before the tokenizer's, whose hundreds of thousands of words nobody here needs."""
    _, _, entries = _counts(file)
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
