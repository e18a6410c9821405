"""Grey ranges: one that fits is found, and one that leaves few grey levels is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import tifffile
from command import bench
from conftest import moving_texture

from bench.base.errors import UserError
from bench.volumes.grey_range import as_words
from bench.volumes.sources import open_volume

EIGHT = np.clip(moving_texture(25, 64), 8, 248)
TWELVE = EIGHT.astype(np.uint16) * 16


def written(folder: Path, values: np.ndarray) -> Path:
    tifffile.imwrite(folder / "grey.tif", values, photometric="minisblack")
    return folder / "grey.tif"


def levels(grey: np.ndarray) -> int:
    low, high = np.percentile(grey, (0.1, 99.9), method="inverted_cdf")
    return len(np.unique(grey[(grey >= low) & (grey <= high)]))


def test_the_range_that_is_found_is_that_of_the_percentiles(tmp_path: Path) -> None:
    path = written(tmp_path, TWELVE)
    with open_volume(path, grey_range="auto") as volume:
        looked_at = TWELVE[np.linspace(0, 24, 16).astype(int)]
        low, high = np.percentile(looked_at, (0.1, 99.9), method="inverted_cdf")
        assert volume.grey is not None
        assert volume.grey.range == (low, high)
        assert volume.grey.facts.slices == 16
        assert volume.grey.facts.clipped == ((looked_at < low) | (looked_at > high)).mean() < 0.002
        found = np.stack([volume.slice(z) for z in range(25)])
        assert volume.grey.facts.levels == levels(found[np.linspace(0, 24, 16).astype(int)]) > 100
        given, digest = as_words(volume.grey.range), volume.digest
    exact = np.clip((TWELVE.astype(float) - low) * 255 / (high - low), 0, 255)
    assert np.abs(found - exact).max() <= 0.5 + 1e-9
    with open_volume(path, grey_range=tuple(map(float, given.split(",")))) as again:
        assert again.digest == digest


@pytest.mark.parametrize("wrong", [(0, 65535), (0, 20000), (3000, 60000)])
def test_a_range_that_leaves_few_levels_is_refused_with_one_that_does_not(
    tmp_path: Path, wrong: tuple[float, float]
) -> None:
    path = written(tmp_path, TWELVE)
    with open_volume(path, grey_range=wrong) as volume, pytest.raises(UserError) as refused:
        volume.slice(0)
    assert f"--grey-range {wrong[0]},{wrong[1]} leaves" in str(refused.value)
    assert "--grey-range auto" in str(refused.value)
    fitting = re.search(r"give --grey-range (\S+),(\S+), or", str(refused.value))
    assert fitting is not None
    with open_volume(path, grey_range=(float(fitting[1]), float(fitting[2]))) as volume:
        assert volume.grey is not None
        assert volume.grey.facts.levels > 100


def test_what_no_microscope_saw_does_not_widen_the_range(tmp_path: Path) -> None:
    with open_volume(written(tmp_path, TWELVE), grey_range="auto") as volume:
        plain = volume.grey
    padded = TWELVE.copy()
    padded[:, :30], padded[:, -3:] = 0, 65535
    with open_volume(written(tmp_path, padded), grey_range="auto") as volume:
        assert volume.grey is not None
        assert plain is not None
        assert volume.grey.range == pytest.approx(plain.range, abs=0.05 * 4096)


def test_the_lowest_value_of_a_signed_type_is_filled_in_too(tmp_path: Path) -> None:
    signed = TWELVE.astype(np.int16) - 2048
    with open_volume(written(tmp_path, signed), grey_range="auto") as volume:
        plain = volume.grey
    signed[:, :, :6] = -(2**15)
    with open_volume(written(tmp_path, signed), grey_range="auto") as volume:
        assert volume.grey is not None
        assert plain is not None
        assert volume.grey.range == pytest.approx(plain.range, abs=0.05 * 4096)


def test_missing_slices_are_not_looked_at(tmp_path: Path) -> None:
    spoilt = TWELVE.copy()
    spoilt[::2] = 60000
    with open_volume(
        written(tmp_path, spoilt), grey_range="auto", missing=range(0, 25, 2)
    ) as found:
        assert found.grey is not None
        assert found.grey.range[1] < 4096
        assert found.grey.facts.slices == 12


def test_floats_have_a_range_too(tmp_path: Path) -> None:
    values = (EIGHT / 255 - 0.5).astype(np.float32)
    with open_volume(written(tmp_path, values), grey_range="auto") as volume:
        assert volume.grey is not None
        assert -0.5 <= volume.grey.range[0] < volume.grey.range[1] <= 0.5
        assert float(f"{volume.grey.range[0]:.6g}") == volume.grey.range[0]  # as it is printed
        assert volume.grey.facts.levels > 100


def test_eight_bits_with_a_range_work_as_ever_unless_it_is_one_of_deeper_data(
    tmp_path: Path,
) -> None:
    path = written(tmp_path, EIGHT)
    with open_volume(path, grey_range=(0, 255)) as volume:
        np.testing.assert_array_equal(volume.slice(3), EIGHT[3])
    with (
        open_volume(path, grey_range=(0, 4095)) as volume,
        pytest.raises(UserError, match="it is 8-bit: leave --grey-range out"),
    ):
        volume.slice(3)


def test_few_levels_of_its_own_are_no_fault_of_the_range(tmp_path: Path) -> None:
    coarse = EIGHT.astype(np.uint16) // 8 * 100
    with open_volume(written(tmp_path, coarse), grey_range="auto") as volume:
        assert volume.grey is not None
        assert volume.grey.facts.levels == levels(coarse) < 64


def test_one_grey_value_has_no_range(tmp_path: Path) -> None:
    path = written(tmp_path, np.full((5, 64, 64), 700, np.uint16))
    with (
        open_volume(path, grey_range="auto") as volume,
        pytest.raises(UserError, match="one grey value"),
    ):
        volume.slice(0)


def test_the_error_of_deep_data_names_auto_and_build_and_info_tell_what_became_of_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    words = ["data", "build", "deep", "--source", written(tmp_path, TWELVE), "--tile", 32,
             "--search", 4, "--data", tmp_path]  # fmt: skip
    code, _, err = bench(capsys, *words)
    assert (code, "give --grey-range auto" in err) == (2, True)
    code, _, err = bench(capsys, *words, "--grey-range", "0;9")
    assert (code, "takes LOW,HIGH or auto, not '0;9'" in err) == (2, True)
    code, out, _ = bench(capsys, *words, "--grey-range", "auto", "--json")
    told = json.loads(out)["grey range"]
    assert re.fullmatch(
        r"\d+,\d+: 0\.\d\d % of the pixels clipped, \d{3} of 256 grey levels in use "
        r"\(16 evenly spread slices\)", told
    )  # fmt: skip
    _, out, _ = bench(capsys, "data", "info", "deep", "--data", tmp_path, "--json")
    assert json.loads(out)["grey range"] == told
    run = ["run", "--methods", "average", "--dataset", "deep", "--stages", "train",
           "--source", tmp_path / "grey.tif", "--data", tmp_path, "--out", tmp_path]  # fmt: skip
    for same in ("auto", told.partition(":")[0]):
        _, _, err = bench(capsys, *run, "--grey-range", same)
        assert "was built from another volume" not in err
    _, _, err = bench(capsys, *run, "--grey-range", "1,4000")
    assert "another --missing, --region, --level or --grey-range" in err
