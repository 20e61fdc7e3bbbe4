"""Several models by name."""

from __future__ import annotations

import pytest

from brains.errors import ConfigError
from brains.gateway import Gateway, GatewayTicket, ModelRouter
from brains.questions import Asker, NoAnswer
from brains.testing import ManualClock
from tests.test_gateway import FakeModel, idle, question, reason


def gateway(model: FakeModel) -> Gateway:
    return Gateway(model, clock=ManualClock())


async def test_a_question_goes_to_the_model_that_it_names() -> None:
    small, big = FakeModel(), FakeModel()
    router = ModelRouter({"": gateway(small), "big": gateway(big)})
    asker: Asker = router
    assert router.names == ("big",)
    assert (router.state, router.info) == ("cold", None)
    await router.start()
    assert router.state == "ready"
    tickets = [asker.ask(question("a")), asker.ask(question("b", model="big"))]
    refused = tickets[1].outcome
    assert isinstance(refused, NoAnswer)
    assert refused.reason == "warming_up", "each model is ready by itself"
    await router.start("big")
    news: list[GatewayTicket] = []
    unsubscribe = router.subscribe(news.append)
    tickets[1] = router.ask(question("b", model="big"))
    await idle()
    assert ([call.about for call in small.calls], [call.about for call in big.calls]) == (["a"], ["b"])
    for model in (small, big):
        model.calls[0].answer()
    await idle()
    assert [ticket.question.model for ticket in news] == ["", "big"]
    unsubscribe()
    last = [router.ask(question("c", session="x")), router.ask(question("d", session="x", model="big"))]
    router.close_session("x")
    assert [reason(ticket) for ticket in last] == ["cancelled", "cancelled"]
    await router.close()
    assert (small.closes, big.closes, len(news)) == (1, 1, 2)


async def test_an_unknown_model_is_answered_at_once_with_those_that_there_are() -> None:
    router = ModelRouter({"": gateway(FakeModel()), "big": gateway(FakeModel()), "tiny": gateway(FakeModel())})
    await router.start()
    refusal = router.ask(question("x", model="bgi")).outcome
    assert isinstance(refusal, NoAnswer)
    assert refusal.reason == "unknown_model"
    assert refusal.message == "the settings name no model 'bgi'; there are: 'big', 'tiny'"
    assert router.default.stats.failed == {"unknown_model": 1}
    await router.close()


async def test_the_same_question_to_two_models_is_two() -> None:
    small, big = FakeModel(), FakeModel()
    router = ModelRouter({"": gateway(small), "big": gateway(big)})
    await router.start()
    await router.start("big")
    router.ask(question("same"))
    router.ask(question("same", model="big"))
    await idle()
    assert (len(small.calls), len(big.calls)) == (1, 1)
    await router.close()


async def test_one_that_is_away_does_not_stop_the_other() -> None:
    small, big = FakeModel(), FakeModel()
    router = ModelRouter({"": gateway(small), "big": gateway(big)})
    await router.start("big")
    assert router.problem == ""
    assert reason(router.ask(question("x"))) == "warming_up"
    assert reason(router.ask(question("x", model="big"))) is None
    await router.close()


def test_there_has_to_be_a_default() -> None:
    with pytest.raises(ConfigError, match="no model '' to be the default; there are: 'big'"):
        ModelRouter({"big": gateway(FakeModel())})
