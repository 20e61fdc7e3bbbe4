"""The bytes here are what Godot 4.6.3 writes; tests/godot/test_codec.py has it write thousands of others."""

from __future__ import annotations

import contextlib
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brains.variant import VariantError, from_bytes, reading, to_bytes

WRITTEN: list[tuple[str, str, Any]] = [
    ("null", "00000000", None),
    ("true", "0100000001000000", True),
    ("5", "0200000005000000", 5),
    ("-5", "02000000fbffffff", -5),
    ("1 << 40", "020001000000000000010000", 1 << 40),
    ("0.5", "030000000000003f", 0.5),
    ("0.1", "030001009a9999999999b93f", 0.1),
    ("1e300", "030001009c7500883ce4377e", 1e300),
    ("Vector2(1.5, 2)", "050000000000c03f00000040", [1.5, 2.0]),
    ("Vector2i(1, -2)", "0600000001000000feffffff", [1, -2]),
    ("Rect2(1, 2, 3, 4)", "070000000000803f000000400000404000008040", [1.0, 2.0, 3.0, 4.0]),
    ("Rect2i(1, 2, 3, 4)", "0800000001000000020000000300000004000000", [1, 2, 3, 4]),
    ("Vector3(1, 2, 3)", "090000000000803f0000004000004040", [1.0, 2.0, 3.0]),
    ("Vector3i(1, 2, 3)", "0a000000010000000200000003000000", [1, 2, 3]),
    (
        "Transform2D((1, 2), (3, 4), (5, 6))",
        "0b0000000000803f0000004000004040000080400000a0400000c040",
        [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]],
    ),
    ("Vector4(1, 2, 3, 4)", "0c0000000000803f000000400000404000008040", [1.0, 2.0, 3.0, 4.0]),
    ("Vector4i(1, 2, 3, 4)", "0d00000001000000020000000300000004000000", [1, 2, 3, 4]),
    ("Plane(0, 1, 0, 5)", "0e000000000000000000803f000000000000a040", [0.0, 1.0, 0.0, 5.0]),
    ("Quaternion(0, 0, 0, 1)", "0f0000000000000000000000000000000000803f", [0.0, 0.0, 0.0, 1.0]),
    (
        "AABB((1, 2, 3), (4, 5, 6))",
        "100000000000803f0000004000004040000080400000a0400000c040",
        [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
    ),
    (
        "Basis((1, 2, 3), (4, 5, 6), (7, 8, 9))",
        "110000000000803f000080400000e040000000400000a04000000041000040400000c04000001041",
        [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]],
    ),
    (
        "Transform3D(that, (10, 11, 12))",
        "120000000000803f000080400000e040000000400000a04000000041000040400000c04000001041000020410000304100004041",
        [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0], [10.0, 11.0, 12.0]],
    ),
    (
        "Projection of 1 to 16",
        "130000000000803f0000004000004040000080400000a0400000c0400000e0400000004100001041000020410000304100004041"
        "00005041000060410000704100008041",
        [[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0], [9.0, 10.0, 11.0, 12.0], [13.0, 14.0, 15.0, 16.0]],
    ),
    ("Color(0.5, 0.25, 1)", "140000000000003f0000803e0000803f0000803f", [0.5, 0.25, 1.0, 1.0]),
    ("&'nm'", "15000000020000006e6d0000", "nm"),
    (
        "^'/root/A:b:c'",
        "1600000002000080020000000100000004000000726f6f74010000004100000001000000620000000100000063000000",
        "/root/A:b:c",
    ),
    ("^'A/B:c'", "1600000002000080010000000000000001000000410000000100000042000000" + "0100000063000000", "A/B:c"),
    ("RID()", "170000000000000000000000", None),
    ("an object", "18000100b50500970b000080", None),
    ("quit, a Callable", "19000000", None),
    ("process_frame, a Signal", "1a0000000d00000070726f636573735f6672616d65000000a105000f06000000", None),
    ("PackedByteArray([1, 2, 3])", "1d0000000300000001020300", "AQID"),
    ("PackedInt32Array([1, -2])", "1e0000000200000001000000feffffff", [1, -2]),
    ("PackedInt64Array([1 << 40])", "1f000000010000000000000000010000", [1 << 40]),
    ("PackedFloat32Array([0.5])", "20000000010000000000003f", [0.5]),
    ("PackedFloat64Array([0.1])", "21000000010000009a9999999999b93f", [0.1]),
    (
        'PackedStringArray(["a", "béc", ""])',
        "220000000300000002000000610000000500000062c3a963000000000100000000000000",
        ["a", "béc", ""],
    ),
    ("PackedVector2Array([Vector2(1, 2)])", "23000000010000000000803f00000040", [[1.0, 2.0]]),
    ("PackedVector3Array([Vector3(1, 2, 3)])", "24000000010000000000803f0000004000004040", [[1.0, 2.0, 3.0]]),
    ("PackedColorArray([Color.RED])", "25000000010000000000803f00000000000000000000803f", [[1.0, 0.0, 0.0, 1.0]]),
    ("PackedVector4Array", "26000000010000000000803f000000400000404000008040", [[1.0, 2.0, 3.0, 4.0]]),
    ("an Array[Vector2i] of Vector2i(1, 2)", "1c000100060000000100000006000000" + "0100000002000000", [[1, 2]]),
    ("an empty Array of a class", "1c000200110000" + "00456e636f6465644f626a656374417349440000000000" + "0000", []),
    ("Dictionary[String, int]", "1b0005000400000002000000010000000400000001000000610000000200000001000000", {"a": 1}),
]


def word(*numbers: int) -> bytes:
    return struct.pack(f"<{len(numbers)}I", *numbers)


def refused(data: bytes) -> VariantError:
    with pytest.raises(VariantError) as caught:
        from_bytes(data)
    return caught.value


@pytest.mark.parametrize(("data", "value"), [(data, value) for _, data, value in WRITTEN], ids=[w[0] for w in WRITTEN])
def test_what_godot_writes(data: str, value: Any) -> None:
    found = from_bytes(bytes.fromhex(data))
    assert found == value
    assert type(found) is type(value)


def test_it_is_found_in_a_dictionary_too() -> None:
    for _, data, value in WRITTEN:
        whole = word(27, 2) + to_bytes("x") + bytes.fromhex(data) + to_bytes("y") + word(28, 1) + bytes.fromhex(data)
        assert from_bytes(whole) == {"x": value, "y": [value]}


@pytest.mark.parametrize(
    ("kind", "numbers"),
    [
        ("3", (float("nan"),)),
        ("3", (float("-inf"),)),
        ("5", (float("nan"), 1.0)),
        ("9", (1.0, 2.0, float("inf"))),
        ("11", (1.0, 2.0, 3.0, float("nan"), 5.0, 6.0)),
    ],
)
def test_what_is_not_finite_is_null(kind: str, numbers: tuple[float, ...]) -> None:
    assert from_bytes(word(int(kind)) + struct.pack(f"<{len(numbers)}f", *numbers)) is None


def test_numbers_in_packed_arrays_that_are_not_finite_are_null() -> None:
    assert from_bytes(word(33, 2) + struct.pack("<2d", float("inf"), 0.5)) == [None, 0.5]
    assert from_bytes(word(35, 1) + struct.pack("<2f", float("nan"), 0.5)) == [None]


def test_double_precision_builds_write_wide_vectors() -> None:
    assert from_bytes(word(5 | 0x10000) + struct.pack("<2d", 0.1, -2.5)) == [0.1, -2.5]
    assert from_bytes(word(35 | 0x10000, 1) + struct.pack("<2d", 0.1, -2.5)) == [[0.1, -2.5]]


def test_parts_of_vectors_are_rounded_half_away_from_zero() -> None:
    data = word(9) + struct.pack("<3f", 0.1, 1 / 64, -1 / 64)
    assert from_bytes(data) == [0.1, 0.01563, -0.01563]


def test_integers_that_a_float_cannot_hold_are_texts() -> None:
    assert from_bytes(to_bytes([2**53, -(2**53)])) == [2**53, -(2**53)]
    assert from_bytes(to_bytes([2**53 + 1, -(2**63)])) == ["9007199254740993", "-9223372036854775808"]


def test_control_characters_and_halves_of_surrogate_pairs_are_dropped() -> None:
    assert from_bytes(to_bytes({"a\x01\x7f": "\x00b\x0b\t\n\x1b[31m"})) == {"a": "b\t\n[31m"}
    half = b"a\xed\xa0\x92b\xf4\x90\x80\x80"
    assert from_bytes(word(4, len(half)) + half + bytes(-len(half) % 4)) == "ab"


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("0200000005000000", "5"),
        ("020001000000000000002000", "9007199254740992"),
        ("0100000001000000", "true"),
        ("00000000", "<null>"),
        ("030001009a9999999999b93f", "0.1"),
        ("030000000000803f", "1.0"),
        ("03000100555555555555d53f", "0.33333333333333"),
        ("0300010048afbc9af2d77a3e", "0.0000001"),
        ("15000000020000006e6d0000", "nm"),
        ("0600000001000000feffffff", "(1, -2)"),
        ("050000000000c03f00000040", "(1.5, 2.0)"),
    ],
)
def test_keys_are_texts_as_json_writes_them(key: str, text: str) -> None:
    assert from_bytes(word(27, 1) + bytes.fromhex(key) + word(0)) == {text: None}


@given(st.dictionaries(st.text(min_size=100, max_size=300), st.none(), max_size=4))
def test_long_keys_are_not_kept(value: dict[str, None]) -> None:
    assert len(from_bytes(to_bytes(value))) <= len(value)


def test_many_keys_do_not_pile_up() -> None:
    for number in range(3 * reading.MOST_KEYS):
        from_bytes(to_bytes({f"key {number}": 1}))
    assert len(reading._keys) <= reading.MOST_KEYS


plain = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=12)
trees = st.recursive(
    plain | texts,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=5),
    max_leaves=20,
)


@given(trees)
def test_what_is_written_is_read(value: Any) -> None:
    assert from_bytes(to_bytes(value)) == value


@given(trees, st.data())
def test_what_is_cut_off_is_refused(value: Any, data: st.DataObject) -> None:
    whole = to_bytes(value)
    refused(whole[: data.draw(st.integers(0, len(whole) - 1))])


@given(trees, st.binary(min_size=1, max_size=8))
def test_what_is_followed_by_more_is_refused(value: Any, more: bytes) -> None:
    refused(to_bytes(value) + more)


@given(st.binary(max_size=60) | st.lists(st.integers(0, 40), max_size=12).map(lambda numbers: word(*numbers)))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(VariantError):
        from_bytes(data)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "cut off"),
        (b"abc", "whole words"),
        (word(39), "no type 39"),
        (word(24, 4, 0x65646F4E), "whole objects"),
        (word(22, 1, 0x65646F4E), "Godot 2"),
        (word(28, 0x7FFFFFFF), "cut off"),
        (word(33, 0xFFFFFFFF), "cut off"),
        (word(35, 0xFFFFFFFF), "cut off"),
        (word(28, 1) * 100_000, "nested too deeply"),
        (word(0, 0), "4 bytes follow"),
    ],
)
def test_what_is_no_variant_says_why(data: bytes, why: str) -> None:
    assert why in str(refused(data))


def test_the_head_of_what_is_broken_is_told() -> None:
    whole = to_bytes({"type": "snapshot", "seq": 7, "agents": {"a": {"me": {"x": "y" * 40}}}})
    assert refused(whole[:-60]).head == {"type": "snapshot", "seq": 7}
    assert refused(to_bytes([1])[:-4]).head == {}


@pytest.mark.parametrize("value", [object(), {1, 2}, 2**63, b"bytes"])
def test_other_values_are_not_written(value: object) -> None:
    with pytest.raises(TypeError, match="no form"):
        to_bytes(value)
