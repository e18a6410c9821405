"""The stages of a cell: train, predict, score, segment.

A cell and its triplets come in; weights, frames, scores and membranes go out. It imports
``scores`` and what stands before it.
"""
