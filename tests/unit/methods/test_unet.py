from __future__ import annotations

import pytest
import torch
from torch import nn

from methods.layers.unet import UNet


def test_parameter_count_of_the_shortened_sepconv_trunk():
    def convolution(inputs, outputs):
        return 9 * inputs * outputs + outputs

    def block(inputs, outputs):
        return convolution(inputs, outputs) + 2 * convolution(outputs, outputs)

    down = block(6, 128) + block(128, 256) + block(256, 512)
    up = sum(convolution(width, width) for width in (512, 256, 128))
    expected = down + block(512, 512) + up + block(512, 256) + block(256, 128)
    with torch.device("meta"):
        network = UNet(6, 128)
    assert sum(weight.numel() for weight in network.parameters()) == expected


def test_skips_are_added_at_every_scale():
    torch.manual_seed(0)
    network = UNet(2, 4).double()
    image = torch.randn(1, 2, 16, 24, dtype=torch.float64)
    first = network.encoders[0](image)
    second = network.encoders[1](network.pool(first))
    # What rises from below is silenced one scale at a time; only the skip is left there.
    nn.init.zeros_(network.rises[2][1].weight)
    nn.init.zeros_(network.rises[2][1].bias)
    torch.testing.assert_close(network(image), first, rtol=0, atol=0)
    nn.init.dirac_(network.rises[2][1].weight)
    nn.init.zeros_(network.rises[1][1].weight)
    nn.init.zeros_(network.rises[1][1].bias)
    doubled = nn.functional.interpolate(
        network.decoders[1](second), scale_factor=2, mode="bilinear", align_corners=True
    )
    torch.testing.assert_close(network(image), doubled + first, rtol=0, atol=1e-12)


def test_bottom_sees_the_eighth_and_the_output_has_the_inputs_size():
    network = UNet(2, 4)
    sizes = []
    network.bottom.register_forward_hook(lambda _, given, __: sizes.append(given[0].shape))
    assert network(torch.randn(1, 2, 16, 40)).shape == (1, 4, 16, 40)
    assert sizes == [(1, 16, 2, 5)]


@pytest.mark.parametrize("norm", ["none", "syncbn"])
def test_normalisation_is_optional(norm):
    norms = [
        module for module in UNet(2, 4, norm).modules() if isinstance(module, nn.SyncBatchNorm)
    ]
    assert len(norms) == {"none": 0, "syncbn": 6 * 3 + 3}[norm]
