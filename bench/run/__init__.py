"""A run: a configuration comes in, the outcome of each of its cells and their summary go out.

``compute`` carries out the run. A ``worker`` is one process of it. A ``job`` takes one cell through
the stages; ``resume`` finds those that are done. ``datasets`` opens what the cells are computed on.
On Dask a run is a ``graph`` of tasks, which ``cluster`` hands out to members of it; ``team`` and
``membership`` are its workers, whatever they compute. The room may import ``stages`` and the rooms
before it.
"""
