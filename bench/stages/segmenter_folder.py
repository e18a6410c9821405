"""The folder of a segmenter, below ``results/runs/<dataset>``.

It holds the weights, the course of the training and the ceiling: masks and scores of the real
middle slices of the test split, and where neurites are known on both sides of them, what becomes
of these without a synthesised slice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.base.errors import DamagedError
from bench.base.files import file_digest, set_aside
from bench.scores.ceiling import CEILING, RECORD, REFERENCES, SegmenterRecord
from bench.store.records import WEIGHTS, load_document, save_document

CEILING_MASKS = "ceiling.h5"
_FILES = (WEIGHTS, CEILING, CEILING_MASKS, REFERENCES)


@dataclass(frozen=True)
class SegmenterFolder:
    """A folder that has, or will have, the files of one segmenter."""

    path: Path

    @property
    def weights(self) -> Path:
        """The file with the weights."""
        return self.path / WEIGHTS

    def digests(self) -> dict[str, str]:
        """SHA-256 of each file that the record speaks of."""
        paths = (self.path / name for name in _FILES)
        return {path.name: file_digest(path) for path in paths if path.exists()}

    def save(self, record: SegmenterRecord) -> None:
        """Write the record."""
        save_document(self.path / RECORD, record.model_dump(mode="json"))

    def record(self) -> SegmenterRecord | None:
        """The record, if all its files are as they were written; None if one is not.

        Raises:
            DamagedError: the record itself is not.
        """
        if not (self.path / RECORD).exists():
            return None
        record = load_document(self.path / RECORD, SegmenterRecord)
        sound = all(
            (self.path / name).exists() and file_digest(self.path / name) == digest
            for name, digest in record.files.items()
        )
        return record if sound else None

    def set_damaged_aside(self, tell: Callable[[str], None]) -> SegmenterRecord | None:
        """Give damaged files other names; the record, if it is not among them."""
        known, names = None, [RECORD, *_FILES]
        try:
            if (self.path / RECORD).exists():
                known = load_document(self.path / RECORD, SegmenterRecord)
                names = [name for name in names if self._is_damaged(name, known)]
            else:
                names = []
        except DamagedError:
            pass
        paths = [self.path / name for name in names if (self.path / name).exists()]
        if paths:
            kept = ", ".join(set_aside(path).name for path in paths)
            tell(f"  {paths[0]} is damaged: it is made anew, and kept is {kept}.")
        return known

    def _is_damaged(self, name: str, record: SegmenterRecord) -> bool:
        digest, path = record.files.get(name), self.path / name
        return digest is not None and path.exists() and file_digest(path) != digest
