"""The one way to the model: takes questions from all agents, puts them in order, asks, and answers.

`queue` decides who is next, who shares and who has to go, and knows no asyncio. `tickets` are the receipts.
`keeper` brings the model up and keeps it up. `gateway` ties them to the event loop.
"""

from __future__ import annotations

from .gateway import Gateway, GatewayStats
from .keeper import State, backoff
from .queue import QuestionQueue, Request
from .tickets import GatewayTicket

__all__ = ["Gateway", "GatewayStats", "GatewayTicket", "QuestionQueue", "Request", "State", "backoff"]
