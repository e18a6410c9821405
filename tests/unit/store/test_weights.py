from pathlib import Path

import pytest
import torch

from bench.base.errors import DamagedError
from bench.store.weights import load_tensors, save_tensors

TENSORS = {"kernel": torch.arange(12.0).reshape(3, 4), "steps": torch.tensor(7)}
FACTS = {"steps": 7, "loss": 0.1 + 0.2, "name": "é"}


def test_what_was_written_is_read(tmp_path: Path) -> None:
    save_tensors(tmp_path / "w.safetensors", TENSORS, FACTS)
    tensors, facts = load_tensors(tmp_path / "w.safetensors")
    assert facts == FACTS
    assert {name: tensor.tolist() for name, tensor in tensors.items()} == {
        name: tensor.tolist() for name, tensor in TENSORS.items()
    }


def test_the_same_weights_give_the_same_bytes(tmp_path: Path) -> None:
    """Records and caches know a file by its digest."""
    written = set()
    for number in range(20):
        save_tensors(tmp_path / f"{number}.safetensors", TENSORS, FACTS)
        written.add((tmp_path / f"{number}.safetensors").read_bytes())
    assert len(written) == 1


def test_a_changed_number_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_tensors(path, TENSORS, FACTS)
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(DamagedError, match=r"w\.safetensors"):
        load_tensors(path)
