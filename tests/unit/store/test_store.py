import json
from pathlib import Path

import pytest

from bench.base.errors import UserError
from bench.store.records import RECORD, SCHEMA, Record, Store, file_name, now

CELL = {"method": "ssan[k=4]", "loss": "l1", "dataset": "phantom", "fold": 0, "seed": 0,
        "preset": "quick"}  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


@pytest.fixture
def folder(store: Store) -> Path:
    folder = store.folder(CELL, "0123456789abcdef")
    record = Record(status="done", cell=CELL, key="k", config={}, started=now(), means={"psnr": 1})
    store.save(record, folder)
    return folder


def test_a_record_comes_back_as_it_was_saved(store: Store, folder: Path) -> None:
    record = store.load(folder)
    assert record is not None
    assert record.means == {"psnr": 1}
    assert [path for path, _ in store.records("phantom")] == [folder]
    assert list(store.records("other")) == []


def test_no_record_is_none(store: Store, tmp_path: Path) -> None:
    assert store.load(tmp_path / "nothing") is None


def test_every_flipped_bit_is_noticed(store: Store, folder: Path) -> None:
    path = folder / RECORD
    whole = path.read_bytes()
    original = json.loads(whole)
    for position in range(0, len(whole), 3):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << (position % 7)
        path.write_bytes(bytes(damaged))
        try:
            loaded = store.load(folder)
        except UserError as error:
            assert str(path) in str(error)
            continue
        # White space between two tokens may change without changing the content.
        assert loaded is not None
        assert loaded.model_dump() == {k: v for k, v in original.items() if k != "digest"}


def test_a_newer_schema_is_refused_with_advice(store: Store, folder: Path) -> None:
    path = folder / RECORD
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"record_schema": SCHEMA + 1}))
    with pytest.raises(UserError, match="upgrade"):
        store.load(folder)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a" * 300, "a\nb", "..", ""])
def test_no_name_leaves_the_folder(tmp_path: Path, name: str) -> None:
    path = tmp_path / file_name(name)
    assert path.resolve().parent == tmp_path.resolve()
    assert len(path.name) <= 120


def test_different_names_get_different_folders() -> None:
    names = ["a/b", "a_b", "a\\b", "a" * 200, "a" * 201]
    assert len({file_name(name) for name in names}) == len(names)
