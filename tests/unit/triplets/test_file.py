"""The triplet file: any flipped byte is found, and every process can read."""

from __future__ import annotations

import json
import multiprocessing
import pickle
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from bench.base.errors import UserError
from bench.triplets.build import build
from bench.triplets.dataset_paths import dataset_path
from bench.triplets.describe import describe
from bench.triplets.digests import digest_path, fingerprint
from bench.triplets.file import TripletFile
from bench.triplets.options import BuildOptions
from bench.triplets.verify import verify
from bench.volumes.cards import Card
from bench.volumes.stack_volume import ArrayVolume


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    random = np.random.default_rng(0)
    stack = random.integers(60, 200, (1, 80, 80)) + random.integers(-9, 10, (15, 80, 80))
    ids = random.integers(0, 4, (15, 20, 20)).repeat(4, axis=1).repeat(4, axis=2)
    path = dataset_path(tmp_path_factory.mktemp("data"), "mine", 0)
    volume = ArrayVolume("stack", stack.astype(np.uint8), ids, (40.0, 4.0, 4.0))
    card = Card(name="mine", title="Mine", credit="somebody")
    build("mine", [volume], card, BuildOptions(tile=40, stride=40, search=4), path)
    return path


@pytest.fixture
def copy(built: Path, tmp_path: Path) -> Path:
    folder = shutil.copytree(built.parent, tmp_path / "copy")
    return folder / built.name


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 0x10
    path.write_bytes(content)


def frame_offset(path: Path, index: int) -> int:
    with h5py.File(path) as file:
        return file["frames"].id.get_chunk_info_by_coord((index, 0, 0, 0)).byte_offset


def test_a_sound_file_has_no_problems(built: Path) -> None:
    assert verify(built) == []


def test_any_flipped_byte_is_found(copy: Path) -> None:
    whole = copy.read_bytes()
    for at in np.random.default_rng(0).integers(0, len(whole), 40):
        copy.write_bytes(whole)
        flip(copy, int(at))
        assert verify(copy)


def test_a_flipped_pixel_names_its_triplet_and_is_never_handed_out(copy: Path) -> None:
    flip(copy, frame_offset(copy, 7) + 1234)
    key = TripletFile(copy).keys.iloc[7]
    problems = verify(copy)
    assert len(problems) == 2
    assert f"Triplet 7 (stack, z {key.z}, y {key.y}, x {key.x})" in problems[1]
    file = TripletFile(copy)
    with pytest.raises(UserError, match=r"Triplet 7 is damaged .* `bench data build mine"):
        file.frames(7)
    assert file.frames(8).shape == (3, 40, 40)


def test_pixels_changed_with_their_checksum_are_found_by_the_digest(copy: Path) -> None:
    with h5py.File(copy, "r+") as file:
        frames = file["frames"][3]
        file["frames"][3] = frames[::-1]
    assert any("Triplet 3 " in problem for problem in verify(copy))


@pytest.mark.parametrize("column", ["split", "reason", "z", "shift_after_y"])
def test_changed_keys_are_refused_on_opening(copy: Path, column: str) -> None:
    with h5py.File(copy, "r+") as file:
        values = file[f"keys/{column}"]
        values[2] = b"train" if column in ("split", "reason") else values[2] + 1
        if column == "split":
            values[2] = b"test"
    with pytest.raises(UserError, match=r"its keys do not fit its fingerprint.* --replace"):
        TripletFile(copy)


def nudge_measures(path: Path) -> None:
    """Another last bit for every measured key, as another kind of processor leaves it."""
    with h5py.File(path, "r+") as file:
        for values in file["keys"].values():
            if values.dtype.kind == "f":
                values[...] = np.nextafter(values[()], 9)


def test_what_another_processor_measures_in_the_last_bit_changes_no_fingerprint(copy: Path) -> None:
    with TripletFile(copy) as before:
        assert (before.keys.dtypes == "float").sum() >= 4
    nudge_measures(copy)
    after = TripletFile(copy)
    assert (after.keys["peak_after"] != before.keys["peak_after"]).all()
    assert after.fingerprint == before.fingerprint


def test_a_file_of_schema_2_keeps_its_fingerprint_and_measures_are_part_of_it(copy: Path) -> None:
    with TripletFile(copy) as new:
        pass
    with h5py.File(copy, "r+") as file:
        options = json.loads(file.attrs["options"])
        old = fingerprint(new.keys, file["digests"][()], options, new.voxel_size, {})
        file.attrs.update(schema=2, fingerprint=old)
    with TripletFile(copy) as again:
        assert again.fingerprint == old != new.fingerprint
    nudge_measures(copy)
    with pytest.raises(UserError, match="its keys do not fit its fingerprint"):
        TripletFile(copy)


def test_a_missing_or_wrong_digest_file_is_a_problem(copy: Path) -> None:
    digest_path(copy).write_text("0" * 64 + "  triplets.h5\n")
    assert len(verify(copy)) == 1
    digest_path(copy).unlink()
    assert "is missing" in verify(copy)[0]


def test_the_digest_file_is_one_that_sha256sum_reads(built: Path) -> None:
    import hashlib

    digest, name = digest_path(built).read_text().split()
    assert (built.parent / name).samefile(built)
    assert hashlib.sha256(built.read_bytes()).hexdigest() == digest


def test_a_newer_schema_a_truncated_file_and_none_at_all_are_refused(copy: Path) -> None:
    with h5py.File(copy, "r+") as file:
        file.attrs["schema"] += 1
    with pytest.raises(UserError, match=r"newer version .* update interslice"):
        TripletFile(copy)
    copy.write_bytes(copy.read_bytes()[:5000])
    with pytest.raises(UserError, match="damaged"):
        TripletFile(copy)
    copy.unlink()
    with pytest.raises(UserError, match="bench data build"):
        TripletFile(copy)


def test_a_file_of_an_older_version_has_the_defaults_of_what_it_does_not_say(copy: Path) -> None:
    with TripletFile(copy) as expected:
        pass
    with h5py.File(copy, "r+") as file:
        options, card = (json.loads(file.attrs[name]) for name in ("options", "card"))
        del options["rules"], options["seed"], card["label_kind"], card["citation"]
        file.attrs["options"] = json.dumps(options)
        file.attrs["card"] = json.dumps({**card, "of_another_version": 1})
        digests, voxel_size = file["digests"][()], json.loads(file.attrs["voxel_size"])
        old = fingerprint(expected.keys, digests, options, voxel_size, {})
        file.attrs.update(schema=2, fingerprint=old)
    found = TripletFile(copy)
    assert old == found.fingerprint != expected.fingerprint
    assert (found.options, found.card) == (expected.options, expected.card)


def _read(file: TripletFile, indices: list[int]) -> list[bytes]:
    return [file.frames(i).tobytes() for i in indices]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_share_a_file(built: Path, method: str) -> None:
    with TripletFile(built) as file:
        order = np.random.default_rng(0).permutation(np.repeat(np.arange(len(file)), 3)).tolist()
        expected = _read(file, order)  # open here before the others start
        with multiprocessing.get_context(method).Pool(2) as pool:
            waiting = [pool.apply_async(_read, (file, order)) for _ in range(4)]
            assert _read(file, order) == expected
            assert all(task.get(60) == expected for task in waiting)


def test_pickling_and_closing(built: Path) -> None:
    file = TripletFile(built)
    other = pickle.loads(pickle.dumps(file))
    assert other.fingerprint == file.fingerprint
    first = file.frames(0)
    file.close()
    np.testing.assert_array_equal(file.frames(0), first)
    np.testing.assert_array_equal(other.labels(0), file.labels(0))
    with pytest.raises(IndexError):
        file.frames(len(file))


def test_what_it_says_of_itself(built: Path) -> None:
    file = TripletFile(built)
    assert (file.name, file.tile, len(file)) == ("mine", 40, 13 * 4)
    assert file.voxel_size == (40.0, 4.0, 4.0)
    rows = dict(describe(file))
    assert rows["volume"] == "stack, 15 x 80 x 80"
    assert rows["labels"] == "ids, 0 = ignore"
    assert rows["leakage"] == "0.0 % of test triplets"
    assert rows["candidates"].startswith("52")
    assert rows["test"].startswith(f"{len(file.indices('test'))} ")
    assert rows["split"].startswith("blocked along z, fold 0; triplets that cross two blocks")
    assert rows["fingerprint"] == file.fingerprint
