"""The folder beside a repaired volume: what was done to it, and what is on its way.

While a repair runs, each slice that is filled is kept there, so that one that was killed goes on.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import UserError
from bench.base.files import (
    atomic_path,
    content_digest,
    file_digest,
    is_full,
    locked,
    remove_leftovers,
    write_text,
)
from bench.volumes.formats.open_stack import split_source

_KEPT, _ASKED = "filled", "asked.json"
RECORD = "repair.json"


class Evidence:
    """The folder beside a volume that is written.

    Attributes:
        out: the volume.
        folder: NAME-repair for the volume NAME.
    """

    def __init__(self, out: str) -> None:
        path, self.out = path_of(out), out
        self.folder = path.with_name(f"{path.name}-repair")
        self._kept = self.folder / _KEPT

    def was_begun(self, asked: Mapping[str, Any]) -> bool:
        """Whether the same was asked for before, and not finished."""
        path = self.folder / _ASKED
        return path.exists() and path.read_text(encoding="utf-8") == _text(asked)

    @property
    def is_open(self) -> bool:
        """Whether a repair was begun and not finished."""
        return was_interrupted(self.folder)

    @contextmanager
    def held(self, tell: Callable[[str], None]) -> Iterator[None]:
        """Hold the folder; whoever comes second waits for the first.

        Raises:
            UserError: the disk is full.
        """
        try:
            with locked(self.folder, lambda who: tell(f"{who} fills this volume; waiting for it.")):
                yield
        except UserError:
            raise
        except Exception as error:
            if not is_full(error):
                raise
            raise UserError(
                f"The disk that holds {self.folder} is full; make room and repeat the command: "
                "what was filled is kept."
            ) from error

    def begin(self, asked: Mapping[str, Any]) -> None:
        """Take the folder for a repair.

        Args:
            asked: everything that was asked for and changes what is filled.

        Raises:
            UserError: a repair with other options was begun there, or one was finished.
        """
        path = self.folder / _ASKED
        if path.exists() and not self.was_begun(asked) and any(self._kept.glob("[0-9]*.json")):
            raise UserError(
                f"{self.folder} holds a repair that was begun with other options; repeat these, "
                "remove it, or give another --out."
            )
        if not path.exists() and (self.folder / RECORD).exists():
            raise UserError(f"{self.folder} is there already; remove it, or give another --out.")
        write_text(path, _text(asked))

    def kept(self, name: str, key: Mapping[str, Any]) -> dict[str, Any] | None:
        """What is known of a slice that was filled before; None where it has to be filled."""
        path = self._kept / f"{name}.json"
        if not path.exists():
            return None
        found = json.loads(path.read_text(encoding="utf-8"))
        whole = found["key"] == content_digest(key) and all(
            (self._kept / file).exists() and file_digest(self._kept / file) == digest
            for file, digest in found["files"].items()
        )
        facts: dict[str, Any] = found["facts"]
        return facts if whole else None

    def facts(self, name: str) -> dict[str, Any]:
        """What was vouched for last under a name."""
        text = (self._kept / f"{name}.json").read_text(encoding="utf-8")
        facts: dict[str, Any] = json.loads(text)["facts"]
        return facts

    @contextmanager
    def room(
        self, name: str, what: str, shape: tuple[int, ...], kind: np.dtype[Any]
    ) -> Iterator[NDArray[Any]]:
        """An array of a slice, on disk, to be filled; it is there once the block is left."""
        with atomic_path(self._path(name, what)) as temporary:
            values = np.lib.format.open_memmap(temporary, mode="w+", dtype=kind, shape=shape)
            _reserve(temporary)
            yield values
            values.flush()

    def vouch(
        self, name: str, key: Mapping[str, Any], arrays: Sequence[str], facts: Mapping[str, Any]
    ) -> None:
        """Say of a slice that its arrays are whole, and what is known of it."""
        files = {
            self._path(name, what).name: file_digest(self._path(name, what)) for what in arrays
        }
        document = {"key": content_digest(key), "files": files, "facts": dict(facts)}
        write_text(self._kept / f"{name}.json", json.dumps(document))

    def on_its_way(self) -> Path:
        """The folder of what is only there while the repair runs."""
        self._kept.mkdir(parents=True, exist_ok=True)
        return self._kept

    def array(self, name: str, what: str) -> NDArray[Any]:
        """An array of a slice that was kept, mapped from disk."""
        values: NDArray[Any] = np.load(self._path(name, what), mmap_mode="r")
        return values

    def clear(self) -> None:
        """Remove what was only on its way."""
        for path in sorted(self._kept.glob("*")):
            path.unlink()
        if self._kept.exists():
            self._kept.rmdir()
        for folder in (self.folder, *filter(Path.is_dir, self.folder.iterdir())):
            remove_leftovers(folder)
        (self.folder / _ASKED).unlink(missing_ok=True)

    def _path(self, name: str, what: str) -> Path:
        return self._kept / f"{name}-{what}.npy"


def was_interrupted(folder: Path) -> bool:
    """Whether a repair was begun and not finished, by the folder beside its volume."""
    return (folder / _ASKED).exists()


def _reserve(path: Path) -> None:
    """Take the room of a file that is mapped: a disk that is full later kills who writes to it."""
    if hasattr(os, "posix_fallocate"):
        with path.open("rb+") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)


def path_of(out: str) -> Path:
    """The file or folder that a target names: without a scheme, and without a path inside of it."""
    return split_source(out.removeprefix("precomputed://").rstrip("/"))[0]


def _text(asked: Mapping[str, Any]) -> str:
    return json.dumps(dict(asked), indent=1, sort_keys=True)
