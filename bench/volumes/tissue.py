"""Which pixels of a slice show tissue: padding, dead detector lines and masked places do not.

A section that was shifted or rotated into place has an edge of one constant grey value, another
one in every slice. Such pixels say nothing of the tissue, so no statistic counts them: neither
histograms nor alignment nor the rules of rejection.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

_WIDE = 5  # pixels: what is narrower is padding only where it is a whole line
_ALONG = 1.9  # least contact with the edge, in roots of the area; a corner cut straight has 2.8
_SOLID = 0.9  # of a region that is no net of saturated pixels
_HUGE = 0.02  # of a slice: what is larger is padding however it meets the edge

Slice = NDArray[np.uint8]
Tissue = NDArray[np.bool_] | None  # HW; None where all of it is tissue, as in most slices


def find_tissue(grey: Slice, mask: NDArray[np.bool_] | None = None) -> Tissue:
    """Where a slice shows tissue.

    No tissue is what a mask leaves out, a whole row or column of one grey value, and a solid
    region of one grey value that lies along the edge of the slice (or is more than a fiftieth
    of it) and has at least as many pixels as its shorter side. Saturated myelin that only ends
    at the edge is tissue.

    Args:
        grey: HW.
        mask: HW, false where there is no tissue; None without one.

    Returns:
        True where there is tissue; None where all of it is.
    """
    tissue = np.ones(grey.shape, dtype=np.bool_) if mask is None else mask.copy()
    tissue[(grey == grey[:, :1]).all(axis=1)] = False
    tissue[:, (grey == grey[:1]).all(axis=0)] = False
    for value in _edge_values(grey):
        tissue &= ~_padding(grey == value)
    return None if tissue.all() else tissue


def filled(grey: Slice, tissue: Tissue) -> Slice:
    """The slice with the mean of its tissue wherever it shows none: no edge to lock on to."""
    if tissue is None or not tissue.any():
        return grey
    return np.where(tissue, grey, np.rint(grey[tissue].mean()).astype(np.uint8))


def _edge_values(grey: Slice) -> list[int]:
    """The grey values that padding can have: those of runs along the edge."""
    found = set[int]()
    for edge in _edges(grey):
        if len(edge) >= _WIDE:
            runs = np.lib.stride_tricks.sliding_window_view(edge, _WIDE)
            found |= set(runs[(runs == runs[:, :1]).all(axis=1), 0].tolist())
    return sorted(found)


def _padding(candidates: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Those of the pixels of one grey value that are padding."""
    from scipy import ndimage

    least = min(candidates.shape)
    if np.count_nonzero(candidates) < least:
        return np.zeros_like(candidates)
    inner = ndimage.minimum_filter(candidates, _WIDE, mode="nearest")
    labels, count = ndimage.label(candidates)
    solid = np.where(ndimage.maximum_filter(inner, _WIDE), labels, 0)
    area, whole = (np.bincount(at.ravel(), minlength=count + 1) for at in (solid, labels))
    contact = np.bincount(np.concatenate(_edges(solid)), minlength=count + 1)
    along = (contact >= _ALONG * np.sqrt(area)) | (area > _HUGE * candidates.size)
    chosen = (contact > 0) & along & (area >= least) & (area >= _SOLID * whole)
    chosen[0] = False  # what is none of the regions
    return np.asarray(chosen[labels])


def _edges(values: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    return values[0], values[-1], values[:, 0], values[:, -1]


class PaddingFacts(BaseModel):
    """What the triplet file keeps of a volume's pixels that are no tissue.

    Attributes:
        slices: how many show anything but tissue.
        share: of all pixels, in [0, 1].
        dead_columns: without tissue in any slice, but for a frame at the edge.
        dead_rows: likewise.
    """

    model_config = ConfigDict(frozen=True)

    slices: int
    share: float
    dead_columns: tuple[int, ...]
    dead_rows: tuple[int, ...]


@dataclass
class Padding:
    """What of a volume is no tissue, gathered slice by slice.

    Attributes:
        slices: the z, in the source, of those that show anything but tissue.
        pixels: without tissue, in all of them.
        seen: pixels looked at.
    """

    slices: set[int] = field(default_factory=set)
    pixels: int = 0
    seen: int = 0
    _always: Tissue = field(default=None, repr=False)  # false where no slice so far shows tissue

    def add(self, z: int, tissue: Tissue, shape: tuple[int, int]) -> None:
        """Take in one slice."""
        first = self.seen == 0
        self.seen += shape[0] * shape[1]
        if tissue is not None:
            self.slices.add(z)
            self.pixels += int(np.count_nonzero(~tissue))
        if first:
            self._always = None if tissue is None else tissue.copy()
        elif self._always is not None:
            self._always = None if tissue is None else self._always | tissue

    @classmethod
    def of_parts(cls, parts: Sequence[Padding]) -> Padding:
        """That of all parts of a volume; of several none has a line to be told."""
        if len(parts) == 1:
            return parts[0]
        return cls(
            slices=set[int]().union(*(part.slices for part in parts)),
            pixels=sum(part.pixels for part in parts),
            seen=sum(part.seen for part in parts),
        )

    def facts(self) -> PaddingFacts | None:
        """For the triplet file; None where everything is tissue."""
        if not self.slices:
            return None
        return PaddingFacts(
            slices=len(self.slices),
            share=self.pixels / self.seen,
            dead_columns=self._dead(axis=0),
            dead_rows=self._dead(axis=1),
        )

    def _dead(self, axis: int) -> tuple[int, ...]:
        """Lines without tissue in any slice, but for those at the edge, which are a frame."""
        if self._always is None:
            return ()
        alive = np.flatnonzero(self._always.any(axis=axis))
        if not len(alive):
            return ()
        inner = np.arange(alive[0], alive[-1])
        return tuple(np.setdiff1d(inner, alive).tolist())
