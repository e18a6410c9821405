"""What is to be computed: configuration, methods and losses with their options, presets, cells.

The words of a command line or a file come in; cells go out. It may import ``triplets`` and
the rooms before it.
"""
