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
SHELTER = Point(22, 13)
WELL = Point(14, 9)
SHADOWS = {"stall": LURK, "well": Point(16, 8), "keep": Point(17, 2.5), "gate": Point(2, 11)}
"""Where one who does not want to be noticed stands near a place."""
PLACES = {"gate": Point(1, 8), "keep": Point(12, 3), "stall": Point(16, 7)}
EARSHOT = 14.0
"""Metres from which a shout, a bark or a horn is heard."""
TALK = 4.0
RUNNING = ("Flee", "Hurry", "Chase", "Eat")
GUARDS = ("guard", "doorkeeper")


class Place(Protocol):
    """Where deeds are done, as far as they have to do with it."""

    bodies: dict[str, Body]
    guests: dict[str, Guest]
    unwatched: bool
    hidden: int
    scraps: Point | None

    def strangers(self) -> list[Guest]:
        """Return the strangers who are here and not about to leave."""
        ...

    def send_away(self, guest: Guest, how: str) -> None:
        """Let a visitor leave."""
        ...

    def let_in(self, guest: Guest, how: str) -> None:
        """Let a visitor go into the keep."""
        ...

    def tell(self, agent: str, event: str, text: str, who: str = "") -> None:
        """Let an agent notice something, which is about `who`."""
        ...

    def alarm(self) -> None:
        """Let everybody know for a while that something is wrong."""
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
    brains: tuple[str, ...] = ()
    """Which brains' bodies can do it."""


def begin(yard: Place, body: Body, id: str, name: str, params: Mapping[str, object]) -> Doing:
    """Set a body to work on an order. An action that the yard does not know takes its time, and nothing comes of it."""
    deed = DEEDS.get(name, Deed(1.5, f"is busy ({name})"))
    body.does = deed.does
    way = _way(yard, body, name, params)
    body.doing = Doing(id, name, params, deed.seconds, way=way, speed=5.0 if name in RUNNING else 3.0)
    return body.doing


def _way(yard: Place, body: Body, name: str, params: Mapping[str, object]) -> list[Point]:
    """Return where a deed leads."""
    match name:
        case "Patrol" if params.get("route") == "wall":
            nearest = min(range(len(WALL)), key=lambda corner: body.at.distance(WALL[corner]))
            return [*WALL[nearest:], *WALL[:nearest]]
        case "Patrol":
            return [Point(body.home.x - 1.5, body.home.y), Point(body.home.x + 1.5, body.home.y), body.home]
        case "Sneak":
            return [SHADOWS.get(str(params.get("to")), LURK)]
        case "HideLoot":
            return [CELLAR]
        case "Flee":
            return [CELLAR if body.kind == "thief" else SHELTER]
        case "Rest":
            return [SHELTER]
        case "Gather":
            return [WELL]
        case "Work" | "TidyStall" | "Roam":
            return [body.home]
        case "Hurry" | "Chase" | "Fawn" | "Eat":
            spot = _spot_of(yard, str(params.get("to") or params.get("target") or params.get("what")))
            # Not onto their toes.
            return [] if spot is None else [body.at.toward(spot, max(0.0, body.at.distance(spot) - 1.0))]
    return []


def _spot_of(yard: Place, id: str) -> Point | None:
    """Return where somebody is, or a place; None if nobody knows."""
    if id in PLACES:
        return PLACES[id]
    if id == "scraps":
        return yard.scraps
    found = yard.bodies.get(id) or yard.guests.get(id)
    return None if found is None else found.at


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
    if guest.answered and (guest.at_door or guest.visitor.manner in ("peaceful", "suspicious")):
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
        body.health = 0.2
        return Ends("failure", "too_many", "one man cannot beat them")
    yard.send_away(guest, "is driven out")
    return Ends()


def _call_for_help(yard: Place, body: Body, doing: Doing) -> Ends:
    yard.alarm()
    for guest in yard.strangers():
        yard.send_away(guest, "flees from the garrison")
    return Ends()


def _ignore(yard: Place, body: Body, doing: Doing) -> Ends:
    for guest in yard.strangers():
        guest.go_on()
    return Ends()


def _flee(yard: Place, body: Body, doing: Doing) -> Ends:
    body.health = 1.0
    return Ends()


def _hurry(yard: Place, body: Body, doing: Doing) -> Ends:
    return GONE if _spot_of(yard, str(doing.params.get("to", ""))) is None else Ends()


def _let_pass(yard: Place, body: Body, doing: Doing) -> Ends:
    if _on_thief(yard, doing, "the guard lets you pass"):
        return Ends()
    guest = _guest(yard, doing, "target")
    if guest is None:
        return GONE
    yard.let_in(guest, "goes into the keep")
    if guest.visitor.manner != "errand":
        return Ends("failure", "fooled", "they have no business in there")
    return Ends()


def _turn_away(yard: Place, body: Body, doing: Doing) -> Ends:
    if _on_thief(yard, doing, "the guard sends you away"):
        return Ends()
    guest = _guest(yard, doing, "target")
    if guest is None:
        return GONE
    if guest.answered:
        yard.send_away(guest, "is sent away from the keep")
    else:
        guest.go_on()
    return Ends()


def _haggle(yard: Place, body: Body, doing: Doing) -> Ends:
    guest = _guest(yard, doing, "customer")
    if guest is None:
        return GONE
    guest.price = int(doing.params["price"])
    if guest.answered:
        yard.send_away(guest, "goes away: it is too dear")
    else:
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
    for guard in _in_earshot(yard, body, "guard"):
        yard.tell(guard.id, "alarm", f"{body.name} shouts for the guard", guest.id)
    yard.send_away(guest, "runs off before the guard comes")
    return Ends()


def _in_earshot(yard: Place, body: Body, kind: str, within: float = EARSHOT) -> list[Body]:
    """List the others of a kind who are near enough to hear it."""
    others = (other for other in yard.bodies.values() if other is not body and other.kind == kind)
    return [other for other in others if body.at.distance(other.at) <= within]


def _gossip(yard: Place, body: Body, doing: Doing) -> Ends:
    for other in _in_earshot(yard, body, "villager", TALK):
        yard.tell(other.id, "rumour", str(doing.params["text"]), body.id)
    return Ends()


def _bark(yard: Place, body: Body, doing: Doing) -> Ends:
    guest = _guest(yard, doing, "target")
    for guard in _in_earshot(yard, body, "guard"):
        whom = "something" if guest is None else guest.visitor.looks
        yard.tell(guard.id, "alarm", f"{body.name} barks at {whom}", str(doing.params["target"]))
    return Ends()


def _eat(yard: Place, body: Body, doing: Doing) -> Ends:
    if yard.scraps is None or doing.params["what"] != "scraps":
        return Ends("failure", "gone", "there is nothing to eat any more")
    yard.scraps, body.hunger = None, 0.0
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
    "Patrol": Deed(0.0, "walks along the wall", None, GUARDS),
    "Challenge": Deed(1.2, "asks a stranger what he wants", _challenge, GUARDS),
    "Attack": Deed(1.4, "fights", _attack, GUARDS),
    "CallForHelp": Deed(1.6, "blows the horn", _call_for_help, GUARDS),
    "Ignore": Deed(1.5, "looks the other way", _ignore, GUARDS),
    "Hurry": Deed(0.5, "runs to see what is the matter", _hurry, GUARDS),
    "LetPass": Deed(0.8, "opens the door of the keep", _let_pass, ("doorkeeper",)),
    "TurnAway": Deed(0.8, "bars the door of the keep", _turn_away, ("doorkeeper",)),
    "Serve": Deed(1.2, "serves a customer", _serve, ("merchant",)),
    "Haggle": Deed(1.0, "argues with a customer", _haggle, ("merchant",)),
    "Refuse": Deed(0.8, "sends a customer away", _refuse, ("merchant",)),
    "CallGuard": Deed(1.0, "shouts for the guard", _call_guard, ("merchant",)),
    "TidyStall": Deed(2.5, "tidies the stall", None, ("merchant",)),
    "Work": Deed(2.0, "works", None, ("villager",)),
    "Greet": Deed(0.9, "greets", None, ("villager",)),
    "Flee": Deed(1.2, "runs away", _flee, (*GUARDS, "villager", "thief")),
    "Listen": Deed(1.5, "listens to a rumour", None, ("villager",)),
    "Cheer": Deed(1.0, "cheers", None, ("villager",)),
    "Gossip": Deed(1.2, "gossips", _gossip, ("villager",)),
    "Gather": Deed(3.0, "stands at the well", None, ("villager",)),
    "Rest": Deed(4.0, "sleeps", None, ("villager",)),
    "Sneak": Deed(0.8, "creeps along in the shadow of the wall", None, ("thief",)),
    "Steal": Deed(0.9, "reaches for the merchant's cash box", _steal, ("thief",)),
    "HideLoot": Deed(0.5, "drags a clinking bag into the cellar", _hide, ("thief",)),
    "Bark": Deed(0.6, "barks", _bark, ("dog",)),
    "Chase": Deed(0.8, "snaps at somebody's heels", None, ("dog",)),
    "Eat": Deed(1.0, "eats", _eat, ("dog",)),
    "Fawn": Deed(1.0, "wags its tail", None, ("dog",)),
    "Nap": Deed(3.0, "sleeps", None, ("dog",)),
    "Roam": Deed(2.0, "sniffs about", None, ("dog",)),
}
