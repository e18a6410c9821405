import contextlib
import dataclasses
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
import torch
from tiny import QUICK, Tiny, TinyOptions
from torch import nn

import methods
from bench.base.errors import UserError
from bench.cells.registry import METHODS
from bench.cells.variants import parse_variant
from bench.stages import training as loop
from bench.stages.predict import predict_frame
from bench.stages.training import announcement, fit, train, validate
from bench.stages.training_checkpoint import load_checkpoint
from bench.stages.training_step import (
    DivergenceError,
    Numbers,
    Training,
    gradient_step,
    read_numbers,
)
from bench.store.records import CHECKPOINT
from bench.store.weights import load_tensors, load_weights
from bench.triplets.file import TripletFile
from bench.triplets.training_crops import CropSampler
from methods.features import load_features
from methods.interface import Interpolation, Triplets
from methods.linear import Linear
from methods.losses import LossOptions, build_loss


def quiet(*_: object) -> None:
    """Progress that nobody looks at."""


def make_training(file: TripletFile, **changes: object) -> Training:
    training = Training(
        file=file,
        train=file.indices("train"),
        validation=file.indices("validation"),
        preset=QUICK,
        loss=build_loss("l1", LossOptions(lowpass=1.0), None),
        seed=0,
        device=torch.device("cpu"),
    )
    return dataclasses.replace(training, **changes)  # type: ignore[arg-type]


def fresh(options: TinyOptions | None = None) -> Tiny:
    torch.manual_seed(0)
    return Tiny(options)


@pytest.fixture(scope="module")
def whole(texture: TripletFile, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    train(fresh(), make_training(texture), folder, quiet)
    return folder


@pytest.mark.parametrize("killed_at", [3, 11, 29])
def test_a_killed_training_resumes_bit_equal(
    texture: TripletFile,
    whole: Path,
    tmp_path: Path,
    killed_at: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loop, "_CHECKPOINT_SECONDS", 0.0)

    def kill(done: int, *_: object) -> None:
        if done == killed_at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(fresh(), make_training(texture), tmp_path, kill)
    # What the process had in memory is lost: another start, other initial weights.
    torch.manual_seed(99)
    train(Tiny(), make_training(texture), tmp_path, quiet, load_checkpoint(tmp_path))
    expected, _ = load_tensors(whole / "weights.safetensors")
    resumed, _ = load_tensors(tmp_path / "weights.safetensors")
    assert all(torch.equal(expected[name], resumed[name]) for name in expected)
    logs = [pd.read_csv(folder / "training.csv") for folder in (whole, tmp_path)]
    pd.testing.assert_frame_equal(*(log.drop(columns="seconds") for log in logs))
    assert not (tmp_path / CHECKPOINT).exists()


class Dropping(Tiny):
    """It draws random numbers as it is trained."""

    def forward(self, before: torch.Tensor, after: torch.Tensor) -> Interpolation:
        seen = (nn.functional.dropout(frame, 0.2, self.training) for frame in (before, after))
        return super().forward(*seen)


def test_a_network_that_draws_resumes_bit_equal(texture: TripletFile, tmp_path: Path) -> None:
    def kill(done: int, *_: object) -> None:
        if done == 13:
            raise KeyboardInterrupt

    logs = []
    for number, stop in enumerate((quiet, kill)):
        folder = tmp_path / str(number)
        torch.manual_seed(0)
        with contextlib.suppress(KeyboardInterrupt):
            train(Dropping(), make_training(texture), folder, stop)
        if stop is kill:
            torch.rand(number + 7)  # whatever else this process has drawn
            train(Dropping(), make_training(texture), folder, quiet, load_checkpoint(folder))
        logs.append(pd.read_csv(folder / "training.csv").drop(columns="seconds"))
    pd.testing.assert_frame_equal(*logs)  # to the last step, wherever the best one was


def test_the_best_validation_is_kept(texture: TripletFile, whole: Path) -> None:
    log = pd.read_csv(whole / "training.csv")
    _, facts = load_tensors(whole / "weights.safetensors")
    losses = log["validation_loss"].dropna()
    assert len(losses) == QUICK.validations
    assert facts["best_step"] == log.loc[losses.idxmin(), "step"]
    assert facts["validation_loss"] == pytest.approx(losses.min())
    assert facts["validation_psnr"] == pytest.approx(log.loc[losses.idxmin(), "validation_psnr"])


@pytest.mark.parametrize("preset", ["quick", "paper"])
def test_weights_say_of_which_network_they_are_and_make_the_same_slices(
    texture: TripletFile, tmp_path: Path, preset: str
) -> None:
    # Weights of other scales, or of slices as they are, would fit all the same.
    trained = parse_variant("rife[scales=8/4/2,normalise=no]", "quick").build()
    short = dataclasses.replace(QUICK, samples=2, validations=1)
    train(trained, make_training(texture, preset=short), tmp_path, quiet)
    weights = tmp_path / "weights.safetensors"
    given = parse_variant(f"rife[weights={weights}]", preset)
    assert given.options == trained.options
    model = given.build()
    load_weights(weights, model)
    frames = texture.frames(int(texture.indices("test")[0]))
    expected = predict_frame(trained.eval(), frames, torch.device("cpu"))
    for one in (model.eval(), methods.load("rife", weights, preset=preset)):
        assert (predict_frame(one, frames, torch.device("cpu")) == expected).all()


def test_the_log_holds_every_step_and_part(whole: Path) -> None:
    log = pd.read_csv(whole / "training.csv")
    assert list(log["step"]) == list(range(1, 31))
    assert {"loss", "l1", "lowpass", "learning_rate", "gradient_norm"} <= set(log.columns)
    assert log["learning_rate"].tolist() == pytest.approx(
        [QUICK.learning_rate_at(step, 30) for step in range(30)]
    )


def test_training_improves_the_untrained_average(texture: TripletFile, whole: Path) -> None:
    _, facts = load_tensors(whole / "weights.safetensors")
    loss, psnr = validate(fresh(), make_training(texture))
    assert facts["validation_loss"] < loss
    assert facts["validation_psnr"] > psnr


def test_features_join_after_the_opening_and_resume_there(
    texture: TripletFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loss = build_loss("ls", LossOptions(), load_features("random"))
    preset = dataclasses.replace(QUICK, samples=16, validations=1, features_from=0.5)
    training = make_training(texture, loss=loss, preset=preset)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    train(fresh(), training, whole, quiet)
    log = pd.read_csv(whole / "training.csv")
    assert log["style_middle"].isna().tolist() == [True] * 4 + [False] * 4
    assert log["share_style"].notna().tolist() == [False] * 4 + [True] + [False] * 3
    assert log.loc[:3, "loss"].to_numpy() == pytest.approx(log.loc[:3, "l1"].to_numpy())

    def kill(done: int, *_: object) -> None:
        if done == 6:
            raise KeyboardInterrupt

    monkeypatch.setattr(loop, "_CHECKPOINT_SECONDS", 0.0)
    with pytest.raises(KeyboardInterrupt):
        train(fresh(), training, killed, kill)
    facts = train(fresh(), training, killed, quiet, load_checkpoint(killed))
    assert set(facts["first_shares"]) == {"pixel", "feature", "style"}
    expected, _ = load_tensors(whole / "weights.safetensors")
    resumed, _ = load_tensors(killed / "weights.safetensors")
    assert all(torch.equal(expected[name], resumed[name]) for name in expected)


def test_membranes_join_in_the_middle_of_one_schedule_and_resume_there(
    texture: TripletFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    preset = dataclasses.replace(QUICK, samples=16, validations=1, membranes_from=0.5)
    teacher = nn.Conv2d(1, 1, 3, padding=1).requires_grad_(False)
    pixels = build_loss("l1", LossOptions())
    loss = build_loss("lm", LossOptions(membrane=100.0), teacher=teacher)
    logs = {}
    for name, each in (("l1", pixels), ("lm", loss)):
        train(fresh(), make_training(texture, loss=each, preset=preset), tmp_path / name, quiet)
        logs[name] = pd.read_csv(tmp_path / name / "training.csv")
    assert logs["lm"]["membrane"].notna().tolist() == [False] * 4 + [True] * 4
    assert logs["lm"]["learning_rate"].tolist() == logs["l1"]["learning_rate"].tolist()
    assert logs["lm"].loc[:3, "loss"].tolist() == logs["l1"].loc[:3, "loss"].tolist()
    assert logs["lm"].loc[7, "l1"] != logs["l1"].loc[7, "l1"]

    def kill(done: int, *_: object) -> None:
        if done == 6:
            raise KeyboardInterrupt

    training, killed = make_training(texture, loss=loss, preset=preset), tmp_path / "killed"
    monkeypatch.setattr(loop, "_CHECKPOINT_SECONDS", 0.0)
    with pytest.raises(KeyboardInterrupt):
        train(fresh(), training, killed, kill)
    facts = train(fresh(), training, killed, quiet, load_checkpoint(killed))
    assert set(facts["first_shares"]) == {"pixel", "membrane"}
    expected, _ = load_tensors(tmp_path / "lm" / "weights.safetensors")
    resumed, _ = load_tensors(killed / "weights.safetensors")
    assert all(torch.equal(expected[name], resumed[name]) for name in expected)


@pytest.mark.parametrize(("name", "term"), [("lm", "membrane"), ("ls", "feature and style")])
def test_progress_says_from_which_step_on_terms_have_joined(
    texture: TripletFile, tmp_path: Path, name: str, term: str
) -> None:
    preset = dataclasses.replace(
        QUICK, samples=16, validations=1, membranes_from=0.5, features_from=0.5
    )
    features = load_features("random")
    teacher = nn.Conv2d(1, 1, 3, padding=1).requires_grad_(False)
    loss, said = build_loss(name, LossOptions(), features, teacher), list[str]()
    training = make_training(texture, loss=loss, preset=preset)
    train(fresh(), training, tmp_path, lambda _, __, words: said.append(words))
    assert [words.partition(" with ")[2] for words in said] == [""] * 4 + [term] * 4
    assert announcement(training).startswith(f"8 steps of 2 crops; after step 4 the {term} ")


def test_motion_learns_slower_once_features_have_joined(
    texture: TripletFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a share of 0 it stands still from there on, and the rest learns on."""
    monkeypatch.setattr(Tiny, "info", dataclasses.replace(Tiny.info, motion=("body",)))
    loss = build_loss("ls", LossOptions(), load_features("random"))
    preset = dataclasses.replace(
        QUICK, samples=16, validations=1, features_from=0.5, motion_share=0.0
    )
    seen: list[dict[str, torch.Tensor]] = []
    model = fresh()

    def look(*_: object) -> None:
        seen.append({name: value.clone() for name, value in model.state_dict().items()})

    train(model, make_training(texture, loss=loss, preset=preset), tmp_path, look)
    for name in model.state_dict():
        moved = [not torch.equal(a[name], b[name]) for a, b in pairwise(seen)]
        joined = 0 if name.startswith("body") else 4
        assert (sum(moved[:3]), sum(moved[3:])) == (3, joined), name


def test_another_seed_trains_other_weights(
    texture: TripletFile, whole: Path, tmp_path: Path
) -> None:
    train(fresh(), make_training(texture, seed=1), tmp_path, quiet)
    one, _ = load_tensors(whole / "weights.safetensors")
    other, _ = load_tensors(tmp_path / "weights.safetensors")
    assert not torch.equal(one["head.weight"], other["head.weight"])


def test_a_loss_that_is_no_number_stops_the_training(texture: TripletFile, tmp_path: Path) -> None:
    with pytest.raises(DivergenceError, match="step 1"):
        train(fresh(TinyOptions(fail="nan")), make_training(texture), tmp_path, quiet)
    assert not (tmp_path / "weights.safetensors").exists()


def test_numbers_that_are_read_together_leave_the_same_training(
    texture: TripletFile, whole: Path, tmp_path: Path
) -> None:
    train(fresh(), make_training(texture, reading=8), tmp_path, quiet)
    weights, logs = (
        [read(folder / name) for folder in (whole, tmp_path)]
        for read, name in ((Path.read_bytes, "weights.safetensors"), (pd.read_csv, "training.csv"))
    )
    assert weights[0] == weights[1]
    pd.testing.assert_frame_equal(*(log.drop(columns="seconds") for log in logs))


class BadFromStep5(Tiny):
    """Its output becomes no number at the fifth step, and stays none."""

    steps = 0

    def forward(self, before: torch.Tensor, after: torch.Tensor) -> Interpolation:
        middle = super().forward(before, after).middle
        self.steps += self.training
        return Interpolation(middle * float("nan") if self.steps >= 5 else middle)


@pytest.mark.parametrize("reading", [1, 8])
@pytest.mark.parametrize("seconds", [0.0, 60.0])
def test_a_divergence_names_its_first_step_and_leaves_nothing_that_came_after(
    texture: TripletFile,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    reading: int,
    seconds: float,
) -> None:
    monkeypatch.setattr(loop, "_CHECKPOINT_SECONDS", seconds)
    seen: list[tuple[int, str]] = []
    torch.manual_seed(0)
    with pytest.raises(DivergenceError, match="diverged at step 5: loss nan, gradient norm nan"):
        train(
            BadFromStep5(), make_training(texture, reading=reading), tmp_path,
            lambda done, _, words: seen.append((done, words)),
        )  # fmt: skip
    found = load_checkpoint(tmp_path)
    assert (found and found.step) == (4 if seconds == 0 and reading == 1 else None)
    assert not any("nan" in words for _, words in seen)


def test_no_clock_decides_which_steps_are_read_together(
    texture: TripletFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of processes that train together each has a clock of its own, and only the first one saves.
    read: list[int] = []

    def reading(unread: list[Numbers]) -> list[dict[str, float]]:
        read.append(unread[-1].step)
        return read_numbers(unread)

    monkeypatch.setattr(loop, "read_numbers", reading)
    for seconds in (0.0, 60.0):
        monkeypatch.setattr(loop, "_CHECKPOINT_SECONDS", seconds)
        train(fresh(), make_training(texture, reading=8), tmp_path, quiet)
    assert read == [8, 10, 16, 20, 24, 30] * 2


@pytest.mark.parametrize("loss", ["l1", "lf", "ls"])
@pytest.mark.parametrize("name", [name for name, m in METHODS.items() if m.kind == "trained"])
def test_parts_of_a_step_have_the_gradients_of_the_whole(
    texture: TripletFile, name: str, loss: str
) -> None:
    """Five crops in parts of two: the last part counts half."""
    torch.manual_seed(0)
    network = parse_variant(name, "quick").build().double().train()
    with torch.no_grad():  # untrained, most of it has no gradient
        for weights in network.parameters():
            weights.add_(0.02 * torch.randn_like(weights))
    start = {key: value.clone() for key, value in network.state_dict().items()}
    batch = Triplets(*torch.rand(3, 5, 1, 32, 32, dtype=torch.float64))
    terms = build_loss(loss, LossOptions(lowpass=1.0), load_features("random").double())
    found = []
    for micro_batch in (None, 2):
        network.load_state_dict(start)
        preset = dataclasses.replace(QUICK, batch=5, micro_batch=micro_batch)
        training = make_training(texture, loss=terms, preset=preset)
        optimiser = torch.optim.Adam(network.parameters())
        numbers = gradient_step(network, optimiser, training, training.steps, batch)
        found.append((numbers, [weights.grad.clone() for weights in network.parameters()]))
    (whole, expected), (parts, gradients) = found
    largest = max(float(gradient.abs().max()) for gradient in expected)
    assert parts.names == whole.names
    torch.testing.assert_close(parts.values, whole.values, rtol=1e-9, atol=1e-12)
    for one, other in zip(gradients, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-7, atol=1e-9 * largest)


def test_a_gradient_that_is_too_large_keeps_its_direction_and_is_logged_as_it_was(
    texture: TripletFile,
) -> None:
    batch = next(CropSampler(texture, texture.indices("train"), 32, 2, 0).steps(0, 1))

    def gradients(clip: float | None) -> tuple[dict[str, torch.Tensor], float]:
        model = fresh()
        nn.init.constant_(model.head.weight, 0.1)
        training = make_training(texture, preset=dataclasses.replace(QUICK, clip=clip))
        optimiser = torch.optim.Adam(model.parameters())
        numbers = gradient_step(model, optimiser, training, 0, batch)
        found = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
        return found, read_numbers([numbers])[0]["gradient_norm"]

    free, norm = gradients(None)
    limit = norm / 4
    clipped, logged = gradients(limit)
    assert logged == norm
    for name, gradient in free.items():
        assert torch.allclose(clipped[name], gradient / 4, rtol=1e-4)
    same, _ = gradients(norm * 2)
    assert all(torch.equal(same[name], free[name]) for name in free)


def test_a_network_that_couples_crops_is_not_trained_in_parts(
    texture: TripletFile, tmp_path: Path
) -> None:
    model = fresh()
    model.head = torch.nn.Sequential(torch.nn.BatchNorm2d(4), model.head)
    preset = dataclasses.replace(QUICK, micro_batch=1)
    with pytest.raises(UserError, match=r"--micro-batch 1 does not go with tiny: its batch"):
        train(model, make_training(texture, preset=preset), tmp_path, quiet)


def test_a_validation_that_is_no_number_stops_the_training(
    texture: TripletFile, tmp_path: Path
) -> None:
    class BadAtRest(Tiny):
        def forward(self, before: torch.Tensor, after: torch.Tensor) -> Interpolation:
            middle = super().forward(before, after).middle
            return Interpolation(middle if self.training else middle / 0)

    (tmp_path / "training.csv").write_text("of an earlier training")
    with pytest.raises(DivergenceError, match=r"validation loss at step 10 is (nan|inf)"):
        train(BadAtRest(), make_training(texture), tmp_path, quiet)
    assert [path.name for path in tmp_path.iterdir()] == []


def test_a_fit_that_leaves_no_numbers_is_refused(texture: TripletFile) -> None:
    class Unsolved(Linear):
        def fit(self, triplets: Iterable[Triplets]) -> None:
            super().fit(triplets)
            self.weight[0, 0, 0, 0] = float("nan")

    with pytest.raises(UserError, match="'linear' left NaN or infinity in `weight`"):
        fit(Unsolved(), texture, texture.indices("train")[:2])


def test_a_fit_says_how_far_it_is(texture: TripletFile) -> None:
    said = list[tuple[int, int, str]]()
    fit(Linear(), texture, texture.indices("train")[:3], lambda *tick: said.append(tick))
    assert said == [(done, 3, "triplets") for done in (1, 2, 3)]
