"""Slices and places, filled and kept until the volume is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.device import choose_device
from bench.base.files import file_digest
from bench.repair.error_file import write_errors
from bench.repair.evidence import Evidence
from bench.repair.filler import Filler
from bench.repair.gaps import Gap, Task
from bench.repair.gauge import gauge
from bench.repair.hidden import Hidden, HiddenPlace, hide_one
from bench.repair.neighbours import Neighbours, neighbours
from bench.repair.parts import Means, mask_of, parts_of, places_of
from bench.repair.record import SliceRecord
from bench.repair.slices import Slices
from bench.repair.trust import Reached, Seen, Trust, reached, seen
from bench.triplets.gap import times_of
from bench.volumes.formats.stack import Stack
from bench.volumes.stack_volume import StackVolume
from bench.volumes.writing.filled_stack import Window
from methods.interface import Interpolator

REVISION = 1  # to be raised when what is filled changes
GREY, ERROR, MASK = "grey", "error", "mask"


@dataclass(frozen=True)
class Manner:
    """How a repair fills.

    Attributes:
        search: largest shift of neighbours along each axis, in pixels.
        force: whether what cannot be trusted is filled all the same.
        device: where to compute: ``cuda``, ``cpu`` or ``auto``.
    """

    search: int
    force: bool
    device: str


@dataclass(frozen=True)
class Filling:
    """A repair at work in one process; several may fill slices of it side by side.

    Attributes:
        volume: that is repaired.
        fillers: what was chosen, by the size of gaps.
        manner: how it is filled.
        evidence: where filled slices are kept, and what hidden ones say.
        look: called before each window or place; what it raises ends the work.
    """

    volume: StackVolume
    fillers: Mapping[int, Filler]
    manner: Manner
    evidence: Evidence
    look: Callable[[], None] = lambda: None
    _models: dict[tuple[int, bool], Interpolator] = field(default_factory=dict)
    _trusts: dict[int, Trust] = field(default_factory=dict)
    _beside: dict[Gap, Neighbours] = field(default_factory=dict)  # of the last gap alone

    @cached_property
    def slices(self) -> Slices:
        """Of the volume: tasks that follow one another share what they read."""
        return Slices(self.volume)

    def trust(self, size: int) -> Trust:
        """What hidden slices say of gaps of a size, once ``trust_name`` of it is vouched for."""
        if size not in self._trusts:
            self._trusts[size] = Trust.of_json(self.evidence.facts(trust_name(size)))
        return self._trusts[size]

    def hide(self, place: HiddenPlace) -> Seen:
        """Fill a window as if its slice were missing, and say what that shows.

        Raises:
            UserError: the method's weights are of other times, or it returned NaN or infinity.
        """
        return seen(self._hide(place, self._model(place.gap.size)))

    def gauge(self, place: HiddenPlace) -> Reached:
        """Fill a window as ``hide`` does, but with the gauge; what that reaches."""
        return reached(self._hide(place, self._model(place.gap.size, of_gauge=True)))

    def hide_and_gauge(self, place: HiddenPlace) -> tuple[Seen, Reached]:
        """Both: what lies beside the window is read, aligned and moved once."""
        return self.hide(place), self.gauge(place)

    def _hide(self, place: HiddenPlace, model: Interpolator) -> Hidden:
        self.look()
        beside, device = self._neighbours(place.gap), choose_device(self.manner.device)
        return hide_one(beside, place, model, device, self.manner.search)

    def record(self, task: Task) -> SliceRecord:
        """Fill a slice or its places, and say what was done.

        Raises:
            UserError: as ``hide`` does.
        """
        facts = self.fill(task)
        first, refused = self.volume.first, str(facts["refused"])
        filled, name, folder = "sha256" in facts, self.name(task), self.evidence.folder
        error = write_errors(self.evidence.array(name, ERROR), folder, name) if filled else None
        return SliceRecord(
            slice=first + task.z,
            filled=("whole" if task.whole else "places") if filled else "no",
            reasons=tuple(item.finding.reason for item in task.items),
            boxes=tuple((*place.box,) for place in places_of(task)),
            before=first + task.gap.before,
            after=first + task.gap.after,
            fraction=round(task.gap.time(task.z), 4),
            error=error,
            error_sha256=error and file_digest(folder / error),
            note=refused,
            cautions=tuple(item.caution for item in task.items if item.caution),
            **{name: value for name, value in facts.items() if name != "refused"},
        )

    def fill(self, task: Task) -> dict[str, Any]:
        """Fill a slice or its places, unless that was done before.

        Returns:
            What is known of it, for the record; ``refused`` says why nothing was filled, if so.
        """
        beside = self._neighbours(task.gap)
        name, key = self.name(task), self._key(task, beside)
        if (facts := self.evidence.kept(name, key)) is not None:
            return facts
        facts = self._foreseen(task, beside)
        if facts["refused"] and not self.manner.force:
            self.evidence.vouch(name, key, (), facts)
            return facts
        facts |= self._filled(task, beside, name)
        arrays = (GREY, ERROR) if task.whole else (GREY, ERROR, MASK)
        self.evidence.vouch(name, key, arrays, facts)
        return facts

    def name(self, task: Task) -> str:
        """What the arrays of a slice are called."""
        return f"{self.volume.first + task.z:05d}"

    def _neighbours(self, gap: Gap) -> Neighbours:
        if gap not in self._beside:
            self._beside.clear()
            self._beside[gap] = neighbours(self.slices, gap, self.manner.search)
        return self._beside[gap]

    def _model(self, size: int, *, of_gauge: bool = False) -> Interpolator:
        if (size, of_gauge) not in self._models:
            filler = gauge() if of_gauge else self.fillers[size]
            self._models[size, of_gauge] = filler.model(times_of(size), self.manner.device)
        return self._models[size, of_gauge]

    def _foreseen(self, task: Task, beside: Neighbours) -> dict[str, Any]:
        """What can be said of a slice before it is filled."""
        trust = self.trust(task.gap.size)
        difference = trust.difference(beside, task.z)
        return {
            "shift": [beside.match.y, beside.match.x],
            "peak": round(beside.match.peak, 4),
            "unlikeness": round(difference.unlikeness, 5),
            "detail": round(difference.detail, 3),
            # Of whole slices: what follows the slice around a place is better than that.
            "expected": trust.expected(difference) if task.whole else {},
            "refused": trust.refusal(difference),
        }

    def _filled(self, task: Task, beside: Neighbours, name: str) -> dict[str, Any]:
        """Leave the grey values and the expected errors of a slice."""
        shape, raw, size = beside.slices.shape, self.volume.raw, task.gap.size
        device = choose_device(self.manner.device)
        means = Means(self._model(size), self.trust(size), device, self.manner.search)
        kinds = {GREY: raw.dtype.newbyteorder("="), ERROR: np.dtype(np.uint8)}
        kinds |= {} if task.whole else {MASK: np.dtype(np.bool_)}
        total, pixels = 0.0, 0
        with ExitStack() as stack:
            room = {
                what: stack.enter_context(self.evidence.room(name, what, shape, kind))
                for what, kind in kinds.items()
            }
            self.look()
            for part in parts_of(task, beside, means):
                at = part.window.within(beside.slices.all)
                stored = self.volume.stored(part.grey)
                room[GREY][at] = np.where(part.mask, stored, room[GREY][at])
                levels = np.rint(np.clip(part.error, 0, 255)).astype(np.uint8)
                room[ERROR][at] = np.where(part.mask, levels, room[ERROR][at])
                total += float(part.error[part.mask].sum())
                pixels += int(np.count_nonzero(part.mask))
                self.look()
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
            "trust": self.trust(size).digest,
            "force": self.manner.force,
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


def trust_name(size: int) -> str:
    """Under which name it is kept what hidden slices say of gaps of a size."""
    return f"trust-{size}"


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
