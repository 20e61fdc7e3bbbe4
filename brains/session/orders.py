"""Orders on their way to the game: what goes into the next `actions` message, and which ids the game knows.

One agent gets one action per message, in the order given; what does not fit rides in the next one. An order
that is cancelled before it was sent is never sent. One that the game carries out and nobody wants any more, because
the word of its end was lost with a connection, is cancelled again when the game says that it runs.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import NamedTuple

from brains.actions import params_of
from brains.jsontext import encoded
from brains.messages import Actions, ActionsEntry
from brains.session.counts import SessionCounts
from brains.session.outbox import Outbox
from brains.snapshot import Order

__all__ = ["Orders"]

REMEMBERED = 256
"""Orders per agent whose results are still recognised; games need not report the end of a cancelled one."""
MOST_VOID = 1024
"""Orders of a session that are nobody's any more whose results are still recognised."""
MOST_CANCELS = 1024
"""Cancels that may wait before nothing more is cancelled only because a game says that it runs."""


class Sent(NamedTuple):
    """An order that the game was given."""

    action: str
    is_cancelled: bool = False
    """It was taken back."""
    is_repeated: bool = False
    """It was named again, which the game answers with how it ended, even if that was on its way already."""


class Orders:
    """The orders of all agents of one session.

    Args:
        ttl_ms: age at which the game no longer carries out an order.
        counts: where to count what is sent.
    """

    def __init__(self, ttl_ms: int, counts: SessionCounts) -> None:
        self._ttl_ms = ttl_ms
        self._counts = counts
        self._cancels: dict[str, None] = {}
        self._waiting: dict[str, tuple[str, ActionsEntry]] = {}
        self._sent: dict[str, OrderedDict[str, Sent]] = {}
        """By agent what the game was given."""
        self._void: OrderedDict[str, bool] = OrderedDict()
        """What is nobody's any more, and whether the game was told so on this connection."""

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

    def has_news(self, agent: str) -> bool:
        """Tell whether an action or a cancel of an agent is about to be sent."""
        sent = self._sent.get(agent, ())
        return any(one[0] == agent for one in self._waiting.values()) or any(order in sent for order in self._cancels)

    def cancel(self, agent: str, order_id: str) -> None:
        """Take an order back; the game hears of it only if it knows the order."""
        self._waiting.pop(order_id, None)
        if self._was_sent(agent, order_id):
            self._sent[agent][order_id] = self._sent[agent][order_id]._replace(is_cancelled=True)
            self._cancels[order_id] = None

    def result(self, agent: str, order_id: str, *, final: bool) -> str | None:
        """Note how an order goes; return its action, None if the game was not given it or it ended before."""
        if not self._was_sent(agent, order_id):
            return None
        one = self._sent[agent][order_id]
        if final:
            del self._sent[agent][order_id]
            if one.is_repeated:
                self._make_void({order_id: True})
            self._waiting.pop(order_id, None)
            self._cancels.pop(order_id, None)
        return one.action

    def stray(self, order_id: str, *, final: bool) -> bool:
        """Note the result of an order that is not its agent's; return False if it is a mistake of the game.

        Of an order that is nobody's any more the game may report the end. One that it says is running is cancelled,
        once on each connection.
        """
        if order_id in self._void:
            if final:
                self._cancels.pop(order_id, None)
            elif not self._void[order_id]:
                self._cancels[order_id] = None
            return True
        if final or len(self._cancels) >= MOST_CANCELS or self._is_alive(order_id):
            return False
        self._cancels[order_id] = None
        self._make_void({order_id: True})
        return True

    def forget(self, agent: str) -> None:
        """Drop everything of an agent that is gone, except cancels."""
        sent = self._sent.pop(agent, OrderedDict[str, Sent]())
        self._make_void({order_id: one.is_cancelled for order_id, one in sent.items()})
        self._waiting = {key: one for key, one in self._waiting.items() if one[0] != agent}

    def disconnected(self) -> None:
        """Note that what was sent last may not have arrived. Orders are named again; cancels when they are missed."""
        for sent in self._sent.values():
            cancelled = {order_id: True for order_id, one in sent.items() if one.is_cancelled}
            for order_id in cancelled:
                del sent[order_id]
            self._make_void(cancelled)
        self._void = OrderedDict.fromkeys(self._void, False)

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
            if order_id in self._void:
                self._void[order_id] = True
        self._counts.cancels += len(message.cancel)
        for entry in message.actions:
            self._note_sent(entry)
        return impossible

    def _note_sent(self, entry: ActionsEntry) -> None:
        del self._waiting[entry.id]
        self._void.pop(entry.id, None)
        sent = self._sent.setdefault(entry.agent, OrderedDict())
        if entry.id in sent:
            self._counts.repeated += 1
        else:
            self._counts.orders += 1
        sent[entry.id] = Sent(entry.name, is_repeated=entry.id in sent)
        if len(sent) > REMEMBERED:
            sent.popitem(last=False)

    def _was_sent(self, agent: str, order_id: str) -> bool:
        return order_id in self._sent.get(agent, ())

    def _is_alive(self, order_id: str) -> bool:
        """Tell whether some agent has this order."""
        return order_id in self._waiting or any(order_id in sent for sent in self._sent.values())

    def _make_void(self, orders: Mapping[str, bool]) -> None:
        """Remember orders that are nobody's any more, which were taken back (True) or not."""
        for order_id, is_cancelled in orders.items():
            self._void[order_id] = is_cancelled and order_id not in self._cancels
        while len(self._void) > MOST_VOID:
            self._void.popitem(last=False)

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
                # A client that has come back may have it from when it took longer messages.
                self.cancel(entry.agent, entry.id)
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
    return len(encoded(value))
