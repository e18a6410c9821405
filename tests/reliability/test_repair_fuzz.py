"""Repairs of random volumes by random plans: a filled volume whose rest stays, or one sentence."""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import tifffile
from command import bench
from conftest import moving_texture
from faults import times
from PIL import Image

from bench.volumes.formats.stack import Asked, Stack
from bench.volumes.region import Part, parse_region
from bench.volumes.sources import open_volume

KINDS = (np.uint8, np.uint16, np.int16, np.float32)


def volume(chance: random.Random) -> np.ndarray:
    """A small stack: texture, in which slices are blank, torn, noisy or alike."""
    depth = chance.choice((3, 9, 13, 17))
    height, width = chance.choice((72, 100)), chance.choice((72, 130))
    stack = moving_texture(depth, 130)[:, :height, :width].astype(float)
    for z in range(depth):
        fate = chance.random()
        if fate < 0.04:
            stack[z] = chance.choice((0, 255, 128))
        elif fate < 0.07:
            stack[z, : height // 2] = 0
        elif fate < 0.09:
            stack[z] = np.random.default_rng(z).integers(0, 256, (height, width))
        elif fate < 0.11 and z:
            stack[z] = stack[z - 1]
    kind = np.dtype(chance.choice(KINDS))
    return (stack * (1 if kind == np.uint8 else 100)).astype(kind)


def plan(chance: random.Random, stack: np.ndarray, folder: Path) -> Path:
    """A plan of random entries; some are of no such slice, box or mask."""
    depth, height, width = stack.shape
    if chance.random() < 0.05:
        width += 1
    lines = [f"source = 'x'\nshape = [{depth}, {height}, {width}]"]
    for number in range(chance.randint(0, 4)):
        z = chance.randint(1, depth - 2) if chance.random() < 0.95 else chance.randint(-9, 99)
        action = chance.choice(("fill slice", "fill slice", "fill place", "look", "leave"))
        reason = chance.choice(("missing", "blank", "fold", "jump", "blur", "a mark"))
        lines.append(f"[[entry]]\nslice = {z}\nreason = '{reason}'\naction = '{action}'")
        if action == "fill place" or chance.random() < 0.1:
            lines.append(place(chance, (height, width), folder / f"mask{number}.png"))
    path = folder / "plan.toml"
    path.write_text("\n".join(lines) + "\n")
    return path


def place(chance: random.Random, shape: tuple[int, int], path: Path) -> str:
    fate = chance.random()
    if fate < 0.04:
        return ""
    sides = [sorted(chance.sample(range(length + 1), 2)) for length in shape]
    if fate < 0.5:
        return f"box = [{sides[0][0]}, {sides[0][1]}, {sides[1][0]}, {sides[1][1]}]"
    mask = np.zeros(shape if fate < 0.95 else shape[::-1], np.uint8)
    mask[slice(*sides[0]), slice(*sides[1])] = 255
    mask[:: chance.randint(2, 3)] = 0
    Image.fromarray(mask).save(path)
    return f"mask = '{path.name}'"


def words(chance: random.Random, stack: np.ndarray, folder: Path) -> list[object]:
    """What a user might ask for."""
    asked: list[object] = ["--method", chance.choice(("before", "average", "dis", "farneback"))]
    if stack.dtype != np.uint8 and chance.random() < 0.95:
        asked += ["--grey-range", chance.choice(("auto", "0,25500", "-50,20000"))]
    fate = chance.random()
    if fate < 0.6:
        asked += ["--plan", plan(chance, stack, folder)]
    elif fate < 0.85:
        low = chance.randint(0, stack.shape[0] - 1)
        asked += ["--missing", chance.choice((f"{low}", f"{low}-{low + 1}", f"{low}-{low + 4}"))]
    if chance.random() < 0.3:
        asked.append("--force")
    asked += ["--search", chance.choice((0, 1, 3, 3, 3, 3, 400))]
    if fate >= 0.6 and chance.random() < 0.3:
        asked += ["--region", chance.choice(("0:7,:,:", "1:9,0:71,:", "0:8,0:70,:", "2:99,:,:"))]
    return asked


@pytest.mark.parametrize("seed", times(40, 1000))
def test_a_random_repair_is_whole_or_one_sentence(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    stack, source = volume(chance), tmp_path / "stack.tif"
    tifffile.imwrite(source, stack, photometric="minisblack")
    before = source.read_bytes()
    ending = chance.choice((".tif", ".h5", ".ome.zarr", ".n5"))
    out = tmp_path / f"whole{ending}"
    asked = words(chance, stack, tmp_path)
    code, told, error = bench(capsys, "repair", source, *asked, "--out", out)
    case = f"{asked}\n{told}\n{error}"
    assert source.read_bytes() == before
    assert "Traceback" not in error, case
    if code == 2:
        assert error.splitlines()[-1].startswith("bench: "), case
        assert not out.exists(), case
        return
    assert code == 0, case
    if not out.exists():
        assert "Nothing" in told, case
        return
    assert bench(capsys, "verify", "--out", f"{out}-repair")[0] == 0, case
    with opened(source, asked) as was, opened(out, ()) as became:
        compare(was, became, f"{out}-repair/repair.json")


@contextlib.contextmanager
def opened(path: Path, asked: Sequence[object]) -> Iterator[Stack]:
    """A volume as it is stored; of the source the region that was asked for."""
    part = asked[asked.index("--region") + 1] if "--region" in asked else None
    region = None if part is None else Part(parse_region(str(part)))
    volume = open_volume(str(path), grey_range="auto", missing=(), asked=Asked(), part=region)
    try:
        yield volume.raw
    finally:
        volume.close()


def compare(was: Stack, became: Stack, record: str) -> None:
    """What was not filled is as it was, bit for bit."""
    assert became.shape == was.shape
    assert became.dtype == was.dtype
    told = json.loads(Path(record).read_text())
    filled = {each["slice"] - told["first"]: each for each in told["slices"]}
    for z in range(was.shape[0]):
        mine, theirs = became.read(z), was.read(z)
        here = filled.get(z, {"filled": "no"})
        changed = np.zeros(mine.shape, bool)
        for top, bottom, left, right in here.get("boxes", ()):
            changed[top:bottom, left:right] = True
        if here["filled"] != "whole":
            np.testing.assert_array_equal(mine[~changed], theirs[~changed])
