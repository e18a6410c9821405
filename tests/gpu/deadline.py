"""How long a part may take, and what is said of a row that failed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

Work = TypeVar("Work")


@dataclass
class Deadline:
    """A limit in seconds from now; it tells what it left out.

    Attributes:
        seconds: after which nothing is begun.
        cut: names of what was not begun.
    """

    seconds: float
    cut: list[str] = field(default_factory=list)
    _started: float = field(default_factory=time.monotonic)

    @property
    def passed(self) -> float:
        """Seconds until now."""
        return time.monotonic() - self._started

    def admit(self, work: Iterable[tuple[str, Work]]) -> Iterator[tuple[str, Work]]:
        """Named work, one after another; what the time does not suffice for is noted."""
        for name, one in work:
            if self.passed < self.seconds:
                yield name, one
            else:
                self.cut.append(name)


def first_line(error: Exception) -> str:
    """What an error says; torch adds advice and a trace below."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
