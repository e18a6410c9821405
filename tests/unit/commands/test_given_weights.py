"""``bench weights import``, and what runs make of weights that they are given."""

import json
import os
from pathlib import Path

import pandas as pd
import pytest
import torch
from command import bench
from published_rife import published

from bench.base.files import file_digest
from bench.cells.variants import parse_variant
from bench.store.weights import load_tensors, save_weights

Capture = pytest.CaptureFixture[str]


class Payload:
    """Unpickled by a reader that trusts it, it runs a command."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch '{self.trace}'",)


@pytest.fixture
def flownet(tmp_path: Path) -> Path:
    torch.save(published(), tmp_path / "flownet.pkl")
    return tmp_path / "flownet.pkl"


def test_published_weights_become_a_file_for_every_preset(capsys: Capture, flownet: Path) -> None:
    code, out, _ = bench(capsys, "weights", "import", "rife", flownet, "--json")
    told, target = json.loads(out), flownet.with_suffix(".safetensors")
    assert (code, told["weights"]) == (0, str(target))
    assert told["use"] == f"rife[weights={target}]"
    facts = load_tensors(target)[1]
    assert (facts["source"], facts["source_sha256"]) == ("flownet.pkl", file_digest(flownet))
    for preset in ("quick", "medium", "paper"):
        variant = parse_variant(told["use"], preset)
        assert (variant.text, variant.options.depth) == ("rife[weights=flownet]", 8)


def test_a_file_that_is_there_stays(capsys: Capture, flownet: Path, tmp_path: Path) -> None:
    words = ("weights", "import", "rife", flownet, "--out")
    assert bench(capsys, *words, tmp_path / "new" / "a.safetensors")[0] == 0
    there = tmp_path / "b.safetensors"
    there.write_text("mine")
    code, _, told = bench(capsys, *words, there)
    assert (code, there.read_text()) == (2, "mine")
    assert "is there already; name another file with --out" in told
    code, _, told = bench(capsys, *words, tmp_path / "c.pt")
    assert (code, (tmp_path / "c.pt").exists()) == (2, False)
    assert f"name it {tmp_path / 'c.safetensors'} with --out" in told


def test_what_cannot_be_imported_is_one_sentence(
    capsys: Capture, flownet: Path, tmp_path: Path
) -> None:
    trace = tmp_path / "trace"
    torch.save({"a": Payload(trace)}, tmp_path / "evil.pkl")
    torch.save({"a": torch.ones(1)}, tmp_path / "other.pkl")
    for method, file, words in (
        ("rife", "evil.pkl", "nothing in it was executed"),
        ("rife", "other.pkl", "cannot be imported for 'rife': the tensor block0"),
        ("ssan", "flownet.pkl", "no published weights of 'ssan' are known"),
        ("rive", "flownet.pkl", "did you mean 'rife'?"),
        ("rife", "none.pkl", "No such file"),
    ):
        code, _, told = bench(capsys, "weights", "import", method, tmp_path / file)
        assert (code, told.count("\n")) == (2, 1)
        assert words in told
    assert not trace.exists()
    assert not list(tmp_path.glob("*.safetensors"))


@pytest.mark.usefixtures("tiny_bench", "without_picture")
def test_a_training_starts_from_weights_and_says_so(
    capsys: Capture, data_folder: Path, tmp_path: Path
) -> None:
    def trained(method: str, *words: str) -> tuple[dict[str, object], pd.DataFrame, Path]:
        out = tmp_path / "results"
        code, told, _ = bench(
            capsys, "run", "--methods", method, "--dataset", "texture", "--losses", "l1",
            "--data", data_folder, "--out", out, "--json", "--stages", "train", *words,
        )  # fmt: skip
        assert code == 0
        [row] = [row for row in json.loads(told)["rows"] if row["method"] != "linear"]
        newest = max(out.rglob("tiny*/record.json"), key=lambda path: path.stat().st_mtime_ns)
        return row, pd.read_csv(newest.parent / "training.csv"), newest.parent

    _, scratch, _ = trained("tiny")
    model = parse_variant("tiny", "quick").build()
    torch.nn.init.constant_(model.head.bias, 0.5)  # far too bright
    save_weights(start := tmp_path / "start.safetensors", model, {})
    row, tuned, there = trained(f"tiny[init={start}]")
    assert row["method"] == "tiny[init=start]"
    assert "starts from the weights of start.safetensors" in row["warnings"]
    config = json.loads((there / "record.json").read_text())["config"]
    assert config["init"] == file_digest(start)
    assert scratch["loss"][0] < 0.1
    assert tuned["loss"][0] > 0.5
    assert tuned["loss"].iloc[-1] < tuned["loss"][0]

    first = file_digest(there / "weights.safetensors")
    _, _, again = trained(f"tiny[init={start}]", "--rerun")
    assert (again, file_digest(again / "weights.safetensors")) == (there, first)
