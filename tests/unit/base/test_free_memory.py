import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from bench.base import free_memory as module
from bench.base.errors import UserError
from bench.base.free_memory import Room, is_out_of_memory
from bench.base.parquet import write_table

MIB = 2**20


def write(folder: Path, **files: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(f"{text}\n")


def test_control_groups_leave_their_limit_less_their_use(tmp_path: Path) -> None:
    """Version 2; the group above has the smaller rest, and idle file pages can be reclaimed."""
    write(tmp_path / "proc/self", cgroup="0::/jobs/one")
    groups = tmp_path / "sys/fs/cgroup"
    write(
        groups / "jobs/one",
        memory__max=8 * MIB,
        memory__current=3 * MIB,
        memory__stat=f"inactive_file {MIB}",
    )
    write(groups / "jobs", memory__max=9 * MIB, memory__current=5 * MIB, memory__stat="anon 1")
    write(groups, memory__max="max", memory__current=7 * MIB, memory__stat="")
    assert min(module._of_control_groups(tmp_path)) == 4 * MIB
    write(groups / "jobs", memory__max="max")
    assert min(module._of_control_groups(tmp_path)) == 6 * MIB


def test_control_groups_of_version_1_of_a_container(tmp_path: Path) -> None:
    """A container sees its own group at the top, whatever the name of it outside."""
    write(tmp_path / "proc/self", cgroup="9:cpu:/docker/ab\n4:memory:/docker/ab\n0::/")
    write(
        tmp_path / "sys/fs/cgroup/memory",
        memory__limit_in_bytes=6 * MIB,
        memory__usage_in_bytes=5 * MIB,
        memory__stat=f"inactive_file 7\ntotal_inactive_file {2 * MIB}",
    )
    assert module._of_control_groups(tmp_path) == [3 * MIB]


def test_a_system_without_control_groups_sets_no_bound(tmp_path: Path) -> None:
    assert module._of_control_groups(tmp_path) == []


_LIMITED = """
import resource, torch
from bench.base.free_memory import free_memory
cpu = torch.device("cpu")
before = free_memory(cpu)
mapped = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (mapped + 2**28, resource.RLIM_INFINITY))
print(before, free_memory(cpu))
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="Linux tells what is mapped")
def test_a_limit_of_address_space_leaves_what_is_not_mapped() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _LIMITED], capture_output=True, text=True, check=True
    )
    before, limited = map(int, done.stdout.split())
    assert before > 2**28
    assert limited == pytest.approx(2**28, abs=2**24)


_COMMAND = """
import resource
from bench.commands.main import main
resource.setrlimit(resource.RLIMIT_AS, (2**29, resource.RLIM_INFINITY))
main()
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="Linux tells what is mapped")
def test_a_library_that_finds_no_memory_is_one_sentence(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _COMMAND, "report", "--out", tmp_path],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert re.fullmatch(
        r"bench: There is too little memory to load \S+; allow the command more \(`ulimit -v`\), "
        r"or end other programs.\n",
        done.stderr,
    )


def test_a_table_without_its_library_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(UserError, match=r"pyarrow, which reads and writes tables, cannot be load"):
        write_table(pd.DataFrame({"a": [1]}), tmp_path / "a.parquet")


def test_the_limit_that_leaves_least_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_of_the_system", lambda: [3])
    monkeypatch.setattr(module, "_of_control_groups", lambda _: [2])
    monkeypatch.setattr(module, "_of_the_address_space", lambda: [4])
    cpu = torch.device("cpu")
    assert "within the memory limit of this container" in Room(cpu, 1, 2).told()
    monkeypatch.setattr(module, "_of_control_groups", lambda _: [])
    assert Room(cpu, 1, 2).told() == "0.0 GiB are free on this machine"
    monkeypatch.setattr(module, "_of_the_address_space", lambda: [1])
    assert Room(cpu, 1, 2).told() == "0.0 GiB are free within the limit of `ulimit -v`"


def test_allocations_that_fail_are_told_from_other_errors() -> None:
    for allocate in (lambda: torch.empty(2**50), lambda: np.empty(2**50)):
        with pytest.raises((RuntimeError, MemoryError)) as raised:
            allocate()
        assert is_out_of_memory(raised.value)
    with pytest.raises(RuntimeError) as raised:
        torch.ones(2) @ torch.ones(3)
    assert not is_out_of_memory(raised.value)
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory."))
