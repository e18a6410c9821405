from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional

from methods.layers.synthesis import KernelHead
from methods.ssan import Ssan, SsanOptions

SMALL = SsanOptions(
    scale=2, g0=8, depth=2, layers=2, growth=4, unet=8, hybrid=8, k=2, outer=2, inner=2, taps=5
)
VARIANTS = [
    {},
    {"extractor": "rdn"},
    {"extractor": "sunet"},
    {"extractor": "unet"},
    {"aggregation": "ssa"},
    {"aggregation": "sa"},
    {"aggregation": "kel"},
    {"aggregation": "kel", "extractor": "rdn"},
    {"fusion": "mean"},
    {"form": "released"},
    {"levels": 3},
    {"scale": 1},
    {"norm": "syncbn"},
]


def slices(*size):
    torch.manual_seed(1)
    return torch.rand(2, 1, *size), torch.rand(2, 1, *size)


def shaken(options):
    """A network far from its beginning, as training would leave it."""
    torch.manual_seed(0)
    network = Ssan(options)
    for weight in network.parameters():
        weight.data += 0.1 * torch.randn_like(weight)
    return network


@pytest.mark.parametrize("options", [replace(SMALL, **chosen) for chosen in VARIANTS])
def test_untrained_it_returns_the_average_at_any_size(options):
    before, after = slices(37, 22)
    output = Ssan(options)(before, after)
    assert torch.equal(output.middle, (before + after) / 2)
    assert torch.equal(output.extras["warp_before"], before)
    assert torch.equal(output.extras["warp_after"], after)
    assert torch.equal(output.extras["mask"], torch.full_like(before, 0.5))
    assert tuple(output.extras) == Ssan.info.extras


@pytest.mark.parametrize("options", [replace(SMALL, **chosen) for chosen in VARIANTS])
def test_every_weight_takes_part(options):
    network = shaken(options)
    before, after = slices(32, 32)
    (network(before, after).middle * torch.randn_like(before)).sum().backward()
    idle = [name for name, weight in network.named_parameters() if not weight.grad.any()]
    assert idle == []


@pytest.mark.parametrize("extractor", ["srdn", "sunet"])
@pytest.mark.parametrize("aggregation", ["aal", "kel"])
def test_siamese_networks_do_not_care_which_slice_comes_first(extractor, aggregation):
    network = shaken(replace(SMALL, extractor=extractor, aggregation=aggregation))
    before, after = slices(32, 48)
    one, other = network(before, after), network(after, before)
    assert (one.middle - (before + after) / 2).abs().max() > 0.01
    torch.testing.assert_close(one.middle, other.middle, rtol=0, atol=1e-6)
    mirrored = other.extras
    torch.testing.assert_close(one.extras["warp_before"], mirrored["warp_after"], rtol=0, atol=1e-6)
    torch.testing.assert_close(one.extras["mask"], 1 - mirrored["mask"], rtol=0, atol=1e-6)


@pytest.mark.parametrize("extractor", ["rdn", "unet"])
def test_a_single_direction_does_care(extractor):
    network = shaken(replace(SMALL, extractor=extractor))
    before, after = slices(32, 32)
    assert (network(before, after).middle - network(after, before).middle).abs().max() > 0.01


@pytest.mark.parametrize("fusion", ["mask", "mean"])
def test_the_mask_fuses_the_warped_frames(fusion):
    network = shaken(replace(SMALL, fusion=fusion))
    middle, extras = network(*slices(32, 32))
    mask = extras["mask"]
    fused = mask * extras["warp_before"] + (1 - mask) * extras["warp_after"]
    torch.testing.assert_close(middle, fused, rtol=0, atol=1e-6)
    assert bool((mask == 0.5).all()) == (fusion == "mean")
    assert mask.min() > 0
    assert mask.max() < 1


def test_brightness_and_contrast_pass_through():
    network = shaken(SMALL)
    before, after = slices(32, 32)
    plain = network(before, after).middle
    changed = network(0.5 * before + 0.2, 0.5 * after + 0.2).middle
    torch.testing.assert_close(changed, 0.5 * plain + 0.2, rtol=0, atol=1e-4)


def test_flat_slices_stay_finite():
    flat = torch.full((1, 1, 16, 16), 0.3)
    assert shaken(SMALL)(flat, flat).middle.isfinite().all()


@pytest.mark.parametrize(
    ("chosen", "partition", "stride"),
    [
        ({}, (8, 4), 32),
        ({"levels": 3}, (8, 4, 4), 128),
        ({"aggregation": "ssa", "outer": 16}, (16,), 16),
        ({"aggregation": "sa"}, (), 1),
        ({"aggregation": "kel", "extractor": "sunet"}, (), 8),
        ({"extractor": "unet", "outer": 3, "inner": 2, "scale": 2}, (3, 2), 48),
    ],
)
def test_partition_and_stride_follow_the_options(chosen, partition, stride):
    options = replace(SsanOptions(), **chosen)
    assert options.partition == partition
    assert options.stride == stride


@pytest.mark.parametrize("preset", ["quick", "medium", "paper"])
def test_every_preset_pads_to_the_stated_stride(preset):
    assert Ssan.presets[preset].stride == Ssan.info.stride


def test_the_papers_extractor_has_the_inferred_size():
    with torch.device("meta"):
        network = Ssan(Ssan.presets["paper"])
    # 951,040 with six input channels; grey slices have two.
    grey = 951_040 - 4 * 64 * 9
    assert sum(weight.numel() for weight in network.extractor.parameters()) == grey


def test_kernel_estimation_is_sepconvs_four_sub_networks():
    with torch.device("meta"):
        head = KernelHead(64, 1, 51)
    assert sum(weight.numel() for weight in head.parameters()) == 506_972


def test_kernel_estimation_can_move_a_slice():
    head = KernelHead(4, 1, 5)
    vertical = head.kernels[0][-1].bias
    nn.init.zeros_(vertical)
    vertical.data[3] = 1.0  # one row below the centre
    own = torch.rand(1, 1, 12, 12)
    correction = head(torch.randn(1, 4, 12, 12), own, torch.rand(1, 1, 12, 12))
    moved = functional.pad(own, (0, 0, 0, 1), mode="replicate")[:, :, 1:]
    torch.testing.assert_close(own + correction, moved, rtol=0, atol=1e-6)


@pytest.fixture
def one_thread():
    """Networks this small lose more than they gain from a second thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("one_thread")
def test_training_finds_a_motion_that_no_average_shows_and_gamma_moves():
    torch.manual_seed(0)
    network = Ssan(replace(SMALL, scale=1, g0=16, growth=8)).to(memory_format=torch.channels_last)
    optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
    errors = []
    for _ in range(100):
        texture = functional.avg_pool2d(torch.rand(4, 1, 30, 30), 5, stride=1) * 3 - 1
        before, middle, after = (texture[..., 1:25, x : x + 24] for x in (0, 1, 2))
        error = (network(before, after).middle - middle).abs().mean()
        errors.append(error.item() / ((before + after) / 2 - middle).abs().mean().item())
        optimiser.zero_grad()
        error.backward()
        optimiser.step()
    assert errors[0] == pytest.approx(1.0, abs=1e-5)
    assert sum(errors[-10:]) / 10 < 0.5
    assert network.attention.gamma.abs().min() > 1e-3
