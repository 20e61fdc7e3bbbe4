"""The fixture by which the recording of a bug is a test in one line, as pytest's users meet it."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest

from brains.loading import load_trees
from brains.recording import FileRecorder
from brains.testing import FakeGame, replay

TREE = """
from brains import Condition, MemorySequence, brain

@brain("guard")
def guard():
    return MemorySequence("Guard", [Condition("Awake?", lambda agent: agent.me["awake"])])
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> Path:
    """Make a project with a brain, and a recording of it."""
    if not any(one.value == "brains.pytest_plugin" for one in importlib.metadata.entry_points(group="pytest11")):
        pytest.skip("brains was installed before it had a plugin: install it again")
    root = pytester.path
    (root / "my_trees").mkdir()
    (root / "my_trees" / "guard.py").write_text(TREE)
    library = load_trees(root / "my_trees")
    recorder = FileRecorder(root / "bug.jsonl")
    game = FakeGame(library.get("guard"))
    recorder.watch(game.agent)
    for awake in (True, False, True):
        game.tick(awake=awake)
    recorder.close()
    pytester.makeini("[pytest]\nbrains_trees = my_trees\naddopts = -p no:cacheprovider -p no:asyncio")
    pytester.makepyfile(test_bug='def test_it(brains_replay):\n    assert brains_replay("bug.jsonl").ticks == 3\n')
    return root


@pytest.mark.usefixtures("project")
def test_a_recording_is_a_test_in_one_line(pytester: pytest.Pytester) -> None:
    pytester.runpytest_subprocess().assert_outcomes(passed=1)


def test_a_changed_tree_fails_with_the_first_difference(pytester: pytest.Pytester, project: Path) -> None:
    (project / "my_trees" / "guard.py").write_text(TREE.replace('agent.me["awake"]', 'not agent.me["awake"]'))
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*tick 1 of agent_1, Guard/Awake[?]: node: expected SUCCESS, got FAILURE*"])


@pytest.mark.usefixtures("project")
def test_it_loads_nothing_of_brains_before_it_is_asked_for(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_bug="import sys\ndef test_it():\n    assert 'brains.trace' not in sys.modules\n")
    pytester.runpytest_subprocess().assert_outcomes(passed=1)


def test_replay_works_without_pytest(project: Path) -> None:
    assert replay(project / "bug.jsonl", trees=project / "my_trees").ticks == 3


def test_a_recording_that_is_not_whole_is_no_passed_test(project: Path) -> None:
    file = project / "bug.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:1]))
    with pytest.raises(AssertionError, match="it has no ticks"):
        replay(file, trees=project / "my_trees")
    place = next(place for place, line in enumerate(lines) if line.startswith(b'{"type":"done"'))
    file.write_bytes(b"".join([*lines[: place + 1], b'{"type":"gap","lines":2}\n', *lines[place + 1 :]]))
    with pytest.raises(AssertionError, match="2 lines could not be written"):
        replay(file, trees=project / "my_trees")
