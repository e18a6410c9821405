"""Published weights: tensors are read, and a pickle that wants more runs nothing."""

import os
import pickle
from collections import OrderedDict
from pathlib import Path

import pytest
import torch

from bench.base.errors import UserError
from bench.store.published import read_published


class Payload:
    """Unpickled by a reader that trusts it, it runs a command."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch '{self.trace}'",)


def test_tensors_are_read_by_name(tmp_path: Path) -> None:
    path = tmp_path / "flownet.pkl"
    tensors = OrderedDict(a=torch.arange(3.0), b=torch.ones(2, 2))
    torch.save(tensors, path)
    found = read_published(path)
    assert list(found) == ["a", "b"]
    assert all(torch.equal(found[name], tensors[name]) for name in tensors)


@pytest.mark.parametrize("how", ["torch, new", "torch, old", "pickle"])
def test_code_in_a_pickle_is_not_executed(how: str, tmp_path: Path) -> None:
    path, trace = tmp_path / "flownet.pkl", tmp_path / "trace"
    content = {"weight": torch.ones(2), "extra": Payload(trace)}
    if how == "pickle":
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=how == "torch, new")
    with pytest.raises(UserError, match=r"flownet\.pkl.*nothing in it was executed"):
        read_published(path)
    assert not trace.exists()
    torch.load(path, weights_only=False) if how != "pickle" else pickle.loads(path.read_bytes())
    assert trace.exists()  # it was armed


@pytest.mark.parametrize(
    "content", [torch.ones(2), {}, {"a": 1}, {"a": {"b": torch.ones(1)}}, [torch.ones(1)]]
)
def test_anything_but_tensors_by_name_is_refused(content: object, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "x.pkl")
    with pytest.raises(UserError, match=r"x\.pkl does not hold tensors by name"):
        read_published(tmp_path / "x.pkl")


def test_no_file_and_a_torn_file_are_one_sentence_each(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No such file"):
        read_published(tmp_path / "none.pkl")
    torch.save({"a": torch.ones(1000)}, tmp_path / "torn.pkl")
    (tmp_path / "torn.pkl").write_bytes((tmp_path / "torn.pkl").read_bytes()[:700])
    with pytest.raises(UserError, match="not a file of weights alone"):
        read_published(tmp_path / "torn.pkl")
