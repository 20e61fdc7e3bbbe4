"""The two import rules in pyproject.toml agree on which modules are cores."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def contracts() -> dict[str, dict[str, Any]]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return {contract["type"]: contract for contract in project["tool"]["importlinter"]["contracts"]}


def layers(contract: dict[str, Any]) -> list[set[str]]:
    return [set(re.findall(r"\w+", layer)) for layer in contract["layers"]]


def test_every_core_module_is_forbidden_to_do_input_and_output(contracts: dict[str, dict[str, Any]]) -> None:
    order = layers(contracts["layers"])
    first = next(index for index, layer in enumerate(order) if "debugger" in layer)
    cores = set().union(*order[first:])
    listed = {name.removeprefix("*.") for name in contracts["forbidden"]["source_modules"]}
    assert listed == cores, "correct `source_modules` in pyproject.toml"
