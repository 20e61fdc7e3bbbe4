"""Every error that brains raises on purpose.

Each message says what is wrong and what to do next. The state that a program may want is on the exception::

    BrainsError
    ├── ConfigError                 a setting or a command-line option that cannot work
    ├── TreeError                   a tree file: `file`, `line`
    ├── PromptError                 a prompt file: `file`, `line`, `code`
    ├── ActionError                 an action declared or filled wrongly: `action`, `field`
    ├── ProtocolError               something the game sent: `code`, `hint`, `fatal`
    └── ModelError                  something the model did or did not do: `kind`
        ├── ModelUnavailable        nobody answers there, or the runner died
        ├── ModelNotInstalled       the server does not have this model
        ├── ModelBusy               the server's queue is full
        ├── ModelTimeout            no answer in time
        ├── ModelRefused            the server will not do this request; asking again does not help
        ├── PromptTooLong           the prompt does not fit into the context: `prompt`
        └── MalformedAnswer         the answer cannot be used: cut off, not one of the labels, not JSON
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "ActionError",
    "BrainsError",
    "ConfigError",
    "MalformedAnswer",
    "ModelBusy",
    "ModelError",
    "ModelNotInstalled",
    "ModelRefused",
    "ModelTimeout",
    "ModelUnavailable",
    "PromptError",
    "PromptTooLong",
    "ProtocolError",
    "TreeError",
]


class BrainsError(Exception):
    """Base of all errors that brains raises on purpose."""


class ConfigError(BrainsError):
    """A setting or a command-line option cannot work."""


class _FileError(BrainsError):
    """An error that has a place in a file; its text starts with that place."""

    def __init__(self, message: str, *, file: str | None = None, line: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.file = file
        self.line = line

    def __str__(self) -> str:
        if self.file is None:
            return self.message
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.message}"


class TreeError(_FileError):
    """A tree file cannot be loaded, or its tree cannot be built."""


class PromptError(_FileError):
    """A prompt file does not parse, or cannot be rendered with what it was given.

    `code` is the word that `brains prompt lint` and `brains check` name the kind of mistake by; `further` are the other
    mistakes that were found in the same go.
    """

    def __init__(self, message: str, *, file: str | None = None, line: int | None = None, code: str = "prompt") -> None:
        super().__init__(message, file=file, line=line)
        self.code = code
        self.further: tuple[PromptError, ...] = ()

    @property
    def summary(self) -> str:
        """The mistake in a line, with how many others there are and what tells them."""
        more = f" (and {len(self.further)} more: `brains prompt lint` tells all)" if self.further else ""
        return f"{self}{more}"


class ActionError(BrainsError):
    """An action was declared wrongly, or its values do not fit its declaration."""

    def __init__(self, message: str, *, action: str, field: str | None = None) -> None:
        super().__init__(message)
        self.action = action
        self.field = field


class ProtocolError(BrainsError):
    """The game sent something that the protocol does not allow.

    Attributes:
        code: one of `brains.messages.ERROR_CODES`; names the problem for programs.
        hint: what the game's author can do about it.
        fatal: the session cannot go on.
        close_code: the WebSocket close code that goes with a fatal error.
    """

    def __init__(self, code: str, message: str, *, hint: str = "", fatal: bool = False, close_code: int = 4400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.hint = hint
        self.fatal = fatal
        self.close_code = close_code


class ModelError(BrainsError):
    """The model could not answer. `kind` is the word that statistics count it under."""

    kind: ClassVar[str] = "model_error"


class ModelUnavailable(ModelError):
    """Nobody answers at the model's address, the connection broke, or the runner died."""

    kind = "unavailable"


class ModelNotInstalled(ModelError):
    """The model server does not have this model."""

    kind = "not_installed"


class ModelBusy(ModelError):
    """The model server's queue is full."""

    kind = "busy"


class ModelTimeout(ModelError):
    """The model did not answer in time."""

    kind = "timeout"


class ModelRefused(ModelError):
    """The model server refuses this request; the same request again would be refused again."""

    kind = "refused"


class PromptTooLong(ModelError):
    """A rendered prompt does not fit into the model's context. `prompt` is the template's name."""

    kind = "prompt_too_long"

    def __init__(self, message: str, *, prompt: str = "") -> None:
        super().__init__(message)
        self.prompt = prompt


class MalformedAnswer(ModelError):
    """The answer is cut off, is none of the labels, or is not the JSON that was asked for."""

    kind = "malformed"
