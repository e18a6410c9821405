"""Slices and places, filled one after the other and kept until the volume is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.repair.choose import Filler
from bench.repair.evidence import Evidence
from bench.repair.gaps import Task
from bench.repair.neighbours import Neighbours, neighbours
from bench.repair.parts import Means, mask_of, parts_of, places_of
from bench.repair.slices import Slices
from bench.volumes.formats.stack import Stack
from bench.volumes.stack_volume import StackVolume
from bench.volumes.writing.filled_stack import Window

REVISION = 1  # to be raised when what is filled changes
GREY, ERROR, MASK = "grey", "error", "mask"


@dataclass(frozen=True)
class Filling:
    """A repair at work.

    Attributes:
        volume: that is repaired.
        fillers: what was chosen, by the size of gaps.
        means: the same, ready to fill.
        force: whether what cannot be trusted is filled all the same.
        evidence: where filled slices are kept.
    """

    volume: StackVolume
    fillers: Mapping[int, Filler]
    means: Mapping[int, Means]
    force: bool
    evidence: Evidence

    def fill(self, task: Task) -> dict[str, Any]:
        """Fill a slice or its places, unless that was done before.

        Returns:
            What is known of it, for the record; ``refused`` says why nothing was filled, if so.
        """
        means, slices = self.means[task.gap.size], Slices(self.volume)
        beside = neighbours(slices, task.gap, means.search)
        name, key = self.name(task), self._key(task, beside)
        if (facts := self.evidence.kept(name, key)) is not None:
            return facts
        facts = self._foreseen(task, beside, means)
        if facts["refused"] and not self.force:
            self.evidence.vouch(name, key, (), facts)
            return facts
        facts |= self._filled(task, beside, name)
        arrays = (GREY, ERROR) if task.whole else (GREY, ERROR, MASK)
        self.evidence.vouch(name, key, arrays, facts)
        return facts

    def name(self, task: Task) -> str:
        """What the arrays of a slice are called."""
        return f"{self.volume.first + task.z:05d}"

    def _foreseen(self, task: Task, beside: Neighbours, means: Means) -> dict[str, Any]:
        """What can be said of a slice before it is filled."""
        difference = means.trust.difference(beside, task.z)
        return {
            "shift": [beside.match.y, beside.match.x],
            "peak": round(beside.match.peak, 4),
            "unlikeness": round(difference.unlikeness, 5),
            "detail": round(difference.detail, 3),
            # Of whole slices: what follows the slice around a place is better than that.
            "expected": means.trust.expected(difference) if task.whole else {},
            "refused": means.trust.refusal(difference),
        }

    def _filled(self, task: Task, beside: Neighbours, name: str) -> dict[str, Any]:
        """Leave the grey values and the expected errors of a slice."""
        shape, raw = beside.slices.shape, self.volume.raw
        kinds = {GREY: raw.dtype.newbyteorder("="), ERROR: np.dtype(np.uint8)}
        kinds |= {} if task.whole else {MASK: np.dtype(np.bool_)}
        total, pixels = 0.0, 0
        with ExitStack() as stack:
            room = {
                what: stack.enter_context(self.evidence.room(name, what, shape, kind))
                for what, kind in kinds.items()
            }
            for part in parts_of(task, beside, self.means[task.gap.size]):
                at = part.window.within(beside.slices.all)
                stored = self.volume.stored(part.grey)
                room[GREY][at] = np.where(part.mask, stored, room[GREY][at])
                levels = np.rint(np.clip(part.error, 0, 255)).astype(np.uint8)
                room[ERROR][at] = np.where(part.mask, levels, room[ERROR][at])
                total += float(part.error[part.mask].sum())
                pixels += int(np.count_nonzero(part.mask))
            if not task.whole:
                room[MASK][:] = mask_of(task, shape)
            written = _written(room[GREY], room.get(MASK), raw, task.z)
        mean = round(total / max(pixels, 1), 3)
        return {"pixels": pixels, "mean_error": mean, "sha256": written}

    def _key(self, task: Task, beside: Neighbours) -> dict[str, Any]:
        """Everything that what is filled depends on."""
        size, slices = task.gap.size, beside.slices
        return {
            "revision": REVISION,
            "gap": [task.gap.before, task.z, task.gap.after],
            "neighbours": [slices.digest(z) for z in (task.gap.before, task.gap.after)],
            "here": None if task.whole else slices.digest(task.z),
            "match": list(beside.match),
            "method": self.fillers[size].as_json(),
            "trust": self.means[size].trust.digest,
            "force": self.force,
            "places": [place.as_json() for place in places_of(task)],
        }


@dataclass(frozen=True)
class Kept:
    """A slice that was filled and kept, as a volume is written from it."""

    evidence: Evidence
    name: str
    whole: bool

    def mask(self, window: Window) -> NDArray[np.bool_] | None:
        """Where it is filled, HW; None where all of it is."""
        return None if self.whole else np.asarray(self.evidence.array(self.name, MASK)[window])

    def values(self, window: Window) -> NDArray[Any]:
        """The filled values, HW."""
        return np.asarray(self.evidence.array(self.name, GREY)[window])

    def errors(self, window: Window) -> NDArray[np.uint8]:
        """The expected absolute errors, HW in grey levels; 0 where nothing was filled."""
        return np.asarray(self.evidence.array(self.name, ERROR)[window])


def digest_of(rows: Iterable[NDArray[Any]]) -> str:
    """SHA-256 of a slice's values, row by row, in the byte order of small machines."""
    digest = sha256()
    for row in rows:
        digest.update(row.astype(row.dtype.newbyteorder("<"), copy=False).tobytes())
    return digest.hexdigest()


def _written(grey: NDArray[Any], mask: NDArray[np.bool_] | None, raw: Stack, z: int) -> str:
    """SHA-256 of a slice as it will be written; only one filled in places is read for it."""
    if mask is None:
        return digest_of(grey)
    stored = raw.read(z)
    return digest_of(np.where(*rows) for rows in zip(mask, grey, stored, strict=True))
