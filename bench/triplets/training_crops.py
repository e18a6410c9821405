"""Which crop of which triplet a training step sees: a pure function of seed and step.

Nothing has to be remembered to resume a training: the batch of step n is the same whether
the steps before it were computed by this process or by one that was killed.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from bench.triplets.at_time import indices_at, is_mirrored
from bench.triplets.file import TripletFile
from bench.triplets.frames_and_tensors import to_triplets
from methods.interface import Triplets
from methods.timed import HALF, same_time


@dataclass(frozen=True)
class CropSampler:
    """Random crops of training triplets with flips and temporal swap, as in the paper.

    All slices of a step are at one time. At another than 1/2 the swap is not random: it brings
    the slices of a mirrored triplet to the time of the step.

    Attributes:
        file: where the triplets are.
        indices: the training triplets.
        crop: side of the square crops in pixels.
        batch: crops a step.
        seed: another seed gives another order, other crops and other flips.
        times: of the middle slices, which the steps take in turn.
    """

    file: TripletFile
    indices: NDArray[np.intp]
    crop: int
    batch: int
    seed: int
    times: tuple[float, ...] = (HALF,)

    def step(self, step: int) -> Triplets:
        """The batch of a step (counted from 0)."""
        earlier, turn = divmod(step, len(self.times))
        samples = [
            self._sample(self._index(turn, earlier * self.batch + i), turn, step * self.batch + i)
            for i in range(self.batch)
        ]
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

    @cached_property
    def _indices(self) -> list[NDArray[np.intp]]:
        """The triplets for each time."""
        return [indices_at(self.file, self.indices, time) for time in self.times]

    def _index(self, turn: int, number: int) -> int:
        """The triplet of the crop with a running number among those at a time."""
        indices = self._indices[turn]
        epoch, place = divmod(number, len(indices))
        return int(indices[_order(self.seed, turn, epoch, len(indices))[place]])

    def _sample(self, index: int, turn: int, number: int) -> NDArray[np.uint8]:
        """The crop with a running number among all, 3HW, of a triplet."""
        frames, time = self.file.frames(index), self.times[turn]
        random = np.random.default_rng((self.seed, 1, number))
        y, x = (int(random.integers(side - self.crop + 1)) for side in frames.shape[1:])
        crop = frames[:, y : y + self.crop, x : x + self.crop]
        for axis in range(3):  # temporal swap, vertical flip, horizontal flip
            flip = random.random() < 0.5
            if axis == 0 and not same_time(time, HALF):
                flip = is_mirrored(self.file, index, time)
            if flip:
                crop = np.flip(crop, axis)
        return crop


def time_of_step(times: tuple[float, ...], step: int) -> float:
    """The time of the middle slices of a step (counted from 0)."""
    return times[step % len(times)]


@lru_cache(maxsize=4)
def _order(seed: int, turn: int, epoch: int, count: int) -> NDArray[np.intp]:
    # Even second words are orders; 1 is that of crops.
    return np.random.default_rng((seed, 2 * turn, epoch)).permutation(count)
