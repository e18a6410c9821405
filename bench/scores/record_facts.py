"""What a record says of its method, its dataset and its stages, typed.

What an old record lacks has a default here; ``bench.store.facts`` is what is written today.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Self

from bench.store.records import Record


@dataclass(frozen=True)
class _Facts:
    @classmethod
    def read(cls, facts: dict[str, Any]) -> Self:
        """Those facts that are known by name; what an old record lacks keeps its default."""
        names = [field.name for field in fields(cls)]
        return cls(**{name: facts[name] for name in names if name in facts})


@dataclass(frozen=True)
class MethodFacts(_Facts):
    """Of the method.

    Attributes:
        title: the name printed in tables; empty where the record does not say.
        kind: ``classical``, ``fitted`` or ``trained``.
        deviations: where it departs from its paper.
    """

    title: str = ""
    kind: str = "unknown"
    deviations: Sequence[str] = ()


@dataclass(frozen=True)
class DatasetFacts(_Facts):
    """Of the dataset.

    Attributes:
        title: of its card; empty where the record does not say.
        credit: to be printed wherever a crop is shown.
        licence: of the volume.
        fingerprint: of the triplets that were tested on.
        generated: whether the volume is made on the spot.
        tile: side of a frame in pixels.
        voxel_size: in nm (z, y, x); None where no file says it.
        split: ``blocked`` or ``paper``.
        align: whether neighbours were aligned to the middle.
        leakage: share of test triplets that share a pixel with what was learned from.
        labels: whether the volume has any.
        doubts: what is doubted of the labels, in sentences.
        triplets: how many each split has.
        trained_on: name and fingerprint of the dataset that was learned from, if it is another.
        no_membranes: why there can be no membrane scores; empty where there can.
    """

    title: str = ""
    credit: str = ""
    licence: str = ""
    fingerprint: str = ""
    generated: bool = False
    tile: int | None = None
    voxel_size: Sequence[float] | None = None
    split: str = ""
    align: bool | None = None
    leakage: float | None = None
    labels: bool = False
    doubts: Sequence[str] = ()
    triplets: Mapping[str, int] = field(default_factory=dict)
    trained_on: Mapping[str, str] | None = None
    no_membranes: str = ""


@dataclass(frozen=True)
class TrainFacts(_Facts):
    """Of a training.

    Attributes:
        training_seconds: how long it took.
    """

    training_seconds: float | None = None


@dataclass(frozen=True)
class PredictFacts(_Facts):
    """Of the prediction.

    Attributes:
        seconds_a_frame: to synthesise a frame.
    """

    seconds_a_frame: float | None = None


@dataclass(frozen=True)
class ScoreFacts(_Facts):
    """Of the image scores; the last four of the null's alone, which has calibration frames.

    Attributes:
        saturated: share of black and white pixels in the real middle slices.
        calibration: SHA-256 of the scores of the calibration frames.
        average_blur: sigma in pixels of the Gaussian that the average was blurred with.
        truth_blur: the same of the real slice.
        noise: standard deviation in grey levels of the noise that the real slice got.
    """

    saturated: float = 0.0
    calibration: str | None = None
    average_blur: float | None = None
    truth_blur: float | None = None
    noise: float | None = None


@dataclass(frozen=True)
class SegmentFacts(_Facts):
    """Of the membrane scores.

    Attributes:
        reference: what the membranes are compared with: ``labels``, or ``agreement`` with the
            segmentation of the real slice.
        segmenter: SHA-256 of the segmenter's weights.
        threshold: probability above which a pixel is membrane.
        ceiling: name of the segmenter's folder, which lies beside that of the cell.
        second_segmenter: SHA-256 of the second judge's weights, where there is one.
        second_ceiling: name of its folder.
    """

    reference: str | None = None
    segmenter: str | None = None
    threshold: float | None = None
    ceiling: str | None = None
    second_segmenter: str | None = None
    second_ceiling: str | None = None


@dataclass(frozen=True)
class StageFacts:
    """Of every stage that is in a record; None of one that is not."""

    train: TrainFacts | None
    predict: PredictFacts | None
    score: ScoreFacts | None
    segment: SegmentFacts | None

    @classmethod
    def of(cls, record: Record) -> StageFacts:
        """The facts in a record."""
        found = {name: done.facts for name, done in record.stages.items()}
        return cls(
            TrainFacts.read(found["train"]) if "train" in found else None,
            PredictFacts.read(found["predict"]) if "predict" in found else None,
            ScoreFacts.read(found["score"]) if "score" in found else None,
            SegmentFacts.read(found["segment"]) if "segment" in found else None,
        )
