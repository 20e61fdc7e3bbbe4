"""What the actions of the yard's characters take, and what comes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from brains.cli._demo.bodies import Body, Doing, Guest, Point

__all__ = ["DEEDS", "Deed", "Ends", "Place", "begin", "end"]

WALL = (Point(2, 3), Point(2, 13), Point(9, 13), Point(11, 6))
"""The guard's round; its last corner has the stall in sight."""
LURK = Point(19, 7.5)
CELLAR = Point(23, 2)


class Place(Protocol):
    """Where deeds are done, as far as they have to do with it."""

    bodies: dict[str, Body]
    guests: dict[str, Guest]
    unwatched: bool
    hidden: int

    def strangers(self) -> list[Guest]:
        """Return the strangers who are here and not about to leave."""
        ...

    def send_away(self, guest: Guest, how: str) -> None:
        """Let a visitor leave."""
        ...

    def tell(self, agent: str, event: str, text: str) -> None:
        """Let an agent notice something."""
        ...


class Ends(NamedTuple):
    """How an action ended."""

    status: str = "success"
    code: str = ""
    message: str = ""


Outcome = Callable[[Place, Body, Doing], Ends]


class Deed(NamedTuple):
    """What is known of an action beforehand."""

    seconds: float
    does: str
    """What those who look on see."""
    outcome: Outcome | None = None
    kinds: tuple[str, ...] = ()
    """Who can do it."""


def begin(body: Body, id: str, name: str, params: Mapping[str, object]) -> Doing:
    """Set a body to work on an order. An action that the yard does not know takes its time, and nothing comes of it."""
    deed = DEEDS.get(name, Deed(1.5, f"is busy ({name})"))
    body.does = deed.does
    body.doing = Doing(id, name, params, deed.seconds, way=_way(body, name), speed=5.0 if name == "Flee" else 3.0)
    return body.doing


def _way(body: Body, name: str) -> list[Point]:
    if name == "Patrol":
        nearest = min(range(len(WALL)), key=lambda corner: body.at.distance(WALL[corner]))
        return [*WALL[nearest:], *WALL[:nearest]]
    if name == "Sneak":
        return [LURK]
    if name == "HideLoot" or (name == "Flee" and body.kind == "thief"):
        return [CELLAR]
    if name == "Flee":
        return [Point(22, 13)]
    return [body.home] if name in ("Work", "TidyStall") else []


def end(yard: Place, body: Body, doing: Doing) -> Ends:
    """Let happen what comes of an order that has been carried out."""
    deed = DEEDS.get(doing.name)
    return Ends() if deed is None or deed.outcome is None else deed.outcome(yard, body, doing)


GONE = Ends("failure", "gone", "they are not here any more")


def _guest(yard: Place, doing: Doing, field: str) -> Guest | None:
    guest = yard.guests.get(str(doing.params.get(field, "")))
    return None if guest is None or guest.leaving else guest


def _on_thief(yard: Place, doing: Doing, text: str) -> bool:
    """Tell the thief, if it is him whom the guard has to do with."""
    thief = yard.bodies.get(str(doing.params.get("target", "")))
    if thief is None or thief.kind != "thief":
        return False
    yard.tell(thief.id, "challenge", text)
    return True


def _challenge(yard: Place, body: Body, doing: Doing) -> Ends:
    if _on_thief(yard, doing, "the guard asks what you are doing here"):
        return Ends()
    guest = _guest(yard, doing, "target")
    if guest is None:
        return GONE
    if guest.answered and guest.visitor.manner in ("peaceful", "suspicious"):
        yard.send_away(guest, "walks on in peace" if guest.visitor.manner == "peaceful" else "turns back at the gate")
    else:
        guest.go_on()
    return Ends()


def _attack(yard: Place, body: Body, doing: Doing) -> Ends:
    if _on_thief(yard, doing, "the guard draws his sword"):
        return Ends()
    guest = _guest(yard, doing, "target")
    if guest is None:
        return GONE
    if guest.visitor.manner == "horde":
        guest.go_on()
        return Ends("failure", "too_many", "one man cannot beat them")
    yard.send_away(guest, "is driven out")
    return Ends()


def _call_for_help(yard: Place, body: Body, doing: Doing) -> Ends:
    for guest in yard.strangers():
        yard.send_away(guest, "flees from the garrison")
    return Ends()


def _ignore(yard: Place, body: Body, doing: Doing) -> Ends:
    for guest in yard.strangers():
        guest.go_on()
    return Ends()


def _serve(yard: Place, body: Body, doing: Doing) -> Ends:
    guest = _guest(yard, doing, "customer")
    if guest is None:
        return GONE
    yard.send_away(guest, "leaves with the goods")
    if guest.visitor.manner == "robber":
        return Ends("failure", "robbed", "they took the goods and did not pay")
    return Ends()


def _refuse(yard: Place, body: Body, doing: Doing) -> Ends:
    guest = _guest(yard, doing, "customer")
    if guest is None:
        return GONE
    if guest.visitor.manner == "robber" and not guest.answered:
        guest.go_on()
        return Ends("failure", "not_impressed", "they do not go away")
    yard.send_away(guest, "leaves with empty hands")
    return Ends()


def _call_guard(yard: Place, body: Body, doing: Doing) -> Ends:
    guest = _guest(yard, doing, "customer")
    if guest is None:
        return GONE
    yard.send_away(guest, "runs off before the guard comes")
    return Ends()


def _steal(yard: Place, body: Body, doing: Doing) -> Ends:
    if not yard.unwatched:
        yard.tell(body.id, "challenge", "somebody shouts: stop, thief!")
        return Ends("failure", "caught", "somebody saw it")
    body.loot += 1
    return Ends()


def _hide(yard: Place, body: Body, doing: Doing) -> Ends:
    yard.hidden += body.loot
    body.loot = 0
    return Ends()


DEEDS = {
    "Patrol": Deed(0.0, "walks along the wall", None, ("guard",)),
    "Challenge": Deed(1.2, "asks a stranger what he wants", _challenge, ("guard",)),
    "Attack": Deed(1.4, "fights", _attack, ("guard",)),
    "CallForHelp": Deed(1.6, "blows the horn", _call_for_help, ("guard",)),
    "Ignore": Deed(1.5, "looks the other way", _ignore, ("guard",)),
    "Serve": Deed(1.2, "serves a customer", _serve, ("merchant",)),
    "Refuse": Deed(0.8, "sends a customer away", _refuse, ("merchant",)),
    "CallGuard": Deed(1.0, "shouts for the guard", _call_guard, ("merchant",)),
    "TidyStall": Deed(2.5, "tidies the stall", None, ("merchant",)),
    "Work": Deed(2.0, "works", None, ("villager",)),
    "Greet": Deed(0.9, "greets", None, ("villager",)),
    "Flee": Deed(1.2, "runs away", None, ("villager", "thief")),
    "Listen": Deed(1.5, "listens to a rumour", None, ("villager",)),
    "Cheer": Deed(1.0, "cheers", None, ("villager",)),
    "Sneak": Deed(0.8, "creeps along in the shadow of the wall", None, ("thief",)),
    "Steal": Deed(0.9, "reaches for the merchant's cash box", _steal, ("thief",)),
    "HideLoot": Deed(0.5, "drags a clinking bag into the cellar", _hide, ("thief",)),
}
