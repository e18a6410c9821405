"""Which crop of which triplet a training step sees: a pure function of seed and step.

Nothing has to be remembered to resume a training: the batch of step n is the same whether
the steps before it were computed by this process or by one that was killed.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from bench.triplets.file import TripletFile
from bench.triplets.frames_and_tensors import to_triplets
from methods.interface import Triplets


@dataclass(frozen=True)
class CropSampler:
    """Random crops of training triplets with flips and temporal swap, as in the paper.

    Attributes:
        file: where the triplets are.
        indices: the training triplets.
        crop: side of the square crops in pixels.
        batch: crops a step.
        seed: another seed gives another order, other crops and other flips.
    """

    file: TripletFile
    indices: NDArray[np.intp]
    crop: int
    batch: int
    seed: int

    def step(self, step: int) -> Triplets:
        """The batch of a step (counted from 0)."""
        samples = [self._sample(step * self.batch + i) for i in range(self.batch)]
        return to_triplets(np.stack(samples))

    def steps(self, first: int, last: int) -> Iterator[Triplets]:
        """The batches of steps ``first`` to ``last - 1``; the next is read while one is used."""
        with ThreadPoolExecutor(max_workers=1) as reader:
            coming = reader.submit(self.step, first)
            for step in range(first, last):
                batch = coming.result()
                if step + 1 < last:
                    coming = reader.submit(self.step, step + 1)
                yield batch

    def _sample(self, number: int) -> NDArray[np.uint8]:
        """The crop with a running number: 3HW."""
        epoch, place = divmod(number, len(self.indices))
        frames = self.file.frames(
            int(self.indices[_order(self.seed, epoch, len(self.indices))[place]])
        )
        random = np.random.default_rng((self.seed, 1, number))
        y, x = (int(random.integers(side - self.crop + 1)) for side in frames.shape[1:])
        crop = frames[:, y : y + self.crop, x : x + self.crop]
        for axis in range(3):  # temporal swap, vertical flip, horizontal flip
            if random.random() < 0.5:
                crop = np.flip(crop, axis)
        return crop


@lru_cache(maxsize=4)
def _order(seed: int, epoch: int, count: int) -> NDArray[np.intp]:
    return np.random.default_rng((seed, 0, epoch)).permutation(count)
