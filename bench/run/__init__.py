"""A run: a configuration comes in, the outcome of each of its cells and their summary go out.

``cells`` carries out the run. A ``worker`` is one process of it; ``processes`` has several side by
side. A ``job`` is one cell on its way through the stages, and ``resume`` knows which of them are
done. ``datasets`` opens what the cells are computed on. The room imports ``stages`` and what stands
before it.
"""
