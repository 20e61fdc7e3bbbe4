"""Several models, each behind a gateway of its own; a question says which is to answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from brains.errors import ConfigError
from brains.questions import ModelInfo, NoAnswer, Question

from .gateway import Gateway
from .keeper import State
from .tickets import GatewayTicket, Listener

__all__ = ["ModelRouter"]


class ModelRouter:
    """An `Asker` that gives each question to the gateway of its `Question.model`.

    The default's state is the router's: leaves that name another model are refused by that one's gateway while it is
    not there, with the reason.

    Args:
        gateways: by the name that leaves use; the default's may be the empty one, which no leaf can say.
        default: which of them gets the questions that name none.
    """

    def __init__(self, gateways: Mapping[str, Gateway], default: str = "") -> None:
        if default not in gateways:
            raise ConfigError(f"there is no model {default!r} to be the default; there are: {_listed(gateways)}")
        self.gateways = dict(gateways)
        self.default = self.gateways[default]

    @property
    def names(self) -> tuple[str, ...]:
        """The names that a leaf may give as its model."""
        return tuple(name for name in self.gateways if name)

    @property
    def state(self) -> State:
        """Whether the default model can be asked."""
        return self.default.state

    @property
    def info(self) -> ModelInfo | None:
        """What is known of the default model."""
        return self.default.info

    @property
    def problem(self) -> str:
        """Why the default model is away."""
        return self.default.problem

    def ask(self, question: Question) -> GatewayTicket:
        """Take a question and return its ticket at once; one for an unknown model is answered `unknown_model`."""
        gateway = self.gateways.get(question.model) if question.model else self.default
        if gateway is not None:
            return gateway.ask(question)
        known = _listed(self.names) or "none, only the default"
        message = f"the settings name no model {question.model!r}; there are: {known}"
        return self.default.refuse(question, NoAnswer(reason="unknown_model", message=message))

    async def start(self, name: str | None = None) -> ModelInfo:
        """Load the default model, or the one of that name, and return what it can do.

        Raises:
            ModelError: it cannot be had; the message says what to do about it.
        """
        return await (self.default if name is None else self.gateways[name]).start()

    async def close(self) -> None:
        """Close all gateways, side by side. Any number of times."""
        await asyncio.gather(*(gateway.close() for gateway in self.gateways.values()))

    def close_session(self, session: str) -> None:
        """Cancel all questions of a session."""
        for gateway in self.gateways.values():
            gateway.close_session(session)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with news of any gateway's tickets; return what ends that. See `Gateway.subscribe`."""
        ends = [gateway.subscribe(listener) for gateway in self.gateways.values()]

        def unsubscribe() -> None:
            for end in ends:
                end()

        return unsubscribe


def _listed(names: Mapping[str, object] | tuple[str, ...]) -> str:
    return ", ".join(repr(name) for name in names if name)
