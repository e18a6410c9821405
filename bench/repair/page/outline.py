"""The outline of places, as a path of SVG in pixels of the slice."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from bench.repair.finding import Place


def outline(places: Sequence[Place], tolerance: float) -> str:
    """A line around the places.

    Args:
        places: of a slice.
        tolerance: how far the line may be from the edge of the mask, in pixels.
    """
    return "".join(_around(place, tolerance) for place in places)


def _around(place: Place, tolerance: float) -> str:
    found, _ = cv2.findContours(
        place.mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE
    )
    corner = place.box.left + 0.5, place.box.top + 0.5  # contours go through middles of pixels
    drawn = []
    for line in found:
        points = cv2.approxPolyDP(line, tolerance, closed=True)[:, 0] + corner
        drawn.append("M" + "L".join(f"{x:g} {y:g}" for x, y in points.tolist()) + "Z")
    return "".join(drawn)
