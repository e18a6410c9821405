"""`segmentation` by itself: a segmenter from its file, and a slice through it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import segmentation
from bench.stages.segmenter import save_segmenter
from bench.store.weights import save_tensors
from segmentation.linknet import LinkNet
from segmentation.network import MembraneNetwork
from segmentation.scores import Thresholds
from segmentation.unet import UNet, UNetOptions


@pytest.mark.parametrize("network", [UNet(UNetOptions(decoder=(8, 4, 4))), LinkNet()])
def test_a_stored_segmenter_is_the_one_that_was_stored(
    network: MembraneNetwork, tmp_path: Path
) -> None:
    grey = np.random.default_rng(0).integers(0, 256, (70, 93), np.uint8)
    save_segmenter(tmp_path / "w.safetensors", network, Thresholds(0.45, 0.1), {})
    loaded, thresholds = segmentation.load(tmp_path / "w.safetensors")
    assert thresholds == (0.45, 0.1)
    with torch.inference_mode():
        logits = network.eval()(torch.from_numpy(grey)[None, None] / 255)
    np.testing.assert_allclose(
        segmentation.membrane_probability(loaded, grey), logits[0, 0].sigmoid(), atol=1e-6
    )


def test_what_is_no_segmenter_or_no_slice_is_refused(tmp_path: Path) -> None:
    save_tensors(tmp_path / "other.safetensors", {"weight": torch.zeros(1)}, {})
    (tmp_path / "text.safetensors").write_text("no tensors")
    for name in ("other", "text"):
        with pytest.raises(ValueError, match="holds no segmenter"):
            segmentation.load(tmp_path / f"{name}.safetensors")
    with pytest.raises(FileNotFoundError, match="There is no file of weights"):
        segmentation.load(tmp_path / "none.safetensors")
    with pytest.raises(ValueError, match="Give a uint8 slice HW"):
        segmentation.membrane_probability(UNet().eval(), np.zeros((8, 8)))


def test_a_network_in_training_mode_sees_the_same_and_learns_nothing() -> None:
    """Batch normalisation would normalise by the slice itself, and remember it."""
    network, grey = UNet(UNetOptions(decoder=(8, 4, 4))), np.eye(40, dtype=np.uint8)
    expected = segmentation.membrane_probability(network.eval(), grey)
    network.train()
    network.network.encoder.eval()
    known = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    modes = [part.training for part in network.modules()]
    np.testing.assert_array_equal(segmentation.membrane_probability(network, grey), expected)
    assert [part.training for part in network.modules()] == modes
    assert all(torch.equal(known[name], now) for name, now in network.state_dict().items())


def test_nan_is_no_probability() -> None:
    network, grey = UNet(UNetOptions(decoder=(8, 4, 4))), np.eye(40, dtype=np.uint8)
    with torch.no_grad():
        next(network.parameters()).fill_(torch.nan)
    with pytest.raises(ValueError, match="returned NaN"):
        segmentation.membrane_probability(network, grey)
