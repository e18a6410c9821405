"""Sound slices that are hidden and filled like missing ones: what a repair promises rests on them.

The neighbours are laid on each other as those of a real gap are. The hidden slice is looked at only
afterwards, where it lies: what it is shifted against its neighbours counts as an error. Its
brightness and contrast do not: those of a lost slice are not known, and flicker is no tissue. How
far the brightness lies from what the neighbours foretell is kept by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from bench.repair.gaps import Gap
from bench.repair.neighbours import Neighbours, neighbours
from bench.repair.slices import Grey, Slices, Window
from bench.repair.synthesis import synthesise
from bench.triplets.file import TripletFile
from bench.triplets.gap import POSITION
from bench.volumes.volume import Volume
from methods.interface import Interpolator

MOST = 48  # windows that are hidden
_SIDE = 512  # pixels
_UNSEEN = ("validation", "test")  # of the triplets that a network did not learn from


@dataclass(frozen=True)
class HiddenPlace:
    """A window of a sound slice in the middle of sound ones.

    Attributes:
        gap: that it is filled from.
        z: of the slice.
        window: of it.
    """

    gap: Gap
    z: int
    window: Window


@dataclass(frozen=True)
class Hidden:
    """A window that was hidden and filled.

    Attributes:
        place: where it lies.
        before: HW in [0, 1], what the slice before shows there.
        grey: HW in [0, 1], what was synthesised.
        after: HW in [0, 1], what the slice after shows there.
        truth: HW in [0, 1], what the slice shows, with the tone that it was taken to have.
        brighter: mean of what the slice shows as it is, less that of the truth, in grey levels.
    """

    place: HiddenPlace
    before: Grey
    grey: Grey
    after: Grey
    truth: Grey
    brighter: float


def places(sound: Sequence[int], size: int, shape: tuple[int, int, int]) -> list[HiddenPlace]:
    """Windows to hide, evenly spread over the gaps of a size among sound slices.

    Args:
        sound: positions of the sound slices.
        size: how many slices are hidden in a row.
        shape: of the volume.
    """
    known = set(sound)
    runs = [z for z in sound if all(z + step in known for step in range(size + 2))]
    found = [(z, position) for z in runs for position in range(1, size + 1)]
    chosen = [found[i] for i in _spread(len(found))]
    corners = _corners(shape)
    return [
        HiddenPlace(Gap(z, z + size + 1), z + position, corners[number % len(corners)])
        for number, (z, position) in enumerate(chosen)
    ]


def unlearned(
    file: TripletFile, sound: Sequence[int], size: int, volume: Volume
) -> list[HiddenPlace]:
    """Windows to hide from which a network did not learn: those of the other splits' triplets.

    Args:
        file: the triplets that it was trained on.
        sound: positions of the sound slices.
        size: how many slices are hidden in a row.
        volume: that is repaired, all or a part of what the triplets are from.
    """
    keys, known = file.keys, set(sound)
    rows = keys[keys["split"].isin(_UNSEEN) & (keys["reason"] == "")]
    _, height, width = volume.shape
    found = []
    for row in rows.to_dict("records"):
        z, top, left = (
            int(row[name]) - low for name, low in zip("zyx", volume.corner, strict=True)
        )
        before = z - int(row.get(POSITION, 1))
        inside = 0 <= top <= height - file.tile and 0 <= left <= width - file.tile
        if inside and known.issuperset(range(before, before + size + 2)):
            window = Window(top, left, file.tile, file.tile)
            found.append(HiddenPlace(Gap(before, before + size + 1), z, window))
    return [found[i] for i in _spread(len(found))]


def hide(
    slices: Slices,
    chosen: Sequence[HiddenPlace],
    model: Interpolator,
    device: torch.device,
    search: int,
) -> Iterator[Hidden]:
    """Fill windows as if their slices were missing.

    Args:
        slices: of the volume.
        chosen: the windows.
        model: that fills gaps of their size, in evaluation mode on the device.
        device: where to compute.
        search: largest shift of neighbours along each axis, in pixels.
    """
    for place in chosen:
        yield hide_one(neighbours(slices, place.gap, search), place, model, device, search)


def hide_one(
    beside: Neighbours, place: HiddenPlace, model: Interpolator, device: torch.device, search: int
) -> Hidden:
    """Fill a window as if its slice were missing.

    Args:
        beside: the slices around the gap that it is filled from.
        place: the window.
        model: as ``hide`` takes it.
        device: likewise.
        search: likewise.
    """
    slices = beside.slices
    done = synthesise(beside, place.z, place.window, model, device)
    tone = slices.centre(place.z, search).tone
    stored = slices.read(place.z, place.window)
    truth = tone.mapped(stored, beside.tone(place.z))
    brighter = float(stored.mean()) - 255 * float(truth.mean())
    before, grey, after = (each[done.inside] for each in (done.before, done.grey, done.after))
    return Hidden(place, before, grey, after, truth, brighter)


def _spread(count: int) -> list[int]:
    """At most so many of the numbers below a count, evenly spread."""
    most = min(count, MOST)
    return sorted(set(np.linspace(0, count - 1, most).round().astype(int).tolist())) if most else []


def _corners(shape: tuple[int, int, int]) -> list[Window]:
    """Windows at the middle and at the corners of a slice, in turn."""
    _, height, width = shape
    rows, columns = min(_SIDE, height), min(_SIDE, width)
    low, right = height - rows, width - columns
    found = [(low // 2, right // 2), (0, 0), (low, right), (0, right), (low, 0)]
    return [Window(top, left, rows, columns) for top, left in dict.fromkeys(found)]
