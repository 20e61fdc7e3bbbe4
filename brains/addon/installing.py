"""How the addon gets into a project, is upgraded there, and is compared with this version.

An installation keeps a manifest of what was written. So an upgrade can tell a file that the user changed (which stays,
unless asked otherwise) from one of an older version (which is replaced), and a file of the user's own from one that a
newer version does not have any more.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

import msgspec

from brains.addon.project import GodotProject
from brains.errors import ConfigError
from brains.files import write_whole

__all__ = ["AUTOLOAD", "CLIENT", "FOLDER", "PLUGIN", "Change", "Plan", "addon_folder", "addon_version", "apply", "plan"]

FOLDER = "addons/brains"
"""Where it lies in every project; its scripts name each other by this path."""
PLUGIN = f"res://{FOLDER}/plugin.cfg"
CLIENT = f"res://{FOLDER}/brains_client.gd"
AUTOLOAD = "Brains"
MANIFEST = ".brains-manifest.json"
"""Godot does not look at files whose name begins with a dot."""

GENERATED = (".uid", ".import")
"""Endings of files that Godot keeps beside others, and writes anew as it likes: brought along, and left alone."""

Kind = Literal["same", "missing", "outdated", "modified", "unknown", "gone", "gone but modified"]
"""How a file of the project differs: `outdated` is as an older version wrote it, `modified` is as the user left it;
`unknown` is one of these, without a manifest that could tell; `gone` is not in this version any more."""

KEPT: tuple[Kind, ...] = ("modified", "unknown", "gone but modified")
"""Kinds that are replaced only by force, and never without a copy."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """One file of the addon, as it is in a project."""

    path: str
    kind: Kind

    @property
    def is_kept(self) -> bool:
        """Whether only force may replace it."""
        return self.kind in KEPT


class Manifest(msgspec.Struct, frozen=True):
    """What an installation has written."""

    version: str
    files: dict[str, str] = {}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a project differs from one that has this version of the addon, enabled."""

    project: GodotProject
    source: Path
    target: Path
    version: str
    installed: str | None
    """Version that is there; None: there is none."""
    files: list[Change]
    is_enabled: bool
    autoload: str | None
    """Where the autoload leads; None: there is none."""
    is_linked: bool
    """The project's folder is the addon itself, or a link: there is nothing to copy."""
    written: Mapping[str, str] = field(default_factory=dict)
    """The manifest's hashes."""

    @property
    def differing(self) -> list[Change]:
        """Files that are not as in this version."""
        return [change for change in self.files if change.kind != "same"]

    @property
    def has_foreign_autoload(self) -> bool:
        """Whether something else goes by the name of the client."""
        return self.autoload is not None and self.autoload != CLIENT

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do."""
        same = not self.differing and self.installed == self.version
        return same and self.is_enabled and self.autoload == CLIENT


def addon_folder() -> Path:
    """Return the folder of the addon that belongs to this version: in the package, or in a checkout."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "_addon", package.parent / "godot_demo" / FOLDER):
        if (folder / "plugin.cfg").is_file():
            return folder
    raise ConfigError("this installation of brains has no Godot addon in it: install brains again")


def addon_version(folder: Path) -> str | None:
    """Return the version that a folder's plugin.cfg names; None: there is no addon."""
    try:
        text = (folder / "plugin.cfg").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"{folder / 'plugin.cfg'} cannot be read: {error.strerror}") from error
    found = re.search(r'^\s*version\s*=\s*"([^"]*)"', text, re.MULTILINE)
    return found[1] if found else "of unknown version"


def plan(folder: Path, source: Path | None = None) -> Plan:
    """Compare a project with this version of the addon; writes nothing."""
    source = source or addon_folder()
    project = GodotProject.read(folder)
    target = project.folder / FOLDER
    if target.exists() and not target.is_dir():
        raise ConfigError(f"{target} is not a folder: move it away")
    version = addon_version(source)
    assert version is not None, "addon_folder has seen plugin.cfg"
    is_linked = _leads_elsewhere(project.folder, target)
    if is_linked and addon_version(target) is None:
        raise ConfigError(f"{target} is a link that leads to no addon: remove it")
    is_linked = is_linked or (target.is_dir() and target.samefile(source))
    if not is_linked:
        _refuse_links(source, target)
    manifest = _read_manifest(target)
    return Plan(
        project=project,
        source=source,
        target=target,
        version=version,
        installed=addon_version(target),
        files=[] if is_linked else list(_compare(source, target, manifest)),
        is_enabled=PLUGIN in project.plugins(),
        autoload=_autoload(project, target),
        is_linked=is_linked,
        written=manifest.files if manifest else {},
    )


def apply(todo: Plan, *, force: bool = False) -> list[Path]:
    """Do what a plan finds missing; returns the copies that were made of files that force replaced.

    project.godot comes last, so it never names a script that is not there yet.
    """
    edited = todo.project
    if todo.autoload is None or (force and todo.has_foreign_autoload):
        edited = edited.with_autoload(AUTOLOAD, f"*{CLIENT}")
    if not todo.is_enabled:
        edited = edited.with_plugin(PLUGIN)
    if edited.text != todo.project.text:
        edited.check_writable()
    backups = []
    written = dict(todo.written)
    try:
        for change in todo.files:
            if change.is_kept and not force:
                continue
            if change.is_kept:
                backups.append(_back_up(todo.target / change.path))
            _bring(todo, change, written)
        if not todo.is_linked:
            _store_manifest(todo, written)
        if edited.text != todo.project.text:
            edited.write()
    except OSError as error:
        raise ConfigError(f"{error.filename} cannot be written: {error.strerror}") from error
    return backups


def _bring(todo: Plan, change: Change, written: dict[str, str]) -> None:
    path = todo.target / change.path
    if change.kind.startswith("gone"):
        _remove(path, todo.target)
        written.pop(change.path, None)
        return
    content = (todo.source / change.path).read_bytes()
    if change.kind != "same":
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)
    if not change.path.endswith(GENERATED):
        written[change.path] = _hash(content)


def _remove(path: Path, target: Path) -> None:
    """Remove a file, what Godot keeps beside it, and folders that are empty then."""
    for one in (path, *(path.with_name(path.name + ending) for ending in GENERATED)):
        one.unlink(missing_ok=True)
    for folder in path.parents:
        if folder == target or any(folder.iterdir()):
            return
        folder.rmdir()


def _back_up(path: Path) -> Path:
    """Copy a file beside itself, under a name that Godot takes for no script."""
    number = 0
    while True:
        copy = path.with_name(f"{path.name}.bak{number or ''}")
        if not copy.exists():
            write_whole(copy, path.read_bytes())
            return copy
        number += 1


def _compare(source: Path, target: Path, manifest: Manifest | None) -> Iterator[Change]:
    written = manifest.files if manifest else {}
    shipped = sorted(_files(source))
    for path in shipped:
        yield Change(path=path, kind=_kind(source / path, target / path, written.get(path), manifest is not None))
    for path in sorted(written.keys() - set(shipped)):
        file = _inside(target, path)
        if file is not None and file.is_file():
            untouched = _hash(file.read_bytes()) == written[path]
            yield Change(path=path, kind="gone" if untouched else "gone but modified")


def _kind(ours: Path, theirs: Path, written: str | None, has_manifest: bool) -> Kind:
    if not theirs.is_file():
        return "missing"
    if ours.name.endswith(GENERATED):
        return "same"
    found = _hash(theirs.read_bytes())
    if found == _hash(ours.read_bytes()):
        return "same"
    if not has_manifest:
        return "unknown"
    return "outdated" if found == written else "modified"


def _files(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        if path.is_file() and path.name != MANIFEST:
            yield path.relative_to(folder).as_posix()


def _hash(content: bytes) -> str:
    # Git may give the files of a project the line ends of its system.
    return hashlib.sha256(content.replace(b"\r\n", b"\n")).hexdigest()


def _inside(target: Path, path: str) -> Path | None:
    """Return a path of the manifest in the addon's folder; None if it leads out of it, as only a forged one does."""
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or "\\" in path or ":" in path:
        return None
    file = target / pure
    return file if file.parent.resolve().is_relative_to(target.resolve()) else None


def _refuse_links(source: Path, target: Path) -> None:
    """Complain of a folder of the addon that is a link in the project: files would be written wherever it leads."""
    for folder in sorted({target / path for file in _files(source) for path in PurePosixPath(file).parents}):
        if folder != target and folder.is_symlink():
            raise ConfigError(f"{folder} is a link: remove it")


def _leads_elsewhere(project: Path, target: Path) -> bool:
    return target.is_symlink() or (project / "addons").is_symlink()


def _read_manifest(target: Path) -> Manifest | None:
    try:
        return msgspec.json.decode((target / MANIFEST).read_bytes(), type=Manifest)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"{target / MANIFEST} cannot be read: {error.strerror}") from error
    except msgspec.DecodeError:
        # As if it were not there: whatever differs is then kept.
        return None


def _store_manifest(todo: Plan, written: dict[str, str]) -> None:
    manifest = Manifest(version=todo.version, files=dict(sorted(written.items())))
    content = msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"
    path = todo.target / MANIFEST
    if not path.is_file() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)


def _autoload(project: GodotProject, target: Path) -> str | None:
    """Return where the autoload leads, as a path where that can be known."""
    value = project.autoload(AUTOLOAD)
    if value is None:
        return None
    value = value.removeprefix("*")
    # Newer Godots write `uid://...`, or both.
    path, _, uid = value.rpartition("::")
    if path:
        return path
    if uid.startswith("uid://"):
        with_uid = target / "brains_client.gd.uid"
        if with_uid.is_file() and with_uid.read_text(encoding="utf-8", errors="replace").strip() == uid:
            return CLIENT
    return uid
