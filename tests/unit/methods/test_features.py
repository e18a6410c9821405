"""VGG16 features against torchvision, and every way of coming by weights."""

from __future__ import annotations

import pickle
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from methods.features import VggFeatures, load_features

SHARED = Path(__file__).parents[4] / "shared"
HED = SHARED / "weights/vgg16_hed_features.safetensors"
TAPS = (3, 8, 15, 22)


@cache
def _weights() -> dict[str, Tensor]:
    """Random weights under torchvision's names, with a bias."""
    random = torch.Generator().manual_seed(0)
    weights, channels = {}, 3
    widths = {0: 64, 2: 64, 5: 128, 7: 128, 10: 256, 12: 256, 14: 256, 17: 512, 19: 512, 21: 512}
    for index, width in widths.items():
        scale = (2 / (9 * channels)) ** 0.5
        filters = torch.randn(width, channels, 3, 3, generator=random) * scale
        weights[f"features.{index}.weight"] = filters
        weights[f"features.{index}.bias"] = 0.1 * torch.randn(width, generator=random)
        channels = width
    return weights


def _frames() -> Tensor:
    return torch.rand(2, 1, 48, 40, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def random_vgg() -> VggFeatures:
    return load_features("random")


def test_equals_torchvision_on_the_frame_repeated_to_three_channels() -> None:
    from torchvision.models.vgg import cfgs, make_layers

    weights = _weights()
    network = make_layers(cfgs["D"][:13], batch_norm=False).eval()
    network.load_state_dict({key.removeprefix("features."): w for key, w in weights.items()})
    signal, expected = _frames().repeat(1, 3, 1, 1), []
    with torch.no_grad():
        for index, layer in enumerate(network):
            signal = layer(signal)
            if index in TAPS:
                expected.append(signal.clone())
    found = VggFeatures(weights, "test")(_frames())
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_random_weights_are_a_function_of_the_seed(random_vgg: VggFeatures) -> None:
    again, other = load_features("random"), load_features("random", seed=1)
    assert (again.name, again.digest) == ("random", random_vgg.digest)
    assert other.digest != random_vgg.digest
    assert torch.equal(random_vgg.stages[3][1].weight, again.stages[3][1].weight)


def test_frozen_but_transparent_to_gradients(random_vgg: VggFeatures) -> None:
    features = random_vgg
    frames = _frames().requires_grad_()
    sum(layer.mean() for layer in features(frames)).backward()
    assert not features.training
    assert all(parameter.grad is None for parameter in features.parameters())
    assert frames.grad is not None
    assert frames.grad.abs().min() > 0


@pytest.mark.parametrize("seed", [0, 1])
def test_random_weights_are_as_active_as_trained_ones(seed: int) -> None:
    noise = torch.rand(2, 1, 12, 12, generator=torch.Generator().manual_seed(7))
    texture = functional.interpolate(noise, size=(96, 96), mode="bilinear") * 0.7 + 0.18
    means = [layer.mean().item() for layer in load_features("random", seed)(texture)]
    np.testing.assert_allclose(means, [0.55, 0.36, 0.054, 0.0048], rtol=0.2)


@pytest.mark.skipif(not HED.exists(), reason="needs shared/weights")
def test_recorded_activations_are_those_of_trained_weights() -> None:
    import tifffile

    volume = tifffile.imread(SHARED / "data/snemi3d_ac4/train-input.tif", key=range(0, 100, 25))
    frames = torch.from_numpy(volume[:, None, :256, :256].astype(np.float32) / 255)
    features = load_features(HED)
    assert features.name == "vgg16_hed_features"
    means = [layer.mean().item() for layer in features(frames)]
    np.testing.assert_allclose(means, [0.55, 0.36, 0.054, 0.0048], rtol=0.15)


def test_a_file_gives_its_weights_and_its_name(tmp_path: Path) -> None:
    weights = _weights()
    save_file(weights | {"features.24.weight": torch.zeros(1)}, tmp_path / "mine.safetensors")
    loaded = load_features(tmp_path / "mine.safetensors")
    assert loaded.name == "mine"
    assert loaded.digest == VggFeatures(weights, "mine").digest
    other = weights | {"features.21.bias": weights["features.21.bias"] + 1e-3}
    assert loaded.digest != VggFeatures(other, "mine").digest
    assert torch.equal(loaded.stages[0][2].weight, weights["features.2.weight"])


class _Bomb:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return (Path.touch, (self.target,))


def test_a_pickle_is_refused_and_not_run(tmp_path: Path) -> None:
    for name in ("weights.pth", "weights.safetensors"):
        (tmp_path / name).write_bytes(pickle.dumps(_Bomb(tmp_path / "ran")))
        with pytest.raises(ValueError, match="not a safetensors file"):
            load_features(tmp_path / name)
    torch.save(_weights(), tmp_path / "vgg16.pth")
    with pytest.raises(ValueError, match="not a safetensors file"):
        load_features(str(tmp_path / "vgg16.pth"))
    assert not (tmp_path / "ran").exists()


def test_files_that_do_not_fit(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no file of VGG16 weights at"):
        load_features(tmp_path / "absent.safetensors")
    weights = dict(_weights())
    save_file(weights | {"features.7.bias": torch.zeros(64)}, tmp_path / "shape.safetensors")
    with pytest.raises(ValueError, match=r"lack 'features\.7\.bias' of shape \(128,\)"):
        load_features(tmp_path / "shape.safetensors")
    del weights["features.21.weight"]
    save_file(weights, tmp_path / "short.safetensors")
    with pytest.raises(ValueError, match=r"'short' lack 'features\.21\.weight'"):
        load_features(tmp_path / "short.safetensors")


def test_without_a_network_the_ways_out_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    for variable in ("http_proxy", "https_proxy", "HTTPS_PROXY", "HTTP_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")  # nothing listens there
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with pytest.raises(ValueError, match=r"-weights FILE.*-weights random"):
        load_features()
