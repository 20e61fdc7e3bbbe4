"""The copy of a small model in faster numbers: the same values as nearly as 8 bits allow, in a file that is whole."""

from __future__ import annotations

import importlib
import importlib.util
import math
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brains.errors import ModelRefused
from brains.models import recode
from brains.models.gguf import read_layout
from brains.models.recode import Q4_1, Q8_0, q8_0_of, recoded
from tests.conftest import lacking

F32 = 0
HALVES = st.floats(-4.0, 4.0, width=16)
DIGEST = "d" * 64


@pytest.fixture(autouse=True)
def numpy() -> None:
    if importlib.util.find_spec("numpy") is None:
        lacking("no numpy: install the extra `embedded`")
    # Here, because it takes longer than a case of a property test may.
    importlib.import_module("numpy")


def q4_1(step: float, least: float, numbers: list[int]) -> bytes:
    """Write one block, as ggml's documentation has it: the first half of the numbers in the low bits."""
    pairs = bytes(low | high << 4 for low, high in zip(numbers[:16], numbers[16:], strict=True))
    return struct.pack("<ee", step, least) + pairs


def values_of(block: bytes) -> list[float]:
    (scale,) = struct.unpack("<e", block[:2])
    return [scale * number for number in struct.unpack("<32b", block[2:])]


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def write(path: Path, tensors: dict[str, tuple[int, tuple[int, ...], bytes]]) -> Path:
    """Write a GGUF file with an odd number of values before its tensors."""
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), 2)
    head += text("general.architecture") + struct.pack("<I", 8) + text("llama")
    head += text("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, 2) + text("a") + text("b")
    data = b""
    for name, (kind, shape, content) in tensors.items():
        head += text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, len(data))
        data += content + bytes(-len(content) % 32)
    path.write_bytes(head + bytes(-len(head) % 32) + data)
    return path


NUMBERS = [number % 16 for number in range(32)]
MATRIX = q4_1(0.5, -3.25, NUMBERS) + q4_1(0.125, 0.0, NUMBERS[::-1])
NORM = struct.pack("<3f", 1.0, 2.0, 3.0)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    tensors = {"norm": (F32, (3,), NORM), "matrix": (Q4_1, (32, 2), MATRIX), "last": (F32, (3,), NORM)}
    return write(tmp_path / "tiny.gguf", tensors)


@given(HALVES.filter(lambda step: step >= 0.001), HALVES, st.lists(st.integers(0, 15), min_size=32, max_size=32))
def test_every_value_is_met_to_half_a_step(step: float, least: float, numbers: list[int]) -> None:
    wanted = [step * number + least for number in numbers]
    found = values_of(q8_0_of(q4_1(step, least, numbers)))
    highest = max(map(abs, wanted))
    # A scale has 11 bits, and the smallest that there is.
    allowed = highest / 127 / 2 + highest / 1024 + 127 * 2**-24
    assert all(math.isclose(one, other, abs_tol=allowed) for one, other in zip(found, wanted, strict=True))


def test_blocks_of_zeros_stay_so() -> None:
    assert values_of(q8_0_of(q4_1(0.0, 0.0, [0] * 32))) == [0.0] * 32


def test_the_copy_is_a_whole_file_in_which_only_the_numbers_differ(model: Path, tmp_path: Path) -> None:
    copy = recoded(model, DIGEST, tmp_path / "kept")
    before, after = read_layout(model), read_layout(copy)
    old, new = model.read_bytes(), copy.read_bytes()
    assert new[: after.values_end] == old[: before.values_end]
    assert [(one.name, one.shape, one.kind) for one in after.tensors] == [
        ("norm", (3,), F32),
        ("matrix", (32, 2), Q8_0),
        ("last", (3,), F32),
    ]
    norm, matrix, last = after.tensors
    assert all(tensor.offset % after.alignment == 0 for tensor in after.tensors)
    for tensor in (norm, last):
        assert new[tensor.offset : tensor.offset + len(NORM)] == NORM
    assert new[matrix.offset : matrix.offset + 68] == q8_0_of(MATRIX)
    assert len(new) == last.offset + last.size


def test_it_is_written_once(model: Path, tmp_path: Path) -> None:
    copy = recoded(model, DIGEST, tmp_path / "kept")
    before = copy.stat().st_mtime_ns
    assert recoded(model, DIGEST, tmp_path / "kept") == copy
    assert copy.stat().st_mtime_ns == before
    assert recoded(model, "e" * 64, tmp_path / "kept") != copy
    copy.write_bytes(b"half")
    assert recoded(model, DIGEST, tmp_path / "kept").stat().st_size > 4
    assert len(list((tmp_path / "kept").iterdir())) == 2


def test_what_gains_nothing_is_left_alone(model: Path, tmp_path: Path) -> None:
    plain = write(tmp_path / "plain.gguf", {"norm": (F32, (3,), NORM)})
    strange = write(tmp_path / "strange.gguf", {"a": (Q4_1, (32, 2), MATRIX), "b": (99, (3,), NORM)})
    for path in (plain, strange):
        assert recoded(path, DIGEST, tmp_path / "kept") == path
    with model.open("r+b") as file:
        file.truncate(recode.MOST_BYTES + 1)
    assert recoded(model, DIGEST, tmp_path / "kept") == model
    assert not (tmp_path / "kept").exists()


def test_where_nothing_can_be_written_the_file_itself_is_used(
    model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "kept").write_text("not a folder")
    assert recoded(model, DIGEST, tmp_path / "kept") == model
    assert "stays slower than need be" in caplog.text


def test_a_file_that_is_cut_off_is_refused(model: Path, tmp_path: Path) -> None:
    data = model.read_bytes()
    for length in (40, len(data) - 21):
        model.write_bytes(data[:length])
        with pytest.raises(ModelRefused, match="cut off"):
            recoded(model, DIGEST, tmp_path / "kept")
