"""The castle yard: a small simulation, the same for the same seed and the same orders.

Plain calls: `advance` lets time pass, `order` and `cancel` move the bodies, `part` says what one of them perceives, and
the `take_...` methods hand over what has happened since they were last called.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

from brains.cli._demo import cast, deeds
from brains.cli._demo.bodies import Body, Deck, Guest, Point
from brains.messages import ActionResult, AgentPart, GameEvent

__all__ = ["BODIES", "News", "Yard"]

T = TypeVar("T")

GATE = Point(0, 8)
STALL = Point(17, 5)
COUNTER = (Point(15.5, 5.5), Point(13.0, 7.0))
"""Where the first customer stands, and where the next one waits."""
SIGHT = 9.0
DARK = 6.0
"""Metres from which one who creeps in the shadow is seen."""
GUEST_SPEED = 6.0
SPEECH_SECONDS = 4.0
PASSER_SECONDS = 4.0
"""How long somebody who walks by is in front of the stall: the merchant has somebody new to call out to."""
MOST_STRANGERS = 2

STRANGER_TURNS = ("attacker", "peaceful", "horde", "suspicious", "attacker", "peaceful")
CUSTOMER_TURNS = ("buyer", "rude", "robber", "buyer")

BODIES = (
    ("guard_1", "guard", "Aldric", "a guard in chain mail", Point(5, 8), "stands at his post"),
    ("merchant_1", "merchant", "Berta", "a merchant behind a stall", STALL, "stands behind the stall"),
    ("villager_1", "villager", "Cuno", "a villager with a rake", Point(12, 12), "rests"),
    ("villager_2", "villager", "Dora", "a villager with a basket", Point(15, 12), "rests"),
    ("thief_1", "thief", "Egon", "a lean man in a patched cloak", Point(22, 3), "squats in a dark corner"),
)


class News(NamedTuple):
    """Something that people who watch may like to know."""

    who: str
    text: str


class Yard:
    """The yard with its bodies, its visitors and its clock.

    Args:
        seed: decides who comes, when, and what happens.

    Attributes:
        time: seconds since it began.
        bodies: of the agents, by id.
        guests: visitors who are here, by id.
        unwatched: nobody looks at the stall.
        hidden: how much the thief has brought home.
    """

    def __init__(self, seed: int = 0) -> None:
        self.time = 0.0
        self.bodies = {
            id: Body(id, kind, name, looks, home=at, at=at, idle=idle, does=idle)
            for id, kind, name, looks, at, idle in BODIES
        }
        self.guests: dict[str, Guest] = {}
        self.unwatched = False
        self.hidden = 0
        self._rng = rng = random.Random(f"yard:{seed}")
        self._strangers = Deck(rng, [_of_manner(cast.STRANGERS, manner) for manner in STRANGER_TURNS])
        self._customers = Deck(rng, [_of_manner(cast.CUSTOMERS, manner) for manner in CUSTOMER_TURNS])
        self._happenings = Deck(rng, [cast.HAPPENINGS[kind::3] for kind in range(3)])
        self._rumours = Deck(rng, [cast.RUMOURS[kind::2] for kind in range(2)])
        self._chances = Deck(rng, [[True], [False]])
        self._passers = Deck(random.Random(f"passers:{seed}"), [cast.PASSERS])
        self._passer = ""
        self._next = {"stranger": 0.5, "customer": 0.3, "happening": 1.0, "rumour": 2.0}
        self._next |= {"scene": 0.0, "light": 0.0, "passer": 0.0}
        self._count = 0
        self._light = 0
        self._scene: dict[str, str] = {}
        self._events: list[GameEvent] = []
        self._results: list[ActionResult] = []
        self._news: list[News] = []

    # --- time ------------------------------------------------------------------------------------------------------

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.time += seconds
        for body in self.bodies.values():
            doing = body.doing
            if body.advance(seconds) and doing is not None:
                ends = deeds.end(self, body, doing)
                body.stop()
                self._report(body.id, doing.id, ends.status, ends.code, ends.message)
                if ends.message:
                    self._news.append(News(body.id, f"{doing.name} fails: {ends.message}"))
        for guest in list(self.guests.values()):
            self._advance_guest(guest, seconds)
        self._advance_queue()
        self._let_happen()

    def _advance_guest(self, guest: Guest, seconds: float) -> None:
        guest.advance(seconds, GUEST_SPEED)
        if guest.leaving:
            if guest.at == GATE:
                del self.guests[guest.id]
        elif guest.patience <= 0:
            if guest.answered:
                self.send_away(guest, "goes away")
            else:
                guest.go_on()
                guest.patience = 2.5

    def _advance_queue(self) -> None:
        """Let whoever waits at the stall step up to the counter."""
        waiting = [one for one in self.guests.values() if one.kind == "customer" and not one.leaving]
        for guest, place in zip(waiting, COUNTER, strict=False):
            guest.spot = place

    def _let_happen(self) -> None:
        if self._due("stranger", 3.0, 4.4) and len(self.strangers()) < MOST_STRANGERS:
            spot = Point(self._rng.uniform(4, 9), self._rng.uniform(5, 11))
            self._enter(self._strangers.draw(), "stranger", spot, patience=4.5)
        if self._due("customer", 3.6, 5.2) and self._room_at_stall():
            self._enter(self._customers.draw(), "customer", COUNTER[-1], patience=6.0)
        villagers = [body for body in self.bodies.values() if body.kind == "villager"]
        if self._due("happening", 2.2, 3.2):
            self.tell(self._rng.choice(villagers).id, "happening", self._happenings.draw())
        if self._due("rumour", 2.6, 3.6):
            self.tell(self._rng.choice(villagers).id, "rumour", self._rumours.draw())
        if self.time >= self._next["passer"]:
            # By the clock alone, so that who walks by decides nothing else.
            self._next["passer"] = self.time + PASSER_SECONDS
            self._passer = self._passers.draw()
        if self._due("light", 6.0, 8.0):
            self._light += 1
        if self._due("scene", 2.0, 2.8):
            self._change_scene()

    def _due(self, what: str, shortest: float, longest: float) -> bool:
        """Tell whether it is time for something, and set the next time."""
        if self.time < self._next[what]:
            return False
        self._next[what] = self.time + self._rng.uniform(shortest, longest)
        return True

    def _room_at_stall(self) -> bool:
        return sum(one.kind == "customer" and not one.leaving for one in self.guests.values()) < len(COUNTER)

    def _enter(self, visitor: cast.Visitor, kind: str, spot: Point, patience: float) -> None:
        self._count += 1
        guest = Guest(f"{kind}_{self._count}", visitor, kind, GATE, spot, visitor.first, patience)
        self.guests[guest.id] = guest
        self._news.append(News("yard", f"{visitor.looks} comes through the gate ({guest.id})"))

    def _change_scene(self) -> None:
        """Decide who looks at the stall now; a guard who has his hands full does not."""
        guard, thief = self.bodies["guard_1"], self.bodies["thief_1"]
        busy = guard.doing is not None and guard.doing.name != "Patrol"
        near = guard.at.distance(thief.at) < DARK
        self.unwatched = not near and (self._chances.draw() or busy)
        guards, merchants = zip(*(cast.UNWATCHED if self.unwatched else cast.WATCHED), strict=True)
        self._scene = {
            "light": cast.LIGHTS[self._light % len(cast.LIGHTS)],
            "guard": self._rng.choice(guards),
            "merchant": self._rng.choice(merchants),
        }

    # --- what deeds bring about ------------------------------------------------------------------------------------

    def strangers(self) -> list[Guest]:
        """Return the strangers who are here and not about to leave."""
        return [one for one in self.guests.values() if one.kind == "stranger" and not one.leaving]

    def send_away(self, guest: Guest, how: str) -> None:
        """Let a visitor leave."""
        guest.leave(GATE)
        self._news.append(News(guest.id, f"{guest.visitor.looks} {how}"))

    def tell(self, agent: str, event: str, text: str) -> None:
        """Let an agent notice something."""
        self._events.append(GameEvent(name=event, agent=agent, data={"text": text}, time_ms=self.time * 1000))
        self._news.append(News(agent, f"{event}: {text}"))

    # --- orders ----------------------------------------------------------------------------------------------------

    def order(self, agent: str, id: str, name: str, params: Mapping[str, Any]) -> None:
        """Begin to carry out an order; another one that its body is busy with is cancelled."""
        body = self.bodies.get(agent)
        if body is None:
            return
        if body.doing is not None and body.doing.id == id:
            return
        if body.doing is not None:
            self.cancel(body.doing.id)
        deeds.begin(body, id, name, params)
        self._report(agent, id, "running")

    def cancel(self, id: str) -> None:
        """Stop an order; nothing happens if it has ended."""
        for body in self.bodies.values():
            if body.doing is not None and body.doing.id == id:
                body.stop()
                self._report(body.id, id, "cancelled")

    def expire(self, agent: str, id: str) -> None:
        """Refuse an order that came too late."""
        self._report(agent, id, "expired", "too_old")

    def say(self, agent: str, text: str) -> None:
        """Let an agent be heard by those who are near."""
        body = self.bodies.get(agent)
        if body is not None:
            body.says, body.silent_in = text, SPEECH_SECONDS

    def hold(self, agent: str, held: bool) -> None:
        """Note that an agent's brain is stopped, or goes on."""
        if agent in self.bodies:
            self.bodies[agent].held = held

    def _report(self, agent: str, id: str, status: Any, code: str = "", message: str = "") -> None:
        self._results.append(
            ActionResult(agent=agent, id=id, status=status, code=code, message=message, time_ms=self.time * 1000)
        )

    # --- what the game sends ---------------------------------------------------------------------------------------

    def world(self) -> dict[str, Any]:
        """Return what all agents share."""
        return {"light": cast.LIGHTS[self._light % len(cast.LIGHTS)]}

    def part(self, agent: str) -> AgentPart:
        """Return what one agent perceives now."""
        body = self.bodies[agent]
        me: dict[str, Any] = {
            "name": body.name,
            "kind": body.kind,
            "at": [round(body.at.x, 1), round(body.at.y, 1)],
            "does": body.does,
            "sees": self._sights(body),
        }
        if body.kind == "thief":
            me |= {"loot": body.loot, "scene": dict(self._scene)}
        return AgentPart(me=me)

    def _sights(self, body: Body) -> list[dict[str, Any]]:
        """List what a body sees, nearest first."""
        sights = []
        if body.kind == "merchant":
            sights.append(_sight("passer", "passer", 2.0, self._passer, "walks by", ""))
        else:
            sights.append(_sight("stall", "stall", body.at.distance(STALL), "a market stall", "", ""))
        for guest in self.guests.values():
            if not guest.leaving:
                distance = body.at.distance(guest.at)
                line = guest.line
                sights.append(_sight(guest.id, guest.kind, distance, guest.visitor.looks, line.does, line.says))
        for other in self.bodies.values():
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

    def take_events(self) -> list[GameEvent]:
        """Return the events since the last call."""
        events, self._events = self._events, []
        return events

    def take_results(self) -> list[ActionResult]:
        """Return how orders have gone since the last call."""
        results, self._results = self._results, []
        return results

    def take_news(self) -> list[News]:
        """Return what there was to tell since the last call."""
        news, self._news = self._news, []
        return news


def _of_manner(visitors: tuple[cast.Visitor, ...], manner: str) -> list[cast.Visitor]:
    return [visitor for visitor in visitors if visitor.manner == manner]


def _sight(id: str, kind: str, distance: float, looks: str, does: str, says: str) -> dict[str, Any]:
    return {"id": id, "kind": kind, "distance": round(distance, 1), "looks": looks, "does": does, "says": says}
