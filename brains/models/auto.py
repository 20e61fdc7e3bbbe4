"""The model that `auto` means: whatever this machine has, found out when it starts."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
from collections.abc import Callable, Sequence

from brains.errors import ConfigError, ModelUnavailable
from brains.models.ollama import OllamaModel
from brains.models.ollama_client import LoopClients
from brains.models.ollama_errors import CALL_ERRORS
from brains.models.pull import HOW_TO_INSTALL, default_model_path, flaw
from brains.questions import ChatModel, ModelInfo, ModelReply, ModelRequest, Way

__all__ = ["AutoModel"]

LOOK_TIMEOUT = 10.0
"""Seconds in which Ollama must have listed its models."""
MOST_NAMED = 8
"""Models of Ollama that a message names."""

logger = logging.getLogger(__name__)


class AutoModel:
    """A `ChatModel` that looks for one when it starts, logs which it took and why, and is that one from then on.

    It takes, in this order,

    1. the Ollama model of the settings (`llama3.2` by default), if Ollama answers and has it;
    2. else the small model inside the process, if xllamacpp is installed and the model is fetched.

    It never takes another model of Ollama by itself, but names those that there are.

    Args:
        wanted: the Ollama model to look for first.
        host: where Ollama is.
        label_way: how label questions are put, if not as the model's kind suggests.
        slots: how many requests it works on at the same time.
        threads: processor threads of the model inside the process.
        context: tokens that a prompt and its answer may take together.
        templates: how many templates take turns, for the model inside the process.
        fast_weights: whether that is run from a copy that decides faster.
    """

    def __init__(
        self,
        wanted: str,
        *,
        host: str | None = None,
        label_way: Way | None = None,
        slots: int | None = None,
        threads: int | None = None,
        context: int | None = None,
        templates: int | None = None,
        fast_weights: bool = False,
    ) -> None:
        self._wanted = wanted
        self._host = host
        self._label_way: Way | None = label_way
        self._slots = slots
        self._threads = threads
        self._context = context
        self._templates = templates
        self._fast_weights = fast_weights
        self._model: ChatModel | None = None
        # Made here, so that an address that cannot work is refused before anything starts.
        self._first = self._ollama(wanted)

    @property
    def name(self) -> str:
        """The name of the model that was found; `auto` before that."""
        return "auto" if self._model is None else self._model.name

    async def start(self) -> ModelInfo:
        """Find a model and start it; what was found once is started again.

        Raises:
            ConfigError: there is neither an Ollama with that model nor a model for inside the process.
            ModelError: there is one, but it does not start.
        """
        if self._model is None:
            self._model = await self._find()
        return await self._model.start()

    async def generate(self, request: ModelRequest, on_text: Callable[[str], None] | None = None) -> ModelReply:
        """Answer one request."""
        if self._model is None:
            await self.start()
        assert self._model is not None
        return await self._model.generate(request, on_text)

    async def close(self) -> None:
        """Close the model that was found."""
        if self._model is not None:
            await self._model.close()

    @property
    def url(self) -> str:
        """Where its server is; empty before one was found, and for a model inside the process."""
        return str(getattr(self._model, "url", ""))

    @property
    def heard(self) -> int | None:
        """How often anything has come of its answers; None where there is no server, or none yet."""
        return getattr(self._model, "heard", None)

    async def why_reloaded(self) -> str:
        """Return why the model was loaded again just now; empty for unknown."""
        return await self._model.why_reloaded() if isinstance(self._model, OllamaModel) else ""

    def take_reload(self) -> tuple[float, str] | None:
        """Return, once, how many seconds it took to load the model again, and why; None if it was not."""
        return self._model.take_reload() if isinstance(self._model, OllamaModel) else None

    def _ollama(self, name: str) -> OllamaModel:
        options = {"num_ctx": self._context} if self._context else None
        return OllamaModel(name, host=self._host, label_way=self._label_way, slots=self._slots, load_options=options)

    async def _find(self) -> ChatModel:
        url, level = self._first.url, logging.INFO
        try:
            names = await self._names_in_ollama(url)
        except ModelUnavailable as error:
            why_not = f"no Ollama at {url} ({error})"
        else:
            wanted = {self._wanted.casefold(), f"{self._wanted}:latest".casefold()}
            if any(name.casefold() in wanted for name in names):
                logger.info("using the Ollama model %s at %s", self._wanted, url)
                return self._first
            why_not = f"Ollama at {url} has no {self._wanted} ({_shown(names)})"
            if names:
                why_not += "; choose one with --model NAME"
                # Who has models in Ollama may well have meant one of those.
                level = logging.WARNING
        missing = await asyncio.to_thread(_embedded_lacks)
        if missing is None:
            from brains.models.embedded import EmbeddedModel

            logger.log(level, "using the small model inside the process: %s", why_not)
            return EmbeddedModel(
                slots=self._slots,
                threads=self._threads,
                context=self._context,
                label_way=self._label_way,
                templates=self._templates,
                fast_weights=self._fast_weights,
            )
        raise ConfigError(
            f"there is no model to ask: {why_not}; and {missing}. Either start Ollama (`ollama serve`, "
            f"`ollama pull {self._wanted}`), or take the small model inside the process "
            f"({HOW_TO_INSTALL}, and `brains model pull`), or none at all (`--model scripted`)"
        )

    async def _names_in_ollama(self, url: str) -> list[str]:
        """Return the names of the models that Ollama has.

        Raises:
            ModelUnavailable: there is no Ollama.
        """
        clients = LoopClients(url, connect_timeout=2.0)
        try:
            async with asyncio.timeout(LOOK_TIMEOUT):
                client = await clients.get()
                return [model.model for model in (await client.list()).models if model.model]
        except CALL_ERRORS as error:
            raise ModelUnavailable(str(error) or type(error).__name__) from error
        finally:
            await clients.close()


def _shown(names: Sequence[str]) -> str:
    more = ", ..." if len(names) > MOST_NAMED else ""
    return f"it has: {', '.join(names[:MOST_NAMED])}{more}" if names else "it has no models"


def _embedded_lacks() -> str | None:
    """Say why there can be no model inside the process; None if there can."""
    if importlib.util.find_spec("xllamacpp") is None:
        return "xllamacpp is not installed"
    path = default_model_path()
    wrong = flaw(path)
    return None if wrong is None else f"the small model is not in its place ({path}: {wrong})"
