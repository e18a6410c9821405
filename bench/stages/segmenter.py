"""The frozen segmenter of a dataset: membranes of any frame, and what they are compared with."""

from __future__ import annotations

from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError

from bench.base.device import place
from bench.base.errors import UserError
from bench.scores.carried import Followed
from bench.scores.membranes import label_neurites, label_truth, pixel_size
from bench.store.weights import load_tensors, save_weights
from bench.triplets.file import TripletFile
from segmentation.network import MembraneNetwork
from segmentation.networks import as_facts, from_facts
from segmentation.scores import (
    Probability,
    Thresholds,
    Truth,
    score_membranes,
    truth_from_probability,
    watershed,
)
from segmentation.training import probability

Reference = Literal["labels", "agreement"]

_REMEMBERED = 128  # truths, 1.5 MB each for a frame of 512 pixels: every cell asks for them anew


class Segmenter:
    """A trained network with its threshold, for the frames of one dataset.

    Attributes:
        thresholds: probabilities above which a pixel is membrane, for masks and for seeds.
        digest: SHA-256 of the file the weights were read from.
        reference: ``labels``, or ``agreement`` with the segmentation of the real slice.
        file: the triplets of the dataset.
        ceiling: the folder where its scores on the real middle slices lie.
        pixel_size: in nm.
    """

    def __init__(self, weights: Path, digest: str, file: TripletFile, device: torch.device) -> None:
        self._model, self.thresholds = load_segmenter(weights)
        place(self._model.eval(), device)
        self.file, self._device = file, device
        self.digest, self.ceiling = digest, weights.parent
        self.reference: Reference = "labels" if file.has_labels else "agreement"
        self.pixel_size = pixel_size(file)
        self.truth = lru_cache(_REMEMBERED)(self._truth)
        # Of one triplet: a frame is scored again with its method's own thresholds.
        neurites_of = lru_cache(1)(partial(label_neurites, file))
        self._followed = lru_cache(2)(lambda _: Followed(file, neurites_of))  # by thresholds

    def probability(self, frame: NDArray[np.uint8]) -> NDArray[np.float32]:
        """How likely each pixel of a frame (HW) is membrane.

        Raises:
            UserError: the network returned NaN; comparisons would read it as no membrane.
        """
        found = probability(self._model, frame, self._device)
        if not np.isfinite(found).all():
            raise UserError(
                f"The segmenter in {self.ceiling} returned NaN, so no membranes are scored; train "
                "it again, or give another one with --segmenter FILE."
            )
        return found

    def scores(
        self, membrane: Probability, index: int, thresholds: Thresholds | None = None
    ) -> dict[str, float]:
        """How well the membranes found in a triplet's slice fit, and who is carried by them.

        Args:
            membrane: HW in [0, 1], of each pixel to be membrane.
            index: of the triplet; those of one gap have to come one after the other.
            thresholds: other ones than the segmenter's.

        Returns:
            What ``segmentation.scores.score_membranes`` and, where the labels of the slices before
            and after are known, ``bench.scores.carried.Followed.counts`` return.
        """
        thresholds = thresholds or self.thresholds
        segments = watershed(membrane, thresholds.seeds, self.pixel_size)
        scores = score_membranes(membrane, thresholds, self.truth(index), segments)
        return scores | self._followed(thresholds).counts(index, segments)

    def _truth(self, index: int) -> Truth:
        """The membranes that those of a triplet's frame are compared with."""
        truth = label_truth(self.file, index)
        if truth is not None:
            return truth
        real = self.probability(self.file.frames(index)[1])
        return truth_from_probability(real, self.thresholds, self.pixel_size)


def save_segmenter(
    path: Path, model: MembraneNetwork, thresholds: Thresholds, facts: dict[str, Any]
) -> None:
    """Write weights together with the options and thresholds that their use needs."""
    needed = {"threshold": thresholds.mask, "seed_threshold": thresholds.seeds}
    save_weights(path, model, facts | as_facts(model.options) | needed)


def load_segmenter(path: Path) -> tuple[MembraneNetwork, Thresholds]:
    """Read a segmenter and its thresholds.

    Raises:
        UserError: the file is missing, damaged, or holds something else.
    """
    tensors, facts = load_tensors(path)
    try:
        model = from_facts(facts)
        model.load_state_dict(tensors)
        mask = float(cast(float, facts["threshold"]))
        # Before seeds had a threshold of their own, it was the mask's.
        return model, Thresholds(mask, float(cast(float, facts.get("seed_threshold", mask))))
    except (KeyError, TypeError, ValueError, RuntimeError, ValidationError) as error:
        raise UserError(
            f"{path} holds no segmenter; give the weights.safetensors of a segmenter's folder."
        ) from error
