"""Small datasets that every test of the harness can share."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from command import bench
from scipy import ndimage
from tiny import patches

from bench.triplets.build import build
from bench.triplets.dataset_paths import dataset_path
from bench.triplets.file import TripletFile
from bench.triplets.options import BuildOptions
from bench.volumes.cards import load_card
from bench.volumes.stack_volume import ArrayVolume

# The cores are shared among the processes of pytest-xdist.
_PROCESSES = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
torch.set_num_threads(max(1, min(2, (os.cpu_count() or 1) // _PROCESSES)))
pytest_plugins = ["chromium", "faults"]


@pytest.fixture(autouse=True)
def same_weights() -> None:
    """Networks begin alike whichever tests ran before; a narrow one can be born dead."""
    torch.manual_seed(0)


def moving_texture(depth: int = 25, side: int = 160, seed: int = 0) -> np.ndarray:
    """A smooth texture that drifts by a pixel a slice, with a little noise: uint8 ZYX."""
    random = np.random.default_rng(seed)
    canvas = ndimage.gaussian_filter(random.normal(size=(side + depth, side + depth)), 3)
    canvas = (canvas - canvas.mean()) / canvas.std() * 40 + 128
    slices = [canvas[z // 2 : z // 2 + side, z : z + side] for z in range(depth)]
    noisy = np.stack(slices) + random.normal(scale=4, size=(depth, side, side))
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of datasets with one in it: `texture`, 25 slices, tiles of 80."""
    folder = tmp_path_factory.mktemp("data")
    build(
        "texture",
        [ArrayVolume("texture", moving_texture())],
        load_card("texture"),
        BuildOptions(tile=80, stride=80, search=4),
        dataset_path(folder, "texture", 0),
    )
    return folder


def neurites(depth: int = 25, side: int = 160, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Cells around drifting centres, dark where two meet: uint8 ZYX and their ids from 1."""
    grey, ids = _neurites(depth, side, seed)
    return grey.copy(), ids.copy()


@functools.cache
def _neurites(depth: int, side: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    centres = random.uniform(0, side, (40, 2))
    drift = random.normal(scale=0.7, size=(40, 2))
    y, x = np.mgrid[:side, :side]
    slices, ids = [], []
    for z in range(depth):
        there = centres + z * drift
        distance = np.hypot(y - there[:, 0, None, None], x - there[:, 1, None, None])
        first, second = np.sort(distance, axis=0)[:2]
        ids.append(distance.argmin(axis=0) + 1)
        slices.append(np.where(second - first < 4, 60, 170) + random.normal(scale=8, size=y.shape))
    grey = np.clip(np.rint(ndimage.gaussian_filter(slices, (0, 1, 1))), 0, 255).astype(np.uint8)
    return grey, np.stack(ids).astype(np.uint64)


@pytest.fixture(scope="session")
def cells(data_folder: Path) -> TripletFile:
    """The dataset `cells`, in the folder of datasets: as `texture`, with labels."""
    grey, ids = neurites()
    path = dataset_path(data_folder, "cells", 0)
    build(
        "cells",
        [ArrayVolume("cells", grey, labels=ids, voxel_size=(30, 6, 6))],
        load_card("cells"),
        BuildOptions(tile=80, stride=80, search=4),
        path,
    )
    return TripletFile(path)


@pytest.fixture(scope="session")
def texture(data_folder: Path) -> TripletFile:
    """The dataset `texture`."""
    return TripletFile(dataset_path(data_folder, "texture", 0))


@pytest.fixture
def tiny_bench() -> Iterator[None]:
    """The method `tiny`, and a `quick` of 30 steps."""
    with contextlib.ExitStack() as stack:
        for patch in patches():
            stack.enter_context(patch)
        yield


@pytest.fixture
def run(
    capsys: pytest.CaptureFixture[str],
    data_folder: Path,
    cells: TripletFile,
    tmp_path: Path,
    tiny_bench: None,
) -> Any:
    """``bench run`` on small cells; as ``run.bench`` any other command."""

    def call(
        *words: object, dataset: str = "cells", methods: str = "average"
    ) -> tuple[int, str, str]:
        return bench(
            capsys, "run", "--methods", methods, "--dataset", dataset,
            "--data", data_folder, "--out", tmp_path / "results", *words,
        )  # fmt: skip

    call.bench = functools.partial(bench, capsys)  # type: ignore[attr-defined]
    return call


@pytest.fixture
def without_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run ends with its table: a picture takes longer than all that such a run computes."""
    monkeypatch.setattr("bench.commands.pictures.draw_pictures", lambda *_: [])


@pytest.fixture
def one_thread() -> Iterator[None]:
    """For tensors so small that they only lose by sharing; on a busy machine they lose much."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
