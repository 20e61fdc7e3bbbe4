"""The debugger's core, without input or output: requests go in, answers and events come out.

`Debugger` is there once per process; each front end that connects has a `DebugSession`. The shells (the control socket,
or a front end in the same process) only carry what `brains.debugger.messages` describes.
"""

from brains.debugger.debugger import Debugger
from brains.debugger.host import Debuggable, Host
from brains.debugger.messages import DebugError, Request
from brains.debugger.session import DebugSession

__all__ = ["DebugError", "DebugSession", "Debuggable", "Debugger", "Host", "Request"]
