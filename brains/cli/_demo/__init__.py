"""The castle yard of `brains demo`.

`cast` has the words, `yard` and `bodies` the simulation (plain calls, no clock, no input or output), `client` plays it
against a server over protocol 1, `show` draws it, `tally` counts what the model did.
"""

__all__: list[str] = []
