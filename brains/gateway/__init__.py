"""The one way to the model: takes questions from all agents, puts them in order, asks, and answers.

`queue` decides who is next, who shares and who has to go, and knows no asyncio; `turns` keeps it fair, `estimate` knows
what comes too late, `budget` who has asked enough, and `cache` what was answered before. `tickets` are the receipts.
`keeper` brings a model up and keeps it up, `servers` has one for each server, `asking` puts one question to one of
them, and `dispatch` ties all of that to the event loop. `gateway` is what agents ask, and `router` is for several
models. `metrics` and `otel` watch (`watching`), `reloads` warns.
"""

from __future__ import annotations

from .gateway import Gateway
from .keeper import Breaker, State, backoff
from .metrics import Metrics
from .queue import QuestionQueue, Request
from .router import ModelRouter
from .stats import GatewayStats
from .tickets import GatewayTicket
from .watching import Exchange, Watcher

__all__ = [
    "Breaker",
    "Exchange",
    "Gateway",
    "GatewayStats",
    "GatewayTicket",
    "Metrics",
    "ModelRouter",
    "QuestionQueue",
    "Request",
    "State",
    "Watcher",
    "backoff",
]
