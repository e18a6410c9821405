"""Figures that change have to raise a revision: it is what tells the store that they are new.

Where one was raised on purpose, `GOLDEN=accept` in the environment takes the new figures.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import QUICK, Tiny

from bench.cells.registry import METHODS
from bench.cells.variants import parse_variant
from bench.scores import calibration
from bench.scores.metrics import score_frame
from bench.stages import predict, score, segment, train
from bench.stages import segmenter_cache as segmenters
from bench.triplets.file import TripletFile
from methods.features import load_features
from methods.interface import FittedInterpolator, Interpolation, Interpolator, Triplets
from methods.losses import LOSSES, LossOptions, build_loss, needs_features, revision
from segmentation.scores import Thresholds, score_membranes, truth_from_probability, watershed
from segmentation.thresholds import best_seed_threshold, dice_by_threshold

GOLDEN = Path(__file__).with_name("golden.json")
# Far above what another processor or number of threads does, far below what a reader would see.
TOLERANCE = {"rel": 2e-4, "abs": 2e-4}
CPU = torch.device("cpu")

Found = tuple[int, list[float]]  # revision, figures


def frames() -> np.ndarray:
    """A pattern that moves: 3HW, 8 bits."""
    y, x = np.mgrid[:64, :64]
    slices = [
        np.sin(0.31 * x + 0.17 * y + phase) + np.sin(0.05 * x - 0.23 * y + 2 * phase)
        for phase in (0.0, 0.4, 0.8)
    ]
    return np.rint(255 * (np.stack(slices) + 2) / 4).astype(np.uint8)


def triplet() -> Triplets:
    return Triplets(*(torch.from_numpy(frame)[None, None] / 255 for frame in frames()))


def awake(name: str) -> Interpolator:
    """A method whose weights make use of every layer; an untrained one returns the average."""
    torch.manual_seed(0)
    model = parse_variant(name, "quick").build()
    if isinstance(model, FittedInterpolator):
        model.fit(iter([triplet()]))
    elif METHODS[name].kind == "trained":
        with torch.no_grad():
            for weights in model.parameters():
                ripple = torch.cos(torch.arange(weights.numel(), dtype=torch.float32))
                weights.add_(0.02 * ripple.view_as(weights))
    return model.eval()


def of_method(name: str) -> Found:
    model = awake(name)
    with torch.inference_mode():
        middle = model(triplet().before, triplet().after).middle[0, 0]
    return model.info.revision, middle[4::16, 4::16].flatten().tolist()


def of_predict() -> Found:
    wide = np.pad(frames(), ((0, 0), (0, 136), (0, 136)), mode="wrap")
    made = [predict.predict_frame(awake("average"), wide, CPU, tile) for tile in (None, 128)]
    return predict.REVISION, [float(value) for frame in made for value in frame[::40, ::40].flat]


def of_score() -> Found:
    before, middle, _ = frames()
    return score.REVISION, [float(value) for value in score_frame(before, middle).values()]


def of_segment() -> Found:
    before, middle, _ = frames() / np.float32(255)
    thresholds = Thresholds(0.6, 0.4)
    truth = truth_from_probability(middle, thresholds, 6.0)
    segments = watershed(before, thresholds.seeds, 6.0)
    found = score_membranes(before, thresholds, truth, segments)
    return segment.REVISION, [float(value) for value in found.values()]


class Levels(torch.nn.Module):
    """A segmenter that takes grey levels for logits of membrane."""

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        return 8 * (frames - 0.5)


def of_losses() -> Found:
    output, terms = Interpolation(triplet().before), []
    for name in LOSSES:
        features = load_features("random") if needs_features(name) else None
        loss = build_loss(name, LossOptions(lowpass=1.0), features, Levels())
        found = loss(output, triplet())
        terms += [found.total, *found.parts.values()]
    return sum(revision(name, LossOptions()) for name in LOSSES), [float(term) for term in terms]


def of_training(file: TripletFile, folder: Path) -> Found:
    torch.manual_seed(0)
    training = train.Training(
        file, file.indices("train"), file.indices("validation"), QUICK,
        build_loss("l1", LossOptions(lowpass=1.0), None), seed=0, device=CPU,
    )  # fmt: skip
    facts = train.train(Tiny(), training, folder, lambda *_: None)
    figures = [facts["best_step"], facts["validation_loss"], facts["validation_psnr"]]
    return train.REVISION, list(map(float, figures))


def of_calibration() -> Found:
    made = calibration.calibration_frames(frames(), 0, average_blur=1.5, truth_blur=1.0, noise=10.0)
    scores = [score_frame(frame, frames()[1]) for frame in made.values()]
    blur, error = calibration.best_blur([(frames(), 0.5)])
    return calibration.REVISION, [blur, error, *(float(v) for s in scores for v in s.values())]


def of_segmenter() -> Found:
    _, middle, after = frames() / np.float32(255)
    thresholds = Thresholds(0.6, 0.4)
    truth = truth_from_probability(middle, thresholds, 6.0)
    curve = dice_by_threshold(after, truth.mask, truth.valid)
    seeds = best_seed_threshold([(after, truth.segments)], 0.6, 6.0)
    return segmenters.REVISION, [seeds, *map(float, curve)]


STAGES = {
    "predict": of_predict, "score": of_score, "calibration": of_calibration,
    "segmenter": of_segmenter, "segment": of_segment, "losses": of_losses,
}  # fmt: skip


def check(name: str, found: Found) -> None:
    known = json.loads(GOLDEN.read_text(encoding="utf-8"))
    revision, figures = found
    if os.environ.get("GOLDEN") == "accept":
        old = known.get(name, {"revision": 0})
        same = old["revision"] and figures == pytest.approx(
            old["figures"], **TOLERANCE, nan_ok=True
        )
        assert same or revision != old["revision"], f"Raise the revision of {name} first."
        known[name] = {"revision": revision, "figures": [float(f"{f:.6g}") for f in figures]}
        GOLDEN.write_text(json.dumps(dict(sorted(known.items())), indent=1) + "\n")
        return
    advice = "accept the new figures with GOLDEN=accept"
    assert name in known, f"{name} has no figures yet: {advice}."
    assert revision == known[name]["revision"], f"The revision of {name} was raised: {advice}."
    assert figures == pytest.approx(known[name]["figures"], **TOLERANCE, nan_ok=True), (
        f"The figures of {name} changed: raise its revision, then {advice}."
    )


@pytest.mark.parametrize("name", METHODS)
def test_a_method_with_other_figures_has_another_revision(name: str) -> None:
    check(name, of_method(name))


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_with_other_figures_has_another_revision(name: str) -> None:
    check(name, STAGES[name]())


@pytest.mark.usefixtures("one_thread")
def test_a_training_with_other_figures_has_another_revision(
    texture: TripletFile, tmp_path: Path
) -> None:
    check("train", of_training(texture, tmp_path))
