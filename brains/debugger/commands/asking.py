"""Commands about prompts and what the model says to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from brains.debugger import arguments as args
from brains.debugger.commands.looking import control_for, node_for
from brains.debugger.control import Control
from brains.debugger.messages import DebugError, DecisionInfo, answer, failure
from brains.debugger.paths import nearest
from brains.debugger.values import decision_info, feedback_of, plain
from brains.errors import PromptError
from brains.nodes.llm import LLMNode
from brains.questions import Decision, NoAnswer, Outcome, Question, Ticket
from brains.snapshot import LeafReport

if TYPE_CHECKING:
    from brains.debugger.debugger import Debugger
    from brains.debugger.session import DebugSession

__all__ = ["HANDLERS"]

MOST_RUNS = 50


def leaf_for(control: Control, text: str) -> tuple[str, LLMNode]:
    """Return the node that asks a model: the one that is named or stood at, else the only one below it.

    Where none is named and several are below, it is the one that asked last; if none has asked yet, the first.

    Raises:
        DebugError: it asks none.
    """
    path, node = node_for(control, text)
    if isinstance(node, LLMNode):
        return path, node
    below = [(control.agent.path_of(one), one) for one in node.iterate() if isinstance(one, LLMNode)]
    if len(below) == 1 or (below and not text):
        return max(below, key=lambda one: -1 if one[1].asking.question is None else one[1].asking.question.tick)
    every = [control.agent.path_of(one) for one in control.agent.root.iterate() if isinstance(one, LLMNode)]
    raise DebugError("no_prompt", f"{path} asks no model", f"these do: {', '.join(every)}" if every else "none does")


def prompt(debugger: Debugger, session: DebugSession, given: args.Prompt) -> dict[str, Any]:
    """Show what a leaf has asked, and what it would ask now."""
    control = control_for(debugger, session, given.agent)
    path, leaf = leaf_for(control, given.node)
    asked = leaf.asking.question
    body: dict[str, Any] = {"leaf": path, "prompt": leaf.prompt, **_template(debugger, leaf.prompt)}
    body.pop("text", None)
    body["asked"] = None if asked is None else _shown(asked)
    body["waiting"] = leaf.asking.open
    try:
        now = leaf.would_ask()
        body["now"] = None if now is None else _shown(now)
        body["variables"] = plain(leaf.gathered() or {})
        if now is None:
            body["error"] = feedback_of(leaf) or "there is nothing to ask about now"
    except PromptError as error:
        body["now"], body["error"] = None, str(error)
    except Exception as error:
        body["now"], body["error"] = None, f"{type(error).__name__}: {error}"
    both = body["asked"], body["now"]
    body["changed"] = None not in both and both[0]["digest"] != both[1]["digest"]
    return body


def reply(debugger: Debugger, session: DebugSession, given: args.Reply) -> dict[str, Any]:
    """Show the last answer."""
    control = control_for(debugger, session, given.agent)
    path, leaf = leaf_for(control, given.node)
    report = control.agent.decisions.get(path)
    ticket = leaf.asking.ticket
    waiting = round(control.agent.clock.now() - leaf.asking.since, 3) if leaf.asking.open else None
    body: dict[str, Any] = {
        "leaf": path,
        "waiting": waiting,
        "decision": None if report is None else decision_info(report),
    }
    if ticket is not None and ticket.outcome is not None:
        body["arrived"] = _outcome(path, leaf.prompt, ticket.outcome)
    elif ticket is not None and ticket.text:
        body["so_far"] = ticket.text
    return body


def rerun(debugger: Debugger, session: DebugSession, given: args.Rerun) -> None:
    """Ask a leaf's question again, on the side; the answer comes when all runs are over."""
    control = debugger.commanded(given.agent, session) if given.apply else control_for(debugger, session, given.agent)
    path, leaf = leaf_for(control, given.node)
    asker = debugger.host.asker
    if asker is None:
        raise DebugError("unsupported", "there is no model here", "name one with --model, or debug a running server")
    if not 1 <= given.times <= MOST_RUNS:
        raise DebugError("bad_arguments", f"times must be 1 to {MOST_RUNS}, not {given.times}")
    models = debugger.host.models()
    if given.model and models and given.model not in models:
        raise DebugError("unknown_model", f"there is no model {given.model!r}", nearest(given.model, models))
    if given.apply and getattr(leaf, "ordered", None) is not None:
        raise DebugError("not_held", f"{path} has acted on its answer already", "go back, or `force` its result")
    try:
        question = leaf.would_ask()
    except PromptError as error:
        raise DebugError("prompt_error", str(error), "edit the template, and run it again") from error
    except Exception as error:
        raise DebugError("prompt_error", f"{type(error).__name__}: {error}") from error
    if question is None:
        raise DebugError("no_prompt", f"{path} has nothing to ask about now", feedback_of(leaf))
    _Rerun(debugger, session, control, path, leaf, question, given).start()


class _Rerun:
    """Some runs of one question, one after the other, each under a name of its own."""

    def __init__(
        self,
        debugger: Debugger,
        session: DebugSession,
        control: Control,
        path: str,
        leaf: LLMNode,
        question: Question,
        given: args.Rerun,
    ) -> None:
        self._debugger = debugger
        self._session = session
        self._control = control
        self._path = path
        self._leaf = leaf
        self._question = question
        self._given = given
        self._request = session.number
        self._outcomes: list[Outcome] = []
        self._ticket: Ticket | None = None
        self._unsubscribe: Callable[[], None] | None = None

    def start(self) -> None:
        self._unsubscribe = self._debugger.host.subscribe(self._news)
        self._ask()

    def _ask(self) -> None:
        """Ask until one run has to be waited for, or all are over."""
        asker = self._debugger.host.asker
        assert asker is not None
        while len(self._outcomes) < self._given.times:
            # Under a name of its own, so that it does not take the place of the agent's own question.
            name = f"{self._path} (rerun {self._request}.{len(self._outcomes) + 1})"
            question = msgspec.structs.replace(
                self._question, leaf=name, model=self._given.model or self._question.model, timeout=None, patient=True
            )
            self._ticket = asker.ask(question)
            if self._ticket.outcome is None:
                return
            self._outcomes.append(self._ticket.outcome)
        self._done()

    def _news(self, ticket: Ticket) -> None:
        if self._session.closed:
            ticket_of_mine, self._ticket = self._ticket, None
            if ticket_of_mine is not None:
                ticket_of_mine.cancel()
            self._stop_listening()
        elif ticket is self._ticket and ticket.outcome is not None:
            self._ticket = None
            self._outcomes.append(ticket.outcome)
            self._ask()

    def _stop_listening(self) -> None:
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None

    def _done(self) -> None:
        self._stop_listening()
        before = self._control.agent.decisions.get(self._path)
        runs = [_outcome(self._path, self._leaf.prompt, outcome) for outcome in self._outcomes]
        last = self._outcomes[-1]
        old = None if before is None else decision_info(before)
        try:
            applied = self._given.apply and self._apply(last)
        except DebugError as error:
            self._session.put(failure(self._request, error))
            return
        same = old is not None and bool(old.answer or old.value) and all(
            (run.answer, run.value) == (old.answer, old.value) for run in runs
        )  # fmt: skip
        body = {
            "leaf": self._path,
            "model": next((run.model for run in runs if run.model), self._given.model),
            "prompt": _shown(self._question),
            "before": old,
            "runs": runs,
            "same": same,
            "applied": applied,
        }
        self._session.put(answer(self._request, body))

    def _apply(self, outcome: Outcome) -> bool:
        """Have the leaf take the answer as its own."""
        if isinstance(outcome, NoAnswer):
            raise DebugError("model_error", f"{outcome.reason}: {outcome.message}", "there is nothing to apply")
        if self._debugger.known(self._control.agent) is not self._control:
            raise DebugError("terminated", f"{self._control.agent.id} is gone")
        agent = self._control.agent
        agent.answer(self._leaf, self._question, outcome)
        agent.touched("answer", self._path, {"question": self._question, "decision": outcome})
        return True


def reload(debugger: Debugger, session: DebugSession, given: args.Reload) -> dict[str, Any]:
    """Read templates that have changed."""
    names = debugger.host.reload()
    errors = {} if debugger.host.prompts is None else debugger.host.prompts.errors
    shown = [{"prompt": name, "message": e.message, "file": e.file, "line": e.line} for name, e in errors.items()]
    return {"prompts": names, "errors": shown}


def template(debugger: Debugger, session: DebugSession, given: args.Template) -> dict[str, Any]:
    """Show a template's text."""
    name = given.prompt
    if not name:
        name = leaf_for(control_for(debugger, session, given.agent), given.node)[1].prompt
    return {"prompt": name, **_template(debugger, name)}


def _template(debugger: Debugger, name: str) -> dict[str, Any]:
    prompts = debugger.host.prompts
    if prompts is None:
        return {"file": None, "text": "", "version": "", "error": "there are no prompts here"}
    broken = prompts.errors.get(name)
    error = None if broken is None else str(broken)
    try:
        found = prompts.get(name)
    except PromptError as problem:
        if broken is None:
            raise DebugError("no_prompt", problem.message, "`complete` with what: prompts lists them") from problem
        return {"file": broken.file, "text": "", "version": "", "error": error}
    return {"file": found.file, "text": found.text, "version": found.version, "error": error}


def _shown(question: Question) -> dict[str, Any]:
    """Return a question in parts."""
    asked = question.prompt
    return {
        "prompt": asked.name,
        "version": asked.version,
        "digest": asked.digest,
        "system": asked.system,
        "turns": [{"user": turn.user, "answer": turn.answer} for turn in asked.turns],
        "user": asked.user,
        "labels": list(question.labels),
        "schema": plain(question.schema),
        "options": plain(asked.options),
        "tick": question.tick,
    }


def _outcome(path: str, name: str, outcome: Outcome) -> DecisionInfo:
    if isinstance(outcome, Decision):
        return decision_info(LeafReport(kind="answered", leaf=path, prompt=name, decision=outcome))
    return decision_info(
        LeafReport(kind="fallback", leaf=path, prompt=name, reason=outcome.reason, text=outcome.message)
    )


HANDLERS: dict[str, Callable[..., Any]] = {
    "prompt": prompt,
    "reply": reply,
    "rerun": rerun,
    "reload": reload,
    "template": template,
}
