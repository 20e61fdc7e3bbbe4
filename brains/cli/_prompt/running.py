"""Start models, ask them, and close them again, however it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from brains.cli._prompt.evaluation import Run, Work, ask_cases
from brains.cli._prompt.printing import progress
from brains.config import Config, load_config
from brains.questions import ChatModel, ModelInfo

__all__ = ["ask_all", "started"]


@asynccontextmanager
async def started(config: Config) -> AsyncIterator[tuple[ChatModel, ModelInfo]]:
    """Start the model of the settings, and close it in the end.

    Raises:
        ConfigError: the name means nothing.
        ModelError: the model is not there; says what to do.
    """
    from brains.cli._running import model_of

    model = model_of(config)
    try:
        yield model, await model.start()
    finally:
        await model.close()


def ask_all(names: Sequence[str], work: Sequence[Work]) -> list[tuple[ModelInfo, list[Run]]]:
    """Ask every model all cases, one model after the other; no names: the model of the settings.

    Raises:
        ConfigError, ModelError: as `started`.
        PromptError: a case does not give what its prompt needs.
    """
    return asyncio.run(_ask_all([load_config(model=name or None) for name in names or [""]], work))


async def _ask_all(configs: Sequence[Config], work: Sequence[Work]) -> list[tuple[ModelInfo, list[Run]]]:
    results = []
    for one in work:
        one.rendered()  # what is wrong with the cases is told before a model is loaded
    with progress(len(configs) * sum(len(one.cases) for one in work)) as (say, step):
        for config in configs:
            say(f"starting {config.model}")
            async with started(config) as (model, info):
                runs = []
                for one in work:
                    say(f"{info.name}: {one.prompt.name}")
                    runs.append(await ask_cases(model, info, one, step))
            results.append((info, runs))
    return results
