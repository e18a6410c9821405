"""An HDF5 file that is written to: a signal at any moment ends it without a crash."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest

from bench.base.hdf5_sink import hdf5_sink

ROOT = Path(__file__).resolve().parents[3]
# A write whose n-th call to the file beneath meets a signal, for every n: what became of each.
_EVERY_CALL = """
import itertools, signal, sys
from pathlib import Path
import numpy as np
from bench.base import hdf5_sink as sink
from bench.base.hdf5_sink import hdf5_sink

class Raw:
    def __init__(self, raw):
        self.raw = raw

    def __getattr__(self, name):
        global left
        left -= 1
        if left == 0:
            signal.raise_signal(number)
        return getattr(self.raw, name)

made = sink._Sink.__init__
sink._Sink.__init__ = lambda self, raw: made(self, Raw(raw))
number = getattr(signal, sys.argv[1])
signal.signal(number, signal.default_int_handler)
for at in itertools.count(1):
    left = at
    try:
        with hdf5_sink(Path(sys.argv[2])) as (file, check):
            frames = file.create_dataset(
                "frames", (3, 200, 200), np.uint8, chunks=(1, 200, 200), fletcher32=True
            )
            for i in range(3):
                frames[i] = i + 1
                check()
    except KeyboardInterrupt:
        print("interrupted")
    if left > 0:
        break
assert signal.getsignal(number) is signal.default_int_handler
print("whole")
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_at_any_call_is_raised_and_nothing_crashes(tmp_path: Path, name: str) -> None:
    path = tmp_path / "frames.h5"
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", _EVERY_CALL, name, path],
        capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    *interrupted, last = done.stdout.split()
    assert set(interrupted) == {"interrupted"}
    assert (len(interrupted) > 20, last) == (True, "whole")
    with h5py.File(path) as file:
        assert file["frames"][:, 0, 0].tolist() == [1, 2, 3]


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Ctrl-C works, even where a shell in the background has its commands ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_a_signal_outside_comes_at_once(tmp_path: Path) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        hdf5_sink(tmp_path / "frames.h5") as (file, _),
    ):
        file["frames"] = np.zeros(3)
        signal.raise_signal(signal.SIGINT)
        pytest.fail("it was put off")
