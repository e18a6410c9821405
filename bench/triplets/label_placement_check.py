"""Whether labels lie on the picture: their borders, against the same ones turned or moved.

A border of ids, or of a mask, lies on a membrane, which is darker (or brighter) than what is
around it. How much, is the contrast of a placement.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.base.sentences import joined
from bench.triplets.dataset_paths import anew
from bench.volumes.cards import LabelKind
from bench.volumes.formats.stack import central
from bench.volumes.volume import Volume
from segmentation.labels import UNLABELLED

MARGIN = 1.1  # times the contrast of the labels as they are given
_SEEN = 0.2  # least contrast that is none by chance
_MOST = 0.75  # of the slices
_SLICES = 8  # with borders, of all z
_FEWEST = 3  # of them, to say anything
_LOOKED_AT = 100  # slices at most, in search of them
_EDGE = 200  # pixels on borders, for a slice to count
_SIDE = 1024  # of the central part of large slices that is looked at
_AROUND = 33  # pixels of surroundings, wider than a membrane, narrower than a nucleus

Contrast = NDArray[np.float64]


class _Placement(NamedTuple):
    """How labels could lie: turned in the plane, in another order, or a slice away."""

    transposed: bool = False
    flipped_y: bool = False
    flipped_x: bool = False
    reversed_z: bool = False
    step: int = 0

    @property
    def words(self) -> str:
        """What to do with the labels so that they lie like this."""
        if self.step:
            return f"one slice {'earlier' if self.step < 0 else 'later'}"
        names = ("transposed in y and x", "flipped in y", "flipped in x", "reversed in z")
        return joined(name for name, done in zip(names, self, strict=False) if done)

    @property
    def code(self) -> str:
        """The same in NumPy."""
        if self.step:
            return f"labels z belong on slice z {'-' if self.step < 0 else '+'} 1"
        turned = ", ".join(
            "::-1" if done else ":" for done in (self.reversed_z, self.flipped_y, self.flipped_x)
        )
        swapped = ".transpose(0, 2, 1)" if self.transposed else ""
        return f"NumPy: `labels{swapped}[{turned}]`"


_GIVEN = _Placement()
_OTHERS = (
    *(_Placement(*turned) for turned in product((False, True), repeat=4) if any(turned)),
    _Placement(step=-1),
    _Placement(step=1),
)


def misplacement(name: str, volume: Volume, kind: LabelKind) -> str:
    """One sentence if labels fit the picture better in another placement; empty if not.

    Another placement fits better if its contrast is 1.1 times that of the labels as given, in
    the median over up to 8 slices, larger in three in four of them, and at least 0.2.

    Args:
        name: of the dataset.
        volume: with labels.
        kind: what they are.
    """
    found = contrasts(volume, kind)
    given = found.pop(_GIVEN)
    if len(given) < _FEWEST:
        return ""
    best = max(found, key=lambda placement: abs(np.median(found[placement])))
    there, here = abs(np.median(found[best])), abs(np.median(given))
    alike = abs(np.sign(found[best]).sum()) == len(given)
    larger = np.abs(found[best]) > np.abs(given)  # not so amid labels that are reversed in z
    if not alike or larger.mean() < _MOST:
        return ""
    if there < max(MARGIN * here, _SEEN):
        return ""
    return (
        f"The labels of '{volume.name}' fit the picture better {best.words}: there the grey steps "
        f"by {there:.2f} standard deviations at their borders, and as they are by {here:.2f}; if "
        f"they are misplaced, move them ({best.code}) and repeat "
        f"{anew(name, 'the moved file as --labels')}."
    )


def exchanged(name: str, volumes: Sequence[Volume], kind: LabelKind) -> str:
    """One sentence if borders are darker in one volume and brighter in another; empty if not.

    Args:
        name: of the dataset.
        volumes: with labels.
        kind: what they are.
    """
    steps = dict[str, float]()
    for volume in volumes if len(volumes) > 1 else ():
        found = contrasts(volume, kind)[_GIVEN]
        if len(found) >= _FEWEST and abs(np.median(found)) >= _SEEN:
            steps[volume.name] = float(np.median(found))
    dark, bright = ([each for each, step in steps.items() if sign * step > 0] for sign in (-1, 1))
    if not dark or not bright:
        return ""
    return (
        f"The borders of labels are darker than their surroundings in '{dark[0]}' and brighter in "
        f"'{bright[0]}'; if black and white are exchanged in one of them, turn it over (NumPy: "
        f"`255 - grey`) and repeat {anew(name, 'the turned file as --source')}."
    )


def contrasts(volume: Volume, kind: LabelKind) -> dict[_Placement, Contrast]:
    """The contrast of each placement in each of up to 8 slices with borders, drawn over z.

    Placements that do not exist (transposed labels of slices that are not square) are left out.
    """
    rows = list(_rows(volume, kind))
    known = rows[0] if rows else {_GIVEN: 0.0}
    return {each: np.array([row[each] for row in rows]) for each in known}


def _rows(volume: Volume, kind: LabelKind) -> Iterator[Mapping[_Placement, float]]:
    depth, height, width = volume.label_box
    part = central(height, _SIDE), central(width, _SIDE)
    inner = range(max(depth.start, 1), min(depth.stop, volume.shape[0] - 1))
    found = 0
    for z in np.random.default_rng(0).permutation(inner)[:_LOOKED_AT]:
        labels = volume.labels(int(z), kind)
        if labels is None or found == _SLICES:
            return
        edges = np.nonzero(on_border(labels[part]))
        turned = depth.start + depth.stop - 1 - int(z)
        if len(edges[0]) < _EDGE or volume.missing & {z - 1, z, z + 1, turned}:
            continue
        found += 1
        reliefs = {
            int(at): _relief(volume.slice(int(at))[part]) for at in {z - 1, z, z + 1, turned}
        }
        yield {
            placement: _contrast(
                reliefs[turned if placement.reversed_z else z + placement.step], edges, placement
            )
            for placement in (_GIVEN, *_OTHERS)
            if not placement.transposed or labels[part].shape[0] == labels[part].shape[1]
        }


def on_border(labels: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """The pixels (HW) one of whose four neighbours has another label; unlabelled ones have none."""
    border = np.zeros(labels.shape, bool)
    for one, other in ((np.s_[:-1], np.s_[1:]), (np.s_[:, :-1], np.s_[:, 1:])):
        known = (labels[one] != UNLABELLED) & (labels[other] != UNLABELLED)
        differ = known & (labels[one] != labels[other])
        border[one] |= differ
        border[other] |= differ
    return border


def _relief(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    """How far each pixel, smoothed, is from its surroundings, in standard deviations of that."""
    from scipy import ndimage

    smooth = ndimage.gaussian_filter(grey.astype(np.float32), 1)
    relief: NDArray[np.float32] = smooth - ndimage.uniform_filter(smooth, _AROUND)
    return relief / max(float(relief.std()), 1e-6)


def _contrast(
    relief: NDArray[np.float32], edges: tuple[NDArray[np.intp], ...], placement: _Placement
) -> float:
    """The mean relief at the borders of labels that lie like this."""
    y, x = reversed(edges) if placement.transposed else edges
    height, width = relief.shape
    y = height - 1 - y if placement.flipped_y else y
    x = width - 1 - x if placement.flipped_x else x
    return float(relief[y, x].mean())
