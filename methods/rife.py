"""RIFE: flow and mask estimated straight from both slices, from coarse to fine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

import torch
from torch import Tensor, nn
from torch.nn import functional

from methods.interface import Interpolation, Interpolator, MethodInfo, pad_to_multiple
from methods.layers.warp import backward_warp

_LEAST_CONTRAST = 1e-3  # a quarter of a grey level, so that a blank slice stays blank
_SLOPE = 0.25  # of PReLU below zero, at first
_GAIN = 1 / 16  # of the heads; a power of two, so that published weights lose no bit by it
_FOLDING = 4  # a step works at a fourth of the resolution that it looks at

# What the published file holds beside the four steps: its prediction does not use it.
_UNUSED = ("block_tea.", "contextnet.", "unet.")


@dataclass(frozen=True)
class RifeOptions:
    """Sizes of the steps, from the coarsest to the finest.

    Attributes:
        widths: channels of each step.
        scales: each step looks at 1 / scale of the resolution.
        depth: convolutions of a step between entry and head.
        normalise: whether the network sees both slices at their common mean 0 and standard
            deviation 1, or as they are.
    """

    widths: tuple[int, ...] = (192, 128, 96, 64)
    scales: tuple[int, ...] = (8, 4, 2, 1)
    depth: int = 8
    normalise: bool = False

    def __post_init__(self) -> None:
        if not self.widths or len(self.widths) != len(self.scales):
            raise ValueError(
                f"rife has {len(self.widths)} widths and {len(self.scales)} scales; give each "
                "step one of both."
            )
        if min(self.widths) < 2 or min(self.scales) < 1 or self.depth < 1:
            raise ValueError("rife takes widths from 2, scales from 1 and a depth from 1.")

    @property
    def stride(self) -> int:
        """Slices are padded to a multiple of it."""
        return _FOLDING * max(self.scales)


_PRESETS = {
    "quick": RifeOptions((96, 72, 48), (4, 2, 1), depth=6, normalise=True),
    "medium": RifeOptions((128, 96, 72, 48), normalise=True),
    "paper": RifeOptions(),
}


class Rife(Interpolator):
    """The intermediate flow network of RIFE (Huang et al. 2022), practical version 4.0.

    Each step sees both slices as far as they are warped, the time, and the estimate so far,
    and adds to that estimate: the flow from the middle to either slice, and the logit of the
    mask that blends the two warped slices.
    """

    info = MethodInfo(
        name="rife",
        title="RIFE",
        reference="Huang et al., Real-Time Intermediate Flow Estimation for Video Frame "
        "Interpolation, ECCV 2022; network of Practical-RIFE 4.0",
        kind="trained",
        stride=_FOLDING * 8,
        any_time=True,
        extras=("flow_before", "flow_after", "warped_before", "warped_after", "mask"),
        deviations=(
            "trained without a teacher, flow distillation or a smoothness term: under the losses "
            "of this benchmark alone, at the times of missing slices",
            "one grey channel; of published weights, those of the three colours are summed",
            "no refinement after the blend, as in the prediction of version 4.0",
            "slices are padded by their edge to a multiple of at most 32, where the reference pads "
            "with black to 128; motion above 32 pixels does not make it begin coarser",
            "presets quick and medium are narrower, and see both slices normalised to their "
            "common mean and standard deviation",
            "initialised after He, its heads at zero: untrained, it returns the average; heads "
            "are learned at a gain of 1/16",
        ),
    )
    Options = RifeOptions
    presets = MappingProxyType(_PRESETS)

    def __init__(self, options: RifeOptions | None = None) -> None:
        super().__init__(options)
        chosen: RifeOptions = self.options
        self.steps = nn.ModuleList(
            # There is no estimate for the first to see.
            _Step(8 if number else 3, width, scale, chosen.depth)
            for number, (width, scale) in enumerate(zip(chosen.widths, chosen.scales, strict=True))
        )

    def forward(self, before: Tensor, after: Tensor, time: float = 0.5) -> Interpolation:
        """Synthesise the slice at a time between ``before`` and ``after`` (both B1HW in [0, 1])."""
        synthesise = partial(self._synthesise, time=time)
        return pad_to_multiple(synthesise, before, after, self.options.stride)

    def _synthesise(self, before: Tensor, after: Tensor, time: float) -> Interpolation:
        # Both slices travel as one batch: first before, then after.
        frames = warped = torch.cat([before, after])
        mean, spread = self._brightness(before, after)
        clock = torch.full_like(before, time)
        estimate = torch.zeros_like(before).repeat(1, 5, 1, 1)
        for step in self.steps:
            shown = ((warped - mean) / spread).chunk(2)
            flow, logit = estimate.split([4, 1], dim=1)
            estimate = estimate + step(torch.cat([*shown, clock, logit, flow / step.scale], dim=1))
            warped = backward_warp(frames, _both(estimate))

        flow, logit = _both(estimate), estimate[:, 4:]
        # Written as a change, so that without motion it is the slice to the last bit.
        still = backward_warp(frames, torch.zeros_like(flow))
        warped_before, warped_after = (frames + (warped - still)).chunk(2)
        flow_before, flow_after = flow.chunk(2)
        mask = torch.sigmoid(logit)
        middle = mask * warped_before + (1 - mask) * warped_after
        extras = {
            "flow_before": flow_before,
            "flow_after": flow_after,
            "warped_before": warped_before,
            "warped_after": warped_after,
            "mask": mask,
        }
        return Interpolation(middle, extras)

    def _brightness(self, before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
        """What the network takes off both slices, and divides them by: for a batch of both."""
        pair = torch.cat([before, after], dim=1)
        if not self.options.normalise:
            return pair.new_zeros(()), pair.new_ones(())
        mean = pair.mean((1, 2, 3), keepdim=True)
        spread = pair.std((1, 2, 3), keepdim=True, correction=0) + _LEAST_CONTRAST
        return torch.cat([mean, mean]), torch.cat([spread, spread])

    @classmethod
    def from_published(cls, tensors: Mapping[str, Tensor]) -> Rife:
        """A network with the weights of Practical-RIFE 4.0 (`flownet.pkl`), made grey.

        Slices have one channel, which a colour network would see three times; so the weights
        of its three input channels are summed. Nothing that it returns has colours.

        Args:
            tensors: as published, by name.

        Raises:
            ValueError: a tensor is missing, of another shape, or not known.
        """
        network = cls(_PRESETS["paper"])
        found = {name.removeprefix("module."): tensor for name, tensor in tensors.items()}
        left = {name for name in found if not name.startswith(_UNUSED)}
        grey = {}
        for ours, expected in network.state_dict().items():
            theirs = _published_name(ours)
            if theirs not in found:
                raise ValueError(f"the tensor {theirs} is missing")
            tensor = found[theirs].float()
            if ours.endswith("entry.0.weight") and tensor.dim() == 4:
                tensor = _without_colour(tensor)
            if ".head." in ours:
                tensor = tensor / _GAIN
            if tensor.shape != expected.shape:
                raise ValueError(f"the tensor {theirs} has the shape {tuple(found[theirs].shape)}")
            grey[ours] = tensor
            left.discard(theirs)
        if left:
            raise ValueError(f"the tensor {min(left)} is not known")
        network.load_state_dict(grey)
        return network


class _Step(nn.Module):
    """What is seen, B8HW, to a change of the estimate, B5HW: four channels of flow, one of mask.

    Seen are two slices, the time, the mask's logit and the flow in pixels of this step; the
    change of flow is in those of the full resolution.

    Args:
        seen: how many of these channels it looks at.
        width: channels inside.
        scale: it looks at 1 / scale of the resolution.
        depth: convolutions between entry and head.
    """

    units: Tensor

    def __init__(self, seen: int, width: int, scale: int, depth: int) -> None:
        super().__init__()
        self.seen, self.scale = seen, scale
        self.entry = nn.Sequential(
            *_layer(seen, width // 2, stride=2), *_layer(width // 2, width, stride=2)
        )
        self.body = nn.Sequential(*(part for _ in range(depth) for part in _layer(width, width)))
        self.head = nn.ConvTranspose2d(width, 5, 4, stride=2, padding=1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]
        # The head works at half of the step's resolution. Adam moves every weight by its learning
        # rate, and hundreds of them together would throw the coarse flow out of the slice.
        units = _GAIN * torch.tensor([2.0 * scale] * 4 + [1.0]).view(5, 1, 1)
        self.register_buffer("units", units, persistent=False)

    def forward(self, seen: Tensor) -> Tensor:
        small = _resized(seen[:, : self.seen], 1 / self.scale)
        small = small.contiguous(memory_format=torch.channels_last)
        features = self.entry(small)
        change = self.head(self.body(features) + features)
        # Positions need every bit, whatever the convolutions are computed in.
        return _resized(change.to(seen.dtype), 2 * self.scale) * self.units


def _both(estimate: Tensor) -> Tensor:
    """The flows of an estimate as one batch, 2B2HW: to the slice before, then to that after."""
    return torch.cat(estimate[:, :4].chunk(2, dim=1))


def _layer(inputs: int, outputs: int, stride: int = 1) -> tuple[nn.Module, nn.Module]:
    convolution = nn.Conv2d(inputs, outputs, 3, stride, padding=1)
    nn.init.kaiming_normal_(convolution.weight, a=_SLOPE)
    nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]
    return convolution, nn.PReLU(outputs, _SLOPE)


def _resized(maps: Tensor, factor: float) -> Tensor:
    return functional.interpolate(
        maps, scale_factor=factor, mode="bilinear", recompute_scale_factor=False
    )


def _published_name(name: str) -> str:
    """What the published file calls a tensor of ours."""
    _, number, part, *rest = name.split(".")
    if part == "head":
        return f"block{number}.lastconv.{rest[0]}"
    # Ours are one row of convolutions and PReLUs, theirs are in pairs.
    place, kind = divmod(int(rest[0]), 2)
    group = {"entry": "conv0", "body": "convblock"}[part]
    return f"block{number}.{group}.{place}.{kind}.{rest[1]}"


def _without_colour(kernel: Tensor) -> Tensor:
    """A kernel for two slices of one channel each, of one for two of three, and what follows."""
    slices = (kernel[:, i : i + 3].sum(1, keepdim=True) for i in (0, 3))
    return torch.cat([*slices, kernel[:, 6:]], dim=1)
