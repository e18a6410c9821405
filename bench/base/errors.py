"""The one exception that a user is meant to read."""

from __future__ import annotations

from pathlib import Path
from typing import Any


class UserError(Exception):
    """What the user asked for cannot be done.

    The message is one sentence that says what is wrong, where, and what to do.
    The command line prints it and exits with 2, without a traceback.
    """


class DamagedError(UserError):
    """A file of ours is not as it was written.

    Attributes:
        path: of the file.
    """

    def __init__(self, path: Path, sentence: str) -> None:
        super().__init__(sentence)
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.path, str(self))


def lacks_memory_to_load(error: BaseException) -> bool:
    """Whether an exception says that a library could not be loaded for want of memory.

    It is an ``ImportError``, or an ``OSError`` where torch loads its own libraries.
    """
    words = str(error).lower()
    if isinstance(error, OSError):
        return "failed to map segment" in words
    return isinstance(error, ImportError) and (
        "failed to map segment" in words or "cannot allocate memory" in words
    )
