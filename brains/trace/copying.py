"""Copies of agents in the middle of their lives: a tree made anew by its factory, with the state of the other one.

What a node is configured with (its functions above all) it has from the factory, as every agent has; what ticks have
made of it is copied. So nothing that changes is shared with the agent that lives on.
"""

from __future__ import annotations

import copy
import types
from collections.abc import Callable, Mapping
from typing import Any

from py_trees.behaviour import Behaviour
from py_trees.blackboard import Client

from brains.agent import STATE, Agent
from brains.errors import RecordingError, TreeError
from brains.prompts import PromptLibrary
from brains.questions import Asker, Question, Ticket
from brains.trace.replayed import ReplayAsker, ReplayTicket

__all__ = ["AgentCopy"]

_CODE = (
    types.FunctionType,
    types.MethodType,
    types.BuiltinFunctionType,
    types.GeneratorType,
    types.ModuleType,
)
_OWN = frozenset({"blackboards", "logger", "id"})
"""Attributes of py_trees' nodes that each node has for itself."""
_DEEPEST = 6


class AgentCopy:
    """An agent as it was when this was made; it is an `Origin`. Between two ticks only.

    Attributes:
        tick: its last tick.
        problems: what could not be copied, and is as the factory makes it.

    Raises:
        TreeError: its factory does not make such a tree any more.
    """

    def __init__(self, agent: Agent) -> None:
        self.tick = agent.tick_number
        self.problems: list[str] = []
        self._is_closed = False
        self._kept, _ = _copied(agent, self.problems, prompts=PromptLibrary(), asker=_Nobody(), number=int)

    def agent(
        self, *, prompts: PromptLibrary, asker: ReplayAsker, number: Callable[[], int]
    ) -> tuple[Agent, list[Ticket]]:
        """Return another agent that is as it was, and its open questions.

        Raises:
            RecordingError: the copy has been closed.
        """
        if self._is_closed:
            raise RecordingError(f"agent {self._kept.id!r} is not remembered any more as it was after tick {self.tick}")
        return _copied(self._kept, [], prompts=prompts, asker=asker, number=number)

    def close(self) -> None:
        """Have py_trees forget it; nothing can be made of it any more."""
        self._is_closed = True
        self._kept.close()


class _Nobody:
    """Is asked nothing: the copy that is kept is never ticked."""

    def ask(self, question: Question) -> Ticket:
        """Return a ticket that stays open."""
        return ReplayTicket(question)


def _copied(
    agent: Agent, problems: list[str], *, prompts: PromptLibrary, asker: Asker, number: Callable[[], int]
) -> tuple[Agent, list[Ticket]]:
    """Return an agent like this one, its open questions in order, and add to `problems` what could not be copied."""
    made = Agent(
        agent.id,
        agent.recipe,
        prompts=prompts,
        asker=asker,
        declared=agent.declared,
        session=agent.session,
        seed=agent.seed,
        number=number,
    )
    nodes = _pairs(agent, made)
    tickets: list[Ticket] = [ReplayTicket(ticket.question) for ticket in agent.tickets]
    made.perceive_again(agent.snapshot)
    # By the identity of what is there: what stands for it in the copy. The values are kept alive by the agent.
    stands_for: dict[int, Any] = {id(old): new for old, new in nodes}
    stands_for |= {id(old): new for old, new in zip(agent.tickets, tickets, strict=True)}
    stands_for |= {id(agent): made, id(agent.me): made.me, id(agent.world): made.world}
    for same in (agent.snapshot, agent.recipe, *agent.decisions.values(), *agent.orders.values()):
        stands_for[id(same)] = same
    for key, value in agent.blackboard.items():
        try:
            made.blackboard[key] = copy.deepcopy(value, stands_for)
        except Exception as error:
            problems.append(f"blackboard: {key!r} cannot be copied ({type(error).__name__})")
    stands_for[id(agent.blackboard)] = made.blackboard
    for name in STATE:
        setattr(made, name, copy.deepcopy(getattr(agent, name), stands_for))
    for old, new in nodes:
        for name, value in _state(old, new).items():
            try:
                vars(new)[name] = copy.deepcopy(value, stands_for)
            except Exception as error:
                problems.append(f"{agent.path_of(old)}: its {name!r} cannot be copied ({type(error).__name__})")
    return made, tickets


def _pairs(agent: Agent, made: Agent) -> list[tuple[Behaviour, Behaviour]]:
    """Return each node with the one that stands at its place in the copy.

    Raises:
        TreeError: they are not of one shape.
    """
    old, new = list(agent.root.iterate()), list(made.root.iterate())
    shape = [(agent.path_of(node), type(node).__name__) for node in old]
    if shape != [(made.path_of(node), type(node).__name__) for node in new]:
        made.close()
        raise TreeError(f"the factory of brain {agent.brain!r} makes a tree of another shape each time")
    return list(zip(old, new, strict=True))


def _state(old: Behaviour, new: Behaviour) -> Mapping[str, Any]:
    """Return what of a node has to be copied."""
    fresh = vars(new)
    return {
        name: value
        for name, value in vars(old).items()
        if name not in _OWN
        and not isinstance(value, Client)
        and not (name in fresh and fresh[name] is value)
        and not _has_code(value)
    }


def _has_code(value: Any, depth: int = 0) -> bool:
    """Tell whether there is a function in it: the factory has made one for each tree, with what it refers to."""
    if isinstance(value, _CODE):
        return True
    if depth > _DEEPEST:
        return False
    if isinstance(value, Mapping):
        return any(_has_code(one, depth + 1) for one in value.values())
    if isinstance(value, list | tuple | set | frozenset):
        return any(_has_code(one, depth + 1) for one in value)
    return False
