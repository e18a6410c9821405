"""How a volume is written: one module for each kind of file or folder.

A stack of slices and what was filled in it come in (``filled_stack``); ``write_volume`` chooses the
kind by the ending of a name. A kind is given the ``content`` and a path that takes its name only
when all of it is there (``whole``).
"""
