"""Methods that move both neighbours halfway along a flow, on motion that is known."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import ndimage
from skimage import data
from torch import Tensor

from bench.base.errors import UserError
from bench.cells.variants import parse_variant
from bench.scores.metrics import psnr
from methods.bspline import BSpline
from methods.classical import Flow
from methods.halfway import Halfway
from methods.opencv_flow import Dis, DisOptions, Farneback, FarnebackOptions

PEERS = [Dis(), Farneback(), BSpline()]
VARIANTS = [
    *(Dis(DisOptions(preset=preset)) for preset in ("ultrafast", "fast")),
    Dis(DisOptions(smoothing=0.0)),
    Farneback(FarnebackOptions(levels=2, window=15, smoothing=1.0)),
]
ROOT = Path(__file__).resolve().parents[3]


def _named(method: Halfway) -> str:
    return f"{method.info.name}-{method.options}"


def _tensor(image: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(image, np.float32))[None, None]


def _grass(x: int, y: int) -> Tensor:
    """A window of a photograph of grass that has moved by (x, y): 160 x 192."""
    grass = ndimage.gaussian_filter(data.grass().astype(np.float32) / 255, 1)
    return _tensor(grass[100 - y : 260 - y, 100 - x : 292 - x])


def _frame(image: Tensor) -> np.ndarray:
    inner = image[0, 0, 12:-12, 12:-12].clamp(0, 1)
    return (255 * inner).round().byte().numpy()


def _waving(side: int = 192) -> tuple[Tensor, Tensor, Tensor, np.ndarray]:
    """A texture whose points go along x by up to 3 pixels a slice, as a sine has it; its speed."""
    noise = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(side, side)), 3)
    texture = (0.5 + 0.15 * noise / noise.std()).clip(0, 1)
    y, x = np.mgrid[:side, :side].astype(float)

    def speed(place: np.ndarray) -> np.ndarray:
        return 3 * np.sin(2 * np.pi * place / side)

    def moved(step: float) -> Tensor:
        origin = x
        for _ in range(100):
            origin = x - step * speed(origin)
        return _tensor(ndimage.map_coordinates(texture, [y, origin], mode="nearest"))

    return moved(-1), moved(0), moved(1), speed(x)


@pytest.mark.parametrize("method", [*PEERS, *VARIANTS], ids=_named)
def test_a_shift_of_a_real_texture_is_halved(method: Halfway) -> None:
    before, middle, after = _grass(-3, 2), _grass(0, 0), _grass(3, -2)
    found = method(before, after)
    average = psnr(_frame((before + after) / 2), _frame(middle))
    assert psnr(_frame(found.middle), _frame(middle)) > average + 15
    for name, expected in (("flow_before", (-3.0, 2.0)), ("flow_after", (3.0, -2.0))):
        inner = found.extras[name][0, :, 20:-20, 20:-20].mean((1, 2))
        np.testing.assert_allclose(inner, expected, atol=0.2)


@pytest.mark.parametrize("method", PEERS, ids=_named)
def test_smooth_motion_is_found_as_tv_l1_finds_it(method: Halfway) -> None:
    before, middle, after, speed = _waving()
    inner = (slice(16, -16), slice(16, -16))
    found, judge = method(before, after), Flow()(before, after)
    flows = [each.extras["flow_after"][0].numpy()[:, *inner] for each in (found, judge)]
    assert np.sqrt(((flows[0] - flows[1]) ** 2).mean()) < 0.2
    assert np.sqrt(((flows[0][0] - speed[inner]) ** 2).mean()) < 0.2
    errors = [((each - middle)[..., *inner] ** 2).mean() for each in (found.middle, judge.middle)]
    average = (((before + after) / 2 - middle)[..., *inner] ** 2).mean()
    assert errors[0] < 0.01 * average
    assert errors[1] < 0.01 * average


@pytest.mark.parametrize("method", PEERS, ids=_named)
def test_exchanging_the_neighbours_gives_the_same_slice(method: Halfway) -> None:
    before, after = _grass(-3, 2), _grass(20, 40)
    one, other = method(before, after), method(after, before)
    torch.testing.assert_close(one.middle, other.middle, rtol=0, atol=1e-5)
    torch.testing.assert_close(one.extras["flow_before"], other.extras["flow_after"])


@pytest.mark.parametrize("method", PEERS, ids=_named)
def test_identical_slices_come_back_to_a_grey_level(method: Halfway) -> None:
    same = _grass(0, 0)
    torch.testing.assert_close(method(same, same.clone()).middle, same, rtol=0, atol=1 / 255)


@pytest.mark.parametrize("level", [0.0, 0.375, 1.0])
@pytest.mark.parametrize("method", PEERS, ids=_named)
def test_constant_in_constant_out(method: Halfway, level: float) -> None:
    flat = torch.full((2, 1, 33, 47), level)
    torch.testing.assert_close(method(flat, flat).middle, flat)


@pytest.mark.parametrize("method", PEERS, ids=_named)
def test_a_black_neighbour_does_not_break_it(method: Halfway) -> None:
    before = _grass(0, 0)
    found = method(before, torch.zeros_like(before)).middle
    assert found.isfinite().all()
    assert found.max() <= before.max() / 2 + 1e-6


@pytest.mark.parametrize("method", PEERS, ids=_named)
def test_a_flat_neighbour_does_not_move_the_other(method: Halfway) -> None:
    before = _grass(0, 0)
    found = method(before, torch.full_like(before, 0.4)).middle
    torch.testing.assert_close(found, (before + 0.4) / 2)


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (8, 200), (12, 12), (31, 64)])
@pytest.mark.parametrize("method", PEERS, ids=_named)
def test_small_slices_come_back_finite(method: Halfway, size: tuple[int, int]) -> None:
    before, after = torch.rand(2, 1, 1, *size)
    found = method(before, after)
    assert found.middle.shape == before.shape
    assert found.middle.isfinite().all()
    assert found.extras["flow_after"].shape == (1, 2, *size)


@pytest.mark.parametrize("method", PEERS, ids=_named)
def test_values_outside_the_range_do_not_wrap_around(method: Halfway) -> None:
    """A contrast stretched beyond [0, 1] is clipped for the search, and kept in the slices."""
    before, after = (3 * _grass(x, y) - 1 for x, y in ((-3, 2), (3, -2)))
    found = method(before, after)
    inner = found.extras["flow_after"][0, :, 20:-20, 20:-20].mean((1, 2))
    np.testing.assert_allclose(inner, (3.0, -2.0), atol=0.2)
    assert found.middle.min() < -0.2


@pytest.fixture
def threads() -> Iterator[None]:
    chosen = torch.get_num_threads()
    yield
    torch.set_num_threads(chosen)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("method", PEERS, ids=_named)
def test_the_slice_does_not_depend_on_the_threads(method: Halfway) -> None:
    before, after = _grass(-3, 2), _grass(4, -1)
    found = []
    for count in (1, 2, 3):
        torch.set_num_threads(count)
        found.append(method(before, after).middle)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("method", [Dis(), Farneback()], ids=_named)
def test_opencv_takes_as_many_threads_as_torch(method: Halfway) -> None:
    import cv2

    for count in (1, 2):
        torch.set_num_threads(count)
        method(*torch.rand(2, 1, 1, 32, 32))
        assert cv2.getNumThreads() == count


@pytest.mark.parametrize(
    ("name", "module", "words"),
    [
        ("dis", "cv2", "OpenCV is not installed; run: pip install opencv-python-headless."),
        ("farneback", "cv2", "OpenCV is not installed; run: pip install opencv-python-headless."),
        ("bspline", "SimpleITK", "SimpleITK is not installed; run: pip install '.[bspline]'"),
    ],
)
def test_a_missing_package_is_told_before_anything_runs(
    name: str, module: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UserError) as caught:
        parse_variant(name, "quick")
    assert str(caught.value).startswith(f"{name} cannot be built: {words}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["dis", "farneback", "bspline"])
def test_packages_are_imported_where_they_are_used(name: str) -> None:
    program = (
        "import sys\nfrom bench.cells.variants import parse_variant\n"
        f"parse_variant({name!r}, 'quick')\n"
        "print([name for name in ('cv2', 'SimpleITK') if name in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert answer.stdout.splitlines()[-1] == "[]"
