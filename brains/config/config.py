"""Settings: from `brains.toml`, or `[tool.brains]` in pyproject.toml, with the command line's options on top.

The file is looked for in the current folder and in those above it. Relative paths in it are relative to it,
so that `brains` does the same from any folder of a project. Of the environment only BRAINS_TOKEN and
OLLAMA_HOST count here (and NO_COLOR, which the command line heeds, and OTEL_*, which OpenTelemetry does).
"""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from brains.errors import ConfigError
from brains.questions import Way
from brains.session import SessionLimits

from .models import Count, ModelSettings, Natural, OtelSettings, check_models, refuse_reloads
from .places import SHARED_FILE, Place, convert, refuse_unknown

__all__ = ["Config", "find_config", "load_config"]

FILE = "brains.toml"
ENCODING = "utf-8-sig"
"""UTF-8; editors of Windows put a byte order mark before it, which is neither TOML nor part of a token."""
FOLDERS = ("trees", "prompts")


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
    fast_weights: bool = False
    """Whether a small model in Q4_1 inside the process is run from a copy in Q8_0: decisions cost less, and their
    probabilities differ a little."""
    slots: Natural | None = None
    """Questions that the model works on at the same time; None: as suits the model."""
    context: Natural | None = None
    """Tokens that a prompt and its answer may take together; None: as suits the model."""
    hosts: list[str] = []
    """Several Ollama servers that all have the model, in place of `ollama_host`."""
    models: dict[str, ModelSettings] = {}
    """More models, by the name that a leaf picks them by."""
    max_queue: Natural = 64
    """Questions that may wait for each model."""
    cache_size: Count = 256
    """Answers that are kept for those who ask the same again; 0: none."""
    cache_ttl: Annotated[float, Meta(ge=0)] = 10.0
    """Seconds for which an answer is kept."""
    questions_per_minute: Count = 0
    """That each agent may ask of a model; 0: any number."""
    tokens_per_minute: Count = 0
    """That the answers to each agent may take, prompts and all; 0: any number."""
    otel: OtelSettings | None = None
    """None: off, unless the environment names a collector."""
    token: str | None = None
    """What clients have to say in their hello. In a file, that file must be readable by its owner alone."""
    token_file: str | None = None
    """File that holds the token."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    limits: SessionLimits = SessionLimits()
    file: str | None = None
    """Where these settings are from."""

    @property
    def model_names(self) -> tuple[str, ...]:
        """The names that a leaf may give as its model."""
        return tuple(self.models)

    def hosts_of(self, name: str = "") -> list[str | None]:
        """Return where a model's servers are, the default's or a named one's; [None] for wherever it is by itself."""
        one = self.models.get(name)
        if one is not None and (one.hosts or one.host):
            return [*one.hosts] or [one.host]
        return [*self.hosts] or [self.ollama_host]

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
        return re.search(r"(?m)^\[tool\.brains[].]", shared.read_text(encoding=ENCODING, errors="replace")) is not None
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
            given[name] = _absolute(here, given[name], f"--{name.replace('_', '-')}")
    if "token_file" in given:
        settings["token"] = None
    config = convert({**settings, **given}, Config, Place(None))
    default = ModelSettings(model=config.model, context=config.context)
    models = {name: (one, config.hosts_of(name)) for name, one in {"": default, **config.models}.items()}
    refuse_reloads(models, Place(path, "" if path is None else path.read_text(encoding=ENCODING)))
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
        text = path.read_text(encoding=ENCODING)
        table: Any = tomllib.loads(text)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text: {error.reason}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(_toml_problem(path, text, str(error))) from error
    place = Place(path, text)
    if path.name == SHARED_FILE:
        tool = table.get("tool")
        table = tool.get("brains", {}) if isinstance(tool, dict) else {}
    if not isinstance(table, dict):
        raise ConfigError(f"{path}: tool.brains has to be a table")
    refuse_unknown(table, Config.__struct_fields__, place, but=("file",))
    if isinstance(table.get("limits"), dict):
        refuse_unknown(table["limits"], SessionLimits.__struct_fields__, place, inside="limits")
    check_models(table, place)
    convert(table, Config, place)
    if table.get("token"):
        _refuse_readable(path, "the token in it")
    for name in (*FOLDERS, "token_file"):
        if name in table:
            table[name] = _absolute(path.parent, table[name], place.of(name))
    return {**table, "file": str(path)}


def _absolute(folder: Path, path: str | Path, place: str) -> str:
    """Return a path that is relative to `folder`, and `~` the home folder, as an absolute one."""
    try:
        return str(folder / Path(path).expanduser())
    except RuntimeError as error:
        raise ConfigError(f"{place}: no home folder can be found for {str(path)!r}; write the whole path") from error


def _toml_problem(path: Path, text: str, message: str) -> str:
    """Put the line of a syntax error where editors and terminals look for it."""
    found = re.fullmatch(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", message, re.DOTALL)
    if found is None:
        return f"{path}: this is not TOML: {message}"
    what, line, column = found.groups()
    where = f"column {column}" if column else "at the end of the file"
    return f"{path}:{line or len(text.splitlines()) or 1}: this is not TOML: {what} ({where})"


def _read_token(path: Path) -> str:
    """Return the token in a file that only its owner may read."""
    try:
        _refuse_readable(path, "the token")
        token = path.read_text(encoding=ENCODING).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the token file {path}: {error}") from error
    if not token:
        raise ConfigError(f"the token file {path} is empty")
    return token


def _refuse_readable(path: Path, what: str) -> None:
    """Raise if others than the owner may read a file. Windows keeps such rights elsewhere."""
    if os.name != "nt" and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError(f"others can read {path}, and so {what}: run `chmod 600 {path}`")
