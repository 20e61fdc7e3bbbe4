"""Python reads what the addon's codec writes, the same from JSON and from Variants.

tests/godot/addon/test_codec.gd and test_variant.gd have Godot's side of it.
"""

from __future__ import annotations

import base64
import json
import math
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from brains.variant import from_bytes

COUNT = 4000


def as_expected(found: Any, wanted: Any) -> bool:
    """Compare what was read with what `random_variants.gd` says should be in there."""
    if wanted is None or isinstance(wanted, bool):
        return found is wanted
    kind, value = wanted
    if kind == "l":
        return isinstance(found, list) and len(found) == len(value) and all(map(as_expected, found, value))
    if kind == "d":
        keys = [base64.b64decode(key).decode() for key, _ in value]
        return (
            isinstance(found, dict)
            and list(found) == keys
            and all(map(as_expected, found.values(), [item for _, item in value]))
        )
    if kind == "s":
        return bool(found == base64.b64decode(value).decode())
    if kind == "i":
        return type(found) is int and found == int(value)
    # Godot writes fourteen digits, and what is rounded is rounded to five decimals.
    tolerance = {"abs_tol": 0.51e-5} if kind == "r" else {"rel_tol": 1e-13, "abs_tol": 1e-18}
    return type(found) is float and math.isclose(found, float(value), **tolerance)


@pytest.mark.parametrize("seed", [1, 2])
def test_python_reads_all_that_the_codec_writes(godot: str, addon_project: Path, tmp_path: Path, seed: int) -> None:
    out = tmp_path / "values"
    command = [godot, "--headless", "--path", str(addon_project), "-s", "res://tests/support/random_variants.gd", "--"]
    command += [f"--seed={seed}", f"--count={COUNT}", f"--out={out}"]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=50, check=False)
    assert done.stderr == ""
    lines = out.read_bytes().split(b"\n")[:-1]
    assert len(lines) == COUNT
    for line in lines:
        text, expected, variant = line.split(b"\t")
        found = json.loads(text.decode())
        assert found == msgspec.json.decode(text)
        assert as_expected(found["v"], json.loads(expected)), line
        assert as_expected(from_bytes(bytes.fromhex(variant.decode()))["v"], json.loads(expected)), line
