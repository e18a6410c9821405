"""The pictures of the page, within a limit of bytes.

Each cell's median, three worst and three best triplets come as lossless crops, for as long as
the limit allows; whatever else was predicted comes as a small lossy preview of the same place.
The place is the middle of the frame, so that nobody chose it.
"""

from __future__ import annotations

import base64
import io
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Quality = Literal["crop", "preview"]
Frame = NDArray[np.uint8]  # HW

CROP = 256  # pixels of the frame that are shown
SHRINK = 2  # a preview has half the resolution
# Characters of base64, which is what lands in the file. A page stays below 20 MB with them:
# 13 MB hold at least 148 crops of 256 x 256 even of pure noise, of real EM some 215.
LIMITS: dict[Quality, int] = {"crop": 13_000_000, "preview": 6_000_000}
# Taken in this order, so that the limit takes the least telling ones away first.
SHOWN = ("median", "worst 1", "best 1", "worst 2", "best 2", "worst 3", "best 3")


@dataclass
class Album:
    """Pictures of one quality, each once; it closes when one would be too much.

    Attributes:
        quality: lossless ``crop`` or lossy ``preview``.
        pictures: base64 of PNG or JPEG.
    """

    quality: Quality
    pictures: list[str] = field(default_factory=list)
    _places: dict[tuple[str, int], list[int]] = field(default_factory=dict)
    _room: int = 0
    _full: bool = False

    def open(self, room: int) -> None:
        """Make room for more characters of base64."""
        self._room, self._full = self._room + room, False

    def add(self, key: tuple[str, int], read: Callable[[], list[Frame]]) -> list[int] | None:
        """Take in frames that belong together.

        Args:
            key: what tells them from all others.
            read: the frames; not called if they are here already.

        Returns:
            The place of each in ``pictures``; None if they do not fit.
        """
        if key in self._places or self._full:
            return self._places.get(key)
        new = [_encode(frame, self.quality) for frame in read()]
        length = sum(map(len, new))
        if length > self._room:
            self._full = True
            return None
        self._room -= length
        first = len(self.pictures)
        self.pictures += new
        self._places[key] = list(range(first, first + len(new)))
        return self._places[key]


def listing(values: NDArray[np.float64]) -> list[tuple[int, str]]:
    """The order in which triplets are listed: median, worst, best, then the rest from the worst.

    Args:
        values: one for each triplet, the higher the better; NaN counts as best.

    Returns:
        Position and label (``worst 1``; empty for the rest) of every triplet.
    """
    order = np.argsort(values, kind="stable").tolist()
    last = len(order) - 1
    places = {
        "median": len(order) // 2, "worst 1": 0, "worst 2": 1, "worst 3": 2,
        "best 1": last, "best 2": last - 1, "best 3": last - 2,
    }  # fmt: skip
    named: dict[int, str] = {}
    for label, place in places.items():
        if 0 <= place <= last:
            named.setdefault(place, label)
    rest = [place for place in range(len(order)) if place not in named]
    return [(order[place], named.get(place, "")) for place in [*named, *rest]]


def centre(frame: Frame) -> Frame:
    """The middle of a frame (HW), 256 pixels at most each way."""
    top, left = (max(0, (length - CROP) // 2) for length in frame.shape)
    return frame[top : top + CROP, left : left + CROP]


def _encode(frame: Frame, quality: Quality) -> str:
    image = Image.fromarray(centre(frame))
    buffer = io.BytesIO()
    if quality == "crop":
        # Noise repeats nothing: Huffman codes alone are as short, in half the time.
        image.save(buffer, format="PNG", compress_type=zlib.Z_HUFFMAN_ONLY)
    else:
        image.reduce(SHRINK).save(buffer, format="JPEG", quality=50)
    return base64.b64encode(buffer.getvalue()).decode("ascii")
