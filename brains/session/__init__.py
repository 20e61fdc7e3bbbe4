"""Sans-IO sessions: frames in, frames out; whoever owns the socket pumps them.

`GameSession` speaks protocol 1 with a game, `ChatSession` answers the plain chat client. `is_chat` tells
from a first frame which of the two is on the line. `Parking` keeps game sessions that lost their connection.
"""

from __future__ import annotations

from brains.session.chat import ChatSession, is_chat
from brains.session.counts import SessionCounts
from brains.session.game import GameSession
from brains.session.limits import SessionLimits
from brains.session.parking import Parking
from brains.session.roster import AgentFactory, BrainSource, SessionAgent

__all__ = [
    "AgentFactory",
    "BrainSource",
    "ChatSession",
    "GameSession",
    "Parking",
    "SessionAgent",
    "SessionCounts",
    "SessionLimits",
    "is_chat",
]
