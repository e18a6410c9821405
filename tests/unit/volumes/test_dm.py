"""DM3 and DM4 files: values, voxel size, axes, what is refused, and a package that is missing."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import digital_micrograph as dm
import numpy as np
import pytest
import stores

from bench.base.errors import UserError
from bench.volumes.formats.dm import DmStack
from bench.volumes.formats.stack import Asked

GREY = np.random.default_rng(0).integers(0, 256, (6, 10, 12), dtype=np.uint8)
NM = ((4.0, "nm"), (6.0, "nm"), (40.0, "nm"))  # x, y, z
_PAIRS_OF_FLOATS = (15, 0, 2, 0, 6, 0, 6)


def written(folder: Path, values: np.ndarray = GREY, scales: Any = NM, **said: Any) -> Path:
    """A file with a thumbnail and an image."""
    return dm.write(folder / "v.dm4", [dm.thumbnail(), dm.image(values, scales, **said)])


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("ending", ["dm3", "dm4"])
@pytest.mark.parametrize("kind", dm.IMAGE_TYPES)
def test_values_of_every_type_are_as_they_are_stored(
    kind: str, ending: str, order: str, tmp_path: Path
) -> None:
    values = GREY > 127 if kind == "bool" else (GREY * np.int64(3)).astype(kind)
    images = [dm.thumbnail(order), dm.image(values, NM, order)]
    stack = DmStack(dm.write(tmp_path / f"v.{ending}", images, order), Asked())
    assert (stack.shape, stack.dtype, stack.resolution) == (GREY.shape, kind, (40.0, 6.0, 4.0))
    for z, there in enumerate(values):
        np.testing.assert_array_equal(stack.read(z), there)


@pytest.mark.parametrize(
    ("scales", "size", "words"),
    [
        (((0.004, "µm"), (6.0, "nm"), (4e-5, "mm")), (40.0, 6.0, 4.0), ""),
        (((4.0, "nm"), (6.0, "nm")), (None, 6.0, 4.0), ""),  # as some plug-ins write it
        (((4.0, "nm"), (6.0, "nm"), (1.0, "")), (None, 6.0, 4.0), ""),
        (((4.0, "nm"), (6.0, "nm"), (2.0, "s")), (None, 6.0, 4.0), ""),
        (((1.0, ""), (1.0, ""), (1.0, "")), None, ""),
        (((4.0, ""), (6.0, ""), (40.0, "")), None, "size of 40 x 6 x 4 without a unit"),
        (((0.2, "1/nm"), (0.2, "1/nm"), (40.0, "nm")), None, ""),
        (((np.nan, "nm"), (0.0, "nm"), (40.0, "nm")), None, ""),
    ],
    ids=str,
)
def test_the_voxel_size_is_what_calibrations_with_units_of_length_say(
    scales: Sequence[tuple[float, str]], size: tuple[float, ...] | None, words: str, tmp_path: Path
) -> None:
    stack = DmStack(written(tmp_path, scales=scales), Asked())
    assert stack.resolution == size
    assert words in "".join(stack.notes)
    assert len(stack.notes) == bool(words)


def test_a_stack_of_channels_needs_its_axes_named(tmp_path: Path) -> None:
    path = written(tmp_path, np.stack([GREY, 255 - GREY]), (*NM, (1.0, "")))
    with pytest.raises(UserError, match=r"2 axes beside y and x .* with --axes CZYX --channel 0"):
        stores.opened(path)
    with stores.opened(path, axes="czyx", channel=1) as volume:
        assert volume.voxel_size == (40.0, 6.0, 4.0)
        np.testing.assert_array_equal(volume.slice(2), 255 - GREY[2])


def test_of_several_images_the_largest_is_read_and_that_is_told(tmp_path: Path) -> None:
    overview = dm.image(GREY[0], NM[:2])
    path = dm.write(tmp_path / "v.dm3", [dm.thumbnail(), overview, dm.image(GREY, NM)])
    with stores.opened(path) as volume:
        assert any("2 images; the largest, 6 x 10 x 12, is read" in each for each in volume.notes)
        np.testing.assert_array_equal(volume.slice(5), GREY[5])


def test_a_folder_of_slices_has_the_size_of_pixels_of_the_first(tmp_path: Path) -> None:
    for z, values in enumerate(GREY):
        slice_ = dm.image(values, NM[:2])
        dm.write(tmp_path / f"slice_{10 + z}.dm{3 + z % 2}", [dm.thumbnail(), slice_])
    (tmp_path / "slice_12.dm3").unlink()
    with stores.opened(tmp_path) as volume:
        assert (volume.shape, volume.voxel_size) == (GREY.shape, (None, 6.0, 4.0))
        assert volume.missing == {2}
        np.testing.assert_array_equal(volume.slice(5), GREY[5])
    dm.write(tmp_path / "slice_10.dm3", [dm.thumbnail(), dm.image(GREY, NM)])
    with pytest.raises(UserError, match=r"has 6 pages; a folder holds one slice each"):
        stores.opened(tmp_path)


@pytest.mark.parametrize(
    ("values", "said", "words"),
    [
        (GREY.astype(np.int32), {"image_type": dm.COLOUR, "kind": (3,)}, r"is in colour; convert"),
        (
            GREY.astype(np.complex64), {"image_type": dm.COMPLEX, "kind": _PAIRS_OF_FLOATS},
            r"holds complex64 values; give grey values",
        ),
        (
            np.zeros((16, 9), np.complex64),
            {"image_type": dm.PACKED_COMPLEX, "kind": _PAIRS_OF_FLOATS, "shape": (16, 16)},
            r"holds complex64 values; give grey values",
        ),
        (GREY[0], {}, r"has 1 slices; a triplet needs at least three"),
        (GREY[0, 0], {}, r"has 1 dimensions; a volume has three"),
        (GREY, {"shape": (0, 10, 12)}, r"is empty"),
        (GREY, {"shape": (7, 10, 12)}, r"is cut short or damaged; get it anew"),
        (GREY, {"shape": (2**16 - 1,) * 3}, r"is cut short or damaged; get it anew"),
        (GREY, {"shape": (2**32 - 1,) * 3}, r"is cut short or damaged; get it anew"),
    ],
)  # fmt: skip
def test_what_is_no_grey_stack_is_refused_in_one_sentence(
    values: np.ndarray, said: dict[str, Any], words: str, tmp_path: Path
) -> None:
    """Sizes that a header claims cost neither memory nor time."""
    path = written(tmp_path, values, NM[: values.ndim], **said)
    with pytest.raises(UserError, match=rf"v\.dm4 .*{words}"):
        stores.opened(path)


def test_a_file_with_nothing_but_its_thumbnail_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no image; give a stack of slices"):
        stores.opened(dm.write(tmp_path / "v.dm3", [dm.thumbnail()]))


def test_pixels_that_are_cut_off_are_missed_at_once(tmp_path: Path) -> None:
    path = written(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index(GREY.tobytes()) + GREY.nbytes - 1])
    with pytest.raises(UserError, match=r"v\.dm4 cannot be read .*cut short or damaged"):
        stores.opened(path)


def test_a_missing_package_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "rsciio"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "rsciio", None)
    with pytest.raises(UserError, match=r"`pip install '\.\[dm\]'`\.$"):
        stores.opened(written(tmp_path))
