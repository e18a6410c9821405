from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import Tiny
from torch import Tensor, nn

from bench.base.errors import UserError
from bench.stages.predict import (
    STAGE,
    predict,
    predict_frame,
    stored_frames,
    stored_triplets,
)
from bench.triplets.file import TripletFile
from methods.classical import Average
from methods.interface import Interpolation, Interpolator, MethodInfo

CPU = torch.device("cpu")


def test_frames_are_the_rounded_average(texture: TripletFile, tmp_path: Path) -> None:
    indices = texture.indices("test")
    predict(Average(), texture, indices, tmp_path / "f.h5", CPU, None, lambda *_: None)
    assert list(stored_triplets(tmp_path / "f.h5")) == list(indices)
    for index, frame in zip(indices, stored_frames(tmp_path / "f.h5"), strict=True):
        before, _, after = texture.frames(int(index)).astype(float)
        assert np.abs(frame - (before + after) / 2).max() <= 0.5


@pytest.mark.parametrize("tile", [66, 96, 150])
def test_tiles_equal_the_whole_frame_for_a_local_method(tile: int) -> None:
    """Two 3 x 3 convolutions see 2 pixels far; the tiles overlap by more than that."""
    torch.manual_seed(0)
    model = Tiny()
    nn.init.normal_(model.head.weight)
    frames = np.random.default_rng(0).integers(0, 256, (3, 200, 150), dtype=np.uint8)
    whole = predict_frame(model, frames, CPU)
    tiled = predict_frame(model, frames, CPU, tile)
    assert np.abs(whole.astype(int) - tiled).max() <= 1  # float rounding may tip a grey level
    assert (whole != tiled).mean() < 1e-3


class Off(Interpolator):
    """The average, but for one pixel at the end of every slice."""

    info = MethodInfo("off", "Off", "none", "classical")

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value

    def forward(self, before: Tensor, after: Tensor) -> Interpolation:
        middle = (before + after) / 2
        middle[..., -1, -1] = self.value
        return Interpolation(middle)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("tile", [None, 96])
def test_what_is_no_number_is_no_grey_level(
    texture: TripletFile, tmp_path: Path, value: float, tile: int | None
) -> None:
    index = texture.indices("test")[0]
    path = tmp_path / "f.h5"
    with pytest.raises(UserError, match=rf"^Test triplet {index}: .* NaN or infinity in \d+ of"):
        predict(Off(value), texture, np.array([index]), path, CPU, tile, lambda *_: None)
    assert not path.exists()
    predict(Off(7.0), texture, np.array([index]), path, CPU, tile, lambda *_: None)
    assert next(stored_frames(path))[-1, -1] == 255  # a number too large is clamped


class Scaled(Average):
    """The average in another range of values."""

    def __init__(self, scale: float, shift: float) -> None:
        super().__init__()
        self.scale, self.shift = scale, shift

    def forward(self, before: Tensor, after: Tensor, time: float = 0.5) -> Interpolation:
        middle = super().forward(before, after, time).middle
        return Interpolation(middle * self.scale + self.shift)


@pytest.mark.parametrize(
    ("scale", "shift", "outside", "constant"),
    [(1, 0, 0, 0), (1.01, 0, 0, 0), (255, 1, 1, 2), (2, -1, 0.5, 0), (0, 0.5, 0, 2)],
)
def test_a_wrong_range_is_counted_and_warned_of(
    texture: TripletFile, tmp_path: Path, scale: float, shift: float, outside: float, constant: int
) -> None:
    model, path = Scaled(scale, shift), tmp_path / "f.h5"
    facts = predict(model, texture, texture.indices("test")[:2], path, CPU, None, lambda *_: None)
    assert facts["outside"] == pytest.approx(outside, abs=0.2 * (outside == 0.5))
    assert facts["constant"] == constant
    warnings = STAGE.warnings(None, facts)  # type: ignore[arg-type]
    assert len(warnings) == (outside > 0) + (constant > 0)


def test_the_middle_slice_is_not_looked_at() -> None:
    frames = np.random.default_rng(0).integers(0, 256, (3, 64, 64), dtype=np.uint8)
    hidden = frames.copy()
    hidden[1] = 0
    assert (predict_frame(Tiny(), frames, CPU) == predict_frame(Tiny(), hidden, CPU)).all()


def test_damaged_frames_are_noticed(texture: TripletFile, tmp_path: Path) -> None:
    path = tmp_path / "f.h5"
    predict(Average(), texture, texture.indices("test")[:2], path, CPU, None, lambda *_: None)
    damaged = bytearray(path.read_bytes())
    damaged[-texture.tile * texture.tile // 2] ^= 1
    path.write_bytes(bytes(damaged))
    with pytest.raises(UserError, match=r"f\.h5"):
        list(stored_frames(path))
