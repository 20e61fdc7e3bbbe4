"""The castle yard of the demo, by plain calls: the same for the same seed, and its rules."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from brains.cli._demo import cast
from brains.cli._demo.bodies import Deck, Guest, Point
from brains.cli._demo.deeds import DEEDS
from brains.cli._demo.yard import BODIES, COUNTER, GATE, Yard
from brains.messages import ActionResult

PROMPTS = Path(__file__).parent.parent / "prompts"
STEP = 0.1


def run(yard: Yard, seconds: float) -> None:
    for _ in range(round(seconds / STEP)):
        yard.advance(STEP)


def wait_for(yard: Yard, manner: str) -> Guest:
    """Let time pass until such a visitor is here."""
    for _ in range(2000):
        for guest in yard.guests.values():
            if guest.visitor.manner == manner and not guest.leaving:
                return guest
        yard.advance(STEP)
    raise AssertionError(f"no {manner} came")


def carry_out(yard: Yard, agent: str, name: str, **params: Any) -> ActionResult:
    """Give an order, let it take its time, and return how it ended."""
    yard.take_results()
    yard.order(agent, "x", name, params)
    for _ in range(300):
        yard.advance(STEP)
        for result in yard.take_results():
            if result.id == "x" and result.status != "running":
                return result
    raise AssertionError(f"{name} does not end")


def transcript(seed: int) -> list[Any]:
    yard = Yard(seed)
    lines: list[Any] = []
    for number in range(300):
        if number % 20 == 0:
            yard.order("thief_1", f"t{number}", "Sneak", {"to": "stall"})
        yard.advance(STEP)
        lines += [yard.take_news(), yard.take_results(), yard.take_events()]
        lines += [yard.part(body[0]) for body in BODIES]
    return lines


def test_the_same_seed_plays_the_same() -> None:
    assert transcript(3) == transcript(3)
    assert transcript(3) != transcript(4)


def test_twenty_seconds_bring_something_of_everything() -> None:
    for seed in range(5):
        yard = Yard(seed)
        run(yard, 20)
        events = [event.name for event in yard.take_events()]
        news = " ".join(item.text for item in yard.take_news())
        assert min(events.count("happening"), events.count("rumour")) >= 4
        assert news.count("(stranger_") >= 4
        assert news.count("(customer_") >= 3


def test_what_the_game_sends_is_plain_json() -> None:
    yard = Yard(1)
    run(yard, 6)
    for body in yard.bodies:
        assert msgspec.json.decode(msgspec.json.encode(yard.part(body)))["me"]["sees"]


def test_sights_are_near_and_the_nearest_comes_first() -> None:
    yard = Yard(1)
    for _ in range(200):
        yard.advance(STEP)
        for body in yard.bodies:
            distances = [sight["distance"] for sight in yard.part(body).me["sees"]]
            assert distances == sorted(distances)
            assert max(distances, default=0) <= 9.0


def test_the_merchant_always_has_somebody_new_to_call_out_to() -> None:
    """A model that is asked the same thing for a minute says the same thing for a minute."""
    yard = Yard(1)
    seen = []
    for _ in range(12):
        run(yard, 5)
        seen += [sight["looks"] for sight in yard.part("merchant_1").me["sees"] if sight["kind"] == "passer"]
        assert not any(sight["kind"] == "passer" for sight in yard.part("guard_1").me["sees"])
    assert len(seen) == 12
    assert len(set(seen)) >= 8


def test_an_order_runs_and_then_succeeds() -> None:
    yard = Yard()
    yard.order("villager_1", "o1", "Work", {})
    assert [(r.id, r.status) for r in yard.take_results()] == [("o1", "running")]
    run(yard, 1.0)
    assert yard.take_results() == []
    run(yard, 1.5)
    assert [(r.id, r.status) for r in yard.take_results()] == [("o1", "success")]


def test_the_same_order_again_is_nothing_new() -> None:
    yard = Yard()
    yard.order("villager_1", "o1", "Work", {})
    run(yard, 1.5)
    yard.order("villager_1", "o1", "Work", {})
    run(yard, 1.0)
    assert [r.status for r in yard.take_results()] == ["running", "success"]


def test_a_cancelled_order_ends_at_once() -> None:
    yard = Yard()
    yard.order("guard_1", "o1", "Patrol", {"route": "wall"})
    run(yard, 1)
    yard.cancel("o1")
    yard.cancel("o1")
    at = yard.bodies["guard_1"].at
    run(yard, 1)
    assert [r.status for r in yard.take_results()] == ["running", "cancelled"]
    assert yard.bodies["guard_1"].at == at


def test_a_new_order_takes_the_place_of_the_old_one() -> None:
    yard = Yard()
    yard.order("villager_1", "o1", "Work", {})
    yard.order("villager_1", "o2", "Greet", {})
    assert [(r.id, r.status) for r in yard.take_results()] == [
        ("o1", "running"), ("o1", "cancelled"), ("o2", "running"),
    ]  # fmt: skip


def test_an_action_that_the_yard_does_not_know_takes_its_time_and_succeeds() -> None:
    assert carry_out(Yard(), "guard_1", "Juggle").status == "success"


def test_a_patrol_comes_round() -> None:
    yard = Yard()
    assert carry_out(yard, "guard_1", "Patrol", route="wall").status == "success"
    assert yard.time > 5


def test_one_man_beats_an_attacker_but_not_a_horde() -> None:
    yard = Yard(2)
    attacker = wait_for(yard, "attacker")
    assert carry_out(yard, "guard_1", "Attack", target=attacker.id).status == "success"
    assert attacker.leaving
    horde = wait_for(yard, "horde")
    result = carry_out(yard, "guard_1", "Attack", target=horde.id)
    assert (result.status, result.code) == ("failure", "too_many")


def test_the_horn_drives_everybody_out() -> None:
    yard = Yard(2)
    wait_for(yard, "horde")
    carry_out(yard, "guard_1", "CallForHelp")
    assert yard.strangers() == []


def test_who_is_challenged_goes_on_and_then_goes_away() -> None:
    yard = Yard(2)
    guest = wait_for(yard, "suspicious")
    guest.patience = 100
    carry_out(yard, "guard_1", "Challenge", target=guest.id)
    assert (guest.line, guest.leaving) == (guest.visitor.then, False)
    carry_out(yard, "guard_1", "Challenge", target=guest.id)
    assert guest.leaving


def test_who_is_not_there_cannot_be_challenged() -> None:
    assert carry_out(Yard(), "guard_1", "Challenge", target="nobody").code == "gone"


@pytest.mark.parametrize(
    ("manner", "name", "status"),
    [
        ("buyer", "Serve", "success"),
        ("robber", "Serve", "failure"),
        ("rude", "Refuse", "success"),
        ("robber", "Refuse", "failure"),
        ("robber", "CallGuard", "success"),
    ],
)
def test_customers_get_what_the_merchant_decides(manner: str, name: str, status: str) -> None:
    yard = Yard(1)
    guest = wait_for(yard, manner)
    guest.patience = 100
    assert carry_out(yard, "merchant_1", name, customer=guest.id).status == status


def test_the_next_customer_steps_up() -> None:
    yard = Yard(1)
    first = wait_for(yard, "buyer")
    second = wait_for(yard, "robber")
    assert first.spot != second.spot
    first.leave(GATE)
    for other in yard.guests.values():
        if other.kind == "customer" and other is not second:
            other.leave(GATE)
    second.patience = 100
    run(yard, 4)
    assert second.at == COUNTER[0]


@pytest.mark.parametrize("unwatched", [True, False])
def test_a_theft_succeeds_when_nobody_looks(unwatched: bool) -> None:
    yard = Yard()
    yard.advance(STEP)
    while yard.unwatched is not unwatched:
        yard.advance(STEP)
    yard.take_events()
    yard.order("thief_1", "s", "Steal", {"what": "cash box"})
    yard.bodies["thief_1"].doing.left = 0  # type: ignore[union-attr]
    yard.advance(0)
    thief = yard.part("thief_1").me
    assert thief["loot"] == int(unwatched)
    challenged = [event.name for event in yard.take_events() if event.agent == "thief_1"]
    assert challenged == ([] if unwatched else ["challenge"])


def test_loot_is_brought_home() -> None:
    yard = Yard()
    yard.bodies["thief_1"].loot = 2
    carry_out(yard, "thief_1", "HideLoot")
    assert (yard.hidden, yard.bodies["thief_1"].loot) == (2, 0)


def test_the_guard_takes_the_thief_for_a_stranger_when_he_is_near() -> None:
    yard = Yard()
    yard.bodies["thief_1"].at = Point(6, 8)
    assert "thief_1" in [s["id"] for s in yard.part("guard_1").me["sees"] if s["kind"] == "stranger"]
    carry_out(yard, "guard_1", "Challenge", target="thief_1")
    assert ("thief_1", "challenge") in [(event.agent, event.name) for event in yard.take_events()]


def test_the_doorkeeper_decides_who_goes_in() -> None:
    yard = Yard(2)
    caller = wait_for(yard, "errand")
    caller.patience = 100
    assert carry_out(yard, "guard_2", "LetPass", target=caller.id).status == "success"
    run(yard, 4)
    assert caller.id not in yard.guests
    fraud = wait_for(yard, "excuse")
    fraud.patience = 100
    assert carry_out(yard, "guard_2", "TurnAway", target=fraud.id).status == "success"
    assert (fraud.answered, fraud.leaving) == (True, False)
    assert carry_out(yard, "guard_2", "LetPass", target=fraud.id).code == "fooled"


def test_a_price_once_named_holds_for_that_customer() -> None:
    yard = Yard(1)
    for guest in yard.guests.values():
        guest.leave(GATE)
    haggler = wait_for(yard, "haggler")
    haggler.patience = 100
    for guest in yard.guests.values():
        if guest is not haggler:
            guest.leave(GATE)
    run(yard, 3)
    wanted = haggler.visitor.wants

    def price() -> int:
        return next(int(one["price"]) for one in yard.part("merchant_1").me["goods"] if one["id"] == wanted)

    asked = price()
    sight = next(one for one in yard.part("merchant_1").me["sees"] if one["id"] == haggler.id)
    assert (sight["wants"], sight["offers"]) == (wanted, haggler.visitor.first.offers)
    assert carry_out(yard, "merchant_1", "Haggle", customer=haggler.id, price=asked - 1).status == "success"
    assert price() == asked - 1
    assert haggler.line == haggler.visitor.then
    haggler.leave(GATE)
    assert price() == asked


def test_gossip_goes_to_the_neighbours_and_no_further() -> None:
    yard = Yard()
    carry_out(yard, "villager_1", "Gossip", text="I saw it!")
    told = [(e.agent, e.data) for e in yard.take_events() if e.name == "rumour" and e.data["text"] == "I saw it!"]
    assert told == [(who, {"text": "I saw it!", "who": "villager_1"}) for who in ("villager_2", "villager_3")]


def test_the_guards_hear_the_dog_and_run_there() -> None:
    yard = Yard(2)
    guest = wait_for(yard, "peaceful")
    guest.patience = 100
    run(yard, 2)
    yard.take_events()
    carry_out(yard, "dog_1", "Bark", target=guest.id)
    alarms = [(event.agent, event.data["who"]) for event in yard.take_events() if event.name == "alarm"]
    assert ("guard_1", guest.id) in alarms
    assert carry_out(yard, "guard_1", "Hurry", to=guest.id).status == "success"
    assert yard.bodies["guard_1"].at.distance(guest.at) < 1.5
    assert carry_out(yard, "guard_1", "Hurry", to="nobody").code == "gone"


def test_a_lost_fight_hurts_and_the_horn_is_heard_by_all() -> None:
    yard = Yard(2)
    horde = wait_for(yard, "horde")
    horde.patience = 100
    carry_out(yard, "guard_1", "Attack", target=horde.id)
    assert yard.part("guard_1").me["health"] < 0.3
    assert not yard.world()["alarm"]
    carry_out(yard, "guard_1", "CallForHelp")
    assert yard.world()["alarm"]
    carry_out(yard, "guard_1", "Flee")
    assert yard.part("guard_1").me["health"] == 1.0
    run(yard, 5)
    assert not yard.world()["alarm"]


def test_the_dog_eats_the_scraps_and_is_full() -> None:
    yard = Yard()
    run(yard, 7)
    assert "scraps" in [one["id"] for one in yard.part("dog_1").me["sees"]]
    hungry = yard.part("dog_1").me["hungry"]
    assert carry_out(yard, "dog_1", "Eat", what="scraps").status == "success"
    assert yard.part("dog_1").me["hungry"] < hungry
    assert carry_out(yard, "dog_1", "Eat", what="scraps").code == "gone"


def test_speech_is_heard_for_a_while() -> None:
    yard = Yard()
    yard.say("merchant_1", "Fresh pears!")
    assert yard.bodies["merchant_1"].says == "Fresh pears!"
    run(yard, 5)
    assert yard.bodies["merchant_1"].says == ""


def test_a_deck_deals_from_each_group_before_it_comes_again() -> None:
    deck = Deck(Yard(5)._rng, ["ab", "cd"])
    rounds = [{deck.draw(), deck.draw()} for _ in range(4)]
    assert all(len(one & set("ab")) == 1 for one in rounds)


def test_nobody_in_the_cast_is_from_the_prompts() -> None:
    """What the demo shows must not be what the examples say."""
    prompts = "".join(path.read_text() for path in sorted(PROMPTS.rglob("*")) if path.is_file())
    known = set(re.split(r"(?:looks|does|says|event|rumour|guard|merchant): |, |\}|\"|\n", prompts))
    visitors = cast.STRANGERS + cast.CUSTOMERS + cast.HAGGLERS + cast.CALLERS
    texts = [text for v in visitors for text in (v.looks, v.first.does, v.then.does)]
    texts += [*cast.HAPPENINGS, *cast.RUMOURS, *(text for pair in cast.WATCHED + cast.UNWATCHED for text in pair)]
    texts += cast.PASSERS
    assert sorted(known & set(texts)) == []
    assert len({v.looks for v in visitors}) >= 30
    assert len(set(cast.HAPPENINGS)) >= 20


def test_every_visitor_is_spoken_of_as_one() -> None:
    """What the yard says of a visitor follows the looks: "... is driven out"."""
    for visitor in cast.STRANGERS + cast.CUSTOMERS + cast.HAGGLERS + cast.CALLERS:
        assert re.match("(a|an|one) ", visitor.looks)
        assert visitor.first.does.split()[0].endswith("s")
        assert visitor.then.does.split()[0].endswith("s")


def test_every_deed_is_of_somebody() -> None:
    brains = {body[1] for body in BODIES}
    assert all(deed.brains and set(deed.brains) <= brains for deed in DEEDS.values())
