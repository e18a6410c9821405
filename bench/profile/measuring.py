"""Run time and real peak memory of a pass, each in a process of its own."""

from __future__ import annotations

import contextlib
import gc
import signal
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_all_start_methods, get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor, nn

from bench.base.device import place
from bench.base.free_memory import kibibytes
from bench.base.freed_memory import return_freed_memory
from bench.profile.counting import run_pass
from bench.profile.subjects import Subject

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerContext, SpawnContext

_MIB = 2**20
_PATIENCE = 60.0  # seconds that the repetitions of one pass may take, about
_STATUS = Path("/proc/self/status")
_RESET = Path("/proc/self/clear_refs")

Found = TypeVar("Found")


@dataclass(frozen=True)
class Measurement:
    """The time and the memory of a pass, as measured.

    Attributes:
        median: of the repetitions, in seconds.
        low: the fastest of them.
        high: the slowest of them.
        repeats: their number; 1 where the warm-up itself took more than a minute and is what
            was measured.
        peak_mib: most memory beyond the module and its inputs, in MiB: resident memory of the
            process on a CPU (None where the system does not tell), torch's allocator on CUDA.
    """

    median: float
    low: float
    high: float
    repeats: int
    peak_mib: float | None

    def as_json(self) -> dict[str, Any]:
        """The layout of the profile's files."""
        seconds = {
            "median": self.median,
            "low": self.low,
            "high": self.high,
            "repeats": self.repeats,
        }
        return {"seconds": seconds, "peak_mib": self.peak_mib}


def measure_apart(
    subject: Subject, device: torch.device, threads: int, repeats: int, *, backward: bool
) -> Measurement:
    """Measure in a fresh process, so that no other pass has left memory or caches behind.

    Raises:
        ChildProcessError: the system ended the process, most likely for its memory.
    """
    return apart(measure, subject, device, threads, repeats, backward)


def apart(work: Callable[..., Found], *words: Any) -> Found:
    """What a function returns that is called in a fresh process.

    Raises:
        ChildProcessError: the system ended the process, most likely for its memory.
    """
    context = _fresh_processes()
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_work_and_send, args=(sender, work, words))
    process.start()
    sender.close()
    try:
        outcome = receiver.recv()
    except EOFError as error:
        raise ChildProcessError("the process was ended before it had measured") from error
    finally:
        receiver.close()
        process.terminate()
        process.join()
    if isinstance(outcome, Exception):
        raise outcome
    found: Found = outcome
    return found


def _fresh_processes() -> ForkServerContext | SpawnContext:
    """How to start a process that has imported torch and done nothing else."""
    if "forkserver" not in get_all_start_methods():  # Windows
        return get_context("spawn")
    # Its children start clean and at once.
    context = get_context("forkserver")
    context.set_forkserver_preload(["bench.profile.measuring"])
    return context


def _work_and_send(sender: Connection, work: Callable[..., Any], words: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends us
    try:
        outcome = work(*words)
    except Exception as error:
        outcome = error
    # A parent that was killed no longer listens.
    with contextlib.suppress(BrokenPipeError):
        sender.send(outcome)


def measure(
    subject: Subject, device: torch.device, threads: int, repeats: int, backward: bool
) -> Measurement:
    """Measure in this process, which should be a fresh one."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    module = subject.build().train(backward)
    place(module, device)
    # Libraries are loaded and set up on a small map, or they would count as memory of the pass.
    small = subject.small().inputs(device, backward=backward)
    run_pass(module, small, backward=backward)
    inputs = subject.inputs(device, backward=backward)
    _forget(module, inputs)
    meter = PeakMeter(device)
    first = _timed(module, inputs, device, backward)
    peak = meter.peak()
    seconds = [first]
    if first <= _PATIENCE:  # the first pass was the warm-up
        affordable = max(2, int(_PATIENCE / max(first, 1e-9)))
        seconds = [
            _timed(module, inputs, device, backward) for _ in range(min(repeats, affordable))
        ]
    peak_mib = None if peak is None else peak / _MIB
    median = statistics.median(seconds)
    return Measurement(median, min(seconds), max(seconds), len(seconds), peak_mib)


class PeakMeter:
    """Most memory that is taken from now on, beyond what is held already, in bytes."""

    def __init__(self, device: torch.device) -> None:
        gc.collect()
        return_freed_memory()  # what is kept for later would hide as much of the peak
        self._device = device
        if device.type == "cuda":
            torch.cuda.synchronize(device)
            torch.cuda.reset_peak_memory_stats(device)
            self._held: int | None = torch.cuda.memory_allocated(device)
            return
        self._held = _resident("VmRSS") if _reset_resident_peak() else None

    def peak(self) -> int | None:
        """The peak since the meter was made; None where the system does not tell."""
        if self._held is None:
            return None
        if self._device.type == "cuda":
            return torch.cuda.max_memory_allocated(self._device) - self._held
        return max(0, _resident("VmHWM") - self._held)


def _timed(module: nn.Module, inputs: list[Tensor], device: torch.device, backward: bool) -> float:
    _forget(module, inputs)
    _synchronise(device)
    start = time.perf_counter()
    run_pass(module, inputs, backward=backward)
    _synchronise(device)
    return time.perf_counter() - start


def _forget(module: nn.Module, inputs: list[Tensor]) -> None:
    """Drop the gradients of the pass before."""
    for tensor in (*module.parameters(), *inputs):
        tensor.grad = None


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _reset_resident_peak() -> bool:
    """Let the kernel's high-water mark of this process start from now (Linux)."""
    try:
        _RESET.write_text("5")
    except OSError:
        return False
    return True


def _resident(field: str) -> int:
    return kibibytes(_STATUS, field)
