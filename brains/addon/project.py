"""A Godot project's `project.godot`: read, and edited so that everything else in it stays as it is.

Godot writes this file anew when somebody changes a setting in the editor, but until then it holds whatever a person or
a tool wrote: comments, either line end, values over many lines. So it is edited as text, not parsed and written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from brains.errors import ConfigError
from brains.files import write_whole

__all__ = ["GodotProject"]

FILE = "project.godot"
CONFIG_VERSION = 5
"""What every Godot 4 writes."""
OLDEST_GODOT = (4, 4)

_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_LIST = re.compile(r"\s*(?:(?:Packed|Pool)?StringArray\s*\(\s*\[?|Array\[String\]\s*\(\s*\[|\[)")


@dataclass(frozen=True, kw_only=True)
class _Entry:
    """A `key=value`; the key has its section before it, as in the project settings."""

    key: str
    section: str
    value: str
    start: int
    """Where the value begins in the text."""
    line_end: int
    """Where its last line ends, before the line end."""


@dataclass(frozen=True, kw_only=True)
class _Header:
    section: str
    line_end: int


@dataclass(frozen=True, kw_only=True)
class GodotProject:
    """The settings of a Godot project."""

    folder: Path
    text: str

    @classmethod
    def read(cls, folder: Path) -> GodotProject:
        """Read a project; `folder` may also be its project.godot."""
        if folder.name == FILE and folder.is_file():
            folder = folder.parent
        file = folder / FILE
        try:
            # Bytes that are no UTF-8 must get back as they were.
            text = file.read_bytes().decode("utf-8", "surrogateescape")
        except (FileNotFoundError, NotADirectoryError):
            what = f"there is no {FILE} in {folder}" if folder.is_dir() else f"there is no folder {folder}"
            raise ConfigError(f"{what}: name the folder of a Godot project") from None
        except OSError as error:
            raise ConfigError(f"{file} cannot be read: {error.strerror}") from error
        project = cls(folder=folder, text=text)
        project._check_version()
        return project

    @property
    def file(self) -> Path:
        """The file itself."""
        return self.folder / FILE

    def get(self, key: str) -> str | None:
        """Return the text of a setting's value; None: it is not in the file."""
        entry = self._entry(key)
        return entry.value if entry else None

    def plugins(self) -> list[str]:
        """Return the enabled editor plugins."""
        return [_unquoted(found[0]) for found in _STRING.finditer(self.get("editor_plugins/enabled") or "")]

    def autoload(self, name: str) -> str | None:
        """Return where an autoload leads, with the star in front that makes its name a global one."""
        value = self.get(f"autoload/{name}")
        return None if value is None else _unquoted(value)

    def godot_version(self) -> tuple[int, int] | None:
        """Return the version of the Godot that saved the project last, where it says so."""
        found = re.search(r'"(\d+)\.(\d+)"', self.get("application/config/features") or "")
        return (int(found[1]), int(found[2])) if found else None

    def with_plugin(self, path: str) -> GodotProject:
        """Return the project with one more plugin enabled."""
        entry = self._entry("editor_plugins/enabled")
        if entry is None:
            return self._with_new("editor_plugins", f'enabled=PackedStringArray("{path}")')
        opening = _LIST.match(entry.value)
        if opening is None:
            raise ConfigError(
                f"{self.file}: editor_plugins/enabled is no list of texts ({entry.value}): enable it in the editor"
            )
        known = list(_STRING.finditer(entry.value))
        at = entry.start + (known[-1].end() if known else opening.end())
        return self._with(at, at, f', "{path}"' if known else f'"{path}"')

    def with_autoload(self, name: str, value: str) -> GodotProject:
        """Return the project with this autoload, also if there is another one of that name."""
        entry = self._entry(f"autoload/{name}")
        if entry is None:
            return self._with_new("autoload", f'{name}="{value}"')
        return self._with(entry.start, entry.start + len(entry.value), f'"{value}"')

    def check_writable(self) -> None:
        """Complain of a file that its owner has locked: some version control does that with what is not checked out."""
        if not self.file.stat().st_mode & 0o222:
            raise ConfigError(f"{self.file} is read-only: make it writable, or check it out")

    def write(self) -> None:
        """Store the text."""
        write_whole(self.file.resolve(), self.text.encode("utf-8", "surrogateescape"))

    def _check_version(self) -> None:
        value = self.get("config_version")
        if value is None:
            return
        if not value.isdecimal() or int(value) > CONFIG_VERSION:
            raise ConfigError(f"{self.file} has config_version={value}, which no Godot 4 writes")
        if int(value) < CONFIG_VERSION:
            raise ConfigError(
                f"{self.file} is of Godot 3 (config_version={value}): the addon needs Godot 4.4 or newer;"
                " open the project with it once to convert it"
            )

    def _entry(self, key: str) -> _Entry | None:
        # Godot takes the last one, too.
        found = [item for item in self._items() if isinstance(item, _Entry) and item.key == key]
        return found[-1] if found else None

    def _with(self, start: int, end: int, text: str) -> GodotProject:
        return replace(self, text=self.text[:start] + text + self.text[end:])

    def _with_new(self, section: str, line: str) -> GodotProject:
        """Put a line at the end of a section, or a new section at the end of the file."""
        newline = "\r\n" if "\r\n" in self.text else "\n"
        ours = [item for item in self._items() if item.section == section]
        if not ours:
            ending = "" if not self.text or self.text.endswith("\n") else newline
            gap = newline if self.text else ""
            end = len(self.text)
            return self._with(end, end, f"{ending}{gap}[{section}]{newline}{newline}{line}{newline}")
        at = ours[-1].line_end
        # Godot leaves a line free below the name of a section.
        gap = newline if isinstance(ours[-1], _Header) else ""
        return self._with(at, at, f"{newline}{gap}{line}")

    def _items(self) -> Iterator[_Entry | _Header]:
        text, section, at = self.text, "", 0
        while at < len(text):
            end = _line_end(text, at)
            line = text[at:end].strip("\ufeff \t")
            if line.startswith("["):
                section = line[1:].partition("]")[0].strip()
                yield _Header(section=section, line_end=end)
            elif line and not line.startswith(";") and "=" in line:
                key, _, rest = text[at:end].partition("=")
                start = at + len(key) + 1 + len(rest) - len(rest.lstrip(" \t"))
                value_end, end = self._value_end(start)
                name = key.strip("\ufeff \t").strip('"')
                yield _Entry(
                    key=f"{section}/{name}" if section else name,
                    section=section,
                    value=text[start:value_end].rstrip(),
                    start=start,
                    line_end=end,
                )
            at = end
            while at < len(text) and text[at] in "\r\n":
                at += 1

    def _value_end(self, start: int) -> tuple[int, int]:
        """Return where a value ends, and where its line does: they differ by a comment."""
        text, at, depth = self.text, start, 0
        while at < len(text):
            char = text[at]
            if char == '"':
                closing = _STRING.match(text, at)
                if closing is None:
                    raise self._endless(at, "text")
                at = closing.end()
                continue
            if char == ";":
                if depth == 0:
                    return at, _line_end(text, at)
                at = _line_end(text, at)
                continue
            if char in "\r\n" and depth <= 0:
                return at, at
            depth += (char in "([{") - (char in ")]}")
            at += 1
        if depth > 0:
            raise self._endless(start, "value")
        return at, at

    def _endless(self, start: int, what: str) -> ConfigError:
        line = self.text.count("\n", 0, start) + 1
        return ConfigError(f"{self.file}:{line}: the {what} that begins here does not end")


def _line_end(text: str, at: int) -> int:
    found = re.compile(r"\r?\n").search(text, at)
    return found.start() if found else len(text)


def _unquoted(value: str) -> str:
    found = _STRING.fullmatch(value)
    return re.sub(r"\\(.)", r"\1", found[1]) if found else value
