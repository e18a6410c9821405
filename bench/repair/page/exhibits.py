"""The slices that the page shows, each with its pictures and what is known of it."""

from __future__ import annotations

from typing import Any

from bench.repair.fill import Filling, Kept
from bench.repair.gaps import Task
from bench.repair.page.outline import outline
from bench.repair.page.pictures import Album
from bench.repair.page.views import (
    Read,
    error_picture,
    factor,
    of_filled,
    of_source,
    parts,
    picture,
)
from bench.repair.page.words import facts, reasons, said
from bench.repair.parts import places_of
from bench.repair.record import RepairRecord, SliceRecord
from bench.repair.slices import Slices, Window


class Exhibits:
    """What the page shows of each slice; pictures are saved as they are asked for.

    Args:
        filling: whose arrays are still kept.
        album: where pictures go.
        top: grey levels at the end of the errors' scale.
    """

    def __init__(self, filling: Filling, album: Album, top: int) -> None:
        self._filling, self._album, self._top = filling, album, top
        self._slices = Slices(filling.volume)
        self._saved: dict[str, str] = {}  # two slices of a gap have the same neighbours

    def of(self, task: Task, each: SliceRecord, record: RepairRecord) -> dict[str, Any]:
        """A slice as the page's script reads it."""
        windows = parts(self._slices.shape, places_of(task))
        return {
            "slice": each.slice,
            "filled": each.filled,
            "mean": each.mean_error,
            "numbers": {"before": each.before, "after": each.after},
            "reasons": reasons(task),
            "note": "; ".join(said(each)),
            "facts": facts(each, record),
            "file": each.error,
            "parts": [self._part(task, each, part, at) for part, at in windows.items()],
        }

    def _part(self, task: Task, each: SliceRecord, part: str, window: Window) -> dict[str, Any]:
        """The pictures of a part of a slice, and where it lies."""
        volume, by = self._filling.volume, factor((window.height, window.width))
        places = [place for place in places_of(task) if window.overlaps(Window.of(place.box))]
        shown: dict[str, Any] = {
            "name": part,
            "box": [window.left, window.top, window.width, window.height],
            "shrunk": by,
            "outline": outline(places, max(by / 2, 0.5)),
            "before": self._source(task.gap.before, part, window),
            "after": self._source(task.gap.after, part, window),
        }
        if task.z not in volume.missing:
            shown["damaged"] = self._source(task.z, part, window)
        if each.filled == "no":
            return shown
        kept = Kept(self._filling.evidence, self._filling.name(task), task.whole)
        read = of_filled(self._slices, volume, task.z, kept)
        shown["filled"] = self._grey(_called(f"{kept.name}-filled", part), read, window)
        errors, where = error_picture(kept, self._slices.all, window)
        name = _called(f"{kept.name}-error", part)
        shown["error"] = self._album.add_errors(name, errors, where, self._top)
        return shown

    def _source(self, z: int, part: str, window: Window) -> str:
        name = _called(f"{self._filling.volume.first + z:05d}", part)
        return self._grey(name, of_source(self._slices, z), window)

    def _grey(self, name: str, read: Read, window: Window) -> str:
        if name not in self._saved:
            self._saved[name] = self._album.add(name, picture(read, window))
        return self._saved[name]


def _called(name: str, part: str) -> str:
    return name if part == "whole" else f"{name}-{part.replace(' ', '-')}"
