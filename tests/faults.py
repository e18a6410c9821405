"""How often each fault is tried, and the table of what became of it.

`make test` tries a sample. `SOAK=1` in the environment (`make soak`) tries all of them, a smaller
number that share of them, and prints the table.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest
from command import bench

from bench.base.files import file_digest
from bench.triplets.file import TripletFile

Fate = Literal["survived", "lost", "silent"]
SHARE = float(os.environ.get("SOAK", "0"))
TALLY: dict[str, Counter[str]] = {}

Answer = tuple[int, str, str]  # exit code, standard output, standard error


def times(sample: int, full: int) -> range:
    """How often to try a fault."""
    return range(max(sample, round(SHARE * full)))


@contextlib.contextmanager
def limited(size: int) -> Iterator[None]:
    """No file may grow beyond so many bytes: refused half way, as by a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def tally() -> Iterator[Callable[[str, Fate, object], None]]:
    """Note what became of a trial; the test fails at its end if any was lost or silent.

    *Survived*: told in one sentence, or undone, and nothing gone. *Lost*: work is gone, or the
    command ended in a traceback. *Silent*: the fault was not noticed and may be in the figures.
    """
    bad: list[object] = []

    def note(fault: str, fate: Fate, what: object = "") -> None:
        TALLY.setdefault(fault, Counter())[fate] += 1
        if fate != "survived":
            bad.append((fault, fate, what))

    yield note
    assert not bad, "\n".join(map(repr, bad))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not SHARE or not TALLY:
        return
    terminalreporter.section("faults")
    terminalreporter.write_line("| fault | tried | survived | lost | silent |")
    terminalreporter.write_line("|---|---|---|---|---|")
    for fault, fates in TALLY.items():
        counts = " | ".join(str(fates[fate]) for fate in ("survived", "lost", "silent"))
        terminalreporter.write_line(f"| {fault} | {fates.total()} | {counts} |")


@pytest.fixture
def command(
    capsys: pytest.CaptureFixture[str],
    tiny_bench: None,
    one_thread: None,
    without_picture: None,
) -> Callable[..., Answer]:
    """The command line in this process, with the method `tiny` and without the picture."""
    return lambda *words: bench(capsys, *words)


@pytest.fixture(scope="session")
def data(data_folder: Path, cells: TripletFile) -> Path:
    """The folder with the datasets `cells` (with labels) and `texture`."""
    return data_folder


@pytest.fixture
def own_data(data: Path, tmp_path: Path) -> Path:
    """A copy of that folder, to be damaged."""
    return shutil.copytree(data, tmp_path / "data")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """A file system in memory of a size in bytes, where one may be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(size: int) -> Path:
        words = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
        try:
            subprocess.run(words, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("only root may mount a small disk")
        return folder

    yield mount
    subprocess.run(["umount", str(folder)], check=False, capture_output=True)


def run_words(data: Path, out: Path, dataset: str = "cells") -> list[object]:
    """A run of two cells beside the null, one of them trained, with all four stages."""
    return [
        "run", "--methods", "average,tiny", "--dataset", dataset, "--losses", "l1", "--data", data,
        "--out", out, "--threads", 1, "--segmenter-steps", 500, "--json",
    ]  # fmt: skip


_FINISHED: list[tuple[Path, str]] = []


@pytest.fixture
def finished(
    command: Callable[..., Answer],
    data: Path,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, str]:
    """A copy of the results of such a run, and the rows it printed."""
    if not _FINISHED:
        out = tmp_path_factory.mktemp("finished") / "results"
        code, said, error = command(*run_words(data, out))
        assert code == 0, error
        _FINISHED.append((out, rows(said)))
    out, expected = _FINISHED[0]
    return shutil.copytree(out, tmp_path / "results"), expected


def rows(said: str) -> str:
    """The table of `bench run --json` to the last digit, without where its files lie."""
    table = json.loads(said)["rows"]
    return json.dumps([{k: v for k, v in row.items() if k != "folder"} for row in table])


def difference(one: str, other: str) -> list[str]:
    """Where two tables differ, for the message of a test that fails."""
    pairs = zip(one.split(","), other.split(","), strict=False)
    return [f"{a} /{b}" for a, b in pairs if a != b]


def digests(out: Path) -> dict[str, str]:
    """SHA-256 of every file that holds results; logs, records and pictures have times in them."""
    kinds = {".safetensors", ".h5", ".parquet"}
    found = sorted(path for path in (out / "runs").rglob("*") if path.suffix in kinds)
    return {str(path.relative_to(out)): file_digest(path) for path in found}


def flip(path: Path, bit: int) -> None:
    """Flip one bit of a file, counted from its first."""
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << (bit % 8)
    path.write_bytes(bytes(content))
