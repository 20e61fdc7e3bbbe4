"""The WebSocket server: owns the sockets, and pumps frames between them and the sans-IO sessions."""

from __future__ import annotations

from brains.server.connection import ModelGateway
from brains.server.gate import Gate, is_loopback
from brains.server.server import Server

__all__ = ["Gate", "ModelGateway", "Server", "is_loopback"]
