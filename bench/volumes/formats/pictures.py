"""Single pictures as a viewer shows them: grey stored in colour is grey; ids stay ids."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import UserError
from bench.volumes.formats.stack import checked_shape
from bench.volumes.formats.unreadable import reading

_DEEP = ";16B"  # what Pillow calls samples of a PNG that it cuts to their upper 8 bits
_ONE_SAMPLE = ("1", "L", "I", "I;16", "I;16L", "I;16B", "F")


def read_picture(file: Path, *, labels: bool) -> NDArray[Any]:
    """A PNG, JPEG or BMP file, HW.

    Args:
        file: of the picture.
        labels: whether its values are ids; of a palette, the index is one.

    Raises:
        UserError: it cannot be read, is in colour, or is beyond the size limits.
    """
    from PIL import Image

    with reading(str(file)), warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our limit is below
        with Image.open(file) as opened:
            image: Image.Image = opened
            checked_shape(str(file), (1, image.height, image.width))
            mode = image.mode
            if mode in _ONE_SAMPLE or (mode == "P" and labels):
                return np.asarray(image)
            if any(str(part.args).endswith(_DEEP) for part in opened.tile):
                raise UserError(
                    f"{file} has several samples of 16 bits in a pixel, of which 8 would be left; "
                    "convert it to a grey image of one channel."
                )
            if mode in ("P", "PA"):
                image = image.convert("RGBA")
            elif mode not in ("LA", "RGB", "RGBA", "RGBX"):
                raise in_colour(str(file))
            transparent = image.mode in ("LA", "RGBA")
            return grey_of(str(file), np.asarray(image), transparent=transparent, labels=labels)


def grey_of(where: str, samples: NDArray[Any], *, transparent: bool, labels: bool) -> NDArray[Any]:
    """The grey values of pixels with several samples, HW.

    Args:
        where: what error messages call the picture.
        samples: HWS, all equal where the picture is grey.
        transparent: whether the last sample is the opacity; what is transparent becomes black.
        labels: whether the values are ids, which are left as they are.

    Raises:
        UserError: the samples differ.
    """
    shown = samples[..., :-1] if transparent else samples
    if (shown != shown[..., :1]).any():
        raise in_colour(where)
    grey = np.ascontiguousarray(shown[..., 0])
    if not transparent or labels:
        return grey
    opacity = samples[..., -1]
    full = np.iinfo(opacity.dtype).max if opacity.dtype.kind == "u" else 1
    if (opacity == full).all():
        return grey
    blended = grey * (opacity / full)
    return np.rint(blended).astype(grey.dtype) if grey.dtype.kind == "u" else blended


def shown_by_palette(
    where: str, indices: NDArray[Any], colormap: NDArray[np.uint16]
) -> NDArray[np.uint8]:
    """What a TIFF's palette shows for stored values, HW.

    Args:
        where: what error messages call the picture.
        indices: HW.
        colormap: 3 x values, of 16 bits; some programs write 8.

    Raises:
        UserError: a value in use is shown in colour.
    """
    table = colormap if colormap.max() < 256 else colormap >> 8
    shown = table.T.astype(np.uint8)[indices]
    return grey_of(where, shown, transparent=False, labels=False).astype(np.uint8)


def in_colour(where: str) -> UserError:
    """The error for a picture that is not grey."""
    return UserError(f"{where} is in colour; convert it to a grey image of one channel.")
