"""What each body in the yard perceives: all that its brain is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from brains.cli._demo import cast
from brains.cli._demo.bodies import Body, Guest, Point
from brains.messages import AgentPart

__all__ = ["DARK", "SIGHT", "STALL", "Sighted", "part_of"]

STALL = Point(17, 5)
SIGHT = 9.0
DARK = 6.0
"""Metres from which one who creeps in the shadow is seen."""
ARMED = ("attacker", "horde")


class Sighted(Protocol):
    """The yard, as far as it can be seen."""

    bodies: dict[str, Body]
    guests: dict[str, Guest]
    scene: Mapping[str, str]
    """How it looks to the thief."""
    passer: str
    """Who walks by the stall."""
    scraps: Point | None
    """Where some food lies on the ground."""


def part_of(yard: Sighted, body: Body) -> AgentPart:
    """Return what one body perceives now."""
    me: dict[str, Any] = {
        "name": body.name,
        "kind": body.kind,
        "at": [round(body.at.x, 1), round(body.at.y, 1)],
        "does": body.does,
        "health": body.health,
        "sees": _sights(yard, body),
    }
    match body.kind:
        case "thief":
            me |= {"loot": body.loot, "scene": dict(yard.scene)}
        case "merchant":
            me["goods"] = _goods(yard)
        case "dog":
            me["hungry"] = round(body.hunger, 1)
    return AgentPart(me=me)


def _goods(yard: Sighted) -> list[dict[str, Any]]:
    """List what is for sale; to who stands at the counter for as much as the merchant has said."""
    buyer = next((one for one in yard.guests.values() if one.kind == "customer" and not one.leaving), None)
    goods = []
    for one in cast.GOODS:
        agreed = buyer.price if buyer is not None and buyer.visitor.wants == one.id else 0
        goods.append({"id": one.id, "name": one.name, "price": agreed or one.price, "lowest": one.lowest})
    return goods


def _sights(yard: Sighted, body: Body) -> list[dict[str, Any]]:
    """List what a body sees, nearest first."""
    sights = []
    if body.kind == "merchant":
        sights.append(_sight("passer", "passer", 2.0, yard.passer, "walks by", ""))
    else:
        sights.append(_sight("stall", "stall", body.at.distance(STALL), "a market stall", "", ""))
    if yard.scraps is not None:
        distance = body.at.distance(yard.scraps)
        sights.append(_sight("scraps", "food", distance, "some scraps", "lie on the ground", ""))
    here = (guest for guest in yard.guests.values() if not guest.leaving)
    sights += [_sight_of_guest(guest, body.at.distance(guest.at)) for guest in here]
    for other in yard.bodies.values():
        if other is body:
            continue
        distance = body.at.distance(other.at)
        if other.kind == "thief":
            if distance <= DARK:
                sights.append(_sight(other.id, "stranger", distance, other.looks, other.does, other.says))
        else:
            sights.append(_sight(other.id, other.kind, distance, other.looks, other.does, other.says))
    near = [sight for sight in sights if sight["distance"] <= SIGHT]
    return sorted(near, key=lambda sight: (sight["distance"], sight["id"]))


def _sight_of_guest(guest: Guest, distance: float) -> dict[str, Any]:
    line, visitor = guest.line, guest.visitor
    sight = _sight(guest.id, guest.kind, distance, visitor.looks, line.does, line.says)
    if guest.kind == "customer":
        return sight | {"wants": visitor.wants, "offers": line.offers}
    return sight | {"armed": visitor.manner in ARMED}


def _sight(id: str, kind: str, distance: float, looks: str, does: str, says: str) -> dict[str, Any]:
    return {"id": id, "kind": kind, "distance": round(distance, 1), "looks": looks, "does": does, "says": says}
