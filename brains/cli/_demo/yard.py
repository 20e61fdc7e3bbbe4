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
from brains.cli._demo.perceiving import DARK, STALL, part_of
from brains.messages import ActionResult, AgentPart, GameEvent

__all__ = ["BODIES", "News", "Yard"]

T = TypeVar("T")

GATE = Point(0, 8)
KEEP = Point(12, 1)
DOORSTEP = Point(12, 4)
"""Where one stands who wants to be let into the keep."""
BOWL = Point(9, 9)
"""Where the cook throws scraps for the dog."""
COUNTER = (Point(15.5, 5.5), Point(13.0, 7.0))
"""Where the first customer stands, and where the next one waits."""
GUEST_SPEED = 6.0
SPEECH_SECONDS = 4.0
PASSER_SECONDS = 4.0
"""How long somebody who walks by is in front of the stall: the merchant has somebody new to call out to."""
SCRAPS_SECONDS = 12.0
MOST_STRANGERS = 2
ALARM_SECONDS = 5.0
HUNGRY_AFTER = 20.0
"""Seconds after a meal until the dog could not be hungrier."""

STRANGER_TURNS = ("attacker", "peaceful", "horde", "suspicious", "attacker", "peaceful")
CUSTOMER_TURNS = ("buyer", "rude", "robber", "haggler")
CALLER_TURNS = ("errand", "excuse")

BODIES = (
    ("guard_1", "guard", "Aldric", "a guard in chain mail", Point(5, 8), "stands at his post"),
    ("guard_2", "doorkeeper", "Hedwig", "a guard with a halberd", Point(12, 2), "stands at the door of the keep"),
    ("merchant_1", "merchant", "Berta", "a merchant behind a stall", STALL, "stands behind the stall"),
    ("villager_1", "villager", "Cuno", "a villager with a rake", Point(12, 12), "rests"),
    ("villager_2", "villager", "Dora", "a villager with a basket", Point(15, 12), "rests"),
    ("villager_3", "villager", "Fenn", "a villager with a hammer", Point(10, 10), "rests"),
    ("thief_1", "thief", "Egon", "a lean man in a patched cloak", Point(22, 3), "squats in a dark corner"),
    ("dog_1", "dog", "Rufus", "a brown dog", Point(8, 10), "lies in the sun"),
)
"""Id, brain, name, looks, home, and what they do who have nothing to do."""
KINDS = {"doorkeeper": "guard"}
"""What those with such a brain are for others; all else are what their brain is called."""


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
        scene: how the yard looks to the thief.
        passer: who walks by the stall.
        scraps: where some food lies on the ground; None: there is none.
        unwatched: nobody looks at the stall.
        hidden: how much the thief has brought home.
    """

    def __init__(self, seed: int = 0) -> None:
        self.time = 0.0
        self.bodies = {
            id: Body(id, KINDS.get(brain, brain), brain, name, looks, home=at, at=at, idle=idle, does=idle)
            for id, brain, name, looks, at, idle in BODIES
        }
        self.guests: dict[str, Guest] = {}
        self.scene: Mapping[str, str] = {}
        self.passer = ""
        self.scraps: Point | None = None
        self.unwatched = False
        self.hidden = 0
        self._rng = rng = random.Random(f"yard:{seed}")
        self._strangers = Deck(rng, [_of_manner(cast.STRANGERS, manner) for manner in STRANGER_TURNS])
        customers = cast.CUSTOMERS + cast.HAGGLERS
        self._customers = Deck(rng, [_of_manner(customers, manner) for manner in CUSTOMER_TURNS])
        self._callers = Deck(rng, [_of_manner(cast.CALLERS, manner) for manner in CALLER_TURNS])
        self._happenings = Deck(rng, [cast.HAPPENINGS[kind::3] for kind in range(3)])
        self._rumours = Deck(rng, [cast.RUMOURS[kind::2] for kind in range(2)])
        self._chances = Deck(rng, [[True], [False]])
        self._passers = Deck(random.Random(f"passers:{seed}"), [cast.PASSERS])
        self._next = {"stranger": 0.5, "customer": 0.3, "happening": 1.0, "rumour": 2.0, "caller": 1.5}
        self._next |= {"scene": 0.0, "light": 0.0, "passer": 0.0, "scraps": 6.0}
        self._count = 0
        self._light = 0
        self._alarm_until = 0.0
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
            if body.kind == "dog":
                body.hunger = min(1.0, body.hunger + seconds / HUNGRY_AFTER)
        for guest in list(self.guests.values()):
            self._advance_guest(guest, seconds)
        self._advance_queue()
        self._let_happen()

    def _advance_guest(self, guest: Guest, seconds: float) -> None:
        guest.advance(seconds, GUEST_SPEED)
        if guest.leaving:
            if guest.at == guest.spot:
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
        if self._due("stranger", 3.0, 4.4) and self._room_for_strangers():
            spot = Point(self._rng.uniform(4, 9), self._rng.uniform(5, 11))
            self._enter(self._strangers.draw(), "stranger", spot, patience=4.5)
        if self._due("customer", 3.6, 5.2) and self._room_at_stall():
            self._enter(self._customers.draw(), "customer", COUNTER[-1], patience=6.0)
        if self._due("caller", 5.0, 7.0) and not any(one.at_door for one in self.guests.values()):
            self._enter(self._callers.draw(), "stranger", DOORSTEP, patience=6.0)
        villagers = [body for body in self.bodies.values() if body.kind == "villager"]
        if self._due("happening", 3.4, 4.8):
            self.tell(self._rng.choice(villagers).id, "happening", self._happenings.draw())
        if self._due("rumour", 3.8, 5.0):
            self.tell(self._rng.choice(villagers).id, "rumour", self._rumours.draw())
        if self.time >= self._next["passer"]:
            # By the clock alone, so that who walks by decides nothing else.
            self._next["passer"] = self.time + PASSER_SECONDS
            self.passer = self._passers.draw()
        if self.time >= self._next["scraps"]:
            self._next["scraps"] = self.time + SCRAPS_SECONDS
            self.scraps = BOWL
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

    def _room_for_strangers(self) -> bool:
        return sum(not one.at_door for one in self.strangers()) < MOST_STRANGERS

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
        self.scene = {
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
        self._see_off(guest, how, GATE)

    def let_in(self, guest: Guest, how: str) -> None:
        """Let a visitor go into the keep."""
        self._see_off(guest, how, KEEP)

    def _see_off(self, guest: Guest, how: str, exit: Point) -> None:
        guest.leave(exit)
        self._news.append(News(guest.id, f"{guest.visitor.looks} {how}"))

    def tell(self, agent: str, event: str, text: str, who: str = "") -> None:
        """Let an agent notice something, which is about `who`."""
        data = {"text": text, "who": who}
        self._events.append(GameEvent(name=event, agent=agent, data=data, time_ms=self.time * 1000))
        self._news.append(News(agent, f"{event}: {text}"))

    def alarm(self) -> None:
        """Let everybody know for a while that something is wrong."""
        self._alarm_until = self.time + ALARM_SECONDS

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
        deeds.begin(self, body, id, name, params)
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
        light = self._light % len(cast.LIGHTS)
        return {"light": cast.LIGHTS[light], "hour": cast.HOURS[light], "alarm": self.time < self._alarm_until}

    def part(self, agent: str) -> AgentPart:
        """Return what one agent perceives now."""
        return part_of(self, self.bodies[agent])

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
