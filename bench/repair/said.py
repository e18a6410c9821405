"""What the record of a repair says of the command: the source, the time, the plan."""

from __future__ import annotations

import os
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path

from bench.repair.plan import Plan
from bench.repair.plan_file import write_plan
from bench.volumes.formats.location import is_address
from bench.volumes.formats.open_stack import split_source

_PLAN = "plan.toml"
_EPOCH = "SOURCE_DATE_EPOCH"  # of reproducible-builds.org: the same bytes whenever it is set


def absolute(source: str) -> str:
    """A source by its whole path, with what is named in its file; an address as it is."""
    if is_address(source):
        return source
    path, inner = split_source(source)
    return f"{path.resolve()}:{inner}" if inner else str(path.resolve())


def now() -> str:
    """The time in UTC, to the second."""
    seconds = int(os.environ.get(_EPOCH) or time.time())
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def keep_plan(plan: Plan, folder: Path) -> str:
    """Write a plan, as it is carried out, beside the record; that of a killed repair is replaced.

    Returns:
        The path of the file from the folder.
    """
    path = folder / _PLAN
    path.unlink(missing_ok=True)
    shutil.rmtree(path.with_name(f"{path.stem}-masks"), ignore_errors=True)
    write_plan(plan, path)
    return _PLAN
