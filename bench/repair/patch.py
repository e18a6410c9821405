"""A damaged place, synthesised from its neighbours and fitted to what is sound around it.

The slice itself says where its neighbours' tissue has gone: around the mask both follow it by an
optical flow, which is carried on into the mask. Brightness and contrast are those of the ring
around it, and what still differs at the seam fades out inside of the mask.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from bench.repair.finding import Mask
from bench.repair.slices import Grey, Slice, Tone
from bench.repair.synthesis import between
from methods.interface import Interpolator

CONTEXT = 96  # pixels around a place that are looked at
_RING = 32  # pixels around a place whose brightness it takes
_SMOOTH = 2.0  # pixels: what is finer is no tissue to follow
_FADE = 6.0  # pixels within which a step at the seam fades out
_SPREADS = (4.0, 16.0, 64.0)  # pixels: how far what is known around a mask is carried into it
_KNOWN = 0.02  # weight from which on something is known of a pixel

Flow = NDArray[np.float32]  # HW2 in pixels, x then y


class Patch(NamedTuple):
    """A place, HW in [0, 1] each.

    Attributes:
        grey: what it is filled with.
        before: what the slice before shows there.
        after: what the slice after shows there.
    """

    grey: Grey
    before: Grey
    after: Grey


def patched(
    here: Slice,
    neighbours: tuple[Slice, Slice],
    damaged: Mask,
    time: float,
    model: Interpolator,
    device: torch.device,
) -> Patch:
    """What a place is filled with.

    Args:
        here: HW, the slice around the place.
        neighbours: HW each, what the slices before and after show there.
        damaged: HW, the place, and what else is damaged around it.
        time: of the slice between its neighbours.
        model: that takes that time, in evaluation mode on the device.
        device: where to compute.

    Returns:
        What was synthesised, with the neighbours as they follow the slice; it counts inside of the
        mask.
    """
    target = np.asarray(here / 255, np.float32)
    before, after = (
        _following(target, _toned(here, each, damaged), damaged) for each in neighbours
    )
    grey = between(model, before, after, time, device)
    fitted = _without_step(target, _as_bright(target, grey, damaged), damaged)
    return Patch(fitted, before, after)


def _toned(here: Slice, neighbour: Slice, damaged: Mask) -> Grey:
    """A neighbour as bright as the slice is around the mask, HW in [0, 1]."""
    if damaged.all():
        return np.asarray(neighbour / 255, np.float32)
    tones = [
        Tone(float(each[~damaged].mean()), float(each[~damaged].std()))
        for each in (here, neighbour)
    ]
    return tones[1].mapped(neighbour, tones[0])


def _following(here: Grey, neighbour: Grey, damaged: Mask) -> Grey:
    """A neighbour, moved to where the slice shows the same tissue around the mask."""
    flow = carried_on(_flow(here, neighbour, damaged), ~damaged)
    y, x = np.indices(here.shape, np.float32)
    moved = cv2.remap(
        neighbour, x + flow[..., 0], y + flow[..., 1], cv2.INTER_CUBIC, None, cv2.BORDER_REPLICATE
    )
    return np.asarray(np.clip(moved, 0, 1), np.float32)


def _flow(here: Grey, neighbour: Grey, damaged: Mask) -> Flow:
    """Where the neighbour shows what the slice does; the damage is shown as the neighbour has it.

    What is damaged would pull the flow around it.
    """
    seen = (
        cv2.GaussianBlur(each, (0, 0), _SMOOTH)
        for each in (np.where(damaged, neighbour, here), neighbour)
    )
    one, other = (np.rint(255 * each).astype(np.uint8) for each in seen)
    cv2.setNumThreads(torch.get_num_threads())  # as methods that are OpenCV's do
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return np.asarray(flow.calc(one, other, np.zeros((*here.shape, 2), np.float32)), np.float32)


def carried_on(values: NDArray[np.float32], known: Mask) -> NDArray[np.float32]:
    """What is known around a mask, carried on into it: near the edge by what is nearest.

    Args:
        values: HW or HWC.
        known: HW; what is not known of ``values`` is not looked at.

    Returns:
        The values, with what is not known replaced.
    """
    weight = known.astype(np.float32)
    there = weight if values.ndim == 2 else weight[..., None]
    result, missing = np.where(there > 0, values, 0).astype(np.float32), ~known
    for spread in _SPREADS:
        near = cv2.GaussianBlur(weight, (0, 0), spread)
        mean = cv2.GaussianBlur(np.asarray(values * there, np.float32), (0, 0), spread)
        found = missing & (near > _KNOWN)
        by = near[found] if values.ndim == 2 else near[found][:, None]
        result[found] = mean[found] / by
        missing &= ~found
    if missing.any() and known.any():
        result[missing] = values[known].mean(axis=0)
    return result


def _as_bright(target: Grey, grey: Grey, damaged: Mask) -> Grey:
    """The synthesised window as bright as the ring around the mask.

    Its contrast is left: what cannot be known is grey in it, and would be further off if stretched.
    """
    ring = _grown(damaged, _RING) & ~damaged
    if not ring.any():
        return grey
    return np.asarray(grey + (target[ring].mean() - grey[ring].mean()), np.float32)


def _without_step(target: Grey, grey: Grey, damaged: Mask) -> Grey:
    """The window with what differs around the mask carried into it, and fading out."""
    step = carried_on(np.asarray(target - grey, np.float32), ~damaged)
    inside = cv2.distanceTransform(damaged.astype(np.uint8), cv2.DIST_L2, 5)
    faded = np.where(damaged, step * np.exp(-inside / _FADE), 0)
    return np.asarray(np.clip(grey + faded, 0, 1), np.float32)


def _grown(mask: Mask, by: int) -> Mask:
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * by + 1, 2 * by + 1))
    return cv2.dilate(mask.astype(np.uint8), kernel).astype(np.bool_)
