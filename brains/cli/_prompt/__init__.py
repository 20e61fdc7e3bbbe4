"""The prompt workbench, behind `brains prompt`."""
