"""HDF5 chunks that are deep in z: nothing is decompressed twice, and memory is bounded."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from stores import opened

from bench.volumes.formats import laid_out
from bench.volumes.sources import open_volume

RAW = np.random.default_rng(0).integers(0, 256, (20, 48, 40), dtype=np.uint8)


@pytest.fixture
def read_blocks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Bytes of each block that is read of the file."""
    blocks: list[int] = []
    read = h5py.Dataset.__getitem__

    def listening(self, *where):  # type: ignore[no-untyped-def]
        values = read(self, *where)
        blocks.append(np.asarray(values).nbytes)
        return values

    monkeypatch.setattr(h5py.Dataset, "__getitem__", listening)
    monkeypatch.setattr(laid_out, "SMALL_BYTES", 0)
    return blocks


def stored(path: Path, chunks: tuple[int, ...], values: np.ndarray = RAW) -> str:
    with h5py.File(path, "w") as file:
        file.create_dataset("a", data=values, chunks=chunks, compression="gzip")
    return f"{path}:/a"


@pytest.mark.parametrize(
    ("chunks", "layers"), [((1, 16, 16), 20), ((8, 16, 16), 3), ((20, 16, 16), 1)]
)
def test_each_layer_of_chunks_is_read_once_a_pass(
    tmp_path: Path, read_blocks: list[int], chunks: tuple[int, ...], layers: int
) -> None:
    with open_volume(stored(tmp_path / "a.h5", chunks)) as volume:
        for z in range(20):
            np.testing.assert_array_equal(volume.slice(z), RAW[z])
    assert (sum(read_blocks), len(read_blocks)) == (RAW.nbytes, layers)


def test_a_small_stack_is_read_at_once(
    tmp_path: Path, read_blocks: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = stored(tmp_path / "a.h5", (1, 16, 16))
    for most, blocks in ((RAW.nbytes, 1), (RAW.nbytes - 1, 20)):
        monkeypatch.setattr(laid_out, "SMALL_BYTES", most)
        read_blocks.clear()
        with open_volume(source) as volume:
            for z in range(20):
                np.testing.assert_array_equal(volume.slice(z), RAW[z])
        assert len(read_blocks) == blocks


def test_a_layer_too_large_is_read_in_parts(
    tmp_path: Path, read_blocks: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(laid_out, "LAYER_BYTES", 6 * RAW[0].nbytes)
    for axes, source in (
        ("zyx", stored(tmp_path / "a.h5", (20, 16, 16))),
        ("xyz", stored(tmp_path / "b.h5", (16, 16, 16), RAW.T)),
    ):
        read_blocks.clear()
        with opened(source, axes=axes) as volume:
            for z in (*range(20), 3, 19, 0):
                np.testing.assert_array_equal(volume.slice(z), RAW[z])
        assert max(read_blocks) <= 6 * RAW[0].nbytes
