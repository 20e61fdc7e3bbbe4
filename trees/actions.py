"""What the characters of the castle yard can do.

The class name is the action's name in the game, the docstring its description there. `label` is the word by which a
model chooses it, unless the leaf that offers it gives it another one: a small model is better at saying what it sees
than at giving orders, so the guard and the merchant let it choose by the situation in which an action is right.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from brains import GameAction, Meta

Name = Annotated[str, Meta(min_length=1, max_length=64)]
"""Id of somebody or something in the game."""

Line = Annotated[str, Meta(min_length=1, max_length=200)]
"""One spoken sentence."""


class Patrol(GameAction):
    """Walk one round of a route."""

    route: Name = "wall"


class Challenge(GameAction):
    """Stop somebody and ask what they want."""

    target: Name


class Attack(GameAction):
    """Fight somebody."""

    target: Name


class CallForHelp(GameAction):
    """Sound the alarm, so that the garrison comes."""


class Ignore(GameAction):
    """Look the other way for a moment."""


class Hurry(GameAction):
    """Run to somebody, or to a place."""

    to: Name


class LetPass(GameAction):
    """Open the door that one guards, for somebody."""

    target: Name


class TurnAway(GameAction):
    """Keep the door shut, and tell somebody so."""

    target: Name


class Serve(GameAction):
    """Sell the customer what they want."""

    customer: Name


class Haggle(GameAction):
    """Name a price, in pence: what the goods cost this customer from now on."""

    customer: Name
    price: Annotated[int, Meta(ge=0, le=1000)]


class Refuse(GameAction):
    """Send the customer away."""

    customer: Name


class CallGuard(GameAction):
    """Shout for the guard because of a customer."""

    customer: Name


class TidyStall(GameAction):
    """Put the goods in order."""


class Work(GameAction):
    """Do the work that is to be done."""

    label: ClassVar[str] = "work"


class Greet(GameAction):
    """Greet whoever is there."""

    label: ClassVar[str] = "greet"


class Flee(GameAction):
    """Run to a safe place."""

    label: ClassVar[str] = "run"


class Listen(GameAction):
    """Stand still and listen to what is told."""


class Cheer(GameAction):
    """Throw the hat into the air."""


class Gossip(GameAction):
    """Tell those who stand near what one has seen."""

    text: Line


class Gather(GameAction):
    """Join the others at the well."""


class Rest(GameAction):
    """Go home and sleep."""


class Sneak(GameAction):
    """Creep somewhere without being noticed, and wait there for a while."""

    to: Name


class Steal(GameAction):
    """Take something that is not watched."""

    what: Name = "cash box"


class HideLoot(GameAction):
    """Carry what was stolen to the hiding place."""


class Bark(GameAction):
    """Bark at somebody, so that the guards hear it."""

    target: Name


class Chase(GameAction):
    """Run after somebody and snap at them."""

    target: Name


class Eat(GameAction):
    """Run to some food and eat it."""

    what: Name


class Fawn(GameAction):
    """Run to somebody and wag the tail."""

    target: Name


class Nap(GameAction):
    """Lie down for a while."""


class Roam(GameAction):
    """Sniff about."""
