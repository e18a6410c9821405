"""SepConv is the published network, starts at the average, and learns to move."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from methods.sepconv import SepConv, SepConvOptions

TINY = SepConvOptions(widths=(8, 12, 16), taps=9, scale=2, normalise=True)


def noise(*size: int, seed: int = 0) -> Tensor:
    return torch.rand(size, generator=torch.Generator().manual_seed(seed))


def trained_looking(options: SepConvOptions) -> SepConv:
    """A network whose heads no longer start at the unit impulse."""
    torch.manual_seed(0)
    network = SepConv(options)
    with torch.no_grad():
        for head in network.heads:
            head.kernels.weight.normal_(std=0.05)
    return network.eval()


def test_the_published_network_has_as_many_parameters_as_published() -> None:
    assert sum(weights.numel() for weights in SepConv(SepConvOptions()).parameters()) == 21_674_300


@pytest.mark.parametrize("preset", ["quick", "medium", "paper"])
def test_untrained_it_returns_the_average_at_any_size(preset: str) -> None:
    before, after = noise(2, 1, 47, 70, seed=1), noise(2, 1, 47, 70, seed=2)
    with torch.no_grad():
        middle = SepConv(SepConv.presets[preset])(before, after).middle
    torch.testing.assert_close(middle, (before + after) / 2, rtol=0, atol=2e-7)


def test_every_weight_learns_from_the_second_step_on() -> None:
    torch.manual_seed(0)
    network = SepConv(TINY)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
    before, middle, after = (noise(1, 1, 64, 64, seed=seed) for seed in range(3))
    for _ in range(2):
        optimiser.zero_grad()
        functional.l1_loss(network(before, after).middle, middle).backward()
        optimiser.step()
    for name, weights in network.named_parameters():
        assert weights.grad is not None, name
        assert weights.grad.abs().max() > 0, name


def test_it_learns_to_move_both_slices_to_the_middle() -> None:
    """Slices three pixels up and down of the truth: no blur helps, only motion."""
    torch.manual_seed(0)
    network = SepConv(TINY).to(memory_format=torch.channels_last)
    optimiser = torch.optim.Adam(network.parameters(), lr=2e-3)
    for step in range(80):
        scene = functional.avg_pool2d(noise(2, 1, 72, 66, seed=step), 3, stride=1)
        before, middle, after = (scene[:, :, 3 + shift : 67 + shift] for shift in (-3, 0, 3))
        error = functional.l1_loss(network(before, after).middle, middle)
        optimiser.zero_grad()
        error.backward()
        optimiser.step()
    average = functional.l1_loss((before + after) / 2, middle)
    assert error < 0.3 * average


def test_items_of_a_batch_do_not_influence_each_other() -> None:
    network = trained_looking(TINY)
    before, after = noise(3, 1, 40, 40, seed=1), noise(3, 1, 40, 40, seed=2)
    with torch.no_grad():
        together = network(before, after).middle
        alone = network(before[1:2], after[1:2]).middle
    torch.testing.assert_close(together[1:2], alone, rtol=0, atol=1e-6)


def test_normalised_it_follows_brightness_and_contrast() -> None:
    network = trained_looking(TINY)
    before, after = noise(1, 1, 40, 40, seed=1), noise(1, 1, 40, 40, seed=2)
    with torch.no_grad():
        middle = network(before, after).middle
        changed = network(0.5 * before + 0.3, 0.5 * after + 0.3).middle
    assert (middle - (before + after) / 2).abs().max() > 0.01
    torch.testing.assert_close(changed, 0.5 * middle + 0.3, rtol=0, atol=1e-5)


def test_slices_without_contrast_stay_finite() -> None:
    flat = torch.full((1, 1, 32, 32), 0.4, requires_grad=True)
    middle = trained_looking(TINY)(flat, flat).middle
    middle.sum().backward()
    torch.testing.assert_close(middle, flat)
    assert flat.grad is not None
    assert flat.grad.isfinite().all()


@pytest.mark.parametrize("wrong", [SepConvOptions(taps=50), SepConvOptions(widths=(32,))])
def test_an_impossible_shape_is_refused(wrong: SepConvOptions) -> None:
    with pytest.raises(ValueError, match="odd number of taps"):
        SepConv(wrong)
