"""Freed memory serves the next pass of a network, and goes back when told to."""

import platform
import subprocess
import sys

import pytest

_PASSES = """
import resource, sys
from pathlib import Path
import torch
from bench.base.freed_memory import keep_freed_memory, return_freed_memory
from bench.cells.variants import parse_variant
torch.set_num_threads(1)
if sys.argv[1] == "keep":
    keep_freed_memory()
network = parse_variant("ssan", "quick").build().eval().to(memory_format=torch.channels_last)
images = [torch.rand(1, 1, 640, 640) for _ in range(2)]

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1])

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    with torch.inference_mode():
        network(*images)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

for _ in range(4):
    faults()
seen, held = faults(), resident()
return_freed_memory()
print(seen, held - resident())
"""


def run(what: str) -> tuple[int, int]:
    """Page faults of the fifth pass, and the pages that are given back after it."""
    done = subprocess.run(
        [sys.executable, "-c", _PASSES, what], capture_output=True, text=True, check=True
    )
    faults, returned = map(int, done.stdout.split())
    return faults, returned


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's own")
def test_a_pass_takes_the_memory_of_the_last():
    # How many pages one fault brings in depends on the kernel: only their ratio can be told.
    faults, returned = run("as it is")
    kept, returned_then = run("keep")
    assert kept < faults / 4
    assert returned_then > returned + 1000
