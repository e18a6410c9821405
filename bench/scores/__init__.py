"""Every figure is formed here, whoever prints it: metrics, means, intervals, gains and ranks.

Frames and records come in; measurements go out. It imports ``cells`` and what stands before it.
"""
