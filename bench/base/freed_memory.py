"""What the process does with memory that torch has freed."""

from __future__ import annotations

import contextlib
import ctypes

# Of glibc's <malloc.h>, and what it begins with.
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
_TRIM_BYTES, _MMAPS = 128 * 1024, 65536


def keep_freed_memory() -> None:
    """Let glibc keep what is freed for the next tensor of this process.

    By itself it maps every large tensor anew and returns it when it is freed, so that each of its
    pages is faulted in again and zeroed: a tenth to a quarter of the time of a prediction of
    512 x 512 (docs/decisions/0009). Other C libraries are left as they are.
    """
    _call("mallopt", _MMAP_MAX, 0)
    _call("mallopt", _TRIM_THRESHOLD, -1)


def give_up_freed_memory() -> None:
    """Let glibc return from now on what is freed: slower, and without the gaps of what is kept."""
    _call("mallopt", _MMAP_MAX, _MMAPS)
    _call("mallopt", _TRIM_THRESHOLD, _TRIM_BYTES)
    return_freed_memory()


def return_freed_memory() -> None:
    """Give back to the system what glibc keeps."""
    _call("malloc_trim", 0)


def _call(name: str, *numbers: int) -> None:
    with contextlib.suppress(OSError, AttributeError, TypeError):
        getattr(ctypes.CDLL(None), name)(*numbers)
