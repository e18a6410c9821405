"""Whether the labels of a dataset look like another kind than they are taken for."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import UserError
from bench.triplets.dataset_paths import anew
from bench.triplets.file import TripletFile
from bench.volumes.cards import LabelKind
from bench.volumes.volume import Volume
from segmentation.labels import UNLABELLED

_LINE = 10  # pixels: what is wider than this is no membrane that somebody drew
_LOOKED_AT = 32  # triplets
_SLICES = 8
_MEMBRANE = 0.5  # of the pixels: AC4 has 0.2, the nerve cord too
_GREY = 0.5  # of neighbouring pixels differ: 3 % in ids of 6 nm pixels, 97 % in such an image


class Borders(NamedTuple):
    """How often one id follows another along the rows and columns of labels.

    Attributes:
        touching: with nothing between them.
        apart: with a short line of 0 between them.
        pairs: neighbouring pixels of which both have an id.
    """

    touching: int
    apart: int
    pairs: int


def doubt(file: TripletFile) -> str:
    """One sentence if labels look like another kind than is assumed; empty if not.

    Where nobody says otherwise, labels are neuron ids that touch, and 0 is an unlabelled pixel.
    Two other kinds would then have no membrane at all. A mask of membranes has a single value
    beside 0. Ids with drawn membranes have lines of 0 at most borders: at three in four in AC4, and
    at less than one in ten where ids touch, even if one neurite in twenty is labelled. A mask is
    upside down if most of it is membrane.

    Args:
        file: triplets with labels; up to 32 of them, evenly spread, are looked at.
    """
    seen, found = set[int](), Borders(0, 0, 0)
    for index in _looked_at(file):
        labels = file.labels(index)
        if labels is None:
            return ""
        seen |= set(np.unique(labels).tolist())
        found = Borders(*map(sum, zip(found, borders(labels), strict=True)))
    touching, apart, _ = found
    said = file.options
    if file.card.label_kind == "membrane_mask":
        return _doubt_mask(file)
    # In a mask of 0 and the largest value of its type, the latter was taken for unlabelled.
    single = 0 in seen and len(seen) > 1 and len(seen - {0, UNLABELLED}) <= 1
    if said.label_kind is None and single:
        return (
            f"The labels of '{file.name}' have one value beside 0, so as neuron ids they hold no "
            "membrane; if they are a mask of membranes (anything but 0 is membrane), repeat "
            f"{anew(file.name, '--label-kind membrane_mask')}."
        )
    if said.label_zero is None and apart > touching:
        share = apart / (apart + touching)
        return (
            f"{share:.0%} of the borders of neuron ids in the labels of '{file.name}' are lines of "
            "0, which is taken as unlabelled; if these lines are membranes, repeat "
            f"{anew(file.name, '--label-zero membrane')}."
        )
    return ""


def _doubt_mask(file: TripletFile) -> str:
    """One sentence if a mask has more membrane than tissue can have; empty if not."""
    membrane = known = 0
    for index in _looked_at(file):
        labels = file.labels(index)
        if labels is not None:
            membrane += int((labels == 0).sum())
            known += int((labels != UNLABELLED).sum())
    if membrane <= _MEMBRANE * known:
        return ""
    return (
        f"{membrane / known:.0%} of the labelled pixels of '{file.name}' are membrane, more than "
        "any tissue has; anything but 0 is membrane in a mask, so invert one that is 0 on "
        f"membranes, and repeat {anew(file.name)}."
    )


def _looked_at(file: TripletFile) -> list[int]:
    count = min(_LOOKED_AT, len(file))
    return [int(index) for index in np.linspace(0, len(file) - 1, count).astype(int)]


def refuse_image(volume: Volume, kind: LabelKind) -> None:
    """Refuse a grey image as labels.

    In a grey image most neighbouring pixels differ: 58 % of them where 16 grey levels are left,
    while it is 20 % of those in ids of pixels as large as 48 nm.

    Args:
        volume: with labels; up to 8 slices of them, evenly spread, are looked at.
        kind: what they are said to be.

    Raises:
        UserError: they are an image.
    """
    depth, found = volume.label_box[0], Borders(0, 0, 0)
    for z in np.linspace(depth.start, depth.stop - 1, _SLICES).astype(int):
        labels = volume.labels(int(z), kind)
        if labels is None:
            return
        found = Borders(*map(sum, zip(found, borders(labels), strict=True)))
    if found.touching > _GREY * found.pairs:
        raise UserError(
            f"{found.touching / found.pairs:.0%} of neighbouring pixels differ in the labels of "
            f"'{volume.name}', as in a grey image; give the file of neuron ids, or of membranes, "
            "as --labels."
        )


def borders(labels: NDArray[np.uint64]) -> Borders:
    """Count where ids (HW) follow one another; a line of 0 is at most 10 pixels wide."""
    touching = apart = pairs = 0
    for lines in (labels, labels.T):
        # Something unlabelled at the end of every line parts it from the next one.
        ended = np.pad(lines, ((0, 0), (0, 1)), constant_values=UNLABELLED).ravel()
        places = np.flatnonzero(ended)
        ids, between = ended[places], np.diff(places) - 1
        known = (ids[:-1] != UNLABELLED) & (ids[1:] != UNLABELLED)
        pairs += int((known & (between == 0)).sum())
        differ = known & (ids[:-1] != ids[1:])
        touching += int((differ & (between == 0)).sum())
        apart += int((differ & (between > 0) & (between <= _LINE)).sum())
    return Borders(touching, apart, pairs)
