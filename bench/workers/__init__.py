"""Workers of Dask, whatever they compute: those that a command starts, or those of a cluster.

``options`` says which workers a command is given; it imports nothing of Dask. A ``team`` are the
workers themselves, and a ``membership`` is what each of them knows of the command. Nothing of
electron microscopy; the room may import ``base``.
"""
