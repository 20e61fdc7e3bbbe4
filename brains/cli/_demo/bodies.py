"""The bodies in the yard: where they are, where they go, what they do and say."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

from brains.cli._demo.cast import Line, Visitor

__all__ = ["Body", "Deck", "Doing", "Guest", "Point"]

T = TypeVar("T")


class Point(NamedTuple):
    """A place in the yard, in metres from the corner left of the gate."""

    x: float
    y: float

    def distance(self, other: Point) -> float:
        """Return how far it is to another point."""
        return math.hypot(self.x - other.x, self.y - other.y)

    def toward(self, other: Point, step: float) -> Point:
        """Return where one is after `step` metres on the straight way to another point."""
        left = self.distance(other)
        if left <= step:
            return other
        part = step / left
        return Point(self.x + (other.x - self.x) * part, self.y + (other.y - self.y) * part)


@dataclass
class Doing:
    """An order that is being carried out."""

    id: str
    name: str
    params: Mapping[str, Any]
    left: float
    """Seconds that it takes at least."""
    way: list[Point] = field(default_factory=list)
    """Where to go meanwhile; it has not ended before the last point is reached."""
    speed: float = 3.0


@dataclass
class Body:
    """One agent's body."""

    id: str
    kind: str
    """What it is for those who see it."""
    brain: str
    name: str
    looks: str
    home: Point
    at: Point
    idle: str
    """What it does when it has no order."""
    does: str = ""
    says: str = ""
    silent_in: float = 0.0
    """Seconds after which what it says has died away."""
    doing: Doing | None = None
    loot: int = 0
    health: float = 1.0
    hunger: float = 0.0
    held: bool = False

    def advance(self, seconds: float) -> bool:
        """Let time pass; return True if the order is carried out now."""
        self.silent_in -= seconds
        if self.silent_in <= 0:
            self.says = ""
        doing = self.doing
        if doing is None:
            return False
        doing.left -= seconds
        step = doing.speed * seconds
        while doing.way and step > 0:
            before = self.at
            self.at = before.toward(doing.way[0], step)
            step -= before.distance(self.at)
            if self.at == doing.way[0]:
                del doing.way[0]
            else:
                break
        return doing.left <= 1e-9 and not doing.way

    def stop(self) -> Doing | None:
        """Drop the order, if there is one, and return it."""
        doing, self.doing, self.does = self.doing, None, self.idle
        return doing


@dataclass
class Guest:
    """A visitor who is in the yard."""

    id: str
    visitor: Visitor
    kind: str
    at: Point
    spot: Point
    line: Line
    patience: float
    """Seconds after which they go away by themselves, or do what they came for."""
    price: int = 0
    """What the merchant asks of them, in pence; 0: what she asks of everybody."""
    leaving: bool = False
    answered: bool = False
    """The second line has been spoken."""

    @property
    def at_door(self) -> bool:
        """They want to get into the keep."""
        return self.visitor.manner in ("errand", "excuse")

    def advance(self, seconds: float, speed: float) -> None:
        """Walk, and lose patience."""
        self.at = self.at.toward(self.spot, speed * seconds)
        self.patience -= seconds

    def go_on(self) -> None:
        """Do the second thing."""
        self.answered = True
        self.line = self.visitor.then

    def leave(self, exit: Point) -> None:
        """Turn round and go."""
        self.leaving = True
        self.spot = exit


class Deck(Generic[T]):
    """Draws from several groups in turns, each shuffled, so that a short time brings something of everything."""

    def __init__(self, rng: random.Random, groups: Sequence[Sequence[T]]) -> None:
        self._rng = rng
        self._groups = [list(group) for group in groups]
        self._left: list[list[T]] = [[] for _ in groups]
        self._turns: list[int] = []

    def draw(self) -> T:
        """Return the next one."""
        if not self._turns:
            self._turns = list(range(len(self._groups)))
            self._rng.shuffle(self._turns)
        group = self._turns.pop()
        if not self._left[group]:
            self._left[group] = list(self._groups[group])
            self._rng.shuffle(self._left[group])
        return self._left[group].pop()
