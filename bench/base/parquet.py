"""Tables on disk: whole parquet files, and one sentence of those that cannot be read."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from bench.base.errors import UserError
from bench.base.files import atomic_path, file_digest

_REMEDY = "repeat the run: it is computed again."


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table atomically, as parquet.

    Raises:
        UserError: the library for it cannot be loaded.
    """
    _load_engine()
    # Open, because pyarrow takes no name that is not UTF-8.
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        table.to_parquet(file, index=False)


def read_table(path: Path, digest: str | None) -> pd.DataFrame:
    """Read a table.

    Args:
        path: of the file.
        digest: SHA-256 it should have; None where no record has one.

    Raises:
        UserError: it is missing, cannot be read, or is not the one its record speaks of; or the
            library for it cannot be loaded.
    """
    _load_engine()
    try:
        if digest is not None and file_digest(path) != digest:
            raise UserError(f"{path} is damaged; {_REMEDY}")
        with path.open("rb") as file:
            return pd.read_parquet(file)
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing; {_REMEDY}") from error
    except (OSError, ValueError) as error:  # pyarrow's own are of both kinds
        if strerror := getattr(error, "strerror", None):
            raise UserError(f"{path} cannot be read ({strerror}); mend that first.") from error
        raise UserError(f"{path} is cut short or damaged; {_REMEDY}") from error


def _load_engine() -> None:
    """Load pyarrow; pandas, which does without it until a table is read, forgets what it lacked.

    Raises:
        UserError: it cannot be loaded.
    """
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise UserError(
            f"The library pyarrow, which reads and writes tables, cannot be loaded ({error}); "
            "allow the command more memory (`ulimit -v`), or install pyarrow again."
        ) from error
