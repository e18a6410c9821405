"""Who blurs: the power that a synthesised slice has at each frequency, against the truth's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from bench.report.figures.drawing import Drawing
from bench.report.figures.scene import triplets_of
from bench.report.figures.style import GREY, WIDE, colour, legend_above, line, new_figure
from bench.report.figures.subject import AbsentError, Subject, drawn, label
from bench.scores.entry import Entry
from bench.scores.metrics import ring_correlation
from bench.stages.splits import spread

_MOST = 12  # triplets: three transforms each, for every cell
_BINS = 64  # rings are averaged to so many points, or what there is


@dataclass(frozen=True)
class _Curves:
    """Means over triplets, ring by ring."""

    frequency: NDArray[np.float64]
    ratio: NDArray[np.float64]
    correlation: NDArray[np.float64]


def draw_spectrum(subject: Subject) -> Drawing:
    """Power of each cell's slices over that of the truth, and their Fourier ring correlation.

    Raises:
        AbsentError: no cell has frames, or there are no triplets.
        UserError: triplets or frames are damaged.
    """
    file = triplets_of(subject)
    shown = [e for e in subject.scored if "predict" in e.record.stages]
    if not shown:
        raise AbsentError("no cell has frames and scores")
    shared = subject.common(shown)
    triplets = shared[spread(np.arange(len(shared), dtype=np.intp), _MOST)]
    truths = [file.frames(int(triplet))[1] for triplet in triplets]
    powers = [radial_power(truth) for truth in truths]
    figure = new_figure(WIDE, 2.4)
    left, right = figure.subplots(1, 2)
    for entry in shown:
        curves = _curves(entry, triplets, truths, powers)
        style = {"color": colour(entry), "linestyle": line(entry), "label": drawn(label(entry))}
        left.plot(curves.frequency, curves.ratio, **style)
        right.plot(curves.frequency, curves.correlation, **style)
    left.axhline(1, color=GREY, linewidth=0.6, zorder=0)
    left.set_yscale("log")
    left.set_ylabel("power over the truth's")
    right.axhline(0, color=GREY, linewidth=0.6, zorder=0)
    right.set_ylabel("Fourier ring correlation")
    for axes in (left, right):
        axes.set_xlabel("cycles per pixel")
        axes.set_xlim(0, 0.5)
    legend_above(figure, left.get_legend_handles_labels()[0])
    words = (
        "Left: radially averaged power under a Hann window, over that of the real slices; below 1 "
        "a method blurs, above it adds what is not there. Right: how much of each frequency is in "
        f"its place. Means over {len(triplets)} of {len(shared)} kept test triplets, evenly spread."
    )
    return Drawing(figure, words, shown, len(triplets))


def radial_power(frame: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Mean power of a frame (HW) in rings one period of the shorter side wide, under a Hann window.

    The constant part is left out; the rings are those of ``ring_correlation``.
    """
    window, ring, counts = _rings(*frame.shape)
    power = np.abs(fft.rfft2((frame - frame.mean()) * window)) ** 2
    means: NDArray[np.float64] = np.bincount(ring, power.ravel())[1 : len(counts)] / counts[1:]
    return means


@lru_cache(maxsize=2)
def _rings(
    height: int, width: int
) -> tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.intp]]:
    """The window, the ring of each place of the half spectrum (flat), and the size of each ring."""
    side = min(height, width)
    radius = np.hypot(fft.fftfreq(height)[:, None], fft.rfftfreq(width)[None])
    ring = np.rint(radius * side).astype(np.intp).ravel()
    window = np.outer(np.hanning(height), np.hanning(width))
    return window, ring, np.bincount(ring)[: side // 2 + 1]


def _curves(
    entry: Entry,
    triplets: NDArray[np.int64],
    truths: Sequence[NDArray[np.uint8]],
    powers: Sequence[NDArray[np.float64]],
) -> _Curves:
    """Ratios are of mean powers: no ring of a single slice decides."""
    own, correlations = [], []
    frequency = np.empty(0)
    for triplet, truth in zip(triplets, truths, strict=True):
        frame = entry.frame(int(triplet))
        if frame is None:
            raise AbsentError(f"{label(entry)} has no frame of triplet {triplet}")
        own.append(radial_power(frame))
        frequency, correlation = ring_correlation(frame, truth)
        correlations.append(correlation)
    reference = np.mean(powers, axis=0)
    ratio = np.mean(own, axis=0) / np.maximum(reference, 1e-12)
    return _Curves(
        _thin(frequency), _thin(np.maximum(ratio, 1e-6)), _thin(np.mean(correlations, axis=0))
    )


def _thin(values: NDArray[np.float64]) -> NDArray[np.float64]:
    parts = np.array_split(values, min(_BINS, len(values)))
    return np.array([part.mean() for part in parts])
