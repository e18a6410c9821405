"""The losses against a slow reference and against numbers worked out by hand."""

from __future__ import annotations

import copy
import math
from typing import Literal

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from bench.cells import registry
from methods.features import VggFeatures, load_features
from methods.interface import Interpolation, Triplets
from methods.losses import (
    LOSSES,
    LossOptions,
    TripletLoss,
    build_loss,
    gram,
    membrane_error,
)

CONVOLUTIONS = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21)
BETA = (0.1, 1.0, 0.1)


def _triplet(batch: int = 2, side: int = 16, dtype: torch.dtype = torch.float64) -> Triplets:
    random = torch.Generator().manual_seed(3)
    slices = torch.rand(4, batch, 1, side // 4, side // 4, generator=random, dtype=dtype)
    smooth = functional.interpolate(slices.flatten(0, 1), size=(side, side), mode="bicubic")
    return Triplets(*smooth.clamp(0, 1).unflatten(0, (4, batch))[:3])


def _prediction(triplet: Triplets) -> Tensor:
    return ((triplet.before + triplet.after) / 2 + 0.02).requires_grad_()


class Straightforward(nn.Module):
    """Equations 12 to 17 as they are read: VGG on four images of three channels, one by one.

    The style balance is the continuous form, or, ``signed``, equation 15 to the letter.
    """

    def __init__(
        self, features: VggFeatures, options: LossOptions, *, signed: bool = False
    ) -> None:
        super().__init__()
        self.options, self.signed = options, signed
        layers = [layer for stage in features.stages for layer in stage]
        self.convolutions = [layer for layer in layers if isinstance(layer, nn.Conv2d)]

    def layers(self, frames: Tensor) -> list[Tensor]:
        signal, taps = frames.repeat(1, 3, 1, 1), []
        for index, layer in zip(CONVOLUTIONS, self.convolutions, strict=True):
            weight = layer.weight.repeat(1, 3, 1, 1) / 3 if index == 0 else layer.weight
            if index in (5, 10, 17):
                signal = functional.max_pool2d(signal, 2)
            signal = functional.relu(functional.conv2d(signal, weight, layer.bias, padding=1))
            if index in (2, 7, 14, 21):
                taps.append(signal)
        return taps

    def style(self, one: list[Tensor], other: list[Tensor], image: int) -> Tensor:
        total = one[0].new_zeros(())
        for a, b in zip(one, other, strict=True):
            flat = [x[image].reshape(x.shape[1], -1) for x in (a, b)]
            squares = ((flat[0] @ flat[0].T - flat[1] @ flat[1].T) / flat[0].numel()) ** 2
            total = total + (squares.mean() if self.options.reduction == "mean" else squares.sum())
        return total

    def forward(self, prediction: Tensor, triplet: Triplets) -> Tensor:
        given = [self.layers(frames) for frames in triplet]
        made = self.layers(prediction)
        batch = len(prediction)
        feature = sum(((a - b) ** 2).mean() for a, b in zip(made, given[1], strict=True))
        style = prediction.new_zeros(())
        for beta, frame in zip(BETA, given, strict=True):
            for image in range(batch):
                ours = self.style(made, frame, image)
                theirs = self.style(given[1], frame, image)
                if self.options.style == "balance" and self.signed:
                    style = style + beta * torch.sign(ours - theirs).detach() * ours / batch
                elif self.options.style == "balance":
                    style = style + beta * (ours - theirs).abs() / batch
                elif frame is given[1]:
                    style = style + ours / batch
        penalty = torch.sqrt((prediction - triplet.middle) ** 2 + 1e-6)
        pixel = penalty.mean() if self.options.reduction == "mean" else penalty.sum() / batch
        return 1e6 * style + feature + pixel


@pytest.fixture(scope="module")
def vgg() -> VggFeatures:
    return load_features("random")


@pytest.fixture(scope="module")
def exact_vgg() -> VggFeatures:
    return load_features("random").double()


@pytest.mark.parametrize(
    ("style", "reduction"), [("balance", "mean"), ("balance", "sum"), ("plain", "mean")]
)
def test_value_and_gradient_equal_the_straightforward_form(
    exact_vgg: VggFeatures,
    style: Literal["balance", "plain"],
    reduction: Literal["mean", "sum"],
) -> None:
    options = LossOptions(style=style, reduction=reduction)
    triplet = _triplet()
    fast, slow = _prediction(triplet), _prediction(triplet)
    ours = build_loss("ls", options, exact_vgg)(Interpolation(fast), triplet).total
    reference = Straightforward(exact_vgg, options)(slow, triplet)
    ours.backward()
    reference.backward()
    assert ours.item() == pytest.approx(reference.item(), rel=1e-10)
    error = (fast.grad - slow.grad).norm() / slow.grad.norm()
    assert error < 1e-9


def test_the_balance_has_the_gradient_of_equation_15(exact_vgg: VggFeatures) -> None:
    triplet = _triplet()
    ours, signed = _prediction(triplet), _prediction(triplet)
    loss = build_loss("ls", LossOptions(), exact_vgg)(Interpolation(ours), triplet).total
    equation = Straightforward(exact_vgg, LossOptions(), signed=True)(signed, triplet)
    loss.backward()
    equation.backward()
    assert loss.item() != pytest.approx(equation.item(), rel=1e-3)
    assert (ours.grad - signed.grad).norm() / signed.grad.norm() < 1e-9


def test_nothing_scores_better_than_the_truth(exact_vgg: VggFeatures) -> None:
    """By equation 15 its copy at contrast 1.005 does, where both neighbours have more contrast."""
    truth = _triplet(batch=1).middle
    contrasts = (0.9, 0.995, 1.0, 1.005, 1.1)
    copies = [truth + (contrast - 1) * (truth - truth.mean()) for contrast in contrasts]
    triplet = Triplets(copies[-1], truth, copies[-1])
    loss = build_loss("ls", LossOptions(), exact_vgg)
    equation = Straightforward(exact_vgg, LossOptions(), signed=True)
    with torch.no_grad():
        ours = [loss(Interpolation(copy), triplet).total.item() for copy in copies]
        signed = [equation(copy, triplet).item() for copy in copies]
    assert ours[2] == min(ours) == pytest.approx(1e-3)  # what is left is epsilon
    assert ours[0] > ours[1] > ours[2] < ours[3] < ours[4]
    assert signed[3] < 0 < signed[2]


def test_float32_equals_float64(vgg: VggFeatures, exact_vgg: VggFeatures) -> None:
    exact = _triplet()
    single = Triplets(*(frames.float() for frames in exact))
    one = build_loss("ls", LossOptions(), vgg)(Interpolation(_prediction(single)), single)
    other = build_loss("ls", LossOptions(), exact_vgg)(Interpolation(_prediction(exact)), exact)
    assert one.total.item() == pytest.approx(other.total.item(), rel=1e-4)


def _identity(vgg: VggFeatures, options: LossOptions | None = None) -> TripletLoss:
    """A style loss whose only feature is the frame itself, so that numbers can be worked out."""
    features = copy.copy(vgg)
    features._modules = {"stages": nn.ModuleList([nn.Identity()])}
    return build_loss("ls", options or LossOptions(), features)


def _flat(*levels: float) -> list[Tensor]:
    return [torch.full((1, 1, 8, 8), level, dtype=torch.float64) for level in levels]


def test_style_balance_by_hand(vgg: VggFeatures) -> None:
    # Grams of flat frames are squares: before .16, truth .36, after .49, prediction .25.
    before, middle, after, prediction = _flat(0.4, 0.6, 0.7, 0.5)
    terms = _identity(vgg)(Interpolation(prediction), Triplets(before, middle, after))
    parts = {name: part.item() for name, part in terms.parts.items()}
    assert parts == pytest.approx(
        {
            "l1": math.sqrt(0.01 + 1e-6),
            "feature": 0.01,
            "style_before": 0.20**2 - 0.09**2,  # nearer to before (.09) than the truth is (.20)
            "style_middle": 0.11**2,
            "style_after": 0.24**2 - 0.13**2,  # further from after (.24) than the truth is (.13)
        },
        rel=1e-12,
    )
    style = 0.1 * (0.20**2 - 0.09**2) + 0.11**2 + 0.1 * (0.24**2 - 0.13**2)
    assert terms.total.item() == pytest.approx(1e6 * style + 0.01 + parts["l1"], rel=1e-12)


def test_style_balance_is_zero_where_the_styles_are_equally_far(vgg: VggFeatures) -> None:
    before, middle, after, prediction = (
        frame.requires_grad_() for frame in _flat(0.4, 0.6, 0.7, 0.6)
    )
    loss = _identity(vgg, LossOptions(alpha=(1.0, 0.0, 0.0)))
    terms = loss(Interpolation(prediction), Triplets(before, middle, after))
    terms.total.backward()
    assert terms.total.item() == 0.0
    assert prediction.grad is not None
    assert not prediction.grad.any()


def test_the_balance_is_taken_of_each_image_alone(exact_vgg: VggFeatures) -> None:
    triplet = _triplet(batch=3)
    prediction = _prediction(triplet)
    loss = build_loss("ls", LossOptions(lowpass=1.0), exact_vgg)
    together = loss(Interpolation(prediction), triplet).parts
    alone = [
        loss(Interpolation(prediction[i : i + 1]), Triplets(*(x[i : i + 1] for x in triplet))).parts
        for i in range(3)
    ]
    for name, part in together.items():
        mean = sum(parts[name].item() for parts in alone) / 3
        assert part.item() == pytest.approx(mean, rel=1e-9)


def test_plain_style_looks_at_the_truth_alone(vgg: VggFeatures) -> None:
    before, middle, after, prediction = _flat(0.4, 0.6, 0.7, 0.5)
    loss = _identity(vgg, LossOptions(style="plain"))
    terms = loss(Interpolation(prediction), Triplets(before, middle, after))
    assert list(terms.parts) == ["l1", "feature", "style_middle"]
    assert terms.total.item() == pytest.approx(1e6 * 0.11**2 + 0.01 + math.sqrt(0.01 + 1e-6))


def test_sums_by_hand() -> None:
    before, middle, after, prediction = _flat(0.4, 0.6, 0.7, 0.5)
    loss = build_loss("l1", LossOptions(reduction="sum"), None)
    terms = loss(Interpolation(prediction), Triplets(before, middle, after))
    assert terms.total.item() == pytest.approx(64 * math.sqrt(0.01 + 1e-6))


def test_lowpass_does_not_see_fine_noise() -> None:
    _, middle, _, prediction = _flat(0, 0.5, 0, 0.5)
    checks = (torch.arange(8)[:, None] + torch.arange(8)) % 2
    loss = build_loss("l1", LossOptions(lowpass=3.0), None)
    noisy = loss(Interpolation(prediction + 0.2 * (checks - 0.5)), Triplets(middle, middle, middle))
    assert noisy.parts["lowpass"].item() == pytest.approx(2e-3)
    assert noisy.parts["l1"].item() == pytest.approx(math.sqrt(0.01 + 1e-6))
    assert noisy.total.item() == pytest.approx(math.sqrt(0.01 + 1e-6) + 3 * 2e-3)
    moved = loss(Interpolation(prediction + 0.1), Triplets(middle, middle, middle))
    assert moved.parts["lowpass"].item() == pytest.approx(2 * math.sqrt(0.01 + 1e-6))


def test_feature_crop_looks_at_the_centre_alone(exact_vgg: VggFeatures) -> None:
    triplet = _triplet()
    prediction = _prediction(triplet)
    height, width = prediction.shape[-2:]
    side = min(height, width) - 8
    top, left = (height - side) // 2, (width - side) // 2
    window = (..., slice(top, top + side), slice(left, left + side))
    small = build_loss("ls", LossOptions(), exact_vgg)(
        Interpolation(prediction[window]), Triplets(*(frames[window] for frames in triplet))
    )
    cropped = build_loss("ls", LossOptions(feature_crop=side), exact_vgg)(
        Interpolation(prediction), triplet
    )
    whole = build_loss("ls", LossOptions(), exact_vgg)(Interpolation(prediction), triplet)
    larger = build_loss("ls", LossOptions(feature_crop=4 * height), exact_vgg)(
        Interpolation(prediction), triplet
    )
    for name in ("feature", "style_before", "style_middle", "style_after"):
        assert cropped.parts[name].item() == pytest.approx(small.parts[name].item(), rel=1e-12)
        assert larger.parts[name].item() == whole.parts[name].item()
        assert cropped.parts[name].item() != whole.parts[name].item()
    assert cropped.parts["l1"].item() == whole.parts["l1"].item()


def test_the_harness_knows_the_losses_by_name() -> None:
    assert list(registry.LOSSES) == list(LOSSES)


@pytest.mark.parametrize("name", LOSSES)
def test_total_is_the_weighted_sum_of_what_is_logged(name: str, vgg: VggFeatures) -> None:
    triplet = _triplet(dtype=torch.float32)
    loss = build_loss(name, LossOptions(lowpass=0.5, membrane=0.3), vgg, Levels())
    terms = loss(Interpolation(_prediction(triplet)), triplet)
    assert terms.parts.keys() == loss.weights.keys()
    total = sum(loss.weights[part] * value.item() for part, value in terms.parts.items())
    assert terms.total.item() == pytest.approx(total, rel=1e-5)
    assert terms.total.requires_grad
    assert not any(part.requires_grad for part in terms.parts.values())


def test_shares_by_hand(vgg: VggFeatures) -> None:
    before, middle, after, prediction = _flat(0.4, 0.6, 0.7, 0.5)
    loss = _identity(vgg, LossOptions(alpha=(2.0, 1.0, 0.0)))
    shares = loss.shares(loss(Interpolation(prediction), Triplets(before, middle, after)))
    style = 2 * (0.1 * (0.20**2 - 0.09**2) + 0.11**2 + 0.1 * (0.24**2 - 0.13**2))
    assert shares == pytest.approx(
        {"pixel": 0, "feature": 0.01 / (0.01 + style), "style": style / (0.01 + style)}
    )
    l1 = build_loss("l1", LossOptions(), None)
    assert l1.shares(l1(Interpolation(prediction), Triplets(before, middle, after))) == {"pixel": 1}


class Levels(nn.Module):
    """A segmenter that takes grey levels for logits of membrane."""

    def forward(self, frames: Tensor) -> Tensor:
        return 4 * (frames - 0.5)


def test_membranes_by_hand() -> None:
    truth, prediction = torch.full((2, 1, 4, 4), 0.75), torch.full((2, 1, 4, 4), 0.5)
    prediction[1] = 0.75
    q, p = 1 / (1 + math.exp(-1)), 0.5
    errors = [1 - (2 * 16 * one * q + 1) / (16 * (one + q) + 1) for one in (p, q)]
    expected = sum(errors) / 2  # of each image by itself
    assert membrane_error(Levels(), prediction, truth).item() == pytest.approx(expected)


def test_a_whole_membrane_at_the_likelier_place_errs_less_than_a_faint_one_at_both() -> None:
    """The membrane is in the left column in three of five cases, else in the right one."""
    logits = torch.full((3, 1, 8, 8), -20.0)
    logits[0, ..., 2] = logits[1, ..., 5] = 20.0
    logits[2, ..., 2], logits[2, ..., 5] = math.log(3 / 2), math.log(2 / 3)
    left, right, hedged = logits.unsqueeze(1)

    def expected(prediction: Tensor) -> float:
        errors = (membrane_error(nn.Identity(), prediction, truth) for truth in (left, right))
        return sum(share * error.item() for share, error in zip((0.6, 0.4), errors, strict=True))

    both = torch.maximum(left, right)
    # Cross-entropy is least where the probabilities are the shares of the cases.
    assert expected(left) < expected(hedged)
    assert expected(both) < expected(hedged)


def test_lm_is_l1_and_its_weight_of_membranes(vgg: VggFeatures) -> None:
    triplet = _triplet(dtype=torch.float32)
    prediction = _prediction(triplet)
    teacher = nn.Conv2d(1, 1, 3, padding=1).requires_grad_(False)
    options = LossOptions(lowpass=1.0, membrane=0.3)
    lm, l1 = (build_loss(name, options, vgg, teacher) for name in ("lm", "l1"))
    ours, theirs = (loss(Interpolation(prediction), triplet) for loss in (lm, l1))
    error = membrane_error(teacher, prediction, triplet.middle)
    assert ours.total.item() == pytest.approx((theirs.total + 0.3 * error).item())
    assert (lm.features, l1.teacher) == (None, None)
    ours.total.backward()
    assert prediction.grad is not None
    assert prediction.grad.abs().sum() > 0
    assert teacher.weight.grad is None


def test_autocast_does_not_touch_the_loss(vgg: VggFeatures) -> None:
    triplet = _triplet(dtype=torch.float32)
    loss = build_loss("ls", LossOptions(), vgg)
    expected = loss(Interpolation(_prediction(triplet)), triplet).total
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = loss(Interpolation(_prediction(triplet)), triplet).total
    assert found.item() == expected.item()


def test_gram_by_hand() -> None:
    layer = torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]])
    assert gram(layer).tolist() == [[[5 / 4, 11 / 4], [11 / 4, 25 / 4]]]


def test_the_feature_weights_are_not_trained(vgg: VggFeatures) -> None:
    assert not any(p.requires_grad for p in build_loss("ls", LossOptions(), vgg).parameters())
    assert build_loss("l1", LossOptions(), vgg).features is None


def test_what_a_loss_looks_through_stays_frozen() -> None:
    """In a larger module that is set to training mode, too: batch normalisation would drift."""
    teacher = nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1))
    loss = build_loss("lm", LossOptions(), teacher=teacher)
    assert not any(parameter.requires_grad for parameter in loss.parameters())
    nn.ModuleList([loss]).train()
    assert loss.training
    assert not any(part.training for part in teacher.modules())


def test_a_truth_that_would_be_broadcast_is_refused() -> None:
    triplet = _triplet()
    flat = Triplets(*(frames[:, 0] for frames in triplet))
    with pytest.raises(ValueError, match="give both as B1HW"):
        build_loss("l1", LossOptions())(Interpolation(triplet.before), flat)


@pytest.mark.parametrize("option", ["style", "reduction"])
def test_a_word_that_no_option_takes_is_refused(option: str) -> None:
    """An unknown style would be none at all."""
    with pytest.raises(ValueError, match=f"{option} has to be one of"):
        LossOptions(**{option: "balanced"})


def test_words_that_are_off() -> None:
    with pytest.raises(ValueError, match="no loss 'l3'; choose from l1, lf, ls, lm"):
        build_loss("l3", LossOptions(), None)
    with pytest.raises(ValueError, match="'lf' needs VGG16 features"):
        build_loss("lf", LossOptions(), None)
    with pytest.raises(ValueError, match="'lm' needs a segmenter"):
        build_loss("lm", LossOptions())
