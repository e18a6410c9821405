"""Every figure is formed here, whoever prints it: metrics, means, intervals, gains and ranks.

Frames and records come in; measurements go out. It may import ``cells`` and the rooms before
it.
"""
