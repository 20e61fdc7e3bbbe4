"""The debugger's front ends: what `brains debug`, `brains ctl` and `brains watch` share.

They only parse what people type and render what comes back; what is debugged, and how, is in `brains.debugger`.
"""

__all__: list[str] = []
