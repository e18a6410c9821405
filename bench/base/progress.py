"""What a run says while it works: a live display on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Protocol

from rich import progress as bars
from rich.console import Console

Progress = Callable[[int, int, str], None]
"""Called as work moves on: with what is done, how much it is in all, and what it is in words."""

_PLAIN_SECONDS = 15.0
_LONG = 600.0  # seconds from which a training is announced
_ESTIMATE = 5.0  # seconds of training that the announcement is estimated from


def silent(done: int, total: int, words: str) -> None:
    """Progress that nobody looks at."""


class Display(Protocol):
    """Where progress goes."""

    def cell(self, number: int, count: int, title: str) -> None:
        """A cell begins."""

    def stage(self, name: str) -> Progress:
        """A stage begins; the returned function is called as it moves on."""

    def note(self, text: str) -> None:
        """Something to remember: a sentence on a line of its own."""

    def close(self) -> None:
        """The run is over."""


class LiveDisplay:
    """Two bars on standard error: cells, and the steps of the current stage."""

    def __init__(self, console: Console) -> None:
        self._progress = bars.Progress(
            bars.TextColumn("{task.description}", markup=False),
            bars.BarColumn(bar_width=24),
            bars.MofNCompleteColumn(),
            bars.TextColumn("{task.fields[words]}", markup=False),
            bars.TimeElapsedColumn(),
            bars.TextColumn("left"),
            bars.TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self._cells = self._progress.add_task("cells", total=None, words="")
        self._stage = self._progress.add_task("", total=None, words="", visible=False)
        self._progress.start()

    def cell(self, number: int, count: int, title: str) -> None:
        """Show the cell's title beside the bar of cells."""
        self._progress.update(self._cells, completed=number - 1, total=count, words=title)

    def stage(self, name: str) -> Progress:
        """Start the lower bar anew."""
        self._progress.remove_task(self._stage)
        self._stage = self._progress.add_task(name, total=None, words="")

        def tick(done: int, total: int, words: str) -> None:
            self._progress.update(self._stage, completed=done, total=total, words=words)

        return tick

    def note(self, text: str) -> None:
        """Print above the bars."""
        self._progress.console.print(text, highlight=False, markup=False)

    def close(self) -> None:
        """Remove the bars."""
        self._progress.stop()


class PlainDisplay:
    """A line now and then: for log files and pipes."""

    def __init__(self, write: Callable[[str], None], seconds: float = _PLAIN_SECONDS) -> None:
        """Say where lines go.

        Args:
            write: takes a line.
            seconds: from one line of a stage to the next.
        """
        self._write, self._seconds = write, seconds

    def cell(self, number: int, count: int, title: str) -> None:
        """Print which cell begins."""
        self.note(f"[{number}/{count}] {title}")

    def stage(self, name: str) -> Progress:
        """Print a line every few seconds and at the end; a smaller count starts anew."""
        started = seen = spoken = time.monotonic()
        before: int | None = None  # done, where this goes on from
        last = 0

        def tick(done: int, total: int, words: str) -> None:
            nonlocal started, seen, spoken, before, last
            if before is None or done < last:
                started, before = seen, done - 1
            seen, last = time.monotonic(), done
            if done < total and seen - spoken < self._seconds:
                return
            spoken = seen
            left = (seen - started) / max(done - before, 1) * (total - done)
            said = f"{done}/{total} {words}".rstrip()
            self.note(f"  {name}: {said}, {duration(left)} left")

        return tick

    def note(self, text: str) -> None:
        """Print a line."""
        self._write(text)

    def close(self) -> None:
        """Nothing is left on the screen."""


def announcing(tick: Progress, title: str, hint: str, display: Display) -> Progress:
    """Say once, after the first steps, how long a training will take that takes long."""
    # The first step is left out: it allocates and compiles what the others reuse.
    started: tuple[int, float] | None = None
    announced = False

    def announce(done: int, total: int, words: str) -> None:
        nonlocal started, announced
        tick(done, total, words)
        present = time.monotonic()
        if started is None:
            started = done, present
        steps, seconds = done - started[0], present - started[1]
        if announced or steps < 3 or seconds < _ESTIMATE:
            return
        announced = True
        left = seconds / steps * (total - done)
        if left > _LONG:
            display.note(f"  Training {title} takes about {duration(left)} on this machine{hint}.")

    return announce


_LISTENER = ContextVar[Callable[[str], None] | None]("listener", default=None)


@contextmanager
def told_to(write: Callable[[str], None]) -> Iterator[None]:
    """Have displays that are opened in this block write lines to somebody, and draw nothing."""
    before = _LISTENER.set(write)
    try:
        yield
    finally:
        _LISTENER.reset(before)


def open_display() -> Display:
    """A live display if standard error is a terminal, plain lines if it is not."""
    if (write := _LISTENER.get()) is not None:
        return PlainDisplay(write)
    console = Console(stderr=True)
    if console.is_terminal:
        return LiveDisplay(console)
    return PlainDisplay(partial(console.print, highlight=False, markup=False, soft_wrap=True))


def duration(seconds: float) -> str:
    """A length of time in the unit a person would choose."""
    for unit, length in (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
