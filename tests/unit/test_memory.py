"""Freed memory serves the next tensor of the process, and goes back when told to."""

import subprocess
import sys

import pytest

_COUNT = """
import resource, sys
import torch
from bench.memory import keep_freed_memory, return_freed_memory
torch.set_num_threads(1)
if sys.argv[1] == "keep":
    keep_freed_memory()

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(1 << 24)  # 64 MiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults()
again = faults()
return_freed_memory()
print(again, faults())
"""


def faults(what: str) -> tuple[int, int]:
    """Page faults of a tensor where one of its size was freed, kept and given back."""
    done = subprocess.run(
        [sys.executable, "-c", _COUNT, what], capture_output=True, text=True, check=True
    )
    kept, returned = map(int, done.stdout.split())
    return kept, returned


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's own")
def test_the_next_tensor_takes_the_memory_of_the_last():
    pages = (64 << 20) // (64 << 10)  # whatever the size of a page
    assert faults("by itself")[0] > pages
    kept, returned = faults("keep")
    assert kept < 16
    assert returned > pages
