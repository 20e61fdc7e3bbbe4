"""What `brains bench` measures with: questions, crowds of agents, a model in another process, and ticks."""

__all__: list[str] = []
