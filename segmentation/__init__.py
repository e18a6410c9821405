"""What a slice is worth downstream: its membranes.

Usable without the harness: ``load`` reads a trained segmenter, ``membrane_probability`` has it look
at a slice.

Examples:
    A network that is not trained stands for that of ``segmentation.load(FILE)``:

    >>> import numpy as np
    >>> import segmentation
    >>> from segmentation.unet import UNet
    >>> grey = np.random.default_rng(0).integers(0, 255, (96, 100), np.uint8)
    >>> found = segmentation.membrane_probability(UNet().eval(), grey)
    >>> found.shape, found.dtype, bool((0 <= found).all() and (found <= 1).all())
    ((96, 100), dtype('float32'), True)
"""

from segmentation.loading import load, membrane_probability

__all__ = ["load", "membrane_probability"]
