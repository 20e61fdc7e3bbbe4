"""What `brains bench` measures with: questions, crowds of agents, a model in another process, and the tables."""

from __future__ import annotations
