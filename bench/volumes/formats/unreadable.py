"""Why a file cannot be read, in one sentence."""

from __future__ import annotations

import errno
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

from bench.base.errors import UserError

_CODEC = re.compile(r"(?P<name>\S+) requires the '(?P<package>\w+)' package")
_LONGEST = 300  # letters of a library's own words
# What TensorStore says beside the reason: a code, where, and all that it was told.
_BESIDE = re.compile(r"^[A-Z_]+: |Error opening \"\w+\" driver: | \[\w+=.*")
_UNKNOWN_CODEC = re.compile(r'"(?P<name>[^"]*)" is not registered|(?P<filters>filters) are not')
_FAR = ("CURL error", "HTTP code", "http_response_code")
_LOCKED = ("unable to lock file", "file is already open for write", "file is already open for read")


@contextmanager
def reading(where: str) -> Iterator[None]:
    """Say of any failure to read which file it was, and why as far as that can be known.

    Raises:
        UserError: in place of whatever was raised.
    """
    try:
        yield
    except UserError:
        raise
    # What a damaged file raises is up to the decoder that meets it.
    except Exception as error:
        raise UserError(f"{where} {_why(error)}.") from error


def _why(error: Exception) -> str:
    text = str(error)
    first_line = _in_short((text.splitlines() or [type(error).__name__])[0])
    if isinstance(error, PermissionError) or "errno = 13" in text:
        return "may not be read by you; ask its owner for the permission"
    if any(words in text for words in _LOCKED):
        return (
            "is locked, as another program has it open or did not close it; close that program, or "
            "run `h5clear -s FILE` if there is none"
        )
    if f"errno = {errno.ENOLCK}," in text:
        return (
            "lies on a file system without locks; set the environment variable "
            "HDF5_USE_FILE_LOCKING=FALSE"
        )
    if found := _CODEC.search(text):
        return (
            f"is compressed in a way that needs the package {found['package']}, which is not "
            f"installed; `pip install {found['package']}`"
        )
    if found := _UNKNOWN_CODEC.search(text):
        name = found["name"] or found["filters"]
        return f"is stored with '{name}', which is not read; store it anew with gzip, zstd or blosc"
    if "ignored by server" in text:
        return (
            "lies in shards on a server that does not send parts of files; use another, or copy it"
        )
    if any(words in text for words in _FAR):
        return f"cannot be fetched ({first_line}); check the address, and repeat the command later"
    if isinstance(error, MemoryError):
        return "takes more memory than there is; cut it into smaller volumes"
    return f"cannot be read ({first_line}); it may be cut short or damaged: get it anew"


def _in_short(words: str) -> str:
    """The words of a library without what only its authors want to know."""
    plain = _BESIDE.sub("", words).rstrip(".")
    return plain if len(plain) <= _LONGEST else f"{plain[:_LONGEST]}..."


class _Listener(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


@contextmanager
def tiff_complaints(where: str) -> Iterator[None]:
    """Raise what tifffile only logs: it reads a truncated file as far as that goes.

    Raises:
        UserError: it logged an error.
    """
    logger, listener = logging.getLogger("tifffile"), _Listener()
    propagate, logger.propagate = logger.propagate, False
    logger.addHandler(listener)
    try:
        yield
    finally:
        logger.removeHandler(listener)
        logger.propagate = propagate
    if listener.messages:
        complaint = listener.messages[0].split("> ")[-1]  # without the name of the reader
        raise UserError(f"{where} is cut short or damaged ({complaint}); get it anew.")
