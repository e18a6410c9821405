"""A training step, channels_last as we train, beside the same network in torch's own layout."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from bench.cells.variants import parse_variant
from bench.profile.counting import count_pass
from methods.interface import Interpolator, Triplets
from methods.losses import LossOptions, build_loss
from speed.figures import Equality, Figure, Result, Setting
from speed.racing import race, same, timed
from speed.subjects import triplet

SIZE = 256
_SMALL = 64
_PRESETS = ("quick", "paper")


def measure(method: str, setting: Setting) -> Result:
    """One crop, forward, loss, backward and optimiser; small and published widths."""
    side = setting.size or SIZE
    batch = triplet(side)
    figures: list[Figure] = []
    for preset in _PRESETS:
        sides = [partial(Step(network(method, preset, last=last)), batch) for last in (False, True)]
        figures += race(preset, *sides, 1 / 3, setting, target="3 x faster")
    return Result(figures, [equality(method)], side)


def equality(method: str) -> Equality:
    """Loss and gradients of both layouts, of the small widths in float64."""
    found = []
    batch = Triplets(*(part.double() for part in triplet(_SMALL)))
    for last in (False, True):
        step = Step(network(method, "quick", last=last).double())
        loss = step(batch)
        found.append([loss, *(p.grad for p in step.model.parameters() if p.grad is not None)])
    return same(f"loss and gradients, float64, {_SMALL} x {_SMALL}", *found, 1e-10)


def measure_limit(method: str, setting: Setting) -> Result:
    """The step against its multiply-adds at the rate of its own convolutions, each by itself."""
    side = setting.size or SIZE
    batch = triplet(side)
    figures: list[Figure] = []
    for preset in _PRESETS:
        step = Step(network(method, preset, last=True))
        shapes = convolutions(step.model, batch)
        setting.say(f"{preset}: {len(set(shapes))} shapes of convolutions")
        macs = sum(_macs(shape) for shape in shapes)
        seconds = {shape: _alone(shape) for shape in set(shapes)}
        rate = macs / sum(seconds[shape] for shape in shapes)
        fastest = max(_macs(shape) / seconds[shape] for shape in seconds)
        counted = count_pass(step.model, [batch.before, batch.after], backward=True).total
        limit = counted / rate
        turns = 3 if limit < setting.patience / 10 else 1
        found = min(timed(partial(step, batch)) for _ in range(turns))
        figures.append(
            Figure(
                f"{preset}: time", "s", limit, found, 1 / 0.6, "60 % of the limit", repeats=turns,
                note=f"{counted / 1e9:.4g} GMAC a step at {rate / 1e9:.3g} GMAC/s, the rate of its "
                f"convolutions alone (the fastest shape: {fastest / 1e9:.3g})",
            )
        )  # fmt: skip
    return Result(figures, [], side)


def network(method: str, preset: str, *, last: bool) -> Interpolator:
    """A network with all weights off zero, in channels_last or with every convolution in NCHW."""
    torch.manual_seed(0)
    model: Interpolator = parse_variant(method, preset).build().train()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.01 * torch.randn_like(parameter))
    if last:
        return model.to(memory_format=torch.channels_last)
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_pre_hook(_contiguous)
    return model


class Step:
    """A training step on a batch; returns the loss."""

    def __init__(self, model: Interpolator) -> None:
        self.model = model
        self.loss = build_loss("l1", LossOptions(), None)
        self.optimiser = torch.optim.Adam(model.parameters(), lr=1e-6)

    def __call__(self, batch: Triplets) -> Tensor:
        output = self.model(batch.before, batch.after)
        loss = self.loss(output, batch).total
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        return loss.detach()


Shape = tuple[tuple[int, ...], tuple[int, ...], int, int, int, bool]
# of the input, of the weight, stride, padding, dilation, whether the input wants a gradient


def convolutions(model: Interpolator, batch: Triplets) -> list[Shape]:
    """The shape of every convolution of a step."""
    shapes: list[Shape] = []

    def see(module: nn.Conv2d, inputs: tuple[Tensor]) -> None:
        numbers = (module.stride[0], int(module.padding[0]), module.dilation[0])
        given = inputs[0]
        weight = tuple(module.weight.shape)
        shapes.append((tuple(given.shape), weight, *numbers, given.requires_grad))

    hooks = [
        module.register_forward_pre_hook(see)
        for module in model.modules()
        if isinstance(module, nn.Conv2d)
    ]
    model(batch.before, batch.after)
    for hook in hooks:
        hook.remove()
    return shapes


def _macs(shape: Shape) -> int:
    """Multiply-adds of a convolution, forward and backward."""
    (batch, _, height, width), (out, below, tall, wide), stride, *_, wanted = shape
    once = batch * out * below * tall * wide * (height // stride) * (width // stride)
    return once * (3 if wanted else 2)


def _alone(shape: Shape) -> float:
    """Seconds of a convolution by itself, forward and backward: the best of two in each layout."""
    (size, weight_size, stride, padding, dilation, wanted) = shape
    found = []
    for layout in (torch.channels_last, torch.contiguous_format):
        image = torch.randn(size).contiguous(memory_format=layout).requires_grad_(wanted)
        weight = torch.randn(weight_size).contiguous(memory_format=layout).requires_grad_()

        def once(image: Tensor = image, weight: Tensor = weight) -> None:
            out = nn.functional.conv2d(image, weight, None, stride, padding, dilation)
            out.backward(torch.ones_like(out))

        found += [timed(once) for _ in range(3)][1:]
    return min(found)


def _contiguous(module: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor]:
    del module
    return (inputs[0].contiguous(),)
