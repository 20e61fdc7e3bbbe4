"""Who is next, who shares an answer, and who has to go: what the gateway decides, without asyncio or a clock.

The rules:

- Identical questions are one request. A request stands where the best placed of its questions would stand.
- Order: priority, then the earlier deadline, then first come.
- No agent starves. Whoever has been served since another one began to wait may go before it `OUT_OF_TURN` times; then
  that one goes that has waited longest, whatever its priority. Waited longest has, of the session that has gone longest
  without a turn, the agent that has gone longest without a start. So an agent with many questions, or one that asks
  at a high priority in every tick, gets most of the starts, but never all.
- Newest wins per `Question.key`: one that still waits is replaced, and its successor keeps its place in the
  line. Otherwise an agent that asks anew every tick would go to the end every tick and never be answered.
- Too many waiting requests: one of the session with the most of them goes, its one with the lowest priority, the
  oldest among equals. So no game pushes out the few questions of another. A request that several sessions share
  counts for each of them, and stands as safe as that of them with the fewest.
- A running request is left alone until nobody waits for it any more. If its server dies, it stands in the line again
  where it stood, and makes way as if it were new: for a newer one of the same key, and when there are too many.

All lists are kept sorted with `bisect`: they are short (`max_queue`), and nothing stale is ever left in them.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any, Generic, TypeVar

import msgspec

from brains.questions import Question

from .turns import Turns

__all__ = ["Entry", "Identity", "QuestionQueue", "Rank", "Request", "identity_of"]

Rank = tuple[int, float, int]
Identity = tuple[str, str, tuple[str, ...], bytes, int, bytes]


def identity_of(question: Question) -> Identity:
    """Return what makes two questions the same question: one answer does for both."""
    schema = b"" if question.schema is None else msgspec.json.encode(question.schema, order="deterministic")
    # A label is one token, whatever the limit for longer answers is.
    limit = 0 if question.labels else question.max_tokens
    # The version and the calibrations, because those of one prompt must not judge the answer of another.
    prompt = question.prompt
    judged = msgspec.json.encode(prompt.calibrations, order="deterministic") if prompt.calibrations else b""
    return (prompt.digest, prompt.version, question.labels, schema, limit, judged)


class Entry:
    """One question in the queue. `number` counts the questions, so that it is unique."""

    __slots__ = ("asked", "begun", "deadline", "number", "question", "rank", "request", "since", "turn")

    def __init__(self, question: Question, *, number: int, asked: float) -> None:
        self.question = question
        self.number = number
        self.asked = asked
        self.deadline = asked + _timeout_of(question)
        self.request: Request[Any] | None = None
        self.since = asked
        self.turn = number
        self.begun = 0
        """How many requests had been started when it began to wait."""
        self.rank: Rank = (-question.priority, self.deadline, number)

    def take_place_of(self, older: Entry) -> None:
        """Stand where one would stand who had waited since `older` came."""
        self.since = older.since
        self.turn = older.turn
        self.begun = older.begun
        self.rank = (-self.question.priority, self.since + _timeout_of(self.question), self.turn)


def _timeout_of(question: Question) -> float:
    return math.inf if question.timeout is None else question.timeout


E = TypeVar("E", bound=Entry)


class Request(Generic[E]):
    """What the model is asked once, for all entries that wait for the same answer."""

    __slots__ = (
        "entries",
        "identity",
        "joined",
        "number",
        "question",
        "retries",
        "sessions",
        "started",
        "text",
        "tried",
    )

    def __init__(self, question: Question, identity: Identity, number: int) -> None:
        self.question = question
        self.identity = identity
        self.number = number
        self.entries: list[E] = []
        """The best placed first."""
        self.sessions: Counter[str] = Counter()
        """How many of the entries are of which session."""
        self.joined: dict[tuple[str, str, str], E] = {}
        """Those that came when it was running already, by `Question.key`."""
        self.started: float | None = None
        """When the model was asked; None while it waits."""
        self.text = ""
        """What the model has said so far."""
        self.retries = 0
        """How often it was put back into the line."""
        self.tried: Any = None
        """The server that was asked last."""

    def put(self, entry: E) -> None:
        """Take an entry in."""
        insort(self.entries, entry, key=_rank)
        self.sessions[entry.question.session] += 1

    def drop(self, entry: E) -> None:
        """Take an entry out."""
        del self.entries[bisect_left(self.entries, entry.rank, key=_rank)]
        session = entry.question.session
        self.sessions[session] -= 1
        if not self.sessions[session]:
            del self.sessions[session]


class QuestionQueue(Generic[E]):
    """The waiting and the running requests.

    Args:
        max_queue: so many requests may wait, besides those for which a slot is free.
        slots: so many may run at the same time. Can be changed at any time.
    """

    def __init__(self, max_queue: int, slots: int = 1) -> None:
        self.max_queue = max_queue
        self.slots = slots
        self._line: list[Request[E]] = []
        self._weakest_first: list[Request[E]] = []
        self._waiting_of: Counter[str] = Counter()
        self._deadlines: list[E] = []
        self._newest: dict[tuple[str, str, str], E] = {}
        self._by_identity: dict[Identity, Request[E]] = {}
        self._running: set[Request[E]] = set()
        self._turns = Turns()

    # What there is

    @property
    def backlog(self) -> int:
        """How many requests wait for a slot; those that can start at once only have not been fetched yet."""
        free = max(0, self.slots - len(self._running))
        return max(0, len(self._line) - free)

    @property
    def any_waiting(self) -> bool:
        """Whether any request waits, be it only to be fetched."""
        return bool(self._line)

    @property
    def only_one_waits(self) -> bool:
        """Whether exactly one request waits."""
        return len(self._line) == 1

    @property
    def next_deadline(self) -> float | None:
        """When `expire` will have something to do; None for never."""
        return self._deadlines[0].deadline if self._deadlines else None

    @property
    def running(self) -> Collection[Request[E]]:
        """What the model works on."""
        return self._running

    def ahead_of(self, request: Request[E]) -> int:
        """Return how many of those that wait now go before this one at most, which waits, too."""
        by_rank = bisect_left(self._line, _request_rank(request), key=_request_rank)
        if not by_rank:
            return 0
        return min(by_rank, self._turns.ahead_of(request, self._line))

    def waiting(self) -> Iterator[E]:
        """Yield all entries that wait for a slot, those with the best rank first."""
        for request in self._line:
            yield from request.entries

    # What the askers do

    def add(self, entry: E, identity: Identity | None = None) -> list[tuple[E, str]]:
        """Take a question in. Return those that have to go for it, and why; itself may be one of them."""
        # First, because a schema that is no JSON ends here, and nothing may have changed then.
        identity = identity_of(entry.question) if identity is None else identity
        entry.begun = self._turns.starts
        dropped: list[tuple[E, str]] = []
        older = self._newest.get(entry.question.key)
        if older is not None:
            entry.take_place_of(older)
            self.remove(older)
            dropped.append((older, "superseded"))
        request = self._by_identity.get(identity)
        if request is None:
            request = self._by_identity[identity] = Request(entry.question, identity, entry.number)
        if request.started is None:
            self._wait(request, entry)
            dropped.extend(self.make_room())
        else:
            dropped.extend(self._join(request, entry))
        return dropped

    def remove(self, entry: E) -> Request[E] | None:
        """Take a question out. Return its request if that runs and nobody waits for it now: to be stopped."""
        request: Request[E] | None = entry.request
        assert request is not None, "it is in the queue"
        waits = request.started is None
        if waits:
            self._unlist(request)
            self._forget_waiting(entry)
        elif request.joined.get(entry.question.key) is entry:
            del request.joined[entry.question.key]
        request.drop(entry)
        entry.request = None
        if request.entries:
            if waits:
                self._list(request)
            return None
        # From here on the same question is a new request: the answer of this one may never come.
        del self._by_identity[request.identity]
        return None if waits else request

    # What the model does

    def peek(self) -> Request[E] | None:
        """Return the request that `take` would return, without taking it."""
        if not self._line or len(self._running) >= self.slots:
            return None
        return self._turns.next(self._line).request

    def take(self, now: float) -> Request[E] | None:
        """Return the request that is to be started now; None where nobody waits or no slot is free."""
        if not self._line or len(self._running) >= self.slots:
            return None
        choice = self._turns.next(self._line)
        request = choice.request
        self._unlist(request)
        self._turns.started(choice, self._line)
        for entry in request.entries:
            self._forget_waiting(entry)
        request.started = now
        self._running.add(request)
        return request

    def put_back(self, request: Request[E]) -> list[tuple[E, str]]:
        """Let a running request wait again. Return those that have to go, and why."""
        self._running.remove(request)
        entries = sorted(request.entries, key=_number, reverse=True)
        request.entries, request.joined, request.started, request.text = [], {}, None, ""
        request.sessions.clear()
        request.retries += 1
        dropped: list[tuple[E, str]] = []
        for entry in entries:
            if entry.question.key in self._newest:
                entry.request = None
                dropped.append((entry, "superseded"))
            else:
                self._wait(request, entry)
        if not request.entries:
            del self._by_identity[request.identity]
        return dropped + self.make_room()

    def finish(self, request: Request[E]) -> list[E]:
        """Free the slot of a request that has really ended; return who waits for it, first come first."""
        self._running.remove(request)
        entries = sorted(request.entries, key=_number)
        if entries:
            del self._by_identity[request.identity]
        request.entries = []
        request.joined = {}
        for entry in entries:
            entry.request = None
        return entries

    def expire(self, now: float) -> list[E]:
        """Take out and return the waiting entries whose deadline has come."""
        expired: list[E] = []
        while self._deadlines and self._deadlines[0].deadline <= now:
            entry = self._deadlines[0]
            self.remove(entry)
            expired.append(entry)
        return expired

    def make_room(self) -> list[tuple[E, str]]:
        """Take out and return those that are too many; nothing else does so when `slots` has shrunk."""
        dropped: list[tuple[E, str]] = []
        while self.backlog > self.max_queue:
            for entry in list(self._weakest().entries):
                self.remove(entry)
                dropped.append((entry, "queue_full"))
        return dropped

    def drain(self) -> list[E]:
        """Take out and return all waiting entries."""
        entries = list(self.waiting())
        for entry in entries:
            self.remove(entry)
        return entries

    # Inside

    def _wait(self, request: Request[E], entry: E) -> None:
        if request.entries:
            self._unlist(request)
        request.put(entry)
        self._list(request)
        entry.request = request
        self._newest[entry.question.key] = entry
        if entry.deadline != math.inf:
            insort(self._deadlines, entry, key=_by_deadline)

    def _join(self, request: Request[E], entry: E) -> list[tuple[E, str]]:
        """Add to a running request. Who joins it again replaces itself, so that it cannot fill the memory."""
        older = request.joined.pop(entry.question.key, None)
        request.joined[entry.question.key] = entry
        request.put(entry)
        entry.request = request
        if older is None:
            return []
        self.remove(older)
        return [(older, "superseded")]

    def _weakest(self) -> Request[E]:
        """Return the request that goes when there are too many."""
        waiting_of = self._waiting_of
        if len(waiting_of) == 1:
            return self._weakest_first[0]
        # `max` takes the first of equals, and that is the weakest.
        return max(self._weakest_first, key=lambda request: min(waiting_of[session] for session in request.sessions))

    def _list(self, request: Request[E]) -> None:
        insort(self._line, request, key=_request_rank)
        insort(self._weakest_first, request, key=_weakness)
        self._waiting_of.update(request.sessions.keys())

    def _unlist(self, request: Request[E]) -> None:
        """Must come before any change to the request's entries: they say where it stands."""
        del self._line[bisect_left(self._line, _request_rank(request), key=_request_rank)]
        del self._weakest_first[bisect_left(self._weakest_first, _weakness(request), key=_weakness)]
        for session in request.sessions:
            self._waiting_of[session] -= 1
            if not self._waiting_of[session]:
                del self._waiting_of[session]

    def _forget_waiting(self, entry: E) -> None:
        del self._newest[entry.question.key]
        if entry.deadline != math.inf:
            del self._deadlines[bisect_left(self._deadlines, _by_deadline(entry), key=_by_deadline)]


def _rank(entry: Entry) -> Rank:
    return entry.rank


def _number(entry: Entry) -> int:
    return entry.number


def _by_deadline(entry: Entry) -> tuple[float, int]:
    return (entry.deadline, entry.number)


def _request_rank(request: Request[Any]) -> Rank:
    rank: Rank = request.entries[0].rank
    return rank


def _weakness(request: Request[Any]) -> tuple[int, int]:
    return (-_request_rank(request)[0], request.number)
