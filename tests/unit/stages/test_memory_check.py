"""What would not fit is refused before it begins, with what would fit."""

import dataclasses
import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.base.errors import UserError
from bench.base.free_memory import Room
from bench.base.freed_memory import give_up_freed_memory
from bench.cells.cell import Cell, budget_of, plan
from bench.cells.config import RunConfig
from bench.profile.measuring import PeakMeter, apart
from bench.stages import memory_check, memory_needed
from bench.stages.memory_check import check_prediction, check_training, ran_out
from bench.stages.predict import predict_frame
from bench.stages.training_step import Training, gradient_step
from bench.store.weights import save_weights
from methods.features import load_features
from methods.interface import Triplets
from methods.losses import build_loss

CPU = torch.device("cpu")
BESIDE = memory_check._BESIDE


@dataclasses.dataclass(frozen=True)
class Stated(Room):
    """So many bytes are free."""

    def free(self) -> int:
        return self.at_start


def room(free: float) -> Room:
    return Stated(CPU, 1, int(free))


@dataclasses.dataclass(frozen=True)
class Tiles:
    """All that a check asks of a file."""

    tile: int = 512


def cell(method: str, preset: str, loss: str = "l1") -> Cell:
    config = RunConfig.model_validate(
        {"methods": method, "dataset": "phantom", "losses": loss, "preset": preset}
    )
    return next(cell for cell in plan(config) if cell.variant.text == method)


def training_of(of: Cell, **changes: object) -> Training:
    config = RunConfig(methods=("ssan",), dataset=("phantom",))
    loss = of.loss_variant
    assert loss is not None
    features = None if loss.name == "l1" else load_features("random")
    preset = dataclasses.replace(budget_of(of, config), **changes)  # type: ignore[arg-type]
    return Training(
        file=Tiles(), train=np.arange(8), validation=np.arange(2), preset=preset,
        loss=build_loss(loss.name, loss.options, features), seed=0, device=CPU,
    )  # type: ignore[arg-type]  # fmt: skip


def measured(kind: str, method: str, preset: str, loss: str, crop: int) -> tuple[int, int]:
    """What is counted, and the peak of resident memory: in a process of its own."""
    torch.set_num_threads(1)
    give_up_freed_memory()
    of = cell(method, preset, loss)
    model = of.variant.build().to(memory_format=torch.channels_last)
    small, large = (
        Triplets(*torch.rand(3, batch, 1, side, side)) for batch, side in ((1, 32), (2, crop))
    )
    if kind == "prediction":
        counted = memory_needed.of_prediction(model, crop, CPU)
        frames = np.zeros((3, crop, crop), np.uint8)
        run = partial(predict_frame, model.eval(), frames, CPU)
        predict_frame(model, frames[:, :32, :32], CPU)
    else:
        training = training_of(of, crop=crop, batch=2, feature_crop=0)
        counted = memory_needed.of_training(model, training)
        # What is kept beside a step, and made before it is measured.
        counted -= 3 * sum(weights.nbytes for weights in model.state_dict().values())
        optimiser = torch.optim.Adam(model.parameters())
        steps = training.steps
        gradient_step(model.train(), optimiser, training, steps, small)
        optimiser.zero_grad()
        run = partial(gradient_step, model, optimiser, training, steps, large)
    meter = PeakMeter(CPU)
    run()
    return counted, meter.peak() or 0


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux tells its peak")
@pytest.mark.parametrize("method", ["ssan", "sepconv", "dain", "rife"])
@pytest.mark.parametrize("kind", ["training", "prediction"])
def test_the_estimate_covers_what_is_measured(kind: str, method: str) -> None:
    crop = 128 if kind == "training" else 512
    counted, peak = apart(measured, kind, method, "quick", "ls", crop)
    needed = memory_check._needed(counted)
    assert peak <= needed
    assert counted < 1.1 * peak


@pytest.mark.parametrize(("free", "fits"), [(1.01, 512), (0.99, 256), (0.25, 128), (0.06, None)])
def test_a_prediction_is_told_the_largest_tile_that_fits(free: float, fits: int | None) -> None:
    """``free`` counts in what 512 x 512 takes, a quarter of which is what 256 x 256 take."""
    of = cell("ssan", "paper")
    model = of.variant.build()
    counted = memory_needed.of_prediction(model, 512, CPU)
    assert counted is not None
    budget = room(BESIDE + free * memory_check._MARGIN * counted)
    if fits == 512:
        check_prediction(of, model, 512, None, budget)
        return
    with pytest.raises(UserError) as refused:
        check_prediction(of, model, 512, None, budget)
    sentence = str(refused.value)
    assert sentence.startswith("Predicting 512 x 512 pixels at once with ssan l1 needs about ")
    assert f"{budget.free() / 2**30:.1f} GiB are free on this machine; " in sentence
    assert sentence.endswith(
        f"`--predict-tile {fits}` fits." if fits else "only more memory helps."
    )


def test_a_training_is_told_what_would_fit() -> None:
    of = cell("ssan", "paper")
    model, training = of.variant.build(), training_of(of)
    one = dataclasses.replace(training, preset=dataclasses.replace(training.preset, micro_batch=1))
    counted = memory_needed.of_training(model, one)
    assert counted is not None
    medium = "fits, and trains a smaller network on crops of 256."
    for slack, remedy in (
        (1.01, "`--micro-batch 1` fits."),
        (0.9, f"`--preset medium` {medium}"),
        (0.2, f"`--preset medium --micro-batch 1` {medium}"),
        (0.02, None),
    ):
        budget = room(BESIDE + slack * memory_check._MARGIN * counted)
        with pytest.raises(UserError) as refused:
            check_training(of, model, training, budget)
        sentence = str(refused.value)
        assert sentence.startswith("Training ssan l1 on 3 crops of 512 x 512 at once needs about ")
        assert f"{budget.free() / 2**30:.1f} GiB are free on this machine; " in sentence
        if remedy:
            assert sentence.endswith(f"; {remedy}")
    check_training(of, model, one, room(BESIDE + 1.01 * memory_check._MARGIN * counted))


@pytest.mark.parametrize("says", [True, False])
def test_a_preset_is_advised_if_the_weights_that_a_training_starts_from_fit_it(
    says: bool, tmp_path: Path
) -> None:
    """A file that does not say of which options its network is fits the preset's alone."""
    path, paper = tmp_path / "w.safetensors", cell("rife", "paper").variant
    facts = {"method": "rife", "options": dataclasses.asdict(paper.options)}
    save_weights(path, paper.build(), facts if says else {})
    config = RunConfig.model_validate(
        {"methods": f"rife[init={path}]", "dataset": "phantom", "losses": "l1", "preset": "paper"}
    )
    of = next(cell for cell in plan(config) if cell.trained)
    model, training = of.variant.build(), training_of(of, micro_batch=1)
    counted = memory_needed.of_training(model, training)
    assert counted is not None
    with pytest.raises(UserError) as refused:
        check_training(of, model, training, room(BESIDE + 0.9 * memory_check._MARGIN * counted))
    fitting = (
        "; `--preset medium --micro-batch 1` fits, and trains on crops of 256."
        if says
        else "nothing smaller fits, only more memory helps."
    )
    assert str(refused.value).endswith(fitting)


def test_what_computes_outside_torch_is_not_refused() -> None:
    of = cell("phase", "quick")
    check_prediction(of, of.variant.build(), 512, None, room(1))


def test_jobs_share_what_was_free_when_the_run_began() -> None:
    """What the other job has taken meanwhile is its own share."""
    free = Room(CPU, 1, 0).free()
    beside = Room(CPU, 2, 2 * free)
    assert beside.free() == pytest.approx(free, rel=0.2)
    assert Room(CPU, 2, 0).free() == pytest.approx(free / 2, rel=0.2)
    assert re.search(r"GiB are free (on|within) .* for each of 2 jobs$", beside.told())


def test_a_stage_that_ran_out_of_memory_is_told_what_to_do() -> None:
    of = cell("ssan", "paper")
    assert "`--micro-batch 1` or, for a smaller network, `--preset medium`" in ran_out(
        of, "train", 512, room(2**30)
    )
    assert "`--predict-tile 256`" in ran_out(of, "predict", 512, room(2**30))
    assert "in the stage 'score', after which 1.0 GiB are free" in ran_out(
        of, "score", 512, room(2**30)
    )


@pytest.mark.parametrize(("method", "kept"), [("ssan", False), ("sepconv", True)])
def test_what_would_pass_11_gib_by_keeping_freed_memory_does_not_keep_it(
    method: str, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three crops of 512 count 9.0 GiB (``ssan``) and 3.0 (``sepconv``); 64 GiB are free."""
    done = []
    for name in ("keep_freed_memory", "give_up_freed_memory"):
        monkeypatch.setattr(memory_check, name, partial(done.append, name))
    of = cell(method, "paper")
    check_training(of, of.variant.build(), training_of(of), room(64 * 2**30))
    assert done == ["keep_freed_memory" if kept else "give_up_freed_memory"]
