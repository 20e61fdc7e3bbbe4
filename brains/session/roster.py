"""The agents of a session: who is in, who was refused and why.

Registration is idempotent: a game that says the same again, after a scene change or because it is not sure,
keeps its trees, and running orders are named to it again.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol

from brains.actions import GameAction
from brains.errors import ActionError, TreeError
from brains.messages import AgentEntry, Rejection
from brains.session.declarations import differences
from brains.session.limits import SessionLimits
from brains.session.logged import one_line, summary_of, trace
from brains.snapshot import AgentSnapshot, Order, TickReport

__all__ = ["AgentFactory", "BrainSource", "Member", "Roster", "SessionAgent"]

log = logging.getLogger("brains.session")


class SessionAgent(Protocol):
    """What a session needs of an agent; `brains.agent.Agent` is one."""

    @property
    def actions(self) -> Mapping[str, type[GameAction]]:
        """The actions that its tree can choose, by name."""
        ...

    def tick(self, snapshot: AgentSnapshot, /) -> TickReport:
        """Run the tree once."""
        ...

    def resume(self) -> tuple[Order, ...]:
        """Return the orders that are running, to be named to the game again."""
        ...

    def close(self) -> tuple[str, ...]:
        """Stop the tree and its questions; return the ids of orders that were running."""
        ...


class BrainSource(Protocol):
    """Brains by name; `brains.library.BrainLibrary` is one."""

    def names(self) -> list[str]:
        """Return the names on offer."""
        ...

    def get(self, name: str, /) -> Any:
        """Return a brain, for the agent factory.

        Raises:
            TreeError: there is none of this name.
        """
        ...


class AgentFactory(Protocol):
    """Makes agents; `functools.partial(Agent, prompts=..., asker=...)` is one."""

    def __call__(
        self, id: str, brain: Any, /, *, declared: frozenset[str], session: str, number: Callable[[], int]
    ) -> SessionAgent:
        """Return a new agent; `number` gives the numbers of orders, which no two agents of a session share.

        Raises:
            TreeError: the tree cannot be built.
            ActionError: the tree may choose an action that was not declared.
        """
        ...


class Member:
    """One registered agent.

    Attributes:
        brain: name of its brain.
        declared: names of the actions that its body can carry out.
        faulty: its tick has raised; that was reported.
        complaints: what the game was told of it already.
    """

    __slots__ = ("agent", "brain", "complaints", "declared", "faulty")

    def __init__(self, agent: SessionAgent, brain: str, declared: frozenset[str]) -> None:
        self.agent = agent
        self.brain = brain
        self.declared = declared
        self.faulty = False
        self.complaints: set[str] = set()


class Refused(Exception):
    """An agent is not taken; `code` is one of `brains.messages.ERROR_CODES`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Roster:
    """Agents by id, in the order in which they came."""

    def __init__(self, session: str, brains: BrainSource, factory: AgentFactory, limits: SessionLimits) -> None:
        self._session = session
        self._brains = brains
        self._factory = factory
        self._limits = limits
        self._members: dict[str, Member] = {}
        self._number = itertools.count(1).__next__
        self._compared: set[tuple[str, str]] = set()

    def __contains__(self, agent: object) -> bool:
        return agent in self._members

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._members))

    def __len__(self) -> int:
        return len(self._members)

    def get(self, agent: str) -> Member | None:
        """Return a registered agent."""
        return self._members.get(agent)

    def add(self, entries: Iterable[AgentEntry]) -> tuple[list[str], list[Rejection]]:
        """Register agents; return the ids that are in now, and those that are not with the reason."""
        ok: list[str] = []
        rejected: list[Rejection] = []
        seen: set[str] = set()
        for entry in entries:
            try:
                if entry.id in seen:
                    raise Refused("duplicate_agent", f"{entry.id!r} is in this message twice")
                seen.add(entry.id)
                self._add(entry)
                ok.append(entry.id)
            except Refused as refusal:
                rejected.append(Rejection(id=entry.id, code=refusal.code, message=str(refusal)[:1000]))
        return ok, rejected

    def remove(self, agent: str) -> tuple[str, ...]:
        """Stop an agent, if it is there; return the ids of its running orders."""
        member = self._members.pop(agent, None)
        return () if member is None else _close(agent, member.agent)

    def _add(self, entry: AgentEntry) -> None:
        if len(entry.actions) > self._limits.max_actions:
            raise Refused(
                "limit_exceeded",
                f"{len(entry.actions)} actions are declared; at most {self._limits.max_actions} may be",
            )
        declared = frozenset(action.name for action in entry.actions)
        known = self._members.get(entry.id)
        if known is None:
            if len(self._members) >= self._limits.max_agents:
                raise Refused("too_many_agents", f"this session has {self._limits.max_agents} agents already")
            agent = self._make(entry, declared)
            self._members[entry.id] = Member(agent, entry.brain, declared)
            self._compare(entry, agent)
            return
        if known.brain != entry.brain:
            text = f"{entry.id!r} is driven by the brain {known.brain!r}; remove it first"
            raise Refused("duplicate_agent", text)
        if not known.declared <= declared:
            # Whether its tree can do with fewer actions is only known to the constructor.
            _close(entry.id, self._make(entry, declared))
        known.declared = declared
        self._compare(entry, known.agent)

    def _compare(self, entry: AgentEntry, agent: SessionAgent) -> None:
        """Log where the declared values of an action are not those of the tree's, once per brain and action."""
        for declared in entry.actions:
            action, key = agent.actions.get(declared.name), (entry.brain, declared.name)
            if action is None or key in self._compared:
                continue
            if found := differences(action, declared.params, entry.id):
                self._compared.add(key)
                log.warning("brain %r: %s", entry.brain, one_line("; ".join(found), 1000))

    def _make(self, entry: AgentEntry, declared: frozenset[str]) -> SessionAgent:
        try:
            brain = self._brains.get(entry.brain)
        except TreeError as error:
            raise Refused("unknown_brain", str(error)) from error
        try:
            return self._factory(entry.id, brain, declared=declared, session=self._session, number=self._number)
        except ActionError as error:
            raise Refused("unknown_action", str(error)) from error
        except TreeError as error:
            log.error("agent %r: %s", entry.id, one_line(error, 1000))
            raise Refused("agent_fault", str(error)) from error
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            # A SystemExit, too: whatever a tree does, it ends neither the session nor the server.
            log.error("agent %r cannot be built:\n%s", entry.id, trace())
            raise Refused("agent_fault", summary_of(error)) from error


def _close(agent_id: str, agent: SessionAgent) -> tuple[str, ...]:
    """Close an agent; a fault of its tree must not keep the others from being closed."""
    try:
        return agent.close()
    except KeyboardInterrupt:
        raise
    except BaseException:
        log.error("agent %r did not stop cleanly:\n%s", agent_id, trace())
        return ()
