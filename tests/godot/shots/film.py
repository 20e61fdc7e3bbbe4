"""Makes one moving picture of the frames that test_shots.py keeps.

    BRAINS_FILM=frames python -m pytest tests/godot/test_shots.py
    python tests/godot/shots/film.py frames docs/images/talk.gif

It takes Pillow, which nothing else here needs: `pip install pillow`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

COLOURS = 192
MILLISECONDS = 200
"""Between two frames; shots.gd takes them as often."""
LAST_MILLISECONDS = 2500
"""The end stands still for a while before it begins anew."""


def main(folder: Path, target: Path) -> None:
    """Write the film; all frames have the colours of one palette, so that nothing flickers."""
    frames = [Image.open(path).convert("RGB") for path in sorted(folder.glob("*.png"))]
    palette = frames[len(frames) // 2].quantize(COLOURS, method=Image.Quantize.MEDIANCUT)
    plain = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    lengths = [MILLISECONDS] * (len(plain) - 1) + [LAST_MILLISECONDS]
    plain[0].save(target, save_all=True, append_images=plain[1:], duration=lengths, loop=0, optimize=True)
    print(f"{target}: {len(plain)} frames, {target.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
