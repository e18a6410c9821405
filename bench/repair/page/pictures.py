"""The pictures beside the page: PNG where there is room for it, else WebP with some loss."""

from __future__ import annotations

import io
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.base.files import atomic_path
from bench.repair.finding import Mask
from bench.repair.slices import Slice

PICTURES = "pictures"
LIMIT = 13_000_000  # bytes of all pictures of slices; the maps of errors come on top of them
_QUALITIES = (90, 75, 60, 45, 30, 20)  # of WebP, until a picture fits
COLOURS = 32  # of the map: more of them say no more, and take twice the bytes
_STEP = 10  # grey levels: the scale ends at a multiple


@dataclass(frozen=True)
class Album:
    """Where pictures go.

    Attributes:
        folder: of the page.
        room: bytes that a picture of a slice may take.
    """

    folder: Path
    room: int

    def add(self, name: str, grey: Slice) -> str:
        """Save a picture of a slice, HW.

        Returns:
            Its path from the page.
        """
        return self._save(name, *_fitting(Image.fromarray(grey), self.room))

    def add_errors(self, name: str, errors: NDArray[np.float32], filled: Mask, top: int) -> str:
        """Save a map of errors in colours, clear where nothing was filled.

        Args:
            name: of the picture.
            errors: HW, in grey levels.
            filled: HW.
            top: grey levels at the end of the scale.
        """
        share = np.clip(errors / top, 0, 1)
        places = np.where(filled, 1 + np.rint((COLOURS - 1) * share), 0).astype(np.uint8)
        image = Image.fromarray(places)
        image.putpalette(bytes(3) + colours().tobytes())
        buffer = io.BytesIO()
        image.save(buffer, format="PNG", transparency=0)
        return self._save(name, buffer.getvalue(), "png")

    def _save(self, name: str, data: bytes, ending: str) -> str:
        address = f"{PICTURES}/{name}.{ending}"
        with atomic_path(self.folder / address) as temporary:
            temporary.write_bytes(data)
        return address


def colours() -> NDArray[np.uint8]:
    """The colours of errors from none to the largest, N3 in RGB: viridis, which has even steps."""
    greys = np.linspace(0, 255, COLOURS).round().astype(np.uint8)[:, None]
    return np.ascontiguousarray(cv2.applyColorMap(greys, cv2.COLORMAP_VIRIDIS)[:, 0, ::-1])


def scale_end(means: Sequence[float]) -> int:
    """Grey levels at the end of the scale, for all maps of a page.

    Args:
        means: of the expected errors of each slice.
    """
    return min(max(math.ceil(2 * max(means) / _STEP), 1) * _STEP, 255)


def _fitting(image: Image.Image, room: int) -> tuple[bytes, str]:
    """A picture in the best quality that fits, and the ending of its name."""
    # Noise repeats nothing: Huffman codes alone are as short, in half the time.
    data = _encoded(image, "PNG", compress_type=zlib.Z_HUFFMAN_ONLY)
    if len(data) <= room:
        return data, "png"
    for quality in _QUALITIES:
        data = _encoded(image, "WEBP", quality=quality, method=2)
        if len(data) <= room:
            break
    return data, "webp"


def _encoded(image: Image.Image, kind: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=kind, **options)
    return buffer.getvalue()
