"""Writes the weights of a small model in a way that llama.cpp reads fast: Q4_1 becomes Q8_0, once, in a file beside.

llama.cpp works through the tokens of a prompt in blocks, by kernels that it has for Q8_0 and not for Q4_1: there each
token of a prompt costs nearly as much as a generated one, and a decision is little but the new tokens of a prompt.
Q8_0 has 8 bits for the 4 that were there, so next to nothing is lost, and it takes 1.7 times the room. For a large
model it would be a bad bargain: its generated tokens cost what memory costs, and that has grown.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brains.errors import ModelRefused
from brains.models.gguf import GgufLayout, GgufTensor, read_layout

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["recoded"]

MOST_BYTES = 256 << 20
"""A larger file is left as it is."""
BLOCK = 32
Q4_1, Q4_1_BYTES = 3, 20
"""Of a block: scale and least value in 16 bits each, and 16 bytes of two numbers each."""
Q8_0, Q8_0_BYTES = 8, 34
"""Of a block: a scale in 16 bits, and 32 bytes."""
HIGHEST = 127
MOST_PARTS = 2 * HIGHEST // 15
"""A step of Q4_1 has at most so many steps of Q8_0: the highest of its 16 values is at least 7.5 steps from 0."""
SIZES = {0: (1, 4), 1: (1, 2), Q4_1: (BLOCK, Q4_1_BYTES), Q8_0: (BLOCK, Q8_0_BYTES), 14: (256, 210)}
"""By ggml's number: how many numbers make a block, and its bytes. A file with any other kind is left as it is."""

logger = logging.getLogger(__name__)


def recoded(path: Path, digest: str, folder: Path) -> Path:
    """Return a file in `folder` with the same model in faster numbers, and write it if it is not there.

    Where that is of no use or not possible, the file itself is returned: it is large, has no Q4_1, numpy is missing,
    or there is no room. `digest` tells models apart.

    Raises:
        ModelRefused: it is not a whole GGUF file.
    """
    if path.stat().st_size > MOST_BYTES:
        return path
    layout = read_layout(path)
    if not any(_changes(tensor) for tensor in layout.tensors) or any(one.kind not in SIZES for one in layout.tensors):
        return path
    if any(tensor.size < _bytes_of(tensor) for tensor in layout.tensors):
        raise ModelRefused(f"{path} is cut off: fetch it again")
    target = folder / f"{path.stem}.{digest[:16]}.q8_0.gguf"
    new = _new_layout(layout)
    if target.is_file() and target.stat().st_size == new.tensors[-1].offset + new.tensors[-1].size:
        return target
    try:
        import numpy  # noqa: F401
    except ImportError:
        logger.info("%s would decide faster with numpy installed: it belongs to the extra `embedded`", path.stem)
        return path
    logger.info("writing %s in numbers that llama.cpp reads faster, once (%s)", path.stem, target)
    part = target.with_name(f"{target.name}.{os.getpid()}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(path, layout, part, new)
        os.replace(part, target)
    except OSError as error:
        logger.warning("%s stays slower than need be: %s cannot be written (%s)", path.stem, target, error.strerror)
        with contextlib.suppress(OSError):
            part.unlink()
        return path
    return target


def _changes(tensor: GgufTensor) -> bool:
    return tensor.kind == Q4_1 and tensor.shape[0] % BLOCK == 0


def _new_layout(layout: GgufLayout) -> GgufLayout:
    """Return the layout of the new file, its tensors in the order of the old one's list."""
    room = sum(8 + len(tensor.name.encode()) + 4 + 8 * len(tensor.shape) + 4 + 8 for tensor in layout.tensors)
    offset = _aligned(layout.values_end + room, layout.alignment)
    tensors = []
    for tensor in layout.tensors:
        if _changes(tensor):
            tensor = tensor._replace(kind=Q8_0)
        tensors.append(tensor._replace(offset=offset, size=_aligned(_bytes_of(tensor), layout.alignment)))
        offset += tensors[-1].size
    return layout._replace(tensors=tuple(tensors))


def _write(path: Path, layout: GgufLayout, target: Path, new: GgufLayout) -> None:
    with path.open("rb") as source, target.open("wb") as file:
        file.write(source.read(layout.values_end))
        begin = new.tensors[0].offset
        for tensor in new.tensors:
            name = tensor.name.encode()
            file.write(struct.pack("<Q", len(name)) + name)
            file.write(struct.pack(f"<I{len(tensor.shape)}Q", len(tensor.shape), *tensor.shape))
            file.write(struct.pack("<IQ", tensor.kind, tensor.offset - begin))
        for old, tensor in zip(layout.tensors, new.tensors, strict=True):
            file.write(bytes(tensor.offset - file.tell()))
            source.seek(old.offset)
            data = source.read(_bytes_of(old))
            file.write(q8_0_of(data) if _changes(old) else data)
        last = new.tensors[-1]
        file.write(bytes(last.offset + last.size - file.tell()))


def q8_0_of(data: bytes) -> bytes:
    """Return blocks of Q4_1 as blocks of Q8_0."""
    import numpy as np

    blocks = np.frombuffer(data, np.uint8).reshape(-1, Q4_1_BYTES)
    step, least = _halves(blocks[:, 0:2]), _halves(blocks[:, 2:4])
    pairs = blocks[:, 4:]
    values = np.concatenate([pairs & 15, pairs >> 4], axis=1) * step + least
    scale = _scales(step, least, np.abs(values).max(axis=1, keepdims=True))
    wide = scale.astype(np.float32)
    whole = np.rint(np.divide(values, wide, out=np.zeros_like(values), where=wide > 0))
    new = np.empty((len(blocks), Q8_0_BYTES), np.uint8)
    new[:, 0:2] = scale.view(np.uint8)
    new[:, 2:] = np.clip(whole, -HIGHEST, HIGHEST).astype(np.int8).view(np.uint8)
    return new.tobytes()


def _scales(step: NDArray[np.float32], least: NDArray[np.float32], highest: NDArray[np.float32]) -> NDArray[np.float16]:
    """Return a scale for each block, of which the old step is a whole multiple and the least value nearly one.

    The 16 values of a block are a step apart: then all are met as nearly as the least one. The plain scale, by which
    the highest value is 127, meets none of them.
    """
    import numpy as np

    plain = (highest / HIGHEST).astype(np.float16)
    best = plain
    error = plain.astype(np.float32) / 2
    for parts in range(1, MOST_PARTS + 1):
        scale = (step / parts).astype(np.float16)
        wide = scale.astype(np.float32)
        usable = (wide > 0) & (highest <= wide * (HIGHEST + 0.5))
        multiple = np.divide(least, wide, out=np.zeros_like(least), where=usable)
        missed = np.abs(multiple - np.rint(multiple)) * wide
        better = usable & (missed < error)
        best = np.where(better, scale, best)
        error = np.where(better, missed, error)
    return np.ascontiguousarray(best)


def _halves(pairs: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return numbers of 16 bits, one a row."""
    import numpy as np

    halves: NDArray[Any] = np.ascontiguousarray(pairs).view("<f2")
    return halves.astype(np.float32)


def _bytes_of(tensor: GgufTensor) -> int:
    numbers, size = SIZES[tensor.kind]
    return math.prod(tensor.shape) // numbers * size


def _aligned(number: int, alignment: int) -> int:
    return -(-number // alignment) * alignment
