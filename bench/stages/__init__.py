"""The stages of a cell: train, predict, score, segment.

A cell and its triplets come in; weights, frames, scores and membranes go out. Each stage is a
module with a ``STAGE``, and ``pipeline`` has them all in their order. The room may import
``scores`` and the rooms before it.
"""
