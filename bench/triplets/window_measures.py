"""What the rules of rejection need to know of the three windows of a triplet.

Sums are taken over whole numbers, so the same windows give the same values on every machine.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.triplets.align import ncc

_ROUNDING = 3.0  # energy a pixel of the second difference of rounding errors: 36 / 12
_FINE, _COARSE = 2, 8  # pixels

Windows = NDArray[np.uint8]


def measure(windows: Windows, tissue: NDArray[np.bool_] | None = None) -> dict[str, float]:
    """What the rules need to know of one triplet.

    Args:
        windows: 3HW, raw grey values of a middle slice and of those next to it at their offsets.
        tissue: 3HW, where they show tissue; None where they show nothing else.

    Returns:
        ``padding``: largest share of a window without tissue. ``uneven``: share of the pixels
        that show tissue in some of the three windows and not in all. ``defect``: largest share,
        over the tissue of the three windows, of the most frequent grey value, or of 0 and 255
        together. ``blend``: of the middle's finest detail that one neighbour does not predict,
        the share that both do not predict either. ``blur``: the three windows' detail, largest
        over smallest. ``ncc_before``, ``ncc_after``: normalised cross-correlation with the
        middle. The last four look at pixels that show tissue in all windows that they compare.
    """
    before, middle, after = windows
    common = None if tissue is None else np.asarray(tissue.all(axis=0))
    detail = [detail_of(window, common) for window in windows]
    return {
        "padding": 0.0 if tissue is None else float((~tissue).mean(axis=(1, 2)).max()),
        "uneven": 0.0 if tissue is None else float((tissue != tissue[0]).any(axis=0).mean()),
        "defect": max(flat_share(w) for w in _tissue_of(windows, tissue)),
        "blend": _own_detail(windows, common),
        "blur": max(detail) / min(detail) if min(detail) > 0 else float("inf"),
        "ncc_before": _ncc(middle, before, tissue, (1, 0)),
        "ncc_after": _ncc(middle, after, tissue, (1, 2)),
    }


def _tissue_of(windows: Windows, tissue: NDArray[np.bool_] | None) -> list[Windows]:
    if tissue is None:
        return list(windows)
    return [window[there] for window, there in zip(windows, tissue, strict=True)]


def _ncc(
    one: Windows, other: Windows, tissue: NDArray[np.bool_] | None, which: tuple[int, int]
) -> float:
    if tissue is None:
        return ncc(one, other)
    there = tissue[which[0]] & tissue[which[1]]
    return ncc(one[there], other[there])


def flat_share(pixels: NDArray[np.uint8]) -> float:
    """Share of the most frequent grey value, or of 0 and 255 together; 1 of no pixels at all."""
    if not pixels.size:
        return 1.0
    counts = np.bincount(pixels.ravel(), minlength=256)
    return float(max(counts.max(), counts[0] + counts[255]) / pixels.size)


def _own_detail(windows: Windows, common: NDArray[np.bool_] | None) -> float:
    """Of the middle's detail that one neighbour does not predict, the share that both do not.

    It looks at the finest detail, the second difference along both axes, and takes the least
    squares fit of the middle's to that of the better neighbour and to those of both. Sums are
    of whole numbers below 2^53, so they are exact.
    """
    details = [_second_difference(window) for window in windows]
    if common is not None:
        whole = np.lib.stride_tricks.sliding_window_view(common, (3, 3)).all(axis=(2, 3))
        details = [detail[whole] for detail in details]
    before, middle, after = (detail.ravel() for detail in details)
    energies = np.array([before @ before, after @ after])
    shared = np.array([before @ middle, after @ middle])
    explained = np.divide(shared**2, energies, out=np.zeros(2), where=energies > 0)
    one = middle @ middle - explained.max()
    products = np.diag(energies) + (before @ after) * (1 - np.eye(2))
    both = middle @ middle - shared @ np.linalg.lstsq(products, shared, rcond=None)[0]
    # A copy, exact but for rounding, leaves nothing over; it is a duplicate and no mix.
    return float(both / one) if one > _ROUNDING * middle.size else 1.0


def _second_difference(window: Windows) -> NDArray[np.float64]:
    rows = np.diff(window.astype(np.int16), n=2, axis=0)  # up to 16 x 255: small is fast
    return np.diff(rows, n=2, axis=1).astype(np.float64)


def detail_of(window: Windows, common: NDArray[np.bool_] | None) -> float:
    """Gradient energy at 2 px over that at 8 px: free of contrast, and of most pixel noise."""
    fine, coarse = detail_energies(window, common)
    return fine / coarse if coarse > 0 else 0.0


def detail_energies(window: Windows, common: NDArray[np.bool_] | None) -> tuple[float, float]:
    """Gradient energy at 2 px, and that at 8 px.

    Args:
        window: HW.
        common: HW, what of it is looked at; None for all.
    """
    fine, coarse = (
        _gradient_energy(
            _block_sums(window, side),
            None if common is None else _block_sums(common, side) == side * side,
        )
        for side in (_FINE, _COARSE)
    )
    return fine, coarse


def _block_sums(window: NDArray[np.uint8] | NDArray[np.bool_], side: int) -> NDArray[np.int64]:
    height, width = (length // side for length in window.shape)
    whole = window[: height * side, : width * side]
    rows = whole.reshape(height, side, width * side).sum(axis=1, dtype=np.int64)
    sums: NDArray[np.int64] = rows.reshape(height, width, side).sum(axis=2)
    return sums


def _gradient_energy(values: NDArray[np.int64], known: NDArray[np.bool_] | None) -> float:
    total = 0
    for lines, there in ((values, known), (values.T, None if known is None else known.T)):
        squares = np.diff(lines, axis=0) ** 2
        total += int((squares if there is None else squares[there[1:] & there[:-1]]).sum())
    return float(total)
