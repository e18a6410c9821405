"""VGG16 features of grey frames, frozen: what the feature and style losses look at."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

# Index of each convolution in torchvision's `vgg16().features`, and its width. A stage
# ends in the ReLU that is tapped: relu1_2, relu2_2, relu3_3, relu4_3.
_STAGES = (
    ((0, 64), (2, 64)),
    ((5, 128), (7, 128)),
    ((10, 256), (12, 256), (14, 256)),
    ((17, 512), (19, 512), (21, 512)),
)

# Mean activation behind each convolution's ReLU, measured once: vgg16-hed weights, 16 crops
# of 256 x 256 from all of SNEMI3D AC4 (histogram-matched, mean 0.53, deviation 0.16).
_MEAN_ACTIVATIONS = (0.098, 0.55, 0.42, 0.36, 0.41, 0.20, 0.054, 0.058, 0.024, 0.0048)


class VggFeatures(nn.Module):
    """VGG16 (Simonyan and Zisserman 2015) up to relu4_3, frozen, for one grey channel.

    The network reads [0, 1] without ImageNet's mean and deviation, as the authors of the
    paper do. A grey frame repeated to three channels is the same as a first convolution
    whose weights are summed over them, which is what is kept here.

    Attributes:
        stages: four modules in a row; their outputs are relu1_2, relu2_2, relu3_3, relu4_3
            (64, 128, 256, 512 channels at 1, 1/2, 1/4, 1/8 of the size).
        name: ``imagenet``, ``random`` or the stem of the file the weights came from.
        digest: SHA-256 over the weights.
    """

    def __init__(self, weights: Mapping[str, Tensor], name: str) -> None:
        """Build from tensors under torchvision's names ``features.N.weight`` and ``.bias``.

        Raises:
            ValueError: a tensor is missing or of another shape.
        """
        super().__init__()
        self.name = name
        self.digest = _digest(weights, name)
        self.stages = nn.ModuleList(
            _stage(weights, convolutions, pooled=number > 0)
            for number, convolutions in enumerate(_STAGES)
        )
        self.requires_grad_(requires_grad=False)
        self.to(memory_format=torch.channels_last)
        self.eval()

    def forward(self, frames: Tensor) -> list[Tensor]:
        """The four tapped layers of ``frames`` (B1HW in [0, 1], sides of at least 8)."""
        layers = []
        for stage in self.stages:
            frames = stage(frames)
            layers.append(frames)
        return layers


def load_features(weights: str | Path | None = None, seed: int = 0) -> VggFeatures:
    """VGG16 features with the weights that were asked for.

    Args:
        weights: None for torchvision's ImageNet weights (downloaded once, checked),
            ``random`` for seeded random weights, else a safetensors file with
            torchvision's names. Nothing else is opened: a pickle can run code.
        seed: of the random weights.

    Raises:
        ValueError: the weights cannot be had; one sentence that says what to do.
    """
    if weights is None:
        return VggFeatures(_imagenet_weights(), "imagenet")
    if weights == "random":
        return VggFeatures(_random_weights(seed), "random")
    path = Path(weights)
    return VggFeatures(_read_weights(path), path.stem)


def _stage(
    weights: Mapping[str, Tensor], convolutions: tuple[tuple[int, int], ...], *, pooled: bool
) -> nn.Sequential:
    modules: list[nn.Module] = [nn.MaxPool2d(2)] if pooled else []
    for index, width in convolutions:
        weight, bias = weights[f"features.{index}.weight"], weights[f"features.{index}.bias"]
        if index == 0:
            weight = weight.sum(dim=1, keepdim=True)
        convolution = nn.Conv2d(weight.shape[1], width, 3, padding=1)
        convolution.load_state_dict({"weight": weight, "bias": bias})
        modules += [convolution, nn.ReLU(inplace=True)]
    return nn.Sequential(*modules)


def _shapes() -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor, in the order of the layers."""
    shapes: dict[str, tuple[int, ...]] = {}
    channels = 3
    for index, width in (convolution for stage in _STAGES for convolution in stage):
        shapes[f"features.{index}.weight"] = (width, channels, 3, 3)
        shapes[f"features.{index}.bias"] = (width,)
        channels = width
    return shapes


def _digest(weights: Mapping[str, Tensor], name: str) -> str:
    digest = hashlib.sha256()
    for key, shape in _shapes().items():
        if key not in weights or tuple(weights[key].shape) != shape:
            raise ValueError(
                f"The VGG16 weights '{name}' lack '{key}' of shape {shape}; give a safetensors "
                "file with torchvision's names features.0.weight to features.21.bias."
            )
        digest.update(weights[key].detach().to("cpu", torch.float32).contiguous().numpy().tobytes())
    return digest.hexdigest()


def _read_weights(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise ValueError(
            f"There is no file of VGG16 weights at '{path}'; give a safetensors file or 'random'."
        )
    try:
        weights: dict[str, Tensor] = load_file(path)
    except SafetensorError as error:
        raise ValueError(
            f"The VGG16 weights '{path}' are not a safetensors file; convert them with "
            "safetensors.torch.save_file (other formats can run code and are never opened)."
        ) from error
    return weights


def imagenet_weights_path() -> Path:
    """Where torchvision keeps the ImageNet weights once it has fetched them."""
    from torchvision.models import VGG16_Weights

    url = str(VGG16_Weights.IMAGENET1K_V1.url)
    return Path(torch.hub.get_dir()) / "checkpoints" / Path(urlsplit(url).path).name


def _imagenet_weights() -> dict[str, Tensor]:
    from torchvision.models import VGG16_Weights

    try:
        weights: dict[str, Tensor] = VGG16_Weights.IMAGENET1K_V1.get_state_dict(
            progress=True, check_hash=True, weights_only=True
        )
    except (OSError, RuntimeError) as error:
        raise ValueError(
            f"The ImageNet weights of VGG16 cannot be downloaded ({error}); give a "
            "safetensors file with `--vgg-weights FILE`, or take `--vgg-weights random`."
        ) from error
    return weights


def _random_weights(seed: int) -> dict[str, Tensor]:
    """He initialisation, each layer scaled to the mean activation that trained weights have.

    Without the scale the deep layers would be far stronger than trained ones, and the
    weights 1e6 : 1 : 1 of the paper would mean something else.
    """
    random = np.random.default_rng(seed)
    shapes = [shape for name, shape in _shapes().items() if name.endswith("weight")]
    names = [name.removesuffix(".weight") for name in _shapes() if name.endswith("weight")]
    pooled = {f"features.{stage[0][0]}" for stage in _STAGES[1:]}
    weights: dict[str, Tensor] = {}
    signal = _texture(random).expand(-1, 3, -1, -1)
    for name, shape, target in zip(names, shapes, _MEAN_ACTIVATIONS, strict=True):
        filters = torch.from_numpy(random.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:])))
        if name in pooled:
            signal = functional.max_pool2d(signal, 2)
        signal = functional.relu(functional.conv2d(signal, filters, padding=1))
        # Rounded, so that the last bits of a sum do not make two machines' weights differ.
        scale = float(f"{target / signal.mean().item():.3g}")
        signal = signal * scale
        weights[f"{name}.weight"] = (filters * scale).float()
        weights[f"{name}.bias"] = torch.zeros(shape[0])
    return weights


def _texture(random: np.random.Generator) -> Tensor:
    """Smoothed noise with the mean and deviation of an EM slice (1 x 1 x 64 x 64, float64)."""
    noise = torch.zeros(1, 1, 64, 64, dtype=torch.float64)
    for side in (64, 32, 8):
        coarse = torch.from_numpy(random.standard_normal((1, 1, side, side)))
        noise = noise + functional.interpolate(coarse, size=(64, 64), mode="bilinear")
    return (0.53 + 0.16 * (noise - noise.mean()) / noise.std()).clamp(0.0, 1.0)
