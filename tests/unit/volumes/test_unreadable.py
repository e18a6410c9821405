"""Why a file cannot be read is said as it is: locked, forbidden, without its filter, damaged."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile

from bench.base.errors import UserError
from bench.volumes.formats.open_stack import open_stack
from bench.volumes.formats.unreadable import reading

RAW = np.random.default_rng(0).integers(0, 256, (8, 64, 64), dtype=np.uint8)


def test_a_file_that_another_program_has_open(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    holder = (
        "import h5py, sys; f = h5py.File(sys.argv[1], 'w'); f['a'] = [1.0]; f.flush(); "
        "print('held', flush=True); sys.stdin.read()"
    )
    environment = {k: v for k, v in os.environ.items() if k != "HDF5_USE_FILE_LOCKING"}
    with subprocess.Popen(
        [sys.executable, "-c", holder, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env=environment,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(UserError, match=r"a\.h5 is locked, as another program has it open"):
            open_stack(path, "a")
        process.stdin.close()


def test_a_file_that_was_not_closed_after_writing(tmp_path: Path) -> None:
    """As a writer that was killed leaves it behind: HDF5 keeps a flag in the file."""
    path = tmp_path / "a.h5"
    killed = (
        "import h5py, os, sys; f = h5py.File(sys.argv[1], 'w', libver='latest'); f['a'] = [1.0]; "
        "f.swmr_mode = True; f.flush(); os._exit(1)"
    )
    subprocess.run([sys.executable, "-c", killed, str(path)], check=False)
    with pytest.raises(UserError, match=r"is locked.*did not close it.*h5clear -s"):
        open_stack(path, "a")


def test_a_compression_filter_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("a", data=RAW, chunks=(1, 64, 64), compression="gzip")
    content = path.read_bytes()
    # The filter's record: number 1, length of its name, flags, values, name.
    deflate = b"\x01\x00\x08\x00\x01\x00\x01\x00deflate\x00"
    assert content.count(deflate) == 1
    other = (32001).to_bytes(2, "little") + b"\x08\x00\x01\x00\x01\x00blosc\x00\x00\x00"
    path.write_bytes(content.replace(deflate, other))
    with pytest.raises(UserError, match=r"the HDF5 filter 'blosc', which is not installed"):
        open_stack(path, "a")


def test_an_empty_dataset_is_called_that(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["null"] = h5py.Empty("u1")
        file["none"] = RAW[:0]
    for name in ("null", "none"):
        with pytest.raises(UserError, match=rf"a\.h5:/{name} is empty.*; give a volume"):
            open_stack(tmp_path / "a.h5", name)


def test_a_tiff_codec_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tifffile.imwrite(tmp_path / "a.tif", RAW, compression="zstd")
    stack = open_stack(tmp_path / "a.tif", "")
    needed = "<COMPRESSION.ZSTD: 50000> requires the 'imagecodecs' package"

    def lacking(*_: object, **__: object) -> None:
        raise ValueError(needed)

    monkeypatch.setattr(tifffile.TiffPage, "asarray", lacking)
    with pytest.raises(UserError, match=r"a\.tif .* needs the package imagecodecs"):
        stack.read(0)
    stack.close()


@pytest.fixture
def as_nobody(tmp_path: Path) -> Iterator[None]:
    """As a user whom permissions hold for: root may read everything."""
    user = os.geteuid()
    if user == 0:
        for folder in (tmp_path, *tmp_path.parents[:2]):
            folder.chmod(0o755)
        os.seteuid(65534)
    yield
    os.seteuid(user)


@pytest.mark.parametrize(
    ("forbidden", "source"),
    [("a.h5", "a.h5"), ("a.tif", "a.tif"), ("folder", "folder"), ("folder/b1.tif", "folder"),
     ("folder", "folder/b1.tif")],
)  # fmt: skip
def test_no_permission(
    tmp_path: Path, forbidden: str, source: str, request: pytest.FixtureRequest
) -> None:
    (tmp_path / "folder").mkdir()
    tifffile.imwrite(tmp_path / "folder" / "b1.tif", RAW[0])
    tifffile.imwrite(tmp_path / "a.tif", RAW)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["a"] = RAW
    (tmp_path / forbidden).chmod(0)
    request.getfixturevalue("as_nobody")
    with pytest.raises(UserError, match="may not be read by you"):
        open_stack(tmp_path / source, "a")


def test_any_other_failure_is_damage(tmp_path: Path) -> None:
    with (
        pytest.raises(UserError, match=r"a cannot be read \(what\); it may be cut short"),
        reading("a"),
    ):
        raise ValueError("what")
    with pytest.raises(UserError, match="more memory than there is"), reading("a"):
        raise MemoryError
