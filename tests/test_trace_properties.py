"""A replay does what was done: over random trees of all nodes, and random games."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.random_play import Play, debugged, library_of, plays, trees


@settings(deadline=None, max_examples=50)
@given(tree=trees, other=trees, play=plays)
def test_a_replay_does_what_was_done(tree: Any, other: Any, play: list[Any]) -> None:
    game = Play(library_of({"brain a": tree, "brain b": other}))
    for step in play:
        game.do(step)
    replayer = game.replayer()
    assert replayer.run() is None
    assert not replayer.left_out
    assert not replayer.stopped
    assert replayer.ticks == sum(len(life.ticks) for life in replayer.recording.lives.values())
    assert replayer.actions == len(game.orders)


@settings(deadline=None, max_examples=50)
@given(tree=trees, other=trees, play=plays)
def test_a_replay_without_texts_does_what_was_done(tree: Any, other: Any, play: list[Any]) -> None:
    """With `--record-content off`; prompts are those of the folder, so nobody edits them in between."""
    game = Play(library_of({"brain a": tree, "brain b": other}), content=False)
    for step in play:
        if step[0] != "edit":
            game.do(step)
    replayer = game.replayer()
    assert replayer.run() is None
    assert not replayer.left_out
    assert b"Halt" not in b"".join(game.sink.lines)
    assert b"says" not in b"".join(game.sink.lines)


@settings(deadline=None, max_examples=50)
@given(tree=trees, play=plays, data=st.data())
def test_an_agent_comes_to_any_tick_as_it_was(tree: Any, play: list[Any], data: st.DataObject) -> None:
    """Rebuilt from the middle of its life it does the rest as it did it."""
    game = Play(library_of({"brain a": tree, "brain b": "walk"}))
    for step in play:
        game.do(step)
    replayer = game.replayer()
    lives = [life for life in replayer.recording.lives.values() if life.id == "a" and life.ticks]
    if not lives:
        return
    life = lives[-1]
    tick = data.draw(st.integers(1, life.last + 1))
    rebuilt = replayer.rebuild("a", tick)
    assert not rebuilt.differences
    assert rebuilt.agent.tick_number == tick - 1
    if tick <= life.last:
        turn = replayer.go_to("a", tick)
        assert turn.run() is None
        assert turn.agent.tick_number == tick


@settings(deadline=None, max_examples=80)
@given(tree=trees, play=st.lists(debugged, max_size=30))
def test_what_a_debugger_did_is_done_again_where_it_was_done(tree: Any, play: list[Any]) -> None:
    """Memory that was set, results that were forced, prompts that were edited, ticks that were given up."""
    game = Play(library_of({"brain a": tree, "brain b": "walk"}))
    for step in play:
        if step[0] == "again":
            game.do_free()
        game.do(step)
    game.do_free()
    replayer = game.replayer()
    assert replayer.run() is None
    assert not replayer.left_out
