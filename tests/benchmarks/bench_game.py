"""What the brains cost the castle yard per frame: `python tests/benchmarks/bench_game.py --godot PATH`.

The same game in one Godot, in turns with its brains and without, against `brains serve --model scripted`; see
`game/bench.gd` for what is timed. Godot plays without a window, so what drawing costs is in neither.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
MARK = "@bench "


def main() -> None:
    """Measure, and print one line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--godot", default=os.environ.get("GODOT", "godot"), help="Godot 4.4 or newer")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each of the six turns")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "yard"
        shutil.copytree(ROOT / "godot_demo", project, ignore=shutil.ignore_patterns(".godot"))
        shutil.copytree(HERE / "game", project / "bench")
        settings = project / "project.godot"
        settings.write_text(settings.read_text().replace("res://scenes/main.tscn", "res://bench/main.tscn"))
        print(line_of(measure(arguments.godot, project, arguments.seconds)))


def measure(godot: str, project: Path, seconds: float) -> dict[str, list[int]]:
    """Play, and return the microseconds of each frame, by `with` and `without`."""
    subprocess.run([godot, "--headless", "--path", str(project), "--import"], capture_output=True, check=True)
    command = [sys.executable, "-m", "brains", "serve", "--model", "scripted", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
        assert server.stdout is not None
        url = next(line.split()[-1] for line in server.stdout if line.startswith("listening on"))
        try:
            done = subprocess.run(
                [godot, "--headless", "--max-fps", "60", "--path", str(project), "--", f"--brains-url={url}"],
                env={**os.environ, "BENCH_SECONDS": str(seconds)},
                capture_output=True, text=True, check=True,
            )  # fmt: skip
        finally:
            server.terminate()
    found = next(line for line in done.stdout.splitlines() if line.startswith(MARK))
    times: dict[str, list[int]] = json.loads(found.removeprefix(MARK))
    return times


def line_of(times: dict[str, list[int]]) -> str:
    """Return means, 99th percentiles and the ratio, in words."""
    parts = []
    for name, values in times.items():
        late = sorted(values)[int(len(values) * 0.99)]
        parts.append(f"{name} brains {statistics.fmean(values):.0f} us (99 %: {late} us, {len(values)} frames)")
    ratio = statistics.fmean(times["with"]) / statistics.fmean(times["without"])
    return f"{'; '.join(parts)}; ratio of means {ratio:.2f}"


if __name__ == "__main__":
    main()
