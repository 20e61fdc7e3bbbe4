"""The prompt workbench, behind `brains prompt`."""

__all__: list[str] = []
