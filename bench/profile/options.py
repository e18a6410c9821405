"""What ``bench profile`` is to measure, and how."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ProfileOptions:
    """What is profiled, and how.

    Attributes:
        layers: fill table 2.
        methods: as for ``bench run``; None for none.
        preset: of the methods.
        size: SIDE or HEIGHTxWIDTH.
        channels: of the layers' map.
        backward: measure forward + backward too.
        device: ``auto``, ``cpu`` or ``cuda``.
        threads: torch computes with; None leaves it to torch.
        repeats: of each pass, at most.
        slow: run what takes minutes on a CPU.
        out: folder of the results.
    """

    layers: bool
    methods: str | None
    preset: str
    size: str
    channels: int
    backward: bool
    device: str
    threads: int | None
    repeats: int
    slow: bool
    out: Path
