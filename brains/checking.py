"""Finds mistakes in trees and prompts before a game does: `brains check` is its front end.

It builds every brain once and looks; nothing is ticked, asked or sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec
import py_trees
from py_trees.behaviour import Behaviour
from py_trees.composites import Composite

from brains.actions import GameAction, check_action, label_of
from brains.errors import ActionError, PromptError, TreeError
from brains.library import Brain, BrainLibrary
from brains.nodes import Action, LLMAction, LLMCondition, LLMNode, LLMSelector, Say, Wait
from brains.nodes.leaves import OrderedLeaf
from brains.nodes.tree import actions_of, duplicate_paths, llm_leaves_of, paths_of
from brains.prompts import Finding, Prompt, PromptLibrary, Severity, about, from_error, lint_library, similar_labels

__all__ = ["Finding", "check_all", "check_brain"]

GIVEN = ("me", "world", "events", "blackboard")
"""Names that every template may declare without its leaf giving them."""

_TIMERS: Mapping[type[Behaviour], str] = {
    py_trees.timers.Timer: "brains.Wait",
    py_trees.decorators.Timeout: "brains.TimeLimit",
}
_BLACKBOARD_NODES: tuple[type[Behaviour], ...] = (
    py_trees.behaviours.BlackboardToStatus,
    py_trees.behaviours.CheckBlackboardVariableExists,
    py_trees.behaviours.CheckBlackboardVariableValue,
    py_trees.behaviours.CheckBlackboardVariableValues,
    py_trees.behaviours.CompareBlackboardVariables,
    py_trees.behaviours.SetBlackboardVariable,
    py_trees.behaviours.UnsetBlackboardVariable,
    py_trees.behaviours.WaitForBlackboardVariable,
    py_trees.behaviours.WaitForBlackboardVariableValue,
    py_trees.decorators.ForEach,
    py_trees.decorators.StatusToBlackboard,
)
_RESTLESS = (py_trees.decorators.RunningIsFailure, py_trees.decorators.RunningIsSuccess)


def check_all(library: BrainLibrary, prompts: PromptLibrary) -> list[Finding]:
    """Return everything that is wrong with these trees and prompts, sorted by place, each thing once."""
    found = list(lint_library(prompts))
    used: set[str] = set()
    for name in library.names():
        found += check_brain(library.get(name), prompts, used)
    # What a tree that does not build would ask is not known.
    whole = not any(finding.rule == "tree" for finding in found)
    for name in prompts.names():
        if whole and name not in used:
            found.append(about(prompts.get(name), 1, "warning", "unused-prompt", f"no tree asks {name!r}"))
    return sorted(set(found))


def check_brain(brain: Brain, prompts: PromptLibrary, used: set[str] | None = None) -> Iterator[Finding]:
    """Yield what is wrong with one brain's tree; names of the prompts that it asks are added to `used`."""
    try:
        root, lines = brain.build_with_lines()
    except TreeError as error:
        yield from_error(error, "tree")
        return
    checker = _TreeCheck(brain, lines, paths_of(root), prompts)
    yield from checker.shared(root)
    for node, path in duplicate_paths(root):
        message = f"two nodes have the path {path!r}; give them names of their own"
        yield checker.finding(node, "error", "duplicate-path", message)
    for node in root.iterate():
        yield from checker.stock(node)
        yield from checker.actions(node)
        if isinstance(node, Composite) and not node.children:
            yield checker.finding(
                node, "warning", "empty", f"{type(node).__name__} without children always ends at once"
            )
    for leaf in llm_leaves_of(root):
        if used is not None:
            used.add(leaf.prompt)
        yield from checker.leaf(leaf)
    for name, action in actions_of(root).items():
        if not label_of(action).strip():
            yield checker.finding(root, "error", "label", f"action {name} has an empty label")


class _TreeCheck:
    """Checks the nodes of one tree."""

    def __init__(
        self, brain: Brain, lines: Mapping[Behaviour, int], paths: Mapping[Behaviour, str], prompts: PromptLibrary
    ) -> None:
        self._brain = brain
        self._lines = lines
        self._paths = paths
        self._prompts = prompts

    def finding(self, node: Behaviour, severity: Severity, rule: str, message: str) -> Finding:
        """Make a finding about a node, at the line that made it."""
        line = self._lines.get(node, self._brain.line or 0)
        return Finding(self._brain.file or "", line, severity, rule, message, self._paths[node])

    def shared(self, root: Behaviour) -> Iterator[Finding]:
        """Yield the nodes that are not made anew for each agent."""
        nodes = set(root.iterate())
        try:
            others = self._brain.build().iterate()
            shared = [node for node in others if node in nodes]
        except TreeError as error:
            yield from_error(error, "shared-node")
            return
        for node in shared:
            message = "every agent would have this very node; make it anew in each call of the function"
            yield self.finding(node, "error", "shared-node", message)

    def stock(self, node: Behaviour) -> Iterator[Finding]:
        """Yield what is wrong with a stock node: wall clocks, the shared blackboard, decorators that never wait."""
        for kind, ours in _TIMERS.items():
            if isinstance(node, kind):
                message = f"{kind.__name__} reads the wall clock, which runs on while an agent is held; use {ours}"
                yield self.finding(node, "error", "stock-timer", message)
        if isinstance(node, _BLACKBOARD_NODES) or any(client.namespace in ("", "/") for client in node.blackboards):
            message = (
                f"{type(node).__name__} uses py_trees' blackboard, which all agents of the process share; "
                "use brains.Condition and agent.blackboard"
            )
            yield self.finding(node, "error", "bare-blackboard", message)
        if isinstance(node, py_trees.behaviours.ProbabilisticBehaviour):
            message = (
                f"{type(node).__name__} draws from Python's own random numbers, so that no replay would do the same; "
                "use brains.RandomSelector, or agent.rng in a leaf"
            )
            yield self.finding(node, "error", "stock-random", message)
        if isinstance(node, _RESTLESS):
            lost = _lost_in(node)
            if lost is not None:
                message = f"{type(node).__name__} stops its child in every tick in which it runs: {lost}"
                yield self.finding(node, "error", "restless-decorator", message)

    def leaf(self, leaf: LLMNode) -> Iterator[Finding]:
        """Yield what is wrong between a leaf and its prompt."""
        try:
            prompt = self._prompts.get(leaf.prompt)
        except PromptError as error:
            if error.file is None:
                yield self.finding(leaf, "error", "unknown-prompt", error.message)
            return
        yield from self._inputs(leaf, prompt)
        yield from self._answers(leaf, prompt)

    def _inputs(self, leaf: LLMNode, prompt: Prompt) -> Iterator[Finding]:
        for name in leaf.inputs:
            if name not in prompt.inputs:
                declared = ", ".join(prompt.inputs) or "none"
                message = f"prompt {prompt.name!r} does not declare the input {name!r} (it declares: {declared})"
                yield self.finding(leaf, "error", "undeclared-input", message)
        for name in prompt.inputs:
            if name not in leaf.inputs and name not in GIVEN:
                message = f"prompt {prompt.name!r} needs the input {name!r}: add inputs={{{name!r}: ...}}"
                yield self.finding(leaf, "error", "missing-input", message)

    def _answers(self, leaf: LLMNode, prompt: Prompt) -> Iterator[Finding]:
        if isinstance(leaf, LLMCondition):
            if prompt.kind != "condition":
                message = (
                    f"a condition needs a prompt with `answer: {{yes_word: true, no_word: false}}`; {prompt.name!r} "
                )
                yield self.finding(leaf, "error", "answer-kind", message + f"answers with {_kind(prompt)}")
        elif isinstance(leaf, Say):
            if prompt.kind != "text":
                message = f"speech needs a prompt with `answer: text`; {prompt.name!r} answers with {_kind(prompt)}"
                yield self.finding(leaf, "error", "answer-kind", message)
        elif isinstance(leaf, LLMAction | LLMSelector):
            yield from self._choices(leaf, prompt)
            if isinstance(leaf, LLMAction):
                yield from self._fallback(leaf)

    def _fallback(self, leaf: LLMAction) -> Iterator[Finding]:
        if isinstance(leaf.fallback, type):
            given = msgspec.structs.fields(leaf.fallback)
            missing = [field.name for field in given if field.required and field.name not in leaf.arguments]
            if missing:
                message = f"the fallback {leaf.fallback.__name__} needs {', '.join(missing)}: add arguments={{...}}"
                yield self.finding(leaf, "error", "bad-action", message)

    def actions(self, node: Behaviour) -> Iterator[Finding]:
        """Yield the whole actions of a leaf whose values do not fit: constructors do not check them."""
        if isinstance(node, Action):
            made: list[object] = [node.action]
        elif isinstance(node, LLMAction):
            made = [*node.choices.values(), node.fallback]
        else:
            return
        for action in made:
            if isinstance(action, GameAction):
                try:
                    check_action(action)
                except ActionError as error:
                    yield self.finding(node, "error", "bad-action", str(error))

    def _choices(self, leaf: LLMAction | LLMSelector, prompt: Prompt) -> Iterator[Finding]:
        if prompt.kind not in ("action", "choice"):
            message = f"a choice of actions needs a prompt with `answer: action`; {prompt.name!r} answers with "
            yield self.finding(leaf, "error", "answer-kind", message + _kind(prompt))
            return
        if not leaf.labels:
            return  # they are computed, and known in the game only
        words = prompt.labels or prompt.example_labels
        lines = {example.answer: example.line for example in reversed(prompt.examples)}
        for word in words:
            if word not in leaf.labels:
                message = (
                    f"{word!r} is the label of no action that {self._paths[leaf]!r} may choose "
                    f"(it may choose: {', '.join(leaf.labels)})"
                )
                yield about(prompt, lines.get(word, 1), "error", "no-such-choice", message)
        for label in leaf.labels:
            if prompt.labels and label not in prompt.labels:
                message = f"prompt {prompt.name!r} does not offer the label {label!r} (it offers: {', '.join(words)})"
                yield self.finding(leaf, "error", "no-such-choice", message)
            elif words and label not in words:
                message = f"prompt {prompt.name!r} has no example with the answer {label!r}"
                yield self.finding(leaf, "warning", "examples", message)
        for one, other, message in similar_labels(leaf.labels):
            # A pair that the prompt itself has is told there.
            if not {one, other} <= set(words):
                yield self.finding(leaf, "error", "labels-alike", message)


def _lost_in(node: Behaviour) -> str | None:
    """Say what never comes of the nodes below one that stops them in every tick; None if they need no second one."""
    if llm_leaves_of(node):
        return "the model would never answer"
    below = list(node.iterate())
    if any(isinstance(one, OrderedLeaf) for one in below):
        return "an action that is stopped in its first tick never leaves"
    if any(isinstance(one, Wait) for one in below):
        return "the waiting would never end"
    return None


def _kind(prompt: Prompt) -> str:
    return {"condition": "labels that are true or false", "choice": "labels", "action": "actions", "text": "text"}[
        prompt.kind
    ]
