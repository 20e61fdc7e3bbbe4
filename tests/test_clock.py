"""Time as a tree sees it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from brains.clock import AgentClock, WallClock

times = st.floats(-1e6, 1e6)


def test_agent_time_follows_the_game_from_its_first_word_on() -> None:
    """The first time is where the agent's life starts, whatever the game calls it."""
    clock = AgentClock()
    clock.follow(500.0)
    assert clock.now() == 0.0
    clock.follow(500.5)
    assert clock.now() == 0.5


def test_a_step_back_counts_as_none() -> None:
    """A new scene that starts from zero does not make an agent younger."""
    clock = AgentClock()
    for time in (10.0, 11.0, 0.0, 0.25):
        clock.follow(time)
    assert clock.now() == 1.25


def test_time_of_a_hold_does_not_count() -> None:
    """After `skip_to` only what follows counts."""
    clock = AgentClock()
    clock.follow(1.0)
    clock.skip_to(60.0)
    clock.follow(61.0)
    assert clock.now() == 1.0


@given(st.lists(times))
def test_agent_time_never_goes_back(game_times: list[float]) -> None:
    """Whatever a game sends."""
    clock = AgentClock()
    last = clock.now()
    for time in game_times:
        clock.follow(time)
        assert clock.now() >= last
        last = clock.now()


def test_the_wall_clock_goes_on() -> None:
    """It is the machine's monotonic clock."""
    clock = WallClock()
    assert clock.now() <= clock.now()
