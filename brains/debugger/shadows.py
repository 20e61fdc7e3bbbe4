"""Shadows: copies of an agent that go their own way from a tick of its past on. What they order goes nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from brains.debugger.control import Control
from brains.debugger.host import Debuggable, Place
from brains.snapshot import AgentSnapshot

if TYPE_CHECKING:
    from brains.debugger.debugger import Debugger

__all__ = ["Shadows"]


class Shadows:
    """All shadows of one debugger."""

    def __init__(self, debugger: Debugger) -> None:
        self._debugger = debugger
        self._shadows: dict[Place, Control] = {}
        self._made = 0

    def __contains__(self, place: object) -> bool:
        return place in self._shadows

    def agents(self) -> list[Debuggable]:
        """Return them as agents."""
        return [shadow.agent for shadow in self._shadows.values()]

    def new_session(self) -> str:
        """Return the name of a game in which the next one can be."""
        self._made += 1
        return f"fork{self._made}"

    def add(self, control: Control, agent: Debuggable, inputs: Iterator[AgentSnapshot], *, live: bool) -> Control:
        """Take a copy of an agent.

        Args:
            control: whose copy it is.
            agent: the copy, in a game of its own.
            inputs: what it is to be ticked on.
            live: after that, on what its original is ticked on.
        """
        shadow = self._debugger.control_of(agent)
        shadow.inputs, shadow.is_shadow, shadow.is_live = inputs, True, live
        self._shadows[shadow.place] = shadow
        if live:
            self._debugger.control_of(control.agent).shadows.append(shadow)
        return shadow

    def dissolve(self, shadow: Control) -> None:
        """End one."""
        shadow.end()
        self._shadows.pop(shadow.place, None)
        for control in self._debugger.controls():
            if shadow in control.shadows:
                control.shadows.remove(shadow)
        shadow.agent.close()
