"""The commands of `brains debug`, by name, by their short name, and by any beginning that no other has."""

from brains.cli._debug.commands import asking, breaking, looking, meta, moving, past
from brains.cli._debug.commands.table import COMMANDS, Command, find

__all__ = ["COMMANDS", "Command", "asking", "breaking", "find", "looking", "meta", "moving", "past"]
