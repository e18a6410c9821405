"""Kill a repair at random moments; the same command goes on and writes the same volume."""

from __future__ import annotations

import hashlib
import random
import signal
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tifffile
from conftest import moving_texture
from faults import times
from processes import kill, start

# Where a kill may strike, and how many steps each has in the repair below.
PLACES = {"hide gaps of 1": 4, "fill": 4, "write": 1, "writing": 14, "page": 4}
NAMES = ("whole.tif", "whole.h5", "whole.zarr", "whole.ome.zarr", "whole.n5", "whole/")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stack in which slices 4, 8 and 9 are lost, and a place of slice 12."""
    folder = tmp_path_factory.mktemp("source")
    grey = moving_texture(16, 96)
    grey[4] = 0
    tifffile.imwrite(folder / "stack.tif", grey)
    (folder / "boxes.csv").write_text("z,y0,y1,x0,x1\n12,20,50,30,70\n")
    return folder


def repair(source: Path, out: str) -> list[object]:
    return [
        "repair", source / "stack.tif", "--missing", "8-9", "--defects", source / "boxes.csv",
        "--method", "dis", "--threads", 1, "--out", out,
    ]  # fmt: skip


def content(out: str) -> dict[str, str]:
    """The SHA-256 of each file that a repair has left, the volume's and the evidence's."""
    volume = Path(out.rstrip("/"))
    roots = [volume, volume.with_name(f"{volume.name}-repair")]
    files = [
        path
        for root in roots
        for path in ([root] if root.is_file() else root.rglob("*"))
        if path.is_file() and path.name not in (".lock", ".lock-holder")
    ]
    return {
        str(path.relative_to(volume.parent)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


@pytest.mark.timeout(7200)
def test_a_killed_repair_goes_on(source: Path, tmp_path: Path, tally) -> None:
    wholes = dict[str, dict[str, str]]()
    for number in times(3, 20):
        where, name = random.Random(number), NAMES[number % len(NAMES)]
        if name not in wholes:
            out = f"{tmp_path}/uninterrupted{number}/{name}"
            code, _, told = start(repair(source, out), tmp_path / f"uninterrupted{number}").end()
            assert code == 0, told
            wholes[name] = content(out)
        folder = tmp_path / str(number)
        place = list(PLACES)[number % len(PLACES)]
        moment = (place, where.randint(1, PLACES[place]), where.uniform(0, 0.05))
        words = repair(source, f"{folder}/{name}")
        code, _, told = start(words, folder, partial(kill, *moment)).end()
        again, _, told_again = start(words, folder).end()
        left = [path.name for path in folder.rglob(".*") if path.name not in (".lock", ".zattrs")]
        same = content(f"{folder}/{name}") == wholes[name]
        finished = "is there already" in told_again  # it was killed when all was done
        good = code == -signal.SIGKILL and (again == 0 or finished)
        what = (moment, name, code, again, told, told_again, left)
        tally(
            f"SIGKILL of a repair in {place}",
            ("survived" if same else "silent") if good else "lost",
            what,
        )


@pytest.mark.parametrize("size", [64_000, 128_000, 192_000])
def test_a_disk_that_is_full_is_told_and_the_repair_goes_on(
    source: Path, tmp_path: Path, tally, small_disk: Callable[[int], Path], size: int
) -> None:
    out, disk = f"{tmp_path}/whole.tif", small_disk(size)
    assert start(repair(source, out), tmp_path).end()[0] == 0
    words = repair(source, f"{disk}/whole.tif")
    code, _, told = start(words, tmp_path).end()
    sentence = told.splitlines()[-1]
    good = code == 2 and "full" in sentence and "Traceback" not in told
    subprocess.run(["mount", "-o", "remount,size=9m", str(disk)], check=True)
    again = start(words, tmp_path).end()
    same = again[0] == 0 and content(f"{disk}/whole.tif") == content(out)
    what = (code, told, again)
    tally("a full disk of a repair (small tmpfs)", "survived" if good and same else "lost", what)


def test_the_source_is_as_it_was(source: Path) -> None:
    """It is read by every repair above."""
    lost = np.asarray(tifffile.imread(source / "stack.tif"))
    assert not lost[4].any()
    assert lost[8].any()
