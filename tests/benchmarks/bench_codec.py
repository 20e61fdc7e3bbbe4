"""What the addon's codec costs beside `JSON.stringify()`: `python tests/benchmarks/bench_codec.py --godot PATH`.

Ratios of medians, all measured in turns in one Godot; see `codec/bench.gd` for what is compared.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
CODEC = HERE.parent.parent / "godot_demo" / "addons" / "brains" / "brains_codec.gd"


def measure(godot: str) -> list[dict[str, Any]]:
    """Run the benchmark and return what it measured, by number of agents."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        for script in (CODEC, HERE / "codec" / "bench.gd"):
            shutil.copy(script, project)
        (project / "project.godot").write_text("config_version=5\n")
        command = [godot, "--headless", "--path", str(project)]
        subprocess.run([*command, "--import"], check=True, capture_output=True, timeout=120)
        done = subprocess.run(
            [*command, "-s", "res://bench.gd"], capture_output=True, text=True, timeout=120, check=False
        )
    lines = [line.removeprefix("@@bench ") for line in done.stdout.splitlines() if line.startswith("@@bench ")]
    if not lines or "ERROR" in done.stderr:
        raise SystemExit(f"the benchmark failed:\n{done.stdout[-2000:]}\n{done.stderr[:2000]}")
    return [json.loads(line) for line in lines]


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--godot", default=os.environ.get("GODOT") or shutil.which("godot"))
    options = parser.parse_args()
    if not options.godot:
        raise SystemExit("no Godot: put `godot` on the PATH, or name it with --godot or GODOT")
    print("| agents | bytes | stringify, us | encode + to_text | to_text | encode | of what needs no change | naive |")
    print("|---|---|---|---|---|---|---|---|")
    row = "| {agents:.0f} | {bytes:.0f} | {stringify_us:.0f} | {all:.2f} | {to_text:.2f} | {encode:.2f} "
    row += "| {encode_unchanged:.2f} | {naive_encode:.2f} |"
    for result in measure(options.godot):
        print(row.format(**result))


if __name__ == "__main__":
    main()
