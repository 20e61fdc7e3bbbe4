"""Settings: from `brains.toml`, or `[tool.brains]` in pyproject.toml, with the command line's options on top.

The file is looked for in the current folder and in those above it. Relative paths in it are relative to it,
so that `brains` does the same from any folder of a project. Of the environment only BRAINS_TOKEN and
OLLAMA_HOST count here (and NO_COLOR, which the command line heeds).
"""

from __future__ import annotations

import difflib
import os
import re
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta

from brains.errors import ConfigError
from brains.questions import Way
from brains.session import SessionLimits

__all__ = ["Config", "find_config", "load_config"]

FILE = "brains.toml"
SHARED_FILE = "pyproject.toml"
FOLDERS = ("trees", "prompts")

KINDS = {
    "int": "a whole number",
    "float": "a number with a point",
    "bool": "true or false",
    "str": "text",
    "array": "a list",
    "object": "a table",
    "date": "a date",
    "datetime": "a time",
    "time": "a time",
}
"""What msgspec's messages call a kind of value, and what people do."""

Natural = Annotated[int, Meta(ge=1)]


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every setting with its default. Made by `load_config`; paths are absolute then."""

    trees: str = "trees"
    """Folder of the brains."""
    prompts: str = "prompts"
    """Folder of their templates."""
    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8765
    """0: any free one."""
    allow_origins: list[str] = []
    """Web pages that may connect, such as `http://localhost:8060`."""
    model: str = "auto"
    """As `brains.models.open_model` takes it."""
    ollama_host: str | None = None
    """Where Ollama is; None: on this machine."""
    ollama_model: str = "llama3.2"
    """Which model `auto` looks for first."""
    label_way: Way | None = None
    """How label questions are put; None: as suits the model."""
    threads: Natural | None = None
    """Processor threads of a model inside the process. None: half of the processors, because llama.cpp's threads spin
    while they wait for each other; if the game needs one of their processors, two are slower than one."""
    slots: Natural | None = None
    """Questions that the model works on at the same time; None: as suits the model."""
    context: Natural | None = None
    """Tokens that a prompt and its answer may take together; None: as suits the model."""
    token: str | None = None
    """What clients have to say in their hello. In a file, that file must be readable by its owner alone."""
    token_file: str | None = None
    """File that holds the token."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    limits: SessionLimits = SessionLimits()
    file: str | None = None
    """Where these settings are from."""

    @property
    def trees_folder(self) -> Path:
        """Return the folder of the brains.

        Raises:
            ConfigError: there is none.
        """
        return self._folder("trees", self.trees)

    @property
    def prompts_folder(self) -> Path:
        """Return the folder of the templates.

        Raises:
            ConfigError: there is none.
        """
        return self._folder("prompts", self.prompts)

    def _folder(self, what: str, path: str) -> Path:
        folder = Path(path)
        if not folder.is_dir():
            raise ConfigError(
                f"there is no {what} folder {path!r}: make one, or name yours with --{what} PATH, or with "
                f'`{what} = "PATH"` in {FILE}'
            )
        return folder


def find_config(start: Path) -> Path | None:
    """Return the nearest brains.toml, or pyproject.toml with [tool.brains], in `start` or above it."""
    for folder in (start, *start.parents):
        if (folder / FILE).is_file():
            return folder / FILE
        shared = folder / SHARED_FILE
        if shared.is_file() and _mentions_us(shared):
            return shared
    return None


def _mentions_us(shared: Path) -> bool:
    """Tell whether a pyproject.toml has settings of ours; one that is broken elsewhere is not our business."""
    try:
        return re.search(r"(?m)^\[tool\.brains[].]", shared.read_text(errors="replace")) is not None
    except OSError:
        return False


def load_config(
    file: str | Path | None = None,
    *,
    folder: Path | None = None,
    environ: Mapping[str, str] | None = None,
    **overrides: Any,
) -> Config:
    """Read the settings.

    Args:
        file: the settings file; None looks for one.
        folder: where to look, and what paths in `overrides` are relative to; None: the current folder.
        environ: None: the process's.
        overrides: settings by name, from the command line; None means not given.

    Raises:
        ConfigError: the file is missing or broken, a setting is unknown or has a wrong value, or a token is
            readable by others.
    """
    here = Path.cwd() if folder is None else folder
    env = os.environ if environ is None else environ
    path = find_config(here) if file is None else here / file
    settings: dict[str, Any] = {name: str(here / name) for name in FOLDERS}
    if path is not None:
        settings |= _defaults_next_to(path, here) | _read(path)
    if env.get("OLLAMA_HOST"):
        settings["ollama_host"] = env["OLLAMA_HOST"]
    if env.get("BRAINS_TOKEN"):
        settings |= {"token": env["BRAINS_TOKEN"], "token_file": None}
    given = {name: value for name, value in overrides.items() if value is not None}
    for name in (*FOLDERS, "token_file"):
        if name in given:
            given[name] = str(here / Path(given[name]).expanduser())
    if "token_file" in given:
        settings["token"] = None
    config = _convert({**settings, **given}, _Place(None))
    if config.token is None and config.token_file is not None:
        token = _read_token(Path(config.token_file))
        config = msgspec.structs.replace(config, token=token)
    return config


def _defaults_next_to(path: Path, here: Path) -> dict[str, str]:
    """Return the folders that hold unless the file says otherwise: next to it, or in the current folder."""
    places = {name: path.parent / name for name in FOLDERS}
    return {name: str(place) for name, place in places.items() if place.is_dir() or not (here / name).is_dir()}


def _read(path: Path) -> dict[str, Any]:
    """Return the settings in a file, checked, with absolute paths."""
    try:
        text = path.read_text(encoding="utf-8")
        table: Any = tomllib.loads(text)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text: {error.reason}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(_toml_problem(path, text, str(error))) from error
    place = _Place(path, text)
    if path.name == SHARED_FILE:
        tool = table.get("tool")
        table = tool.get("brains", {}) if isinstance(tool, dict) else {}
    if not isinstance(table, dict):
        raise ConfigError(f"{path}: tool.brains has to be a table")
    _refuse_unknown(table, Config.__struct_fields__, place, but=("file",))
    if isinstance(table.get("limits"), dict):
        _refuse_unknown(table["limits"], SessionLimits.__struct_fields__, place, inside="limits")
    _convert(table, place)
    if table.get("token"):
        _refuse_readable(path, "the token in it")
    for name in (*FOLDERS, "token_file"):
        if name in table:
            table[name] = str(path.parent / Path(table[name]).expanduser())
    return {**table, "file": str(path)}


def _toml_problem(path: Path, text: str, message: str) -> str:
    """Put the line of a syntax error where editors and terminals look for it."""
    found = re.fullmatch(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", message, re.DOTALL)
    if found is None:
        return f"{path}: this is not TOML: {message}"
    what, line, column = found.groups()
    where = f"column {column}" if column else "at the end of the file"
    return f"{path}:{line or len(text.splitlines()) or 1}: this is not TOML: {what} ({where})"


class _Place:
    """Where settings stand, for messages: a file with that text, or None for the command line."""

    def __init__(self, path: Path | None, text: str = "") -> None:
        self._path = path
        self._text = text

    def of(self, *keys: str) -> str:
        """Return how a message about a setting begins: with the file, and its line if that is plain to see."""
        if self._path is None:
            return "the options"
        keys = (*(("tool", "brains") if self._path.name == SHARED_FILE else ()), *keys)
        line = self._line(tuple(key.partition("[")[0] for key in keys))
        return f"{self._path}:{line}" if line else str(self._path)

    def _line(self, wanted: tuple[str, ...]) -> int | None:
        table: tuple[str, ...] = ()
        for number, line in enumerate(self._text.split("\n"), 1):
            if header := re.match(r"\s*\[([\w.-]+)\]", line):
                table = found = tuple(header[1].split("."))
                if found != wanted:
                    continue
            elif entry := re.match(r"\s*([\w.-]+)\s*=", line):
                found = (*table, *entry[1].split("."))
            else:
                continue
            # `limits = {...}` is where all limits stand.
            if wanted[: len(found)] == found:
                return number
        return None


def _refuse_unknown(
    table: Mapping[str, Any], known: tuple[str, ...], place: _Place, *, inside: str = "", but: tuple[str, ...] = ()
) -> None:
    """Raise for a setting that does not exist, and name the nearest one."""
    names = [name for name in known if name not in but]
    for key in table:
        if key not in names:
            near = difflib.get_close_matches(key, names, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(names)}"
            where, among = (place.of(inside, key), f" in {inside}") if inside else (place.of(key), "")
            raise ConfigError(f"{where}: there is no setting {key!r}{among}; {hint}")


def _convert(table: Mapping[str, Any], place: _Place) -> Config:
    try:
        return msgspec.convert(table, Config)
    except msgspec.ValidationError as error:
        what, _, at = str(error).partition(" - at `$.")
        keys = at.rstrip("`").split(".")
        raise ConfigError(f"{place.of(*keys)}: {'.'.join(keys)}: {_in_words(what, keys)}") from error


def _in_words(problem: str, keys: list[str]) -> str:
    """Say what msgspec says about a value in words that need no Python."""
    if problem.startswith("Invalid enum value"):
        given = problem.removeprefix("Invalid enum value ")
        kind = next(field.type for field in msgspec.structs.fields(Config) if field.name == keys[0])
        return f"expected one of {', '.join(_words(kind))}, got {given}"
    if found := re.fullmatch(r"Expected `([\w |]+)`(?:, got `(\w+)`| (>=|<=) (-?\d+))", problem):
        expected, given, sign, bound = found.groups()
        wanted = " or ".join(KINDS.get(one, one) for one in expected.split(" | ") if one != "null")
        if sign:
            return f"expected {wanted} of {bound} or {'more' if sign == '>=' else 'less'}"
        return f"expected {wanted}, got {KINDS.get(given, given)}"
    return problem


def _words(kind: Any) -> list[str]:
    """Return the words that a type allows."""
    found: list[str] = []
    for part in get_args(kind):
        found += [part] if isinstance(part, str) else _words(part)
    return found


def _read_token(path: Path) -> str:
    """Return the token in a file that only its owner may read."""
    try:
        _refuse_readable(path, "the token")
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the token file {path}: {error}") from error
    if not token:
        raise ConfigError(f"the token file {path} is empty")
    return token


def _refuse_readable(path: Path, what: str) -> None:
    """Raise if others than the owner may read a file. Windows keeps such rights elsewhere."""
    if os.name != "nt" and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError(f"others can read {path}, and so {what}: run `chmod 600 {path}`")
