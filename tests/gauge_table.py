"""What is promised where a method was not tried, with and without a gauge: decisions/0027.

python tests/gauge_table.py --source VOLUME --first SLICE --methods average farneback
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from bench.base.progress import silent
from bench.cells.variants import parse_variant
from bench.repair.each import each_here
from bench.repair.evidence import Evidence
from bench.repair.expected import SCORES
from bench.repair.fill import Filling, Manner
from bench.repair.filler import Filler
from bench.repair.hidden import places
from bench.repair.trial import Trial, learn_trust
from bench.store.records import NONE
from bench.volumes.sources import open_volume
from bench.volumes.stack_volume import StackVolume

SEARCH = 16  # pixels


def rows(volume: StackVolume, name: str, first: int, folder: Path) -> Iterator[str]:
    """Share of the scores before a slice that intervals held, learned from those behind it."""
    spread = places(range(volume.shape[0]), 1, volume.shape)
    own = [each for each in spread if each.gap.before >= first]
    filler = Filler(parse_variant(name, "quick"), NONE, "it was named")
    for words, others in (("tried there alone", []), ("with the gauge", spread)):
        evidence = Evidence(str(folder / f"{name}-{len(others)}.tif"))
        filling = Filling(volume, {1: filler}, Manner(SEARCH, False, "cpu"), evidence)
        learn_trust(filling, 1, Trial(own, others), partial(each_here, filling), silent)
        elsewhere = [filling.hide(each).reached for each in spread if each.gap.after < first]
        for score in SCORES:
            told = [filling.trust(1).expected(each.difference)[score] for each in elsewhere]
            true = np.array([each.scores[score] for each in elsewhere])
            low, high, mean = (
                np.array([each[end] for each in told]) for end in ("low", "high", "score")
            )
            held = ((low <= true) & (true <= high)).mean()
            yield (
                f"{name}, {score}, {words}: {len(true)} windows, held {held:.2f}, width "
                f"{(high - low).mean():.2f}, too high by {(mean - true).mean():.2f}"
            )


def main() -> None:
    """Print the rows of a volume."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--source", required=True)
    words.add_argument("--first", type=int, required=True)
    words.add_argument("--methods", nargs="+", required=True)
    told = words.parse_args()
    with open_volume(told.source) as volume, TemporaryDirectory() as folder:
        for name in told.methods:
            for row in rows(volume, name, told.first, Path(folder)):
                sys.stdout.write(f"{row}\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
