"""`python -m brains` is the command `brains`."""

from brains.cli import main

main()
