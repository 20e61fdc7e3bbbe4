"""Reads a Variant's bytes into what the addon's JSON would have said of it."""

from __future__ import annotations

import base64
import re
import struct
from collections.abc import Callable, Sequence
from math import ceil, floor, isfinite
from typing import Any

from brains.variant.types import BOOL, DICTIONARY, INT, STRING, WIDE, WIDE_FLOAT

__all__ = ["VariantError", "from_bytes"]

LARGEST_INT = 2**53
"""Godot's JSON has no larger integers."""
MOST_KEYS = 4096
LONGEST_KEY = 64
"""Keys are the same in every snapshot, so short ones are kept; not more of them than a game has."""

_SIGN = 0x80000000

_CONTROL = re.compile("[\x00-\x07\x0b\x0e-\x1f\x7f]")
_double = struct.Struct("<d").unpack_from

Words = Sequence[int]
Found = tuple[Any, int]
"""A value, and the number of the word after it."""
Reader = Callable[[bytes, Words, int], Found]


class VariantError(Exception):
    """These bytes are no Variant that a game may send.

    Attributes:
        head: of a dictionary, what stands before the place where it cannot be read on.
    """

    def __init__(self, message: str, head: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.head = {} if head is None else head


def from_bytes(data: bytes) -> Any:
    """Return the value in `data`, in the types of JSON.

    Raises:
        VariantError: it is cut off, is followed by more, is nested too deeply, has types that no Godot has, or whole
            objects in it.
    """
    if len(data) % 4:
        raise VariantError(f"{len(data)} bytes are not whole words of four")
    words = struct.unpack(f"<{len(data) // 4}I", data)
    head: dict[str, Any] = {}
    try:
        if words and words[0] & 0xFF == DICTIONARY:
            value, end = _read_dictionary(data, words, 0, head)
        else:
            value, end = _read(data, words, 0)
        if end != len(words):
            raise VariantError("it is cut off" if end > len(words) else f"{4 * (len(words) - end)} bytes follow it")
    except VariantError as error:
        error.head = head
        raise
    except (IndexError, struct.error):
        raise VariantError("it is cut off", head) from None
    except RecursionError:
        raise VariantError("it is nested too deeply", head) from None
    return value


# --- reading -------------------------------------------------------------------------------------------------------
#
# Each reader takes the bytes, the same as words, and the number of the word where its value begins (with its type).


def _read(data: bytes, words: Words, at: int) -> Found:
    kind = words[at] & 0xFF
    if kind >= len(_READERS):
        raise VariantError(f"there is no type {kind}")
    return _READERS[kind](data, words, at)


def _read_dictionary(data: bytes, words: Words, at: int, into: dict[str, Any] | None = None) -> Found:
    """Read a dictionary, which is most of every message: what is in there most often is read on the spot."""
    made: dict[str, Any] = {} if into is None else into
    at, count = _container(data, words, at)
    for _ in range(count):
        if words[at] == STRING:
            length = words[at + 1]
            start = 4 * at + 8
            raw = data[start : start + length]
            key = _keys.get(raw) or _new_key(raw)
            at += 2 + (length + 3 >> 2)
        else:
            key, at = _read_key(data, words, at)
        header = words[at]
        if header == STRING:
            length = words[at + 1]
            start = 4 * at + 8
            made[key] = _text(data[start : start + length])
            at += 2 + (length + 3 >> 2)
        elif header == INT:
            number = words[at + 1]
            made[key] = number if number < _SIGN else number - 0x100000000
            at += 2
        elif header == WIDE_FLOAT:
            (real,) = _double(data, 4 * at + 4)
            made[key] = real if isfinite(real) else None
            at += 3
        elif header == BOOL:
            made[key] = words[at + 1] != 0
            at += 2
        else:
            made[key], at = _read(data, words, at)
    return made, at


def _read_array(data: bytes, words: Words, at: int) -> Found:
    made: list[Any] = []
    at, count = _container(data, words, at)
    for _ in range(count):
        if words[at] == STRING:
            length = words[at + 1]
            start = 4 * at + 8
            made.append(_text(data[start : start + length]))
            at += 2 + (length + 3 >> 2)
        else:
            value, at = _read(data, words, at)
            made.append(value)
    return made, at


def _container(data: bytes, words: Words, at: int) -> tuple[int, int]:
    """Return where a container's first item is, and how many it has; passes over what types it may hold."""
    header = words[at]
    at += 1
    if header >> 16:
        for shift in (16, 18):
            kind = header >> shift & 3
            if kind == 1:
                at += 1
            elif kind:
                at += 1 + (words[at] + 3 >> 2)  # the name of a class, or the path of a script
    return at + 1, words[at] & 0x7FFFFFFF


def _read_nil(data: bytes, words: Words, at: int) -> Found:
    return None, at + 1


def _read_bool(data: bytes, words: Words, at: int) -> Found:
    return words[at + 1] != 0, at + 2


def _read_int(data: bytes, words: Words, at: int) -> Found:
    number = words[at + 1]
    if not words[at] & WIDE:
        return (number if number < _SIGN else number - 0x100000000), at + 2
    number |= words[at + 2] << 32
    return _whole(number if number < 1 << 63 else number - (1 << 64)), at + 3


def _read_float(data: bytes, words: Words, at: int) -> Found:
    wide = words[at] & WIDE
    (number,) = struct.unpack_from("<d" if wide else "<f", data, 4 * at + 4)
    return (number if isfinite(number) else None), at + (3 if wide else 2)


def _read_string(data: bytes, words: Words, at: int) -> Found:
    length = words[at + 1]
    start = 4 * at + 8
    return _text(data[start : start + length]), at + 2 + (length + 3 >> 2)


def _read_node_path(data: bytes, words: Words, at: int) -> Found:
    if not words[at + 1] & _SIGN:
        raise VariantError("a node path is in the form of Godot 2")
    parts = words[at + 1] & 0x7FFFFFFF, words[at + 2]
    is_absolute = words[at + 3] & 1
    at += 4
    names: list[str] = []
    for _ in range(sum(parts)):
        length = words[at]
        names.append(_text(data[4 * at + 4 : 4 * at + 4 + length]))
        at += 1 + (length + 3 >> 2)
    path = "/".join(names[: parts[0]])
    return "/" * is_absolute + ":".join([path, *names[parts[0] :]]), at


def _read_object(data: bytes, words: Words, at: int) -> Found:
    if not words[at] & WIDE:
        raise VariantError("whole objects may not be sent: var_to_bytes() leaves them out")
    return None, at + 3


def _read_rid(data: bytes, words: Words, at: int) -> Found:
    return None, at + 3


def _read_callable(data: bytes, words: Words, at: int) -> Found:
    return None, at + 1


def _read_signal(data: bytes, words: Words, at: int) -> Found:
    return None, at + 2 + (words[at + 1] + 3 >> 2) + 2


def _integers(count: int) -> Reader:
    """Return the reader of a type of so many integers."""
    read = struct.Struct(f"<{count}i").unpack_from

    def reader(data: bytes, words: Words, at: int) -> Found:
        return list(read(data, 4 * at + 4)), at + 1 + count

    return reader


def _reals(count: int, shape: Callable[[Sequence[float]], Any] | None = None) -> Reader:
    """Return the reader of a type of so many floats; those of a build with double precision are wide."""
    narrow, wide = struct.Struct(f"<{count}f").unpack_from, struct.Struct(f"<{count}d").unpack_from

    def reader(data: bytes, words: Words, at: int) -> Found:
        if words[at] & WIDE:
            numbers, end = wide(data, 4 * at + 4), at + 1 + 2 * count
        else:
            numbers, end = narrow(data, 4 * at + 4), at + 1 + count
        if shape is None:
            return _rounded(numbers), end
        return shape(numbers), end

    return reader


def _rows(*rows: slice) -> Callable[[Sequence[float]], Any]:
    """Return what makes a list of lists of a type's numbers; None if one is not finite."""

    def shape(numbers: Sequence[float]) -> Any:
        made = [_rounded(numbers[row]) for row in rows]
        return None if None in made else made

    return shape


def _packed(code: str, size: int) -> Reader:
    """Return the reader of a packed array of numbers."""

    def reader(data: bytes, words: Words, at: int) -> Found:
        count = words[at + 1]
        numbers = struct.unpack_from(f"<{count}{code}", data, 4 * at + 8)
        end = at + 2 + count * size // 4
        if code == "q":
            return [_whole(number) for number in numbers], end
        if code == "i":
            return list(numbers), end
        return [number if isfinite(number) else None for number in numbers], end

    return reader


def _packed_reals(each: int) -> Reader:
    """Return the reader of a packed array of vectors or colours of so many numbers."""

    def reader(data: bytes, words: Words, at: int) -> Found:
        wide = words[at] & WIDE
        count = each * words[at + 1]
        numbers = struct.unpack_from(f"<{count}{'d' if wide else 'f'}", data, 4 * at + 8)
        made = [_rounded(numbers[first : first + each]) for first in range(0, count, each)]
        return made, at + 2 + count * (2 if wide else 1)

    return reader


def _read_packed_bytes(data: bytes, words: Words, at: int) -> Found:
    length = words[at + 1]
    start = 4 * at + 8
    return base64.b64encode(data[start : start + length]).decode(), at + 2 + (length + 3 >> 2)


def _read_packed_strings(data: bytes, words: Words, at: int) -> Found:
    made: list[str] = []
    count = words[at + 1]
    at += 2
    for _ in range(count):
        length = words[at]
        made.append(_text(data[4 * at + 4 : 4 * at + 4 + length]))  # with the NUL at its end, which is dropped
        at += 1 + (length + 3 >> 2)
    return made, at


_READERS: tuple[Reader, ...] = (
    _read_nil,
    _read_bool,
    _read_int,
    _read_float,
    _read_string,
    _reals(2),  # Vector2
    _integers(2),
    _reals(4),  # Rect2
    _integers(4),
    _reals(3),  # Vector3
    _integers(3),
    _reals(6, _rows(slice(0, 2), slice(2, 4), slice(4, 6))),  # Transform2D
    _reals(4),  # Vector4
    _integers(4),
    _reals(4),  # Plane
    _reals(4),  # Quaternion
    _reals(6),  # AABB
    _reals(9, _rows(slice(0, 9, 3), slice(1, 9, 3), slice(2, 9, 3))),  # Basis, which is stored by rows
    _reals(12, _rows(slice(0, 9, 3), slice(1, 9, 3), slice(2, 9, 3), slice(9, 12))),  # Transform3D
    _reals(16, _rows(slice(0, 4), slice(4, 8), slice(8, 12), slice(12, 16))),  # Projection
    _reals(4),  # Color
    _read_string,  # StringName
    _read_node_path,
    _read_rid,
    _read_object,
    _read_callable,
    _read_signal,
    _read_dictionary,
    _read_array,
    _read_packed_bytes,
    _packed("i", 4),
    _packed("q", 8),
    _packed("f", 4),
    _packed("d", 8),
    _read_packed_strings,
    _packed_reals(2),  # PackedVector2Array
    _packed_reals(3),
    _packed_reals(4),  # PackedColorArray
    _packed_reals(4),  # PackedVector4Array
)
"""By the number of the type (`Variant.Type` in Godot)."""


def _text(raw: bytes) -> str:
    """Return a text without control characters and halves of surrogate pairs, which Godot writes as they are."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = raw.decode(errors="ignore")
    return text if text.isprintable() else _CONTROL.sub("", text)


def _whole(number: int) -> int | str:
    return number if -LARGEST_INT <= number <= LARGEST_INT else str(number)


def _rounded(numbers: Sequence[float]) -> list[float] | None:
    """Return numbers with five decimals, rounded as Godot's `roundf()` does; None if one is not finite."""
    try:
        return [
            (floor(100000.0 * number + 0.5) if number >= 0.0 else ceil(100000.0 * number - 0.5)) / 100000.0
            for number in numbers
        ]
    except (OverflowError, ValueError):
        return None


# --- keys ----------------------------------------------------------------------------------------------------------

_keys: dict[bytes, str] = {}


def _new_key(raw: bytes) -> str:
    key = _text(raw)
    if len(raw) <= LONGEST_KEY:
        if len(_keys) >= MOST_KEYS:
            _keys.clear()
        _keys[raw] = key
    return key


def _read_key(data: bytes, words: Words, at: int) -> tuple[str, int]:
    """Read a key that is no String: JSON knows no others, and Godot's writes what `str()` makes of them."""
    kind = words[at] & 0xFF
    value, end = _read(data, words, at)
    if isinstance(value, str) and kind != INT:
        return value, end
    if isinstance(value, list):
        inner = ", ".join(_key_of(part, ".6g") for part in value)
        return f"({inner})", end
    return _key_of(value, ".14g"), end


def _key_of(value: Any, digits: str) -> str:
    if value is None:
        return "<null>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, float):
        return str(value)
    text = format(value, digits)
    if "e" in text:
        text = format(value, ".14f").rstrip("0")
        return text + "0" if text.endswith(".") else text
    return text if "." in text else f"{text}.0"
