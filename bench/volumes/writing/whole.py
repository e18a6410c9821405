"""What is written takes its name when all of it is there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bench.base.errors import UserError
from bench.base.files import is_full, probe_folder, refuse_existing, take_name


@contextmanager
def whole(target: Path) -> Iterator[Path]:
    """Yield the path ``.NAME.part`` beside a target; it takes the target's name on success.

    What a killed process left there is removed before, and what is half-written after a failure.
    Its data reaches the disk before it gets the name.

    Raises:
        UserError: the target is there, another process writes it, or the disk is full or closed.
    """
    from filelock import FileLock, Timeout

    probe_folder(target.parent)
    part, lock = (target.with_name(f".{target.name}.{word}") for word in ("part", "lock"))
    holder = FileLock(lock)
    try:
        holder.acquire(blocking=False)
    except Timeout as error:
        raise UserError(
            f"Another process is writing {target}; wait for it, or give another name."
        ) from error
    try:
        refuse_existing(target)
        _remove(part)
        with _told(target):
            yield part
            refuse_existing(target)
            if part.is_dir() and hasattr(os, "sync"):  # one call for all of its files
                os.sync()
            take_name(part, target)
    finally:
        _remove(part)
        with suppress(OSError):  # somebody may hold it open on Windows
            lock.unlink()
        holder.release()


@contextmanager
def _told(target: Path) -> Iterator[None]:
    """Say in a sentence why something cannot be written.

    Raises:
        UserError: in place of what a full or closed disk raises.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        system = isinstance(error, OSError) or "OS error" in str(error)  # as TensorStore says it
        if not (system or is_full(error)):
            raise
        why = "the disk is full" if is_full(error) else getattr(error, "strerror", None) or error
        raise UserError(
            f"{target} cannot be written ({why}); make room, or give a name in another folder."
        ) from error


def _remove(part: Path) -> None:
    if part.is_dir() and not part.is_symlink():
        shutil.rmtree(part)
    else:
        part.unlink(missing_ok=True)
