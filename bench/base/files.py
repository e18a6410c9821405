"""Files that are either whole or not there."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from bench.base.errors import UserError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_PREFIX = ".tmp-"
LOCK, HOLDER = ".lock", ".lock-holder"
_SOMEBODY = "Another process"
_POLL_S = 0.2
CORRUPT = ".corrupt"  # ends the name of a damaged file that was set aside
EARLIER = ".earlier"  # that of a sound one


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder; it takes the name ``path`` on success.

    The data reaches the disk before the name does, so that a kill or a power cut leaves
    either the old file or the new one. On any exception the temporary file is removed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f"{_PREFIX}{path.name[:60]}-", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        # mkstemp gives 0600; results are to be read like any other file.
        temporary.chmod(0o666 & ~_umask())
        take_name(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def refuse_existing(path: Path) -> None:
    """Refuse to write over something.

    Raises:
        UserError: it is there.
    """
    if os.path.lexists(path):
        raise UserError(f"{path} is there already; give another name, or remove it first.")


def take_name(temporary: Path, path: Path) -> None:
    """Give a whole file its name in the same folder, after its data has reached the disk."""
    _sync(temporary)
    temporary.replace(path)
    _sync(path.parent)


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(spelt_out(text), encoding="utf-8")


def spelt_out(text: str) -> str:
    r"""A text in which what is not UTF-8 in a file's name is spelt out, as in ``\udce9``."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def printable(text: str) -> str:
    r"""A text in which control characters are spelt out, as in ``\x1b``.

    A name may hold them; a terminal would obey them, and no XML may hold them.
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def copy_file(source: Path, target: Path) -> None:
    """Copy a file atomically."""
    with atomic_path(target) as temporary:
        shutil.copyfile(source, temporary)


def set_aside(path: Path, ending: str = CORRUPT) -> Path:
    """Give a file another name, so that nothing is written over it.

    Args:
        path: of the file.
        ending: of its new name: ``.corrupt`` for a damaged file, ``.earlier`` for a sound one.

    Returns:
        The new name.
    """
    target, number = path.with_name(f"{path.name}{ending}"), 1
    while target.exists():
        number += 1
        target = path.with_name(f"{path.name}.{number}{ending}")
    path.rename(target)
    return target


@contextmanager
def locked(folder: Path, waiting: Callable[[str], None]) -> Iterator[None]:
    """Hold a folder for this process; whoever comes second waits for the first.

    The system lets go of the lock when its holder ends, however it ends.

    Args:
        folder: made if it is not there.
        waiting: told once who holds the folder, if another process does.
    """
    from filelock import FileLock, Timeout  # takes longer to import than most commands run

    folder.mkdir(parents=True, exist_ok=True)
    lock, holder = FileLock(folder / LOCK), folder / HOLDER
    try:
        lock.acquire(blocking=False)
    except Timeout:
        waiting(_read_holder(holder))
        lock.acquire(poll_interval=_POLL_S)
    try:
        holder.write_text(f"Process {os.getpid()} on {platform.node()}", encoding="utf-8")
        yield
    finally:
        with suppress(OSError):  # nobody needs it: its next holder writes it anew
            holder.unlink()
        lock.release()


def _read_holder(holder: Path) -> str:
    """Who holds a lock; it may be about to say so, or to let go."""
    with suppress(OSError):
        return holder.read_text(encoding="utf-8", errors="replace") or _SOMEBODY
    return _SOMEBODY


def remove_leftovers(folder: Path) -> None:
    """Remove temporary files that a killed run left in a folder; call it with the lock held."""
    for leftover in folder.glob(f"{_PREFIX}*"):
        leftover.unlink(missing_ok=True)


@contextmanager
def tidied(folder: Path) -> Iterator[None]:
    """Hold a folder whose files are written one by one, and free it of a killed run's leftovers."""
    with locked(folder, lambda _: None):
        remove_leftovers(folder)
        yield


def file_digest(path: Path) -> str:
    """SHA-256 of a file, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and without spaces or NaN: the same text for the same value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, default=str)


def content_digest(value: Any) -> str:
    """SHA-256 over the canonical JSON of a value."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def probe_folder(folder: Path) -> None:
    """Create a folder and write to it once, before hours of work go there.

    Raises:
        UserError: the folder cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(prefix=_PREFIX, dir=folder):
            pass
    except OSError as error:
        raise UserError(
            f"The folder {folder} cannot be written to ({error.strerror}); choose another one."
        ) from error


def is_full(error: BaseException) -> bool:
    """Whether an exception says that the disk (or a quota) is full."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _FULL:
            return True
        # h5py and pyarrow sometimes keep only the system's words, not its number.
        if any(os.strerror(number) in str(error) for number in _FULL):
            return True
        cause = error.__cause__ or error.__context__
        if cause is None:
            return False
        error = cause
    return False


def _sync(path: Path) -> None:
    """Make what was written to a file, or the names in a folder, reach the disk."""
    folder = path.is_dir()
    if folder and os.name == "nt":  # Windows opens no folder, and keeps its names by itself
        return
    handle = os.open(path, os.O_RDONLY if folder else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
