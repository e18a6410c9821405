"""What the stages of a cell say of themselves in its record, typed."""

from __future__ import annotations

from dataclasses import dataclass, fields
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
    """

    reference: str | None = None
    segmenter: str | None = None
    threshold: float | None = None
    ceiling: str | None = None


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
