"""`--axes` and `--channel`: from the command line to what a dataset keeps and `info` shows."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from command import bench
from conftest import moving_texture

from bench.triplets.dataset_paths import dataset_path
from bench.triplets.file import TripletFile

SMALL = ["--tile", 48, "--stride", 48, "--search", 4]


def built(folder: Path, name: str) -> TripletFile:
    return TripletFile(dataset_path(folder, name, 0))


def test_a_channel_is_built_recorded_and_asked_for_again(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    grey, other = moving_texture(side=96), moving_texture(side=96, seed=1)
    tifffile.imwrite(
        tmp_path / "two.tif", np.stack([other, grey], 1), imagej=True, metadata={"axes": "ZCYX"}
    )
    tifffile.imwrite(tmp_path / "one.tif", grey)
    words = ["--data", tmp_path, *SMALL, "--source"]
    code, _, err = bench(capsys, "data", "build", "two", *words, tmp_path / "two.tif")
    assert (code, "--channel N, 0 to 1" in err) == (2, True)
    for name, asked in (("two", ["--channel", 1]), ("one", [])):
        source = tmp_path / f"{name}.tif"
        assert bench(capsys, "data", "build", name, *words, source, *asked)[0] == 0
    two, one = built(tmp_path, "two"), built(tmp_path, "one")
    np.testing.assert_array_equal(two.frames(3), one.frames(3))
    assert (two.volumes[0].channel, one.volumes[0].channel) == (1, None)
    # A volume's own name is part of a fingerprint; how its file is read is not.
    assert two.volumes[0].sha256 == one.volumes[0].sha256
    assert two.options == one.options
    run = ["run", "--methods", "average", "--dataset", "two", "--data", tmp_path,
           "--stages", "train,predict", "--out", tmp_path / "results",
           "--source", tmp_path / "two.tif"]  # fmt: skip
    assert bench(capsys, *run, "--channel", 1)[0] == 0
    code, _, err = bench(capsys, *run, "--channel", 0)
    assert (code, "was built from another volume" in err) == (2, True)


def test_a_run_builds_with_axes_and_info_repeats_the_notes(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    grey = moving_texture(side=96)
    tifffile.imwrite(tmp_path / "a.tif", grey.T.copy(), photometric="minisblack")
    code, _, err = bench(
        capsys, "run", "--methods", "average", "--dataset", "texture[tile=48,stride=48,search=4]",
        "--stages", "train,predict", "--source", tmp_path / "a.tif", "--axes", "xyz",
        "--data", tmp_path, "--out", tmp_path / "results",
    )  # fmt: skip
    assert code == 0, err
    file = built(tmp_path, "texture[search=4,stride=48,tile=48]")
    assert (file.volumes[0].shape, file.volumes[0].axes) == ((25, 96, 96), "xyz")


def test_notes_are_said_while_building_and_kept(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif", moving_texture(side=96), imagej=True, metadata={"axes": "TYX"}
    )
    source = ["--data", tmp_path, *SMALL, "--source", tmp_path / "a.tif"]
    _, _, err = bench(capsys, "data", "build", "mine", *source)
    assert "its axis T is read as z" in err
    _, out, _ = bench(capsys, "data", "info", "mine", "--data", tmp_path, "--json")
    rows = json.loads(out)
    assert "its axis T is read as z" in rows["note"]
    assert "--voxel-size" in rows["voxel size"]
