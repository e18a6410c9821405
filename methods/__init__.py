"""What is compared: methods that synthesise the slice between two others.

Usable without the harness: ``load`` makes a method by its name, ``synthesise`` has it make a slice.

Examples:
    >>> import methods
    >>> import numpy as np
    >>> before, after = np.full((64, 64), 30, np.uint8), np.full((64, 64), 90, np.uint8)
    >>> middle = methods.synthesise(methods.load("average"), before, after)
    >>> middle.shape, middle.dtype, int(middle[0, 0])
    ((64, 64), dtype('uint8'), 60)

    A slice at another time than halfway, here the first of a gap of two:

    >>> first = methods.synthesise(methods.load("average", gap=2), before, after, time=1 / 3)
    >>> int(first[0, 0])
    50
"""

from methods.loading import load, synthesise

__all__ = ["load", "synthesise"]
