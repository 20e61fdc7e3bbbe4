"""How often the project's own prompts decide rightly with the small model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from brains.reload import load_prompts

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_deciding_prompt_is_good_enough(model_path: Path, tmp_path: Path) -> None:
    """Held out, and well above both guesses: the most frequent answer, and that of the nearest example."""
    # All processors: no game is there that would need one.
    (tmp_path / "brains.toml").write_text(
        f"threads = {os.cpu_count()}\ntrees = {json.dumps(str(ROOT / 'trees'))}\n"
        f"prompts = {json.dumps(str(ROOT / 'prompts'))}\n"
    )
    result = subprocess.run(
        [sys.executable, "-m", "brains", "prompt", "eval", "--model", f"embedded:{model_path}", "--json"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "BRAINS_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        timeout=590,
        check=False,
    )
    print(result.stdout, result.stderr)  # the table of a failure
    assert result.returncode == 0
    library = load_prompts(ROOT / "prompts")
    results = {one["prompt"]: one for one in json.loads(result.stdout)}
    assert results["merchant/praise"]["calibrated"] >= 0.80
    measured = {name: one for name, one in results.items() if one["labels"]}
    for one in measured.values():
        if one["calibration"] == "none":
            # Right as the model says it: fitted, it would be worse on cases that it was not fitted on.
            assert one["log_loss"][1] >= one["log_loss"][0], one["prompt"]
            continue
        # The stored calibration is of this very text and model, and does not make it worse.
        assert one["calibration"] != "stale"
        assert one["used"] >= one["raw"]
        assert one["log_loss"][1] < one["log_loss"][0]
    assert sorted(measured) == [name for name in library.names() if library.get(name).kind != "text"]
    for name, one in measured.items():
        assert one["calibrated"] >= 0.80 - 1e-9, name
        for guess in ("majority", "nearest"):
            assert one["calibrated"] - one[guess] >= 0.15 - 1e-9, (name, guess)
        assert one["cases"] >= 40, name
        assert one["examples"] >= 12, name
        counts = Counter(example.answer for example in library.get(name).examples)
        assert set(counts) == set(one["labels"]), name
        assert max(counts.values()) - min(counts.values()) <= 1, name
