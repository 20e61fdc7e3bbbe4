"""The brains of a castle yard: a guard, a merchant, villagers and a thief, to copy and to edit.

`actions` declares what the characters can do, `senses` reads what they perceive, and each other file is a brain.
"""
