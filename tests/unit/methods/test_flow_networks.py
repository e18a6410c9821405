"""What the networks that move slices by a flow of their own have in common."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from methods.dain import Dain, DainOptions
from methods.ifrnet import IfrNet, IfrNetOptions
from methods.rife import Rife, RifeOptions

DAIN = DainOptions((4, 6, 8), (8,), 1, (4, 6), context_width=2, synthesis_width=4)
IFRNET = IfrNetOptions(widths=(4, 6, 8), side=4)
RIFE = RifeOptions(widths=(8, 6), scales=(2, 1), depth=2, normalise=True)
# Each with how much its layers that start at zero are given to say.
NETWORKS = {"dain": (Dain, DAIN, 0.1), "ifrnet": (IfrNet, IFRNET, 0.1), "rife": (Rife, RIFE, 0.3)}


@pytest.fixture(params=NETWORKS)
def network(request: pytest.FixtureRequest) -> Any:
    """A small network that has learnt something."""
    method, options, size = NETWORKS[request.param]
    torch.manual_seed(0)
    made = method(options)
    for module in made.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d) and not module.weight.any():
            nn.init.normal_(module.weight, std=size)
    return made


def frames(batch: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    before, after = torch.rand(2, batch, 1, 64, 64, generator=generator)
    return before, after


def test_frames_of_a_batch_do_not_see_each_other(network: Any) -> None:
    before, after = frames(2)
    network.eval()
    with torch.no_grad():
        together = network(before, after).middle
        alone = torch.cat([network(before[i : i + 1], after[i : i + 1]).middle for i in range(2)])
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-5)


def test_brightness_carries_over(network: Any) -> None:
    before, after = (frame.double() for frame in frames(1))
    network.eval().double()
    with torch.no_grad():
        plain = network(before, after).middle
        bright = network(before + 0.25, after + 0.25).middle
    torch.testing.assert_close(bright, plain + 0.25, rtol=0, atol=1e-8)


def test_mixed_precision_keeps_the_motion(network: Any) -> None:
    before, after = frames(2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        middle, extras = network(before, after)
        middle.square().mean().backward()
    assert middle.dtype == extras["flow_before"].dtype == torch.float32
    full = network(before, after).extras["flow_before"]
    # bfloat16 keeps 8 bits: the flow moves by parts in a hundred, not by whole pixels.
    assert (extras["flow_before"] - full).abs().median() < 0.05 * full.abs().mean()


def test_gradients_reach_every_parameter(network: Any) -> None:
    before, after = frames(2)
    (network(before, after).middle - before).square().mean().backward()
    silent = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == []
