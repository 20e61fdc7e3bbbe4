"""Names that Godot has got since the oldest version that the addon runs in, to see that no script of ours needs them.

    python -m tests.godot.newer OLD.json NEW.json

prints them, from what `godot --dump-extension-api` writes in the two versions. newer_than_4_4.txt was made of those of
4.4.0 and 4.7.0. That the same names take the same arguments is not looked at.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NEWER = Path(__file__).with_name("newer_than_4_4.txt")
PARTS = ("methods", "members", "properties", "signals", "constants")
# Strings first: a `#` in one begins no comment.
NO_CODE = re.compile(r'"""[\s\S]*?"""|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|#[^\n]*')
DEFINED = re.compile(r"^\s*(?:static )?(?:func|var|signal|const|enum|class_name|class)\s+(\w+)", re.MULTILINE)
SYNTAX = {"abstract classes": re.compile(r"@abstract\b"), "variable arguments": re.compile(r"\.\.\.\s*\w+\s*:")}
"""Of Godot 4.5: https://docs.godotengine.org/en/4.5/tutorials/scripting/gdscript/gdscript_basics.html"""


def names_in(api: dict[str, Any]) -> set[str]:
    """Return every name that a script can write."""
    return set(_names(api))


def _names(api: dict[str, Any]) -> Iterator[str]:
    classes = api["builtin_classes"] + api["classes"]
    for one in api["utility_functions"] + classes:
        yield one["name"]
    for one in classes:
        for part in PARTS:
            yield from (member["name"] for member in one.get(part, ()))
    for kind in [*api["global_enums"], *(kind for one in classes for kind in one.get("enums", ()))]:
        yield kind["name"]
        yield from (value["name"] for value in kind["values"])


def used_in(code: str) -> set[str]:
    """Return the names in a script, apart from texts and comments."""
    return set(re.findall(r"[A-Za-z_]\w*", NO_CODE.sub(" ", code)))


def newer_in(scripts: dict[str, str], newer: set[str]) -> list[str]:
    """Return as `file: name` what scripts use that an old Godot lacks, apart from what they define themselves."""
    ours = {name for code in scripts.values() for name in DEFINED.findall(code)}
    found = [f"{file}: {name}" for file, code in scripts.items() for name in sorted(used_in(code) & (newer - ours))]
    for file, code in scripts.items():
        bare = NO_CODE.sub(" ", code)
        found += [f"{file}: {what}" for what, pattern in SYNTAX.items() if pattern.search(bare)]
    return found


def main(old: Path, new: Path) -> None:
    """Print the names that only the newer one has."""
    before, now = (json.loads(path.read_text(encoding="utf-8")) for path in (old, new))
    print("\n".join(sorted(names_in(now) - names_in(before))))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
