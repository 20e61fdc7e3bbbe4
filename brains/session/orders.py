"""Orders on their way to the game: what goes into the next `actions` message, and which ids the game knows.

One agent gets one action per message, in the order given; what does not fit rides in the next one. An order
that is cancelled before it was sent is never sent.
"""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from brains.actions import params_of
from brains.messages import Actions, ActionsEntry
from brains.session.outbox import Outbox
from brains.snapshot import Order

__all__ = ["Orders"]

REMEMBERED = 256
"""Orders per agent whose results are still recognised; games need not report the end of a cancelled one."""


class Orders:
    """The orders of all agents of one session."""

    def __init__(self, ttl_ms: int) -> None:
        self._ttl_ms = ttl_ms
        self._cancels: dict[str, None] = {}
        self._waiting: dict[str, tuple[str, ActionsEntry]] = {}
        self._sent: dict[str, OrderedDict[str, None]] = {}
        self._void: OrderedDict[str, None] = OrderedDict()

    def add(self, agent: str, order: Order) -> None:
        """Take an order for the next message; one that was sent before is named again with the same id.

        Raises:
            TypeError: its values cannot be put into JSON.
        """
        self._waiting[order.id] = (
            agent,
            ActionsEntry(
                agent=agent,
                id=order.id,
                name=type(order.action).__name__,
                params=params_of(order.action),
                source=order.source,
                ttl_ms=self._ttl_ms,
                reason=order.reason,
            ),
        )

    def cancel(self, agent: str, order_id: str) -> None:
        """Take an order back; the game hears of it only if it knows the order."""
        self._waiting.pop(order_id, None)
        if self._was_sent(agent, order_id):
            self._cancels[order_id] = None

    def result(self, agent: str, order_id: str, *, final: bool) -> bool:
        """Note how an order goes; return False for one that the game was not given or that ended before."""
        if not self._was_sent(agent, order_id):
            return False
        if final:
            del self._sent[agent][order_id]
            self._waiting.pop(order_id, None)
            self._cancels.pop(order_id, None)
        return True

    def is_void(self, order_id: str) -> bool:
        """Tell whether an order's agent is gone: the game may still report how it ended, and nobody cares."""
        return order_id in self._void

    def forget(self, agent: str) -> None:
        """Drop everything of an agent that is gone, except cancels."""
        self._void.update(self._sent.pop(agent, OrderedDict()))
        while len(self._void) > REMEMBERED:
            self._void.popitem(last=False)
        self._waiting = {key: one for key, one in self._waiting.items() if one[0] != agent}

    def send(self, message: Actions, outbox: Outbox) -> list[tuple[str, str]]:
        """Fill `message` with what waits and queue it; keep what does not fit.

        Returns:
            (agent, id) of orders that are too long for any message of this client; they are dropped.
        """
        message.cancel = list(self._cancels)
        message.actions = self._next()
        impossible: list[tuple[str, str]] = []
        if not outbox.put_if_fits(message):
            impossible = self._shorten(message, outbox.max_bytes)
            outbox.put(message)
        for order_id in message.cancel:
            del self._cancels[order_id]
        for entry in message.actions:
            del self._waiting[entry.id]
            self._void.pop(entry.id, None)
            sent = self._sent.setdefault(entry.agent, OrderedDict())
            sent[entry.id] = None
            if len(sent) > REMEMBERED:
                sent.popitem(last=False)
        return impossible

    def _was_sent(self, agent: str, order_id: str) -> bool:
        return order_id in self._sent.get(agent, ())

    def _next(self) -> list[ActionsEntry]:
        """Return the oldest waiting order of each agent."""
        chosen: dict[str, ActionsEntry] = {}
        for agent, entry in self._waiting.values():
            chosen.setdefault(agent, entry)
        return list(chosen.values())

    def _shorten(self, message: Actions, max_bytes: int) -> list[tuple[str, str]]:
        """Leave out of `message` what makes it too long: cancels matter more than actions."""
        cancels, entries, busy = message.cancel, message.actions, message.busy
        message.cancel, message.actions, message.busy = [], [], []
        room = empty = max_bytes - _size(message)
        message.busy, room = _fitting(busy, room)
        message.cancel, room = _fitting(cancels, room)
        impossible: list[tuple[str, str]] = []
        for entry in entries:
            size = _size(entry) + 1
            if size > empty:
                impossible.append((entry.agent, entry.id))
                del self._waiting[entry.id]
            elif len(message.cancel) == len(cancels) and size <= room:
                message.actions.append(entry)
                room -= size
        return impossible


def _fitting(items: list[str], room: int) -> tuple[list[str], int]:
    """Return as many of the first items as fit, and the room that is left."""
    taken: list[str] = []
    for item in items:
        size = _size(item) + 1
        if size > room:
            break
        taken.append(item)
        room -= size
    return taken, room


def _size(value: object) -> int:
    return len(msgspec.json.encode(value))
