"""`torchrun -m bench run`: two processes train one network as one process would."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

PATIENCE = 300.0  # seconds; on a busy machine a second of work takes many
WORDS = ("--dataset", "phantom_small", "--losses", "l1", "--stages", "train", "--threads", "1")
TOGETHER = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")


def start(data: Path, out: Path, *words: str, together: bool = False) -> subprocess.Popen[str]:
    """Start a run of 50 steps of SSAN, alone or on two processes."""
    program = [sys.executable, *(TOGETHER if together else ()), "-m", "bench", "run"]
    folders = ("--data", str(data), "--out", str(out))
    return subprocess.Popen(
        [*program, "--methods", "ssan", "--samples", "100", *WORDS, *folders, *words],
        env=os.environ | {"OMP_NUM_THREADS": "1"}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip


def ended(run: subprocess.Popen[str]) -> tuple[int, str]:
    said, _ = run.communicate(timeout=PATIENCE)
    return run.returncode, said


def cell(out: Path) -> Path:
    (folder,) = (out / "runs" / "phantom_small").glob("ssan*")
    return folder


def differ(one: Path, other: Path) -> float:
    """The distance of all weights of two trainings, relative to their length."""
    ours, theirs = (load_file(cell(out) / "weights.safetensors") for out in (one, other))
    flat = [torch.cat([each[name].flatten() for name in ours]) for each in (ours, theirs)]
    return float((flat[0] - flat[1]).norm() / flat[0].norm())


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def alone(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("alone")
    code, said = ended(start(data, out))
    assert code == 0, said
    return out


def test_two_processes_with_a_crop_each_train_like_one_with_both(
    data: Path, alone: Path, tmp_path: Path
) -> None:
    code, said = ended(start(data, tmp_path, together=True))
    assert code == 0, said
    assert said.count("what to take") == 1  # only one of them speaks
    assert differ(alone, tmp_path) < 1e-4
    facts = json.loads((cell(tmp_path) / "record.json").read_text())["stages"]["train"]["facts"]
    assert (facts["processes"], facts["steps"]) == (2, 50)


def test_a_killed_process_ends_the_run_and_any_number_goes_on(
    data: Path, alone: Path, tmp_path: Path
) -> None:
    run = start(data, tmp_path, together=True)
    wait_for_checkpoint(tmp_path)
    os.kill(second_of(run.pid), signal.SIGKILL)
    code, _ = ended(run)
    assert code != 0
    assert (cell(tmp_path) / "checkpoint.safetensors").exists()
    code, said = ended(start(data, tmp_path))
    assert code == 0, said
    assert "the training goes on after step" in said
    assert differ(alone, tmp_path) < 1e-4


def wait_for_checkpoint(out: Path) -> None:
    started = time.monotonic()
    while not list(out.glob("runs/phantom_small/ssan*/checkpoint.safetensors")):
        assert time.monotonic() - started < PATIENCE, "no checkpoint came"
        time.sleep(0.02)


def second_of(torchrun: int) -> int:
    """The process with the rank 1."""
    pids = Path(f"/proc/{torchrun}/task/{torchrun}/children").read_text().split()
    ranks = {pid: Path(f"/proc/{pid}/environ").read_bytes().split(b"\0") for pid in pids}
    (second,) = [int(pid) for pid, words in ranks.items() if b"RANK=1" in words]
    return second


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--micro-batch", "1", "--jobs", "2"), "torchrun starts processes of its own; leave --jo"),
        (("--methods", "ssan[norm=syncbn]"), "Batch normalisation over several processes needs CU"),
    ],
)
def test_what_does_not_go_together_is_one_sentence(
    data: Path, tmp_path: Path, words: tuple[str, ...], sentence: str
) -> None:
    _, said = ended(start(data, tmp_path, *words, together=True))
    assert sentence in said


def test_more_processes_than_crops_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.base import ranks
    from bench.base.errors import UserError

    monkeypatch.setattr(ranks, "count", lambda: 3)
    with pytest.raises(UserError, match="3 processes cannot share the 2 crops of a step; start at"):
        ranks.own_share(2)


def test_shares_cover_a_batch_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.base import ranks

    for count in (1, 2, 3, 5):
        monkeypatch.setattr(ranks, "count", lambda count=count: count)
        found = []
        for number in range(count):
            monkeypatch.setattr(ranks.distributed, "is_initialized", lambda: True)
            monkeypatch.setattr(ranks.distributed, "get_rank", lambda number=number: number)
            found += range(5)[ranks.own_share(5)]
        assert found == [*range(5)]
