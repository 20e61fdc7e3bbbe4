"""What one agent may ask: questions and tokens per minute, as token buckets."""

from __future__ import annotations

from brains.errors import ConfigError

__all__ = ["Budgets"]

MINUTE = 60.0
MANY = 1024
"""So many agents' buckets are kept before the full ones, which say nothing, are thrown away."""

AgentKey = tuple[str, str]


class _Bucket:
    """Holds up to a minute's worth, which is what it begins with, and fills at that rate."""

    __slots__ = ("left", "since")

    def __init__(self, per_minute: float, now: float) -> None:
        self.left = max(1.0, per_minute)
        self.since = now

    def fill(self, per_minute: float, now: float) -> None:
        self.left = min(max(1.0, per_minute), self.left + max(0.0, now - self.since) * per_minute / MINUTE)
        self.since = now


class Budgets:
    """The budgets of all agents, each with the same limits. An agent is (session, agent).

    Args:
        questions: per minute and agent; 0: any number.
        tokens: of prompts and answers, per minute and agent; 0: any number. They are known only afterwards, so that an
            agent may get into debt with one answer, and waits until that is paid off.
    """

    def __init__(self, *, questions: float = 0, tokens: float = 0) -> None:
        for name, limit in (("questions", questions), ("tokens", tokens)):
            if limit < 0:
                raise ConfigError(f"{name} per minute must be 0 (any number) or more, not {limit:g}")
        self._limits = {"questions": questions, "tokens": tokens}
        self._buckets: dict[str, dict[AgentKey, _Bucket]] = {name: {} for name, limit in self._limits.items() if limit}

    def refusal(self, agent: AgentKey, now: float) -> str:
        """Say why the agent may not ask now; empty if it may."""
        for name in self._buckets:
            bucket = self._bucket(name, agent, now)
            needed = 1.0 if name == "questions" else 0.0
            short = needed - bucket.left
            if short > 0 or (name == "tokens" and bucket.left <= 0):
                limit = self._limits[name]
                seconds = max(short, 1.0) * MINUTE / limit
                return f"{agent[1]} has used up its {limit:g} {name} a minute; the next in {seconds:.1f} s"
        return ""

    def asked(self, agent: AgentKey, now: float) -> None:
        """Charge one question."""
        self._charge("questions", agent, 1.0, now)

    def not_asked(self, agent: AgentKey, now: float) -> None:
        """Give one question back: the model never saw it."""
        self._charge("questions", agent, -1.0, now)

    def used(self, agent: AgentKey, tokens: int, now: float) -> None:
        """Charge the tokens of one request."""
        self._charge("tokens", agent, tokens, now)

    def _charge(self, name: str, agent: AgentKey, amount: float, now: float) -> None:
        if name in self._buckets:
            self._bucket(name, agent, now).left -= amount

    def _bucket(self, name: str, agent: AgentKey, now: float) -> _Bucket:
        limit, buckets = self._limits[name], self._buckets[name]
        bucket = buckets.get(agent)
        if bucket is None:
            if len(buckets) >= MANY:
                self._forget_full(name, now)
            bucket = buckets[agent] = _Bucket(limit, now)
        bucket.fill(limit, now)
        return bucket

    def _forget_full(self, name: str, now: float) -> None:
        limit, buckets = self._limits[name], self._buckets[name]
        for agent, bucket in list(buckets.items()):
            bucket.fill(limit, now)
            if bucket.left >= max(1.0, limit):
                del buckets[agent]
