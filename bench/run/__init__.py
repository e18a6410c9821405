"""A run: a configuration comes in, the outcome of each of its cells goes out.

``compute`` carries out the run. A ``worker`` is one process of it. A ``job`` takes one cell through
the stages; ``resume`` finds those that are done. On Dask a run is a ``graph`` of tasks, which
``cluster`` hands out to members of it. The room may import ``stages`` and the rooms before it.
"""
