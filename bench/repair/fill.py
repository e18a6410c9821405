"""Slices and places, filled one after the other and kept until the volume is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from bench.repair.choose import Filler
from bench.repair.evidence import Evidence
from bench.repair.finding import Mask
from bench.repair.gaps import Task
from bench.repair.neighbours import Neighbours, matched, neighbours
from bench.repair.patch import CONTEXT, patched
from bench.repair.slices import WHOLE, Grey, Slice, Slices, Window
from bench.repair.synthesis import synthesise, windows
from bench.repair.trust import Trust
from bench.volumes.formats.stack import Stack
from bench.volumes.stack_volume import StackVolume
from methods.interface import Interpolator

REVISION = 1  # to be raised when what is filled changes
GREY, ERROR = "grey", "error"


@dataclass(frozen=True)
class Means:
    """With what the gaps of a size are filled.

    Attributes:
        filler: the method.
        model: it, ready to fill.
        trust: what can be said of it.
    """

    filler: Filler
    model: Interpolator
    trust: Trust


class _Part(NamedTuple):
    """What is filled at once: a window, its mask, grey in [0, 1], expected error in grey levels."""

    window: Window
    mask: Mask
    grey: Grey
    error: NDArray[np.float32]


@dataclass(frozen=True)
class Filling:
    """A repair at work.

    Attributes:
        volume: that is repaired.
        means: by the size of gaps.
        device: where to compute.
        search: largest shift of neighbours along each axis, in pixels.
        force: whether what cannot be trusted is filled all the same.
        evidence: where filled slices are kept.
    """

    volume: StackVolume
    means: Mapping[int, Means]
    device: torch.device
    search: int
    force: bool
    evidence: Evidence

    def fill(self, task: Task) -> dict[str, Any]:
        """Fill a slice or its places, unless that was done before.

        Returns:
            What is known of it, for the record; ``refused`` says why nothing was filled, if so.
        """
        slices, means = Slices(self.volume), self.means[task.gap.size]
        beside = neighbours(slices, task.gap, self.search)
        match, key = beside.match, self._key(task, beside)
        name = f"{self.volume.first + task.z:05d}"
        if (facts := self.evidence.kept(name, key)) is not None:
            return facts
        difference = means.trust.difference(beside, task.z)
        facts = {
            "shift": [match.y, match.x],
            "peak": round(match.peak, 4),
            "difference": round(difference, 5),
            **means.trust.promise(difference),
        }
        refusal = means.trust.refusal(difference)
        if refusal and not self.force:
            facts["refused"] = refusal
            self.evidence.vouch(name, key, (), facts)
            return facts
        if refusal:
            facts["warning"] = refusal
        facts |= self._filled(task, beside, name)
        self.evidence.vouch(name, key, (GREY, ERROR), facts)
        return facts

    def _filled(self, task: Task, beside: Neighbours, name: str) -> dict[str, Any]:
        """Leave the grey values and the expected errors of a slice."""
        _, height, width = self.volume.shape
        room, raw = self.evidence.room, self.volume.raw
        total, pixels = 0.0, 0
        with (
            room(name, GREY, (height, width), raw.dtype) as grey,
            room(name, ERROR, (height, width), np.dtype(np.uint8)) as error,
        ):
            if not task.whole:
                _copy(raw, task.z, grey)
            for part in self._parts(task, beside):
                at = part.window.within(Window(0, 0, height, width))
                grey[at] = np.where(part.mask, self.volume.stored(part.grey), grey[at])
                levels = np.rint(np.clip(part.error, 0, 255)).astype(np.uint8)
                error[at] = np.where(part.mask, levels, error[at])
                total += float(part.error[part.mask].sum())
                pixels += int(np.count_nonzero(part.mask))
            written = _digest(grey)
        return {
            "pixels": pixels,
            "mean_error": round(total / max(pixels, 1), 3),
            "sha256": written,
        }

    def _parts(self, task: Task, beside: Neighbours) -> Iterator[_Part]:
        means, time = self.means[task.gap.size], task.gap.time(task.z)
        if task.whole:
            for window in windows(beside.slices.shape):
                done = synthesise(beside, task.z, window, means.model, self.device)
                error = means.trust.error(done.before, done.grey, done.after, time)
                yield _Part(done.window, np.ones(done.grey.shape, np.bool_), done.grey, error)
            return
        damaged = self._damaged(task)
        for place in (item.finding.place for item in task.items):
            if place is None:
                continue
            box = place.box
            inner = Window(box.top, box.left, box.bottom - box.top, box.right - box.left)
            window = inner.grown(CONTEXT, self.volume.shape[1:])
            here = beside.slices.read(task.z, window)
            before, after = self._beside(beside.slices, task, window)
            mask = damaged[window.within(Window(0, 0, *self.volume.shape[1:]))]
            grey = patched(here, (before, after), mask, time, means.model, self.device)
            error = means.trust.error(before, grey, after, time)
            at = inner.within(window)
            yield _Part(inner, place.mask, grey[at], error[at])

    def _damaged(self, task: Task) -> Mask:
        """All places of a slice together, HW."""
        whole = np.zeros(self.volume.shape[1:], np.bool_)
        for item in task.items:
            if item.finding.place is not None:
                top, bottom, left, right = item.finding.place.box
                whole[top:bottom, left:right] |= item.finding.place.mask
        return whole

    def _beside(self, slices: Slices, task: Task, window: Window) -> tuple[Slice, Slice]:
        """What both neighbours show in a window, laid on the slice that is damaged in places."""
        laid = []
        for z in (task.gap.before, task.gap.after):
            match, _ = matched(slices, task.z, z, self.search)
            laid.append(slices.read(z, window.moved(match.y, match.x)))
        return laid[0], laid[1]

    def _key(self, task: Task, beside: Neighbours) -> dict[str, Any]:
        """Everything that what is filled depends on."""
        means = self.means[task.gap.size]
        masks = [item.finding.place for item in task.items if item.finding.place is not None]
        return {
            "revision": REVISION,
            "gap": [task.gap.before, task.z, task.gap.after],
            "match": list(beside.match),
            "neighbours": [beside.slices.digest(z) for z in (task.gap.before, task.gap.after)],
            "method": means.filler.as_json(),
            "trust": means.trust.digest,
            "force": self.force,
            "places": [[*place.box, sha256(place.mask.tobytes()).hexdigest()] for place in masks],
        }


def _copy(raw: Stack, z: int, target: NDArray[Any]) -> None:
    """Copy a slice as it is stored; a large one in windows, where its file has them."""
    if target.size <= WHOLE:
        target[:] = raw.read(z)
        return
    for window in windows((target.shape[0], target.shape[1])):
        rows, columns = window.within(Window(0, 0, *target.shape))
        target[rows, columns] = raw.crop((slice(z, z + 1), rows, columns)).read(0)


def _digest(values: NDArray[Any]) -> str:
    """SHA-256 of a slice's values, row by row."""
    digest = sha256()
    for row in values:
        digest.update(row.tobytes())
    return digest.hexdigest()
