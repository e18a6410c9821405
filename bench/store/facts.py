"""What each stage writes into a cell's record, as it lies in the JSON.

A key that is not required is one that some cells have not, or that records had not always.
"""

from __future__ import annotations

from typing import NotRequired, TypedDict


class TrainFacts(TypedDict, total=False):
    """Of a training: `triplets` if it was a fit in closed form, all others if it was not.

    Attributes:
        triplets: that were fitted to.
        processes: that trained it together, where they were several.
        steps: of the optimiser.
        samples: crops that it saw.
        best_step: whose weights were kept, counted from 1.
        validation_loss: of that step.
        validation_psnr: of that step in dB; None where it is infinite.
        training_seconds: over all runs that it took.
        first_shares: of each part of the loss in the first step that sees all of them.
        parameters: of the network.
        features: the name of the VGG16 weights that the loss looked at, or None.
        teacher: SHA-256 of the segmenter through which the loss looked for membranes.
    """

    triplets: int
    processes: int
    steps: int
    samples: int
    best_step: int
    validation_loss: float
    validation_psnr: float | None
    training_seconds: float
    first_shares: dict[str, float]
    parameters: int
    features: str | None
    teacher: str | None


class PredictFacts(TypedDict):
    """Of the prediction: how many frames, and the seconds that one took.

    Attributes:
        outside: share of the pixels that were far outside [0, 1] before they were clamped.
        constant: frames of one grey between neighbours that have several.
    """

    frames: int
    seconds_a_frame: NotRequired[float]
    outside: NotRequired[float]
    constant: NotRequired[int]


class CalibrationFacts(TypedDict):
    """Of the calibration: the SHA-256 of its table, and how its frames were made.

    Attributes:
        calibration: SHA-256 of the file.
        average_blur: sigma in pixels.
        truth_blur: sigma in pixels.
        noise: sigma in grey levels.
    """

    calibration: str
    average_blur: float
    truth_blur: float
    noise: float


class ScoreFacts(TypedDict):
    """Of the scores: kept and rejected test triplets; the null has the calibration beside them.

    Attributes:
        saturated: share of black and white pixels in the real slices.
    """

    triplets: int
    rejected: int
    saturated: NotRequired[float]
    calibration: NotRequired[str]
    average_blur: NotRequired[float]
    truth_blur: NotRequired[float]
    noise: NotRequired[float]


class SegmentFacts(TypedDict):
    """Of the membranes.

    Attributes:
        reference: what they were compared with: ``labels`` or ``agreement``.
        segmenter: SHA-256 of its weights.
        threshold: probability above which a pixel is membrane.
        seed_threshold: the same for the seeds of segments.
        own_threshold: chosen on the validation frames of the method; none where none is labelled.
        own_seed_threshold: likewise.
        second_segmenter: SHA-256 of the second judge's weights; none where there is none.
        second_threshold: likewise.
        second_seed_threshold: likewise.
        second_ceiling: likewise, the name of its folder.
        ceiling: name of the segmenter's folder, where the scores of the real slices lie.
        masks: SHA-256 of the file with the masks.
        triplets: that count.
    """

    reference: str
    segmenter: str
    threshold: float
    seed_threshold: NotRequired[float]
    own_threshold: NotRequired[float]
    own_seed_threshold: NotRequired[float]
    second_segmenter: NotRequired[str]
    second_threshold: NotRequired[float]
    second_seed_threshold: NotRequired[float]
    second_ceiling: NotRequired[str]
    ceiling: str
    masks: str
    triplets: int
