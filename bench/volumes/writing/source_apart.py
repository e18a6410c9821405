"""What is written never touches the source."""

from __future__ import annotations

from pathlib import Path

from bench.base.errors import UserError
from bench.volumes.formats.location import is_address
from bench.volumes.formats.open_stack import split_source


def refuse_source(path: Path, source: str) -> None:
    """Refuse to write over a source, into it, or over a folder that holds it.

    Args:
        path: that is to be written.
        source: as ``open_stack`` takes it.

    Raises:
        UserError: the path is one of these.
    """
    if is_address(source):
        return
    target, origin = path.resolve(), split_source(source)[0].resolve()
    if target == origin:
        raise UserError(f"{path} is the source, which is never written over; give another name.")
    if target.is_relative_to(origin):
        raise UserError(f"{path} lies in the source; give a name outside of it.")
    if origin.is_relative_to(target):
        raise UserError(f"{path} holds the source; give another name.")
