"""Large maps are computed again instead of kept: no bit changes, and memory falls."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from bench.cells.presets import PRESETS
from bench.profile.counting import count_pass
from methods.dain import Dain, DainOptions
from methods.interface import Triplets
from methods.layers import recompute
from methods.layers.rdn import ResidualDenseBlock
from methods.losses import LossOptions, build_loss
from methods.sepconv import SepConv
from methods.ssan import Ssan, SsanOptions

GIB = 2**30
SSAN = {"g0": 8, "depth": 3, "layers": 3, "growth": 4, "hybrid": 8, "k": 2, "outer": 2, "inner": 2}
NETWORKS = {
    "ssan": lambda: Ssan(SsanOptions(**SSAN)),
    "ssan, scale 2": lambda: Ssan(SsanOptions(scale=2, **SSAN)),
    "ssan, one direction": lambda: Ssan(SsanOptions(extractor="rdn", **SSAN)),
    "ssan, syncbn": lambda: Ssan(SsanOptions(norm="syncbn", **SSAN)),
    "dain": lambda: Dain(
        DainOptions(
            flow_widths=(4, 6, 8), flow_decoder=(8,), flow_radius=1, kernel_widths=(4, 6),
            kernel_scale=1, context_width=4, synthesis_width=8, first_window=5,
        )
    ),
    "sepconv": lambda: SepConv(SepConv.presets["quick"]),
}  # fmt: skip


def two_steps(network, memory_format, *, bf16):
    """Two steps of Adam from weights far from the beginning: what came out, gradients, weights."""
    torch.manual_seed(0)
    network = network().train().to(memory_format=memory_format)
    for weight in network.parameters():
        weight.data += 0.05 * torch.randn_like(weight)
    loss = build_loss("l1", LossOptions(), None)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
    seen = []
    for _ in range(2):
        triplet = Triplets(*torch.rand(3, 2, 1, 32, 40))
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            output = network(triplet.before, triplet.after)
        output = output._replace(middle=output.middle.float())
        optimiser.zero_grad(set_to_none=True)
        loss(output, triplet).total.backward()
        seen += [output.middle.detach(), *(w.grad.clone() for w in network.parameters())]
        optimiser.step()
    return [*seen, *(value.clone() for value in network.state_dict().values())]


@pytest.mark.parametrize("bf16", [False, True])
@pytest.mark.parametrize("memory_format", [torch.channels_last, torch.contiguous_format])
@pytest.mark.parametrize("name", NETWORKS)
def test_no_bit_of_a_training_changes(name, memory_format, bf16, monkeypatch):
    kept = two_steps(NETWORKS[name], memory_format, bf16=bf16)
    monkeypatch.setattr(recompute, "LARGE", 1)
    again = two_steps(NETWORKS[name], memory_format, bf16=bf16)
    assert [torch.equal(one, other) for one, other in zip(kept, again, strict=True)].count(0) == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradients_of_a_block_are_those_of_autograd(dtype, monkeypatch):
    torch.manual_seed(0)
    block = ResidualDenseBlock(8, 3, 4).to(dtype)
    start, share = torch.randn(2, 2, 8, 9, 7, dtype=dtype)

    def gradients():
        leaf = start.clone().requires_grad_()
        image = leaf * 2
        # The image is used further, as the fusion of all blocks does: sums have an order.
        outcome = (block(image) * share).sum() + (image**3).sum()
        found = torch.autograd.grad(outcome, [leaf, *block.parameters()])
        return [outcome.detach(), *found]

    kept = gradients()
    monkeypatch.setattr(recompute, "LARGE", 1)
    for one, other in zip(kept, gradients(), strict=True):
        assert torch.equal(one, other)


def kept_bytes(module, image):
    """Bytes that a pass leaves for its backward pass, parameters aside."""
    known = {weight.untyped_storage().data_ptr() for weight in module.parameters()}
    kept = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in known:
            kept[storage.data_ptr()] = tensor  # alive, so that no address is given twice
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        module(image)
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())


def test_a_dense_block_keeps_its_input_alone(monkeypatch):
    block = ResidualDenseBlock(8, 3, 4)
    image = torch.randn(2, 8, 16, 16, requires_grad=True)
    channel = image.nbytes // 8
    # The image, concatenations of 12, 16 and 20 channels, three ReLUs.
    assert kept_bytes(block, image) == (8 + 12 + 16 + 20 + 3 * 4) * channel
    monkeypatch.setattr(recompute, "LARGE", image.numel())
    assert kept_bytes(block, image) == 8 * channel


def counted(method, preset, batch, side):
    """Multiply-adds and peak of a training step's passes, from shapes alone."""
    with FakeTensorMode():
        network = method(method.presets[preset]).train()
        inputs = [torch.zeros(batch, 1, side, side) for _ in range(2)]
        return count_pass(network, inputs, backward=True)


@pytest.mark.parametrize("preset", ["quick", "medium"])
@pytest.mark.parametrize("method", [Ssan, Dain])
def test_small_presets_compute_nothing_again(method, preset, monkeypatch):
    size = PRESETS[preset].batch, PRESETS[preset].crop
    found = counted(method, preset, *size)
    monkeypatch.setattr(recompute, "LARGE", 1 << 62)
    assert counted(method, preset, *size) == found


@pytest.mark.parametrize("method", [Ssan, Dain])
def test_the_papers_preset_computes_again_even_for_one_crop(method, monkeypatch):
    found = counted(method, "paper", 1, 512)
    monkeypatch.setattr(recompute, "LARGE", 1 << 62)
    kept = counted(method, "paper", 1, 512)
    assert found.peak < kept.peak
    assert kept.total < found.total < 4 / 3 * kept.total


def test_what_is_computed_again_are_the_dense_convolutions(monkeypatch):
    kept = counted(Ssan, "quick", 1, 128)
    monkeypatch.setattr(recompute, "LARGE", 1)
    chosen = Ssan.presets["quick"]
    widths = (chosen.g0 + layer * chosen.growth for layer in range(chosen.layers))
    pixels = 2 * (128 // chosen.scale) ** 2
    dense = chosen.depth * sum(9 * width * chosen.growth for width in widths) * pixels
    assert counted(Ssan, "quick", 1, 128).total - kept.total == dense


@pytest.mark.parametrize("method", [Ssan, SepConv, Dain])
def test_a_step_of_the_paper_fits_eleven_gibibytes(method):
    assert counted(method, "paper", PRESETS["paper"].batch, PRESETS["paper"].crop).peak < 11 * GIB


def test_prediction_keeps_nothing_and_computes_nothing_again(monkeypatch):
    network = Ssan(SsanOptions(**SSAN)).eval()
    frames = torch.rand(2, 1, 1, 32, 32)
    with torch.inference_mode():
        expected = network(*frames).middle
        monkeypatch.setattr(recompute, "LARGE", 1)
        assert not recompute.is_large(2)
        assert torch.equal(network(*frames).middle, expected)


def test_running_statistics_are_updated_once(monkeypatch):
    monkeypatch.setattr(recompute, "LARGE", 1)
    block = ResidualDenseBlock(4, 2, 2, norm="syncbn").train()
    block(torch.randn(2, 4, 8, 8, requires_grad=True)).sum().backward()
    norms = [module for module in block.modules() if isinstance(module, nn.SyncBatchNorm)]
    assert [int(norm.num_batches_tracked) for norm in norms] == [1, 1]
