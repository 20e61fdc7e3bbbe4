"""The castle yard of `brains demo`.

`cast` has the words, `yard`, `bodies`, `deeds` and `perceiving` the simulation (plain calls, no clock, no input or
output), `client` plays it against a server over protocol 1, `show` draws it, `tally` counts what the model did, and
`mind` is the model where there is none. For the yard in Godot, `engine` finds a Godot and `godot` runs it; `play` has
the server and the model for both.
"""

__all__: list[str] = []
