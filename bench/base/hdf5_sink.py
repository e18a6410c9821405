"""An HDF5 file to write into that survives a disk that fills, and Ctrl-C."""

from __future__ import annotations

import io
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import h5py


@contextmanager
def hdf5_sink(path: Path) -> Iterator[tuple[h5py.File, Callable[[], None]]]:
    """Open a new HDF5 file for writing.

    The HDF5 library crashes the process when an exception reaches it from the file that it
    writes to. So it is shown none: what a full disk does not take is dropped, an interrupt is
    put off, and both are raised behind its back.

    Yields:
        The file, and a check to call after each write: it raises the error of one that
        failed, and what was put off. It is called once more after the file is closed.

    Raises:
        OSError: the disk is full, or cannot be written to for another reason.
    """
    with path.open("w+b", buffering=0) as raw:
        sink = _Sink(raw)
        with _interrupts_put_off(sink), h5py.File(sink, "w") as file:
            yield file, sink.check
        sink.check()


@contextmanager
def _interrupts_put_off(sink: _Sink) -> Iterator[None]:
    """Leave a signal that comes while HDF5 calls the sink to its check; others as ever."""
    if threading.current_thread() is not threading.main_thread():  # no signal comes here
        yield
        return
    # One that is ignored, or ends the process at once, raises nothing.
    before = {
        number: handler
        for number in (signal.SIGINT, signal.SIGTERM)
        if callable(handler := signal.getsignal(number))
    }

    def handle(number: int, frame: FrameType | None) -> None:
        called = frame
        while called is not None and called.f_code not in _CALLED_BY_HDF5:
            called = called.f_back
        if called is not None:
            sink.signal = number
        else:
            before[signal.Signals(number)](number, frame)

    for number in before:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        sink.pass_signal_on()


class _Sink(io.RawIOBase):
    """Passes everything on to a file until a write fails; then drops it and keeps the error.

    Attributes:
        signal: one that came meanwhile.
    """

    def __init__(self, raw: io.FileIO) -> None:
        super().__init__()
        self._raw = raw
        self._error: OSError | None = None
        self.signal: int | None = None

    def check(self) -> None:
        """Raise the error of a write that failed, and a signal that was put off."""
        if self._error is not None:
            raise self._error
        self.pass_signal_on()

    def pass_signal_on(self) -> None:
        """Let a signal that was put off come again."""
        number, self.signal = self.signal, None
        if number is not None:
            signal.raise_signal(number)

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        done = 0
        try:
            while self._error is None and done < len(view):
                done += self._raw.write(view[done:])
        except OSError as error:
            self._error = error
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        try:
            if self._error is None:
                return self._raw.truncate(size)
        except OSError as error:
            self._error = error
        return size or 0

    def readinto(self, buffer: Any) -> int | None:
        return self._raw.readinto(buffer)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._raw.seek(offset, whence)

    def tell(self) -> int:
        return self._raw.tell()

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True


_CALLED_BY_HDF5 = {
    method.__code__
    for method in (_Sink.write, _Sink.truncate, _Sink.readinto, _Sink.seek, _Sink.tell)
}
