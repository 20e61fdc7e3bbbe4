"""The public names: sorted, importable, and all there is."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import brains

MODULES = sorted(
    name
    for _, name, _ in pkgutil.walk_packages(brains.__path__, "brains.")
    if name != "brains.__main__" and name not in ("brains.models.embedded",)
)


@pytest.mark.parametrize("name", ["brains", *MODULES])
def test_every_module_says_what_is_public(name: str) -> None:
    """`__all__` exists, is sorted as ruff sorts it, and every name in it is there."""
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name == "xllamacpp":
            pytest.skip("the extra `embedded` is not installed")
        raise
    for public in module.__all__:
        assert hasattr(module, public), f"{name}.{public}"
    assert len(set(module.__all__)) == len(module.__all__)


def test_importing_brains_loads_no_server_and_no_model() -> None:
    """A tree author's import is quick, and needs nothing that opens a socket."""
    import subprocess
    import sys

    code = (
        "import brains, sys; "
        "heavy = [m for m in ('asyncio', 'websockets', 'ollama', 'xllamacpp', 'click', 'rich') if m in sys.modules]; "
        "print(heavy)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_brains_imports_nothing_before_it_is_used() -> None:
    """So that `brains` can be stopped, and `brains --help` read, before the libraries behind it have loaded."""
    import subprocess
    import sys

    code = "import brains, sys; early = set(sys.modules); print('py_trees' in early, brains.Say, 'Wait' in dir(brains))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False <class 'brains.nodes.say.Say'> True"


def test_a_name_that_there_is_not_is_an_import_error() -> None:
    with pytest.raises(AttributeError, match="module 'brains' has no attribute 'Sey'"):
        _ = brains.Sey  # type: ignore[attr-defined]
    with pytest.raises(ImportError, match="cannot import name 'Sey'"):
        from brains import Sey  # type: ignore[attr-defined]  # noqa: F401
