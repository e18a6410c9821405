"""Cells are carried through their stages: resumed, side by side, one failure stopping no other.

A configuration comes in; outcomes and the summary of a run go out. It imports ``stages`` and what
stands before it.
"""
