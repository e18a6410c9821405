"""The search of slices that are too large to be searched whole: in windows, one at a time.

What is usual in a slice is what is usual in most of a few windows, evenly spread. What departs is
kept cell by cell, so that a region may cross any number of windows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.repair.departure import CELL, Level
from bench.repair.finding import Finding
from bench.repair.limits import Limits
from bench.repair.padding import tissue_in, void_within
from bench.repair.places import Marks, Seen, Usual, find_marks, number_of, regions, usual_in
from bench.repair.regions import Region, Rule, regions_of
from bench.repair.slices import Window
from bench.repair.survey import Facts, runs, survey
from bench.repair.tiling import Tiling, through
from bench.repair.whole import Chain, blank_of, judged
from bench.triplets.align import Aligner, Match
from bench.volumes.tissue import filled
from bench.volumes.volume import Volume, present_slices

_ALIKE = 0.5  # of the usual correlation: a window that has less is no guide to its own shift

Tick = Callable[[], None]


class _Known(NamedTuple):
    """What samples say of a slice: what is usual in it, and where its neighbours continue it."""

    usual: Usual
    matches: tuple[Match, ...]


class Windowed:
    """A search that never holds more of a slice than a window.

    Args:
        volume: whose slices are searched.
        limits: of the rules.
        search: largest shift of two neighbours along each axis, in pixels.
        tiling: of the slices.
    """

    def __init__(self, volume: Volume, limits: Limits, search: int, tiling: Tiling) -> None:
        self._volume, self._limits, self._search, self._tiling = volume, limits, search, tiling
        self._shape = volume.shape[1], volume.shape[2]
        self._windows = tiling.windows(self._shape)
        self._samples = tiling.samples(self._shape, search)
        self._facts = dict[int, Facts]()

    def whole(self, tick: Tick) -> list[Finding]:
        """The slices that are missing or damaged as a whole, in order.

        Args:
            tick: called once for every slice.
        """
        present = present_slices(self._volume)
        step = _paced(tick, len(present), len(present) * len(self._windows))
        self._facts = survey(self._volume, self._tiling, step)
        found = [Finding(z, "missing") for z in sorted(self._volume.missing)]
        slices = list[int]()
        for z in present:
            blank = blank_of(z, self._facts[z].counts, self._limits)
            slices += [z] if blank is None else []
            found += [] if blank is None else [blank]
        peaks = [self._peaks(window, slices) for window in self._samples]
        like, over = (_together(each) for each in zip(*peaks, strict=True))
        detail = [self._facts[z].detail for z in slices]
        found += judged(Chain(slices, detail, like, over), self._limits)
        return sorted(found, key=lambda finding: finding.z)

    def places(
        self, broken: Collection[int], blurred: Collection[int], tick: Tick
    ) -> dict[int, list[Region]]:
        """The regions of each slice that may be damaged places.

        Args:
            broken: slices that are no neighbours.
            blurred: slices that are not searched.
            tick: called once for every slice.
        """
        present = present_slices(self._volume)
        sound = [z for z in present if z not in broken]
        step = _paced(tick, len(present), max(len(sound) - 2, 0) * len(self._windows))
        known = self._known(sound)
        found = dict[int, list[Region]]()
        for middles in runs(range(1, len(sound) - 1)):
            run = sound[middles[0] - 1 : middles[-1] + 2]
            marks = {z: list[list[Marks]]() for z in run[1:-1]}
            for window in self._windows:
                for z, here in self._marks(window, run, blurred, known):
                    marks[z].append(here)
                    step()
            found |= {
                z: self._worth(_joined(each)) for z, each in marks.items() if z not in blurred
            }
        return found

    def _seen(self, window: Window, slices: Sequence[int], aligner: Aligner) -> Iterator[Seen]:
        for z, grey, mask in through(self._volume, window, slices):
            tissue = tissue_in(window, grey, mask, self._facts[z].padding)
            yield Seen(z, grey, tissue, aligner.prepare(filled(grey, tissue)))

    def _peaks(self, window: Window, slices: Sequence[int]) -> tuple[list[float], list[float]]:
        """How alike each slice is to the next one, and to the next but one, in a window."""
        aligner = Aligner(window.height, window.width, self._search)
        like, over, seen = list[float](), list[float](), list[Seen]()
        for here in self._seen(window, slices, aligner):
            seen = [*seen[-2:], here]
            if len(seen) > 1:
                like.append(aligner.match(seen[-2].prepared, here.prepared).peak)
            if len(seen) > 2:
                over.append(aligner.match(seen[0].prepared, here.prepared).peak)
        return like, over

    def _known(self, sound: Sequence[int]) -> dict[int, _Known]:
        """What the samples say of each slice that has two neighbours and shows tissue."""
        said = {z: list[_Known]() for z in sound[1:-1]}
        for window in self._samples:
            aligner = Aligner(window.height, window.width, self._search)
            for before, middle, after in _threes(self._seen(window, sound, aligner)):
                one, other = (
                    aligner.match(middle.prepared, each.prepared) for each in (before, after)
                )
                tails = tuple(self._facts[each.z].tails for each in (middle, before, after))
                usual = usual_in(middle, (before, after), (one, other), tails)
                said[middle.z] += [] if usual is None else [_Known(usual, (one, other))]
        return {z: _middle(each) for z, each in said.items() if each}

    def _marks(
        self,
        window: Window,
        run: Sequence[int],
        blurred: Collection[int],
        known: dict[int, _Known],
    ) -> Iterator[tuple[int, list[Marks]]]:
        """What departs in a window of each slice of a run but the first and the last."""
        around = self._tiling.around(window, self._shape, self._search)
        aligner = Aligner(around.height, around.width, self._search)
        for before, middle, after in _threes(self._seen(around, run, aligner)):
            shows = middle.tissue is None or middle.tissue.any()
            if middle.z in blurred or not shows:
                yield middle.z, []
                continue
            said = known.get(middle.z)
            matches = [aligner.match(middle.prepared, each.prepared) for each in (before, after)]
            if said is not None:
                matches = list(map(_guided, matches, said.matches))
            void = void_within(
                around,
                middle.grey,
                *(self._facts[each.z].padding for each in (middle, before, after)),
            )
            marks = find_marks(
                middle._replace(void=void), (before, after), matches, said and said.usual
            )
            yield middle.z, [self._within(window, around, each) for each in marks]

    def _within(self, window: Window, around: Window, marks: Marks) -> Marks:
        """What of a window's marks lies in it and not around it, and could become a finding."""
        corner = np.array([window.top, window.left]) // CELL
        end = np.array([window.top + window.height, window.left + window.width]) // CELL
        cells = marks.cells + np.array([around.top, around.left], np.int32) // CELL
        inside = ((cells >= corner) & (cells < end)).all(axis=1)
        marks = marks._replace(cells=cells).of(np.flatnonzero(inside))
        limit, kept = self._limits.least(marks.rule), list[NDArray[np.intp]]()
        strongest, most = None, 0.0
        for region in regions_of(marks.cells):
            there, number = marks.cells[region], number_of(marks.values[region])
            if number > limit or (there == corner).any() or (there == end - 1).any():
                kept.append(region)
            elif number > most:
                strongest, most = region, number
        kept += [] if strongest is None else [strongest]
        return marks.of(np.sort(np.concatenate([np.zeros(0, np.intp), *kept])))

    def _worth(self, regions: Sequence[Region]) -> list[Region]:
        """Regions that could become a finding, and the strongest: it says what is usual."""
        most = dict[Rule, float]()
        for each in regions:
            most[each.rule] = max(each.number, most.get(each.rule, 0.0))
        return [
            each
            for each in regions
            if each.number >= min(most[each.rule], self._limits.least(each.rule))
        ]


def _joined(windows: Sequence[Sequence[Marks]]) -> list[Region]:
    """The regions of a slice's marks, whichever windows they lie in."""
    found = list[Region]()
    for each in zip(*filter(None, windows), strict=True):
        cells = np.concatenate([marks.cells for marks in each])
        order = np.lexsort((cells[:, 1], cells[:, 0]))
        values = np.concatenate([marks.values for marks in each])
        brightness = np.concatenate([marks.brightness for marks in each])
        together = Marks(each[0].rule, cells, values, brightness)
        found += regions(together.of(order))
    return found


def _guided(own: Match, usual: Match) -> Match:
    """The shift of a window; that of its slice, where it has too little to go by."""
    return own if own.peak >= _ALIKE * usual.peak else usual


def _together(peaks: Sequence[Sequence[float]]) -> list[float]:
    """The median correlation of samples; one that shows nothing, 0, is left out."""
    shown = np.ma.masked_equal(np.array(peaks, np.float64), 0.0)
    middle: Any = np.ma.median(shown, axis=0)  # type: ignore[no-untyped-call]
    return list(middle.filled(0.0).tolist()) if shown.size else []


def _middle(known: Sequence[_Known]) -> _Known:
    """The median of what samples say, number by number."""
    usual = [each.usual for each in known]
    middle = Usual(
        usual[0].tails,
        tuple(Level(*each) for each in _medians([one.brightness for one in usual])),
        tuple(Level(*each) for each in _medians([one.texture for one in usual])),
        tuple(_medians([one.band for one in usual])),
        tuple(_medians([one.spot for one in usual])),
        tuple(_medians([one.smooth for one in usual])),
    )
    matches = _medians([each.matches for each in known])
    return _Known(middle, tuple(Match(round(y), round(x), peak) for y, x, peak in matches))


def _medians(values: Any) -> Any:
    """Of numbers that have one form, number by number."""
    return np.quantile(values, 0.5, axis=0).tolist()


def _threes(seen: Iterator[Seen]) -> Iterator[tuple[Seen, Seen, Seen]]:
    """Each three in a row."""
    last = list[Seen]()
    for here in seen:
        last = [*last[-2:], here]
        if len(last) == 3:
            yield last[0], last[1], last[2]


def _paced(tick: Tick, ticks: int, steps: int) -> Tick:
    """What is called at every step and ticks so many times in all, evenly."""
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        for _ in range(done * ticks // steps - (done - 1) * ticks // steps):
            tick()

    for _ in range(0 if steps else ticks):
        tick()
    return step
