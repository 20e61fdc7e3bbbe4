"""The trees folder: a package of its own, with errors that have a file and a line."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import py_trees
import pytest

from brains.errors import TreeError
from brains.library import Brain, BrainLibrary, brain, marked_brain
from brains.loading import load_trees

GUARD = '''
from brains import Action, GameAction, ReactiveSelector, brain
from .actions import Patrol

@brain("guard")
def guard():
    """Walks about."""
    return ReactiveSelector("Guard", [
        Action("Patrol", Patrol()),
    ])
'''
ACTIONS = "from brains import GameAction\n\nclass Patrol(GameAction):\n    route: str = 'wall'\n"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Make a trees folder of two files with a name that nobody else has."""
    path = tmp_path / "yard_trees"
    path.mkdir()
    (path / "guard.py").write_text(GUARD)
    (path / "actions.py").write_text(ACTIONS)
    yield path
    for name in [name for name in sys.modules if name.partition(".")[0] in ("yard_trees", "pip_trees")]:
        del sys.modules[name]


def test_it_finds_brains_and_actions_and_touches_no_path(folder: Path) -> None:
    """Files import each other relatively."""
    before = list(sys.path)
    library = load_trees(folder)
    assert sys.path == before
    assert library.names() == ["guard"]
    assert list(library.actions) == ["Patrol"]
    found = library.get("guard")
    assert (found.description, found.file, found.line) == ("Walks about.", str(folder / "guard.py"), 5)
    assert py_trees.display.unicode_tree(found.build()).count("Patrol") == 1


def test_every_build_is_a_new_tree(folder: Path) -> None:
    """Agents share no node."""
    found = load_trees(folder).get("guard")
    one, two = found.build(), found.build()
    assert not {node.id for node in one.iterate()} & {node.id for node in two.iterate()}


def test_loading_again_takes_over_edits(folder: Path) -> None:
    """The folder is imported anew."""
    load_trees(folder)
    (folder / "thief.py").write_text(GUARD.replace('"guard"', '"thief"'))
    assert load_trees(folder).names() == ["guard", "thief"]


def test_nodes_know_the_lines_that_made_them(folder: Path) -> None:
    """For findings and, later, breakpoints."""
    root, lines = load_trees(folder).get("guard").build_with_lines()
    assert {node.name: lines[node] for node in root.iterate()} == {"Guard": 8, "Patrol": 9}


def build_all(folder: Path) -> None:
    """Load a folder and build every brain in it."""
    library = load_trees(folder)
    for name in library.names():
        library.get(name).build()


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("x = (\n", 1, "never closed"),
        ("\n\nimport nothing_of_this_name\n", 3, "nothing_of_this_name"),
        ("import sys\n\nsys.exit(0)\n", 3, "SystemExit: 0"),
        ("from brains import brain\n\n@brain('x')\ndef f():\n    return 5\n", 3, "must return the root"),
        ("from brains import brain\n\n@brain('x')\ndef f():\n    return 1 / 0\n", 5, "ZeroDivisionError"),
        ("from brains import brain, Wait\n\n@brain('x')\ndef f():\n    return Wait('w', -1)\n", 5, "seconds must be"),
        ("from brains import brain\n\n@brain('guard')\ndef f():\n    pass\n", 3, "already in"),
        ("from brains import brain\n\n@brain\ndef f():\n    pass\n", 3, "write @brain"),
    ],
)
def test_a_mistake_is_told_with_file_and_line(folder: Path, text: str, line: int, message: str) -> None:
    """Syntax, imports, factories that raise or return something else, names used twice."""
    (folder / "mistake.py").write_text(text)
    with pytest.raises(TreeError) as caught:
        build_all(folder)
    assert (caught.value.file, caught.value.line) == (str(folder / "mistake.py"), line)
    assert message in str(caught.value)


def test_hidden_files_are_no_trees(folder: Path) -> None:
    """Editors lock a file by such a link while it is edited, and notebooks keep a copy of each."""
    (folder / ".#guard.py").symlink_to("me@here.123:456")
    (folder / ".ipynb_checkpoints").mkdir()
    (folder / ".ipynb_checkpoints" / "guard-checkpoint.py").write_text(GUARD)
    assert load_trees(folder).names() == ["guard"]


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are text there")
def test_a_file_whose_name_is_no_text_is_refused(folder: Path) -> None:
    """No recording and no message could name it."""
    (folder / os.fsdecode(b"w\xe4chter.py")).write_text(ACTIONS)
    with pytest.raises(TreeError, match=r"w\?chter\.py: the name of this file is not UTF-8"):
        load_trees(folder)


def test_two_actions_of_one_name_are_refused(folder: Path) -> None:
    """The game knows actions by name."""
    (folder / "more.py").write_text(ACTIONS)
    with pytest.raises(TreeError, match="two actions are called 'Patrol'"):
        load_trees(folder)


def test_a_folder_with_the_name_of_another_package_is_refused(tmp_path: Path) -> None:
    """One of the two could not be imported."""
    path = tmp_path / "json"
    path.mkdir()
    (path / "guard.py").write_text("")
    with pytest.raises(TreeError, match="has the name of another Python package"):
        load_trees(path)


@pytest.mark.parametrize("name", ["missing", "empty", "not-a-name"])
def test_a_folder_that_cannot_be_one_is_refused_with_what_to_do(tmp_path: Path, name: str) -> None:
    """No folder, no file, no package name."""
    if name != "missing":
        (tmp_path / name).mkdir()
    with pytest.raises(TreeError, match=r"--trees|@brain|rename"):
        load_trees(tmp_path / name)


def test_an_unknown_brain_names_the_nearest(folder: Path) -> None:
    """Or all there are."""
    library = load_trees(folder)
    with pytest.raises(TreeError, match="did you mean 'guard'"):
        library.get("gaurd")
    with pytest.raises(TreeError, match="there are: guard"):
        library.get("zebra")


def test_a_factory_that_hands_out_the_same_tree_twice_inside_another_is_refused() -> None:
    """A node has one parent."""
    inner = py_trees.behaviours.Success("inner")
    py_trees.composites.Sequence("outer", memory=False, children=[inner])
    with pytest.raises(TreeError, match="inside another tree"):
        Brain(name="b", factory=lambda: inner).build()


def test_a_node_in_two_places_of_one_tree_is_refused() -> None:
    """A decorator takes a child that has a parent already, and says nothing."""

    def twice() -> py_trees.behaviour.Behaviour:
        leaf = py_trees.behaviours.Success("leaf")
        wrapped = [py_trees.decorators.Inverter(name, leaf) for name in ("one", "other")]
        return py_trees.composites.Sequence("root", memory=False, children=wrapped)

    with pytest.raises(TreeError, match="'leaf' in two places"):
        Brain(name="b", factory=twice).build()


def test_a_library_can_be_made_of_factories() -> None:
    """For programs without a folder; what is not marked is refused."""

    @brain("one")
    def one() -> py_trees.behaviour.Behaviour:
        return py_trees.behaviours.Success("s")

    assert BrainLibrary.of([one]).names() == ["one"]
    assert one().name == "s", "the function stays as it is"
    assert marked_brain(5) is None
    with pytest.raises(TreeError, match="not marked"):
        BrainLibrary.of([lambda: None])
    with pytest.raises(TreeError, match="write @brain"):
        brain("")
