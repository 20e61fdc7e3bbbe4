"""The merchant at the stall."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from py_trees.behaviour import Behaviour

from brains import (
    Action,
    AgentContext,
    Condition,
    Cooldown,
    LLMAction,
    LLMCondition,
    MemorySelector,
    MemorySequence,
    ReactiveSelector,
    ReactiveSequence,
    Say,
    Wait,
    brain,
)

from .actions import CallGuard, Haggle, Refuse, Serve, TidyStall
from .memory import Forget, Happened, HearsNewWords, whose
from .senses import Sees, customer, id_of, in_sight


@brain("merchant")
def merchant() -> Behaviour:
    """Serves customers as they deserve, and haggles; between them praises the goods and tidies the stall."""
    return ReactiveSelector("Merchant", [
        shout("robbed"),
        shout("hurt"),
        haggle(),
        ReactiveSequence("Serve a customer", [
            Sees("customer", within=3.0),
            # Without an answer nothing is sold: an honest customer comes back, a robber does not need an invitation.
            LLMAction("Treat the customer", prompt="merchant/treat_customer", inputs={"customer": customer},
                      choices={"polite": Serve, "rude": Refuse, "crime": CallGuard},
                      arguments={"customer": id_of(customer)}, still=in_sight("customer"), fallback=Refuse,
                      deadline=4.0, priority=1),
        ]),
        Cooldown("Now and then", Say("Praise the goods", prompt="merchant/praise",
                                     fallback="Come closer, look at my goods!", max_tokens=20, deadline=8.0),
                 seconds=5.0),
        Action("Tidy the stall", TidyStall()),
    ])


def shout(event: str) -> Behaviour:
    """Call the guard because of what has been done to her; she needs no model to tell her what it was."""

    def call(agent: AgentContext) -> CallGuard:
        return CallGuard(customer=whose(agent, event, otherwise="somebody"))

    return ReactiveSequence(f"If {event}", [
        Happened(event, keep=8.0),
        Action("Shout for the guard", call),
        Forget(event),
    ])


def haggle() -> Behaviour:
    """Answer offers that are too low: the model judges the words, the tree does the sums."""
    return ReactiveSequence("Haggle", [
        Sees("customer", within=3.0),
        Condition("Offers too little?", offers_too_little),
        ReactiveSelector("Answer or wait", [
            MemorySequence("Answer an offer", [
                HearsNewWords("customer"),
                MemorySelector("Name a price", [
                    MemorySequence("Come down", [
                        # Without an answer the price stands.
                        LLMCondition("Is the customer charming?", prompt="merchant/is_charming",
                                     inputs={"customer": customer}, about=id_of(customer), threshold=0.6,
                                     on_pending="running", fallback="default", default=False, deadline=4.0, priority=1),
                        Action("Name a lower price", come_down),
                    ]),
                    Action("Stay firm", stay_firm),
                ]),
            ]),
            Wait("Let the customer think", seconds=1.0),
        ]),
    ])


def wanted(agent: AgentContext) -> Mapping[str, Any] | None:
    """Return what the customer asks for, of `me.goods`; None if nothing that is for sale."""
    buyer = customer(agent)
    name = "" if buyer is None else buyer.get("wants", "")
    return next((one for one in agent.me.get("goods", ()) if one["id"] == name), None)


def price(buyer: Mapping[str, Any], goods: Mapping[str, Any]) -> int:
    """Return what the goods cost this customer: what she has named last, else what she asks of everybody."""
    asked: int = buyer.get("price", goods["price"])
    return asked


def offers_too_little(agent: AgentContext) -> bool:
    """Tell whether the customer has made an offer that is below the price."""
    buyer, goods = customer(agent), wanted(agent)
    return buyer is not None and goods is not None and 0 < buyer.get("offers", 0) < price(buyer, goods)


def come_down(agent: AgentContext) -> Haggle:
    """Meet the customer half way, but not below what the goods have cost herself."""
    buyer, goods = customer(agent), wanted(agent)
    assert buyer is not None  # the conditions before it have seen to that
    assert goods is not None
    return Haggle(customer=buyer["id"], price=max(goods["lowest"], (price(buyer, goods) + buyer["offers"]) // 2))


def stay_firm(agent: AgentContext) -> Haggle:
    """Name the same price again."""
    buyer, goods = customer(agent), wanted(agent)
    assert buyer is not None
    assert goods is not None
    return Haggle(customer=buyer["id"], price=price(buyer, goods))
