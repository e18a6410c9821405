from __future__ import annotations

import pytest
import torch
from torch import nn

from methods.layers.rdn import ResidualDenseBlock, ResidualDenseNetwork


@pytest.mark.parametrize(
    ("depth", "layers", "growth", "count"),
    [
        (6, 4, 32, 951_040),
        (4, 3, 16, 261_184),
        (20, 6, 32, 5_468_800),  # RDN-A without its upsampler
        (16, 8, 64, 21_975_680),  # RDN-B
    ],
)
def test_parameter_counts(depth, layers, growth, count):
    with torch.device("meta"):
        network = ResidualDenseNetwork(6, 64, depth, layers, growth)
    assert sum(weight.numel() for weight in network.parameters()) == count


def test_block_is_densely_connected_and_residual():
    torch.manual_seed(0)
    block = ResidualDenseBlock(4, 3, 2).double()
    image = torch.randn(1, 4, 6, 6, dtype=torch.float64)
    seen = [image]
    for convolution in block.dense:
        seen.append(convolution[0](torch.cat(seen, 1)).clamp_min(0))
    expected = block.fuse(torch.cat(seen, 1)) + image
    torch.testing.assert_close(block(image), expected, rtol=0, atol=1e-12)


def test_every_block_reaches_the_fusion():
    torch.manual_seed(0)
    network = ResidualDenseNetwork(2, 8, 3, 2, 4).double()
    image = torch.randn(1, 2, 8, 8, dtype=torch.float64)
    # Let the 1 x 1 fusion pick one block's output, and the 3 x 3 that follows pass it on.
    nn.init.dirac_(network.fuse[1].weight)
    for bias in (network.fuse[0].bias, network.fuse[1].bias):
        nn.init.zeros_(bias)
    features = network.enter(network.shallow(image))
    for index, block in enumerate(network.blocks):
        features = block(features)
        nn.init.zeros_(network.fuse[0].weight)
        network.fuse[0].weight.data[:, 8 * index : 8 * (index + 1), 0, 0] = torch.eye(8)
        expected = features + network.shallow(image)
        torch.testing.assert_close(network(image), expected, rtol=0, atol=1e-12)


def test_batch_normalisation_is_after_every_dense_convolution_only():
    network = ResidualDenseNetwork(2, 8, 3, 2, 4, norm="syncbn")
    norms = [module for module in network.modules() if isinstance(module, nn.SyncBatchNorm)]
    assert len(norms) == 3 * 2
    image = 7 + 5 * torch.randn(4, 8, 16, 16)
    network.train()
    convolved = network.blocks[0].dense[0][:2](image)
    torch.testing.assert_close(convolved.mean((0, 2, 3)), torch.zeros(4), rtol=0, atol=1e-4)
    torch.testing.assert_close(convolved.var((0, 2, 3)), torch.ones(4), rtol=0, atol=1e-2)
