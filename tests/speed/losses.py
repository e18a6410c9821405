"""The loss of a training step under `ls`, beside its first, straightforward form."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from methods.features import VggFeatures, load_features
from methods.interface import Interpolation, Triplets
from methods.losses import LossOptions, build_loss
from speed.figures import Equality, Result, Setting
from speed.racing import race, same
from speed.subjects import triplet

SIZE = 256
_SMALL = 128


def measure(setting: Setting) -> Result:
    """The paper's loss and its gradient with respect to the prediction, one crop."""
    side = setting.size or SIZE
    sides = forms()
    batch = triplet(side)
    equal = equality(min(side, _SMALL))
    figures = race(
        "loss and its gradient", *(partial(gradient, form, batch) for form in sides), 0.5, setting
    )
    return Result(figures, [equal], side)


def equality(side: int) -> Equality:
    """Of loss and gradient in float64.

    In float32 a few pixels in a thousand differ on large crops: an activation that rounding moves
    over the edge of a ReLU or of a maximum takes another gradient.
    """
    batch = Triplets(*(part.double() for part in triplet(side)))
    found = [gradient(form, batch) for form in forms(torch.float64)]
    return same(f"loss and gradient of the prediction, float64, {side} x {side}", *found, 1e-10)


Form = Callable[[Tensor, Triplets], Tensor]


def forms(dtype: torch.dtype = torch.float32) -> tuple[Form, Form]:
    """The reference and ours, on the same random features."""
    features = load_features("random").to(dtype)
    options = LossOptions()
    loss = build_loss("ls", options, features)

    def ours(prediction: Tensor, batch: Triplets) -> Tensor:
        return loss(Interpolation(prediction), batch).total

    return partial(reference_loss, three_channels(features), options), ours


def gradient(form: Form, batch: Triplets) -> list[Tensor]:
    """Loss, and gradient of a prediction that is neither of the slices."""
    prediction = (0.6 * batch.before + 0.4 * batch.after).requires_grad_()
    loss = form(prediction, batch)
    loss.backward()
    assert prediction.grad is not None
    return [loss.detach(), prediction.grad]


def three_channels(features: VggFeatures) -> nn.ModuleList:
    """The same network as it is published: three channels, weights that want gradients."""
    stages = nn.ModuleList()
    for stage in features.stages:
        layers: list[nn.Module] = []
        for module in stage:
            if not isinstance(module, nn.Conv2d):
                layers.append(nn.ReLU() if isinstance(module, nn.ReLU) else nn.MaxPool2d(2))
                continue
            weight = module.weight.detach().contiguous()
            if weight.shape[1] == 1:
                weight = weight.repeat(1, 3, 1, 1) / 3
            outputs, inputs = weight.shape[:2]
            convolution = nn.Conv2d(inputs, outputs, 3, padding=1, dtype=weight.dtype)
            convolution.load_state_dict({"weight": weight, "bias": module.bias})
            layers.append(convolution)
        stages.append(nn.Sequential(*layers))
    return stages


def reference_loss(
    stages: nn.ModuleList, options: LossOptions, prediction: Tensor, batch: Triplets
) -> Tensor:
    """Equations 12 to 17 as they are read: four images through the network, every step."""
    stages.zero_grad()
    layers = {
        name: _layers(stages, image)
        for name, image in (("prediction", prediction), *batch._asdict().items())
    }
    pixel = torch.sqrt((prediction - batch.middle) ** 2 + options.epsilon**2).mean()
    feature = sum(
        ((one - other) ** 2).mean()
        for one, other in zip(layers["prediction"], layers["middle"], strict=True)
    )

    def style(one: str, other: str) -> Tensor:
        pairs = zip(layers[one], layers[other], strict=True)
        return sum(((_gram(a) - _gram(b)) ** 2).mean((-2, -1)) for a, b in pairs)

    balance = sum(
        beta * (style("prediction", name) - style("middle", name)).abs().mean()
        for beta, name in zip(options.beta, batch._fields, strict=True)
    )
    weights = options.alpha
    total: Tensor = weights[0] * balance + weights[1] * feature + weights[2] * pixel
    return total


def _layers(stages: nn.ModuleList, image: Tensor) -> list[Tensor]:
    layer, found = image.repeat(1, 3, 1, 1), []
    for stage in stages:
        layer = stage(layer)
        found.append(layer)
    return found


def _gram(layer: Tensor) -> Tensor:
    batch, channels, height, width = layer.shape
    flat = layer.reshape(batch, channels, height * width)
    return torch.einsum("bcn,bdn->bcd", flat, flat) / (channels * height * width)
