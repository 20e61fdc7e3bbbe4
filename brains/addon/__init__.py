"""The Godot addon: where it lies, and how it gets into a project."""

from brains.addon.installing import (
    AUTOLOAD,
    CLIENT,
    FOLDER,
    PLUGIN,
    Change,
    Plan,
    addon_folder,
    addon_version,
    apply,
    plan,
)
from brains.addon.project import GodotProject

__all__ = [
    "AUTOLOAD",
    "CLIENT",
    "FOLDER",
    "PLUGIN",
    "Change",
    "GodotProject",
    "Plan",
    "addon_folder",
    "addon_version",
    "apply",
    "plan",
]
