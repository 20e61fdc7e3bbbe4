"""Loads a trees folder: a Python package of its own, wherever it lies, without touching `sys.path`."""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from brains.actions import GameAction
from brains.errors import ActionError, TreeError
from brains.library import BrainLibrary, marked_brain

__all__ = ["load_trees"]


def load_trees(folder: str | Path) -> BrainLibrary:
    """Import every Python file of `folder` as one package, and collect its brains and actions.

    The package has the folder's name, so its files import each other relatively (`from .actions import Attack`).
    Loading a folder again imports it anew.

    Raises:
        TreeError: with file and line: a file does not import, a name is used twice, or the folder's name is that of
            another package.
    """
    root = Path(folder).resolve()
    if not root.is_dir():
        raise TreeError(
            f"there is no trees folder {str(folder)!r}; name one with --trees, or `trees = ...` in brains.toml"
        )
    name = root.name
    if not name.isidentifier():
        raise TreeError("a folder of trees must be a Python package: rename it, letters and _ only", file=str(root))
    _refuse_clash(name, root)
    _forget(name)
    files = sorted(path for path in root.rglob("*.py") if _is_ours(path.relative_to(root)))
    for path in files:
        inside = str(path.relative_to(root))
        shown = inside.encode("utf-8", "replace").decode()
        if shown != inside:
            raise TreeError("the name of this file is not UTF-8; rename it", file=str(root / shown))
    if not files:
        raise TreeError(
            "no Python file in the trees folder: write one with a function marked @brain(...)", file=str(root)
        )
    importlib.invalidate_caches()
    _make_package(name, root)
    library = BrainLibrary()
    for path in files:
        module = _import(name, root, path)
        _collect(module, library)
    return library


def _is_ours(path: Path) -> bool:
    """Tell whether a file of the folder is a tree: editors and notebooks keep their copies in hidden ones."""
    return not any(part.startswith(".") or part == "__pycache__" for part in path.parts)


def _refuse_clash(name: str, root: Path) -> None:
    """Refuse a folder whose name is another package's: one of the two could not be imported."""
    loaded = sys.modules.get(name)
    if loaded is not None:
        places = [Path(p).resolve() for p in getattr(loaded, "__path__", [])]
    else:
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError):
            spec = None
        if spec is None:
            return
        places = [Path(p).resolve() for p in spec.submodule_search_locations or []]
    if root not in places:
        where = places[0] if places else "a module"
        raise TreeError(
            f"this trees folder has the name of another Python package ({name!r}: {where}); rename the folder",
            file=str(root),
        )


def _forget(name: str) -> None:
    for loaded in [m for m in sys.modules if m == name or m.startswith(name + ".")]:
        del sys.modules[loaded]


def _make_package(name: str, root: Path) -> None:
    init = root / "__init__.py"
    if init.exists():
        spec = importlib.util.spec_from_file_location(name, init, submodule_search_locations=[str(root)])
    else:
        spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = [str(root)]
    assert spec is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules[name] = package
    if spec.loader is not None:
        loader = spec.loader
        _guarded(lambda: loader.exec_module(package), root, init)


def _import(name: str, root: Path, path: Path) -> ModuleType:
    parts = path.relative_to(root).with_suffix("").parts
    if parts[-1] == "__init__":
        parts = parts[:-1]
    full = ".".join((name, *parts))
    _guarded(lambda: importlib.import_module(full), root, path)
    return sys.modules[full]


def _guarded(action: Callable[[], object], root: Path, path: Path) -> None:
    """Run an import; turn what goes wrong into a TreeError with the innermost place in the trees folder."""
    try:
        action()
    except SyntaxError as error:
        raise TreeError(error.msg or "syntax error", file=error.filename or str(path), line=error.lineno) from error
    except (Exception, SystemExit) as error:  # a script that ends itself would end the server, and say nothing
        if isinstance(error, TreeError) and error.file is not None:
            raise
        inside = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).is_relative_to(root)]
        file, line = (inside[-1].filename, inside[-1].lineno) if inside else (str(path), None)
        text = error.message if isinstance(error, TreeError) else f"{type(error).__name__}: {error}"
        raise TreeError(text, file=file, line=line) from error


def _collect(module: ModuleType, library: BrainLibrary) -> None:
    """Take the brains and actions that a module defines; what it imports is another module's."""
    for value in list(vars(module).values()):
        if getattr(value, "__module__", None) != module.__name__:
            continue
        found = marked_brain(value)
        if found is not None:
            library.add(found)
        if isinstance(value, type) and issubclass(value, GameAction):
            try:
                library.actions.add(value)
            except ActionError as error:
                raise TreeError(str(error), file=module.__file__) from error
