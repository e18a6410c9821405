"""The losses: the paper's three (Wang et al. 2021, equations 12-17), and ours for membranes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from methods.features import VggFeatures
from methods.interface import Interpolation, Triplets
from methods.option_checks import require_numbers, require_words

# What each loss has beside the pixel terms.
LOSSES: Mapping[str, tuple[str, ...]] = {
    "l1": (),
    "lf": ("feature",),
    "ls": ("feature", "style"),
    "lm": ("membrane",),
}

# Options that a loss reads because of a part; all others are read by every loss.
PART_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "feature": ("alpha", "feature_crop"),
    "style": ("style", "beta"),
    "membrane": ("membrane",),
}

# The truth first, as in the batch of given frames.
_STYLE = ("style_middle", "style_before", "style_after")


class LossTerms(NamedTuple):
    """A loss and what it is made of.

    Attributes:
        total: the scalar to minimise, sum over parts of ``TripletLoss.weights`` x part.
        parts: unweighted scalars without gradient: ``l1``, ``lowpass``, ``feature``,
            ``style_before``, ``style_middle``, ``style_after``, ``membrane``, as far as the loss
            has them.
    """

    total: Tensor
    parts: Mapping[str, Tensor]


@dataclass(frozen=True)
class LossOptions:
    """The readings of the paper's loss.

    Attributes:
        style: ``balance`` or ``plain`` (equation 14: the truth's style alone). Balance is the sum
            over j of beta_j |S(prediction, j) - S(truth, j)|: the gradient of equation 15, and
            zero for the truth's style alone. Equation 15 leaves out S(truth, j): it jumps where
            its sign turns, can rank a copy of the truth in another contrast before the truth,
            and so cannot say which weights to keep.
        alpha: weights of style, feature and pixel loss (equation 12).
        beta: weights of the style terms against before, middle and after (equation 15).
        epsilon: of the Charbonnier penalty sqrt(x^2 + epsilon^2); the authors' code has 1e-3,
            the paper prints 1e-6.
        reduction: ``mean`` over pixels and Gram entries, as the authors' code has it, or
            ``sum``, as equations 14 and 17 are printed. Equation 16 is a mean in both.
        lowpass: weight, relative to the pixel loss, of the same penalty on frames
            average-pooled by 2 and by 4. Not the paper's: it lets motion be learnt before
            the noise, and records name it where it is on.
        feature_crop: features are taken of the central pixels of this side, or of the whole
            frame where it is 0 or the frame is smaller. Average-pooled frames cost as little,
            but do not show what is finer than their pixels, and networks fill that with noise.
        membrane: weight of the membrane term, relative to the pixel loss.

    Raises:
        ValueError: a weight that would not be minimised, a penalty without a gradient, or a word
            that is none of an option's.
    """

    style: Literal["balance", "plain"] = "balance"
    alpha: tuple[float, float, float] = (1e6, 1.0, 1.0)
    beta: tuple[float, float, float] = (0.1, 1.0, 0.1)
    epsilon: float = 1e-3
    reduction: Literal["mean", "sum"] = "mean"
    lowpass: float = 0.0
    feature_crop: int = 0
    membrane: float = 1.0

    def __post_init__(self) -> None:
        require_words(self)
        least = dict.fromkeys(("alpha", "beta", "lowpass", "feature_crop"), 0)
        require_numbers(self, least, above=("epsilon", "membrane"))


class TripletLoss(nn.Module):
    """Charbonnier, and what the name of the loss adds to it (``LOSSES``).

    Features and teacher are frozen: nothing of them is learned, and they stay in evaluation mode.

    Attributes:
        weights: factor of each part in the total.
    """

    def __init__(
        self,
        name: str,
        options: LossOptions,
        features: VggFeatures | None,
        teacher: nn.Module | None,
    ) -> None:
        super().__init__()
        self.options = options
        self.features, self.teacher = features, teacher
        for frozen in filter(None, (features, teacher)):
            frozen.eval().requires_grad_(requires_grad=False)
        style, feature, pixel = options.alpha
        weights = {"l1": pixel}
        if options.lowpass:
            weights["lowpass"] = pixel * options.lowpass
        parts = LOSSES[name]
        if "feature" in parts:
            weights["feature"] = feature
        if "style" in parts and options.style == "plain":
            weights["style_middle"] = style
        if "style" in parts and options.style == "balance":
            before, middle, after = (style * beta for beta in options.beta)
            weights |= {"style_before": before, "style_middle": middle, "style_after": after}
        if "membrane" in parts:
            weights["membrane"] = pixel * options.membrane
        self.weights: Mapping[str, float] = weights

    def forward(self, output: Interpolation, triplet: Triplets) -> LossTerms:
        """The loss of an interpolation against its triplet (all B1HW in [0, 1]).

        Everything is per image and then averaged over the batch, so that the loss does not
        depend on what else is in the batch.

        Raises:
            ValueError: the slice and the truth are of two shapes, which would be broadcast.
        """
        if output.middle.shape != triplet.middle.shape:
            raise ValueError(
                f"The slice is {tuple(output.middle.shape)}, the truth "
                f"{tuple(triplet.middle.shape)}; give both as B1HW."
            )
        # Squared Gram differences x 1e6 do not survive the eight bits of a bfloat16.
        with torch.autocast(output.middle.device.type, enabled=False):
            prediction = output.middle.to(triplet.middle.dtype)
            parts = self._pixel_parts(prediction - triplet.middle)
            if self.features is not None:
                parts |= self._feature_parts(self.features, prediction, triplet)
            if self.teacher is not None:
                parts["membrane"] = membrane_error(self.teacher, prediction, triplet.middle)
            total = torch.stack([parts[part] * weight for part, weight in self.weights.items()])
        return LossTerms(total.sum(), {part: parts[part].detach() for part in self.weights})

    def train(self, mode: bool = True) -> Self:
        """As of any module, but for the parts that are frozen."""
        super().train(mode)
        for frozen in filter(None, (self.features, self.teacher)):
            frozen.eval()
        return self

    def shares(self, terms: LossTerms) -> dict[str, float]:
        """How much of the loss is ``pixel``, ``feature``, ``style``, ``membrane``, by magnitude.

        Returns:
            Numbers that sum to 1, for those of the four that the loss has; a loss of zero
            gives zeros.
        """
        sizes: dict[str, float] = {}
        for part, weight in self.weights.items():
            group = "pixel" if part in ("l1", "lowpass") else part.partition("_")[0]
            sizes[group] = sizes.get(group, 0.0) + abs(weight * terms.parts[part].item())
        total = sum(sizes.values())
        return {group: size / total if total else 0.0 for group, size in sizes.items()}

    def _pixel_parts(self, difference: Tensor) -> dict[str, Tensor]:
        parts = {"l1": self._charbonnier(difference)}
        if self.options.lowpass:
            parts["lowpass"] = sum(
                (self._charbonnier(functional.avg_pool2d(difference, side)) for side in (2, 4)),
                start=difference.new_zeros(()),
            )
        return parts

    def _charbonnier(self, difference: Tensor) -> Tensor:
        penalty = torch.sqrt(difference**2 + self.options.epsilon**2)
        return penalty.mean() if self.options.reduction == "mean" else penalty.sum() / len(penalty)

    def _feature_parts(
        self, features: VggFeatures, prediction: Tensor, triplet: Triplets
    ) -> dict[str, Tensor]:
        """Feature and style terms, layer by layer, so that no layer is kept longer than needed.

        Only the prediction carries a gradient: truth and neighbours go through the network
        in one batch of their own, without a graph, and only those that the loss reads.
        """
        styles = [part for part in _STYLE if part in self.weights]
        neighbours = [triplet.before, triplet.after] if "style_before" in styles else []
        given = torch.cat([triplet.middle, *neighbours])
        layer, given_layer = (self._centre(frames) for frames in (prediction, given))
        feature, style, reference = (prediction.new_zeros(()) for _ in range(3))
        for stage in features.stages:
            layer = stage(layer)
            with torch.no_grad():
                given_layer = stage(given_layer)
            feature = feature + functional.mse_loss(layer, given_layer[: len(layer)])
            if styles:
                with torch.no_grad():
                    grams = gram(given_layer)
                    given_gram = grams.view(-1, len(layer), *grams.shape[1:])
                    reference = reference + self._distance(given_gram[0], given_gram)
                style = style + self._distance(gram(layer), given_gram)
        if not styles:
            return {"feature": feature}
        balance = (style - reference).abs().mean(dim=1)
        return {"feature": feature, **dict(zip(_STYLE, balance, strict=False))}

    def _distance(self, one: Tensor, other: Tensor) -> Tensor:
        squares = (one - other) ** 2
        return squares.mean((-2, -1)) if self.options.reduction == "mean" else squares.sum((-2, -1))

    def _centre(self, frames: Tensor) -> Tensor:
        side = self.options.feature_crop
        if not 0 < side < min(frames.shape[-2:]):
            return frames
        top, left = ((length - side) // 2 for length in frames.shape[-2:])
        return frames[..., top : top + side, left : left + side]


def gram(layer: Tensor) -> Tensor:
    """Correlations of channels, BCHW to BCC, divided by C H W (equation 13)."""
    flat = layer.flatten(2)
    return flat @ flat.mT / (flat.shape[1] * flat.shape[2])


def membrane_error(teacher: nn.Module, prediction: Tensor, truth: Tensor) -> Tensor:
    """How little the membranes seen in a prediction overlap with those seen in the real slice.

    1 - 2 sum(p q) / (sum(p) + sum(q)) over the pixels of an image (soft Dice, linear denominator),
    p and q being the teacher's probabilities of membrane in prediction and real slice; the mean
    over images. Where a membrane may be here or there, it is least for a whole membrane at the
    likelier place, not for a faint one at both: decisions/0015. Not the paper's; no labels needed.

    Args:
        teacher: a frozen segmenter, B1HW in [0, 1] to the logits of membrane, B1HW.
        prediction: B1HW.
        truth: B1HW.

    Returns:
        A scalar from 0 to 1. A copy of the real slice has what the teacher leaves in doubt there.
    """
    found = torch.sigmoid(teacher(prediction)).flatten(1)
    with torch.no_grad():
        wanted = torch.sigmoid(teacher(truth)).flatten(1)
    overlap, size = (found * wanted).sum(1), (found + wanted).sum(1)
    return (1 - (2 * overlap + 1) / (size + 1)).mean()


def revision(name: str, options: LossOptions) -> int:
    """What a loss computes is of this revision; to be raised whenever its values change.

    It is part of the key under which results are kept.
    """
    return 2 if "style" in LOSSES[name] and options.style == "balance" else 1


def reads_option(name: str, option: str) -> bool:
    """Whether an option changes the loss of that name."""
    owners = [part for part, options in PART_OPTIONS.items() if option in options]
    return not owners or any(part in LOSSES[name] for part in owners)


def needs_features(name: str) -> bool:
    """Whether the loss of that name looks at VGG16 features."""
    return "feature" in LOSSES[name]


def needs_teacher(name: str) -> bool:
    """Whether the loss of that name looks at membranes through a frozen segmenter."""
    return "membrane" in LOSSES[name]


def build_loss(
    name: str,
    options: LossOptions,
    features: VggFeatures | None = None,
    teacher: nn.Module | None = None,
) -> TripletLoss:
    """The loss of that name (one of ``LOSSES``).

    Args:
        name: of the loss.
        options: how it is read.
        features: VGG16 features; a loss that does not look at them keeps none.
        teacher: a frozen segmenter from frames to logits of membrane (both B1HW), likewise.

    Raises:
        ValueError: an unknown name, or a loss without the features or the teacher it needs.
    """
    if name not in LOSSES:
        raise ValueError(f"There is no loss '{name}'; choose from {', '.join(LOSSES)}.")
    if needs_features(name) and features is None:
        raise ValueError(f"The loss '{name}' needs VGG16 features; load them with load_features.")
    if needs_teacher(name) and teacher is None:
        raise ValueError(f"The loss '{name}' needs a segmenter to look for membranes with.")
    return TripletLoss(
        name,
        options,
        features if needs_features(name) else None,
        teacher if needs_teacher(name) else None,
    )
