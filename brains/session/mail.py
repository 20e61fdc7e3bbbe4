"""What agents are still to be told: events and results wait here until their agent's tick.

State is latest-wins, but an event happens once: it must reach its agent even if the snapshot that it came
with was superseded, or the agent is in none of the next snapshots.
"""

from __future__ import annotations

from collections import deque

from brains.messages import ActionResult, GameEvent
from brains.snapshot import Event, OrderResult

__all__ = ["Mail"]


class _Box:
    """The mail of one agent."""

    __slots__ = ("events", "results")

    def __init__(self) -> None:
        self.events: deque[Event] = deque()
        self.results: deque[OrderResult] = deque()


class Mail:
    """Events and results by agent.

    Args:
        max_events: how many events are taken between two ticks of the session, and kept for one agent. Of those
            that are too many for a tick the newest are dropped; an agent that is not ticked for long forgets the
            oldest.
    """

    def __init__(self, max_events: int) -> None:
        self.max_events = max_events
        self._boxes: dict[str, _Box] = {}
        self._taken = 0

    def open(self, agent: str) -> None:
        """Begin to keep mail for an agent."""
        self._boxes[agent] = _Box()

    def close(self, agent: str) -> None:
        """Throw an agent's mail away."""
        self._boxes.pop(agent, None)

    def ticked(self) -> None:
        """Take as many events again: the session has been ticked, or its game counts from the start again."""
        self._taken = 0

    def add_events(self, events: list[GameEvent]) -> int:
        """Keep events; return how many had to be dropped."""
        lost = 0
        for event in events:
            if self._taken >= self.max_events:
                lost += 1
                continue
            self._taken += 1
            mail = Event(event.name, event.data, event.time_ms)
            boxes = [self._boxes[event.agent]] if event.agent else self._boxes.values()
            for box in boxes:
                lost += self._deliver(box, mail)
        return lost

    def add_result(self, result: ActionResult) -> None:
        """Keep a result for its agent's next tick."""
        known = OrderResult(result.id, result.status, result.code, result.message, result.data)
        self.add_order_result(result.agent, known)

    def add_order_result(self, agent: str, result: OrderResult) -> None:
        """Keep a result that the session itself found, such as an action that may not leave."""
        box = self._boxes[agent]
        if len(box.results) >= self.max_events:
            # Only `running` can come this often for one agent, and a newer one says the same.
            running = next((old for old in box.results if old.status == "running"), box.results[0])
            box.results.remove(running)
        box.results.append(result)

    def has_ended(self, agent: str, order_id: str) -> bool:
        """Tell whether an order is over and its agent has yet to hear of it."""
        return any(one.id == order_id and one.status != "running" for one in self._boxes[agent].results)

    def take(self, agent: str) -> tuple[tuple[Event, ...], tuple[OrderResult, ...]]:
        """Return what an agent is told in its tick, oldest first; it is told once."""
        box = self._boxes[agent]
        if not box.events and not box.results:
            return (), ()
        self._boxes[agent] = _Box()
        return tuple(box.events), tuple(box.results)

    def _deliver(self, box: _Box, event: Event) -> int:
        """Put one event into one agent's box; return how many had to go for it."""
        box.events.append(event)
        if len(box.events) <= self.max_events:
            return 0
        box.events.popleft()
        return 1
