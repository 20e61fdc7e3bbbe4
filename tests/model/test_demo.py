"""The main job, with the small model: what `make demo` does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_demo_shows_a_model_at_work(model_path: Path, tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "brains", "demo", "--seconds", "15", "--model", f"embedded:{model_path}", "--json"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "BRAINS_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        timeout=230,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr[-3000:]
    summary = json.loads(result.stdout)
    assert summary["model"].endswith("(embedded)")
    assert summary["ok"]
    assert summary["questions"]["answered"] >= 10
    assert summary["actions"]["llm"] >= 3
