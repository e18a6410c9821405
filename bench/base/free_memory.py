"""How much memory is free for this process, and whether an error says that it ran out."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

import torch

from bench.base.errors import lacks_memory_to_load
from bench.base.freed_memory import return_freed_memory

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

GIB = 2**30

# Words of allocators that raise a plain RuntimeError.
_ALLOCATORS = ("DefaultCPUAllocator", "std::bad_alloc", "ALLOC_FAILED", "out of memory")


@dataclass(frozen=True)
class Room:
    """The memory that one job of a run may take.

    Attributes:
        device: where it computes.
        jobs: of the run, side by side.
        at_start: bytes that were free when the run began.
    """

    device: torch.device
    jobs: int
    at_start: int

    def free(self) -> int:
        """Bytes that are free for this job: its share of what all jobs have."""
        return_freed_memory()
        free = free_memory(self.device)
        return min(free, max(free, self.at_start) // self.jobs)

    def told(self) -> str:
        """How much is free and which limit says so, in words."""
        _, where = _least_free(self.device)
        free = f"{self.free() / GIB:.1f} GiB are free {where}"
        return free if self.jobs == 1 else f"{free} for each of {self.jobs} jobs"


def free_memory(device: torch.device) -> int:
    """Bytes that this process can still take on a device without swapping.

    On a CPU it is the least of what the system has available, what the control groups (version
    1 and 2) of this process leave, and what its limit of address space leaves. A system that
    tells none of them sets no bound.
    """
    return _least_free(device)[0]


def _least_free(device: torch.device) -> tuple[int, str]:
    """Bytes that are free, and the limit that leaves no more, in words."""
    if device.type == "cuda":
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + kept, "on the GPU"
    limits = {
        "on this machine": _of_the_system(),
        "within the memory limit of this container or batch job": _of_control_groups(Path("/")),
        "within the limit of `ulimit -v`": _of_the_address_space(),
    }
    found = [(max(0, left), where) for where, every in limits.items() for left in every]
    return min(found, default=(sys.maxsize, "on this machine"), key=itemgetter(0))


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that the memory of the system or of the device ran out."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    if lacks_memory_to_load(error):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _ALLOCATORS)


def kibibytes(path: Path, field: str) -> int:
    """Bytes of a field that a file of ``/proc`` tells in kB.

    Raises:
        OSError: there is no such file or field.
    """
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"{path} does not tell {field}")


def _of_the_system() -> list[int]:
    with suppress(OSError):
        return [kibibytes(Path("/proc/meminfo"), "MemAvailable")]
    if not hasattr(os, "sysconf"):  # Windows
        return []
    return [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]


def _of_control_groups(root: Path) -> list[int]:
    """What the groups of this process leave, and the groups that those lie in."""
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        _, controllers, place = line.split(":", 2)
        if controllers == "":
            top, limit, use, idle = "", "memory.max", "memory.current", "inactive_file"
        elif "memory" in controllers.split(","):
            top, limit, use = "memory", "memory.limit_in_bytes", "memory.usage_in_bytes"
            idle = "total_inactive_file"
        else:
            continue
        mounted = root / "sys/fs/cgroup" / top
        folder = mounted / place.strip("/")
        for group in (folder, *folder.parents):
            # A container may see its own group at the top. The file `memory.max` may hold "max".
            with suppress(OSError, ValueError):
                left = _number(group / limit) - _number(group / use)
                found.append(left + _field(group / "memory.stat", idle))
            if group == mounted:
                break
    return found


def _number(path: Path) -> int:
    return int(path.read_text(encoding="utf-8"))


def _field(path: Path, name: str) -> int:
    """A number of a file with one name and number a line; 0 where it is not there."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{name} "):
            return int(line.split()[1])
    return 0


def _of_the_address_space() -> list[int]:
    if resource is None:
        return []
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit == resource.RLIM_INFINITY:
        return []
    with suppress(OSError):
        pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0])
        return [limit - pages * resource.getpagesize()]
    return []
