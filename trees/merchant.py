"""The merchant at the stall."""

from __future__ import annotations

from py_trees.behaviour import Behaviour

from brains import Action, Cooldown, LLMAction, ReactiveSelector, ReactiveSequence, Say, brain

from .actions import CallGuard, Refuse, Serve, TidyStall
from .senses import Sees, customer, id_of, in_sight


@brain("merchant")
def merchant() -> Behaviour:
    """Serves customers as they deserve; between them praises the goods and tidies the stall."""
    return ReactiveSelector("Merchant", [
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
