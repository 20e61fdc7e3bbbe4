"""The guards that the other tests rely on."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from blockbuster import BlockingError

import brains

PRETEND = Path(brains.__file__).with_name("pretend.py")
"""Code compiled under this name counts as ours."""


async def test_blocking_the_loop_from_our_code_fails() -> None:
    code = compile("time.sleep(0)", str(PRETEND), "exec")
    with pytest.raises(BlockingError, match=r"time\.sleep"):
        exec(code, {"time": time})  # noqa: S102  (there is no other way to have a function of that file)


async def test_opening_a_file_from_our_code_fails(tmp_path: Path) -> None:
    file = tmp_path / "prompt.j2"
    file.write_text("x")
    code = compile("file.read_text()", str(PRETEND), "exec")
    with pytest.raises(BlockingError, match="read"):
        exec(code, {"file": file})  # noqa: S102


async def test_importing_a_module_inside_the_loop_is_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "brains_test_late.py").write_text("value = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    code = compile("import brains_test_late\nvalue = brains_test_late.value", str(PRETEND), "exec")
    names: dict[str, object] = {}
    exec(code, names)  # noqa: S102
    assert names["value"] == 1


def test_without_a_loop_our_code_may_block() -> None:
    exec(compile("time.sleep(0)", str(PRETEND), "exec"), {"time": time})  # noqa: S102


@pytest.mark.may_block
async def test_a_marked_test_may_block() -> None:
    exec(compile("time.sleep(0)", str(PRETEND), "exec"), {"time": time})  # noqa: S102


NEEDY = """
import pytest
from tests.conftest import *

def test_needs_godot(godot):
    pass
"""


@pytest.mark.parametrize(("ci", "outcome"), [("true", "1 error"), ("", "1 skipped")])
def test_a_missing_godot_skips_but_fails_in_ci(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, ci: str, outcome: str
) -> None:
    monkeypatch.setenv("CI", ci)
    monkeypatch.setenv("GODOT", "/nowhere/godot")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent.parent))
    pytester.makepyfile(NEEDY)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-rA")
    assert outcome in result.stdout.lines[-1]
    assert "/nowhere/godot does not run" in result.stdout.str()
