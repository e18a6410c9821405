"""Slices that are damaged as a whole: blank, copied, out of focus, or of somewhere else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.repair.finding import Finding, Twin
from bench.repair.limits import Limits
from bench.repair.places import Seen
from bench.triplets.align import Aligner
from bench.triplets.window_measures import detail_of
from bench.volumes.tissue import filled, find_tissue
from bench.volumes.volume import Volume, present_slices

_WINDOW = 11  # slices whose median says what is usual
_ENOUGH = 7  # slices that can say it
_LEAST_SPREAD = 0.02  # Fisher z: sampling noise, where a volume is too regular for its spread
_ALIEN = 0.5  # of the usual correlation: a slice that is damaged in places has more
_COPY = 0.9999  # correlation of one picture with itself, however few slices there are

Numbers = NDArray[np.float64]
Found = dict[int, Finding]  # by their place in the chain


class Chain(NamedTuple):
    """What the first pass measures of slices that are not blank, in order.

    Attributes:
        z: of each slice.
        detail: fine detail of each, whatever its contrast.
        like: correlation of each with the next one.
        over: correlation of each with the next but one.
    """

    z: list[int]
    detail: list[float]
    like: list[float]
    over: list[float]


def look(volume: Volume, z: int, aligner: Aligner) -> Seen:
    """Read a slice."""
    grey = volume.slice(z)
    tissue = find_tissue(grey, volume.mask(z))
    return Seen(z, grey, tissue, aligner.prepare(filled(grey, tissue)))


def find_whole(
    volume: Volume, aligner: Aligner, limits: Limits, tick: Callable[[], None]
) -> list[Finding]:
    """The slices of a volume that are missing or damaged as a whole, in order.

    Args:
        volume: read once, three slices in memory.
        aligner: for its slices.
        limits: of the rules.
        tick: called after every slice.
    """
    found = [Finding(z, "missing") for z in sorted(volume.missing)]
    chain, seen = Chain([], [], [], []), list[Seen]()
    for z in present_slices(volume):
        here = look(volume, z, aligner)
        tick()
        if (blank := blank_of(z, _counts(here), limits)) is not None:
            found.append(blank)
            continue
        chain.z.append(z)
        chain.detail.append(detail_of(here.grey, here.tissue))
        seen = [*seen[-2:], here]
        if len(seen) > 1:
            chain.like.append(aligner.match(seen[-2].prepared, here.prepared).peak)
        if len(seen) > 2:
            chain.over.append(aligner.match(seen[0].prepared, here.prepared).peak)
    found += judged(chain, limits)
    return sorted(found, key=lambda finding: finding.z)


def blank_of(z: int, counts: NDArray[np.int64], limits: Limits) -> Finding | None:
    """The finding that a slice shows nothing, if so.

    Args:
        z: of the slice.
        counts: of each grey value, of its tissue.
        limits: of the rules.
    """
    total, ends = int(counts.sum()), int(counts[0] + counts[255])
    share = max(int(counts.max()), ends) / total if total else 1.0
    if share <= limits.blank:
        return None
    several = np.count_nonzero(counts) > 1
    reason = "saturated" if several and ends / total > limits.blank else "blank"
    return Finding(z, reason, share, limits.blank)


def _counts(seen: Seen) -> NDArray[np.int64]:
    pixels = seen.grey if seen.tissue is None else seen.grey[seen.tissue]
    return np.bincount(pixels.ravel(), minlength=256)


def judged(chain: Chain, limits: Limits) -> list[Finding]:
    """The findings of slices by how much detail they have, and how alike neighbours are."""
    excess = _excess(chain)
    found = _blurred(chain, limits.blur)
    found |= _copied(chain, excess, limits.duplicate, found)
    found |= _foreign(chain, -excess, limits.continuity, found)
    found |= _jumps(chain, -excess, limits.continuity, found)
    return list(found.values())


def _blurred(chain: Chain, limit: float) -> Found:
    sharpness = np.log(np.maximum(chain.detail, 1e-9))
    softer = np.exp(_usual(sharpness) - sharpness)
    return {
        i: Finding(chain.z[i], "blur", float(softer[i]), limit)
        for i in np.flatnonzero(softer > limit).tolist()
    }


def _copied(chain: Chain, excess: Numbers, limit: float, known: Found) -> Found:
    """Of two slices that show one section, the one that goes on worse on its other side."""
    found = Found()
    for i, (like, number) in enumerate(zip(chain.like, excess.tolist(), strict=True)):
        if (like >= _COPY or number > limit) and not {i, i + 1} & (found.keys() | known.keys()):
            copy = i if _beside(excess, i - 1) < _beside(excess, i + 1) else i + 1
            twin: Twin = "after" if copy == i else "before"
            found[copy] = Finding(chain.z[copy], "duplicate", number, limit, twin=twin)
    return found


def _foreign(chain: Chain, lack: Numbers, limit: float, known: Found) -> Found:
    """Slices that go on from neither neighbour, while these are more alike."""
    usual = np.tanh(_usual(_fisher(chain.like)))
    found = Found()
    for i, over in enumerate(chain.over, start=1):
        like = max(chain.like[i - 1], chain.like[i])
        alien = like < min(over, _ALIEN * max(usual[i - 1], usual[i]))
        number = float(min(lack[i - 1], lack[i]))
        if alien and number > limit and i not in known:
            found[i] = Finding(chain.z[i], "continuity", number, limit)
    return found


def _jumps(chain: Chain, lack: Numbers, limit: float, known: Found) -> Found:
    """Slices that go on from the next one alone; where two in a row lack, one has bad places."""
    low = lack > limit
    return {
        i + 1: Finding(chain.z[i + 1], "jump", float(lack[i]), limit)
        for i in np.flatnonzero(low).tolist()
        if low[max(i - 1, 0) : i + 2].sum() == 1 and not {i, i + 1} & known.keys()
    }


def _excess(chain: Chain) -> Numbers:
    """How much more alike neighbours are than usual, in robust standard deviations.

    Correlations are compared as Fisher's z. Nothing is said, 0, of slices with a hole between
    them, and of volumes that are too short to say what is usual.
    """
    if len(chain.like) < _ENOUGH:
        return np.zeros(len(chain.like))
    alike = _fisher(chain.like)
    above = alike - _usual(alike)
    above[np.diff(chain.z) > 1] = 0.0
    spread = max(1.4826 * float(np.median(np.abs(above))), _LEAST_SPREAD)
    return np.asarray(above / spread)


def _fisher(correlations: Sequence[float]) -> Numbers:
    return np.asarray(np.arctanh(np.clip(correlations, -0.999999, 0.999999)))


def _usual(values: Numbers) -> Numbers:
    """The running median; of few values each is usual itself."""
    if len(values) < _ENOUGH:
        return values
    running = pd.Series(values).rolling(_WINDOW, center=True, min_periods=1).median()
    return running.to_numpy()


def _beside(excess: Numbers, i: int) -> float:
    return float(excess[i]) if 0 <= i < len(excess) else 0.0
