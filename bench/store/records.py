"""What the cells of all runs left on disk: one folder each, one record in it."""

from __future__ import annotations

import glob
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from bench.base.errors import DamagedError, UserError
from bench.base.files import content_digest, write_text

SCHEMA = 1
RECORD = "record.json"
WEIGHTS = "weights.safetensors"
CHECKPOINT = "checkpoint.safetensors"
MASKS = "membranes.h5"
CALIBRATION = "calibration.parquet"
LOG = "training.csv"
NONE = "-"  # the loss and preset of a method that is not trained
Document = TypeVar("Document", bound=BaseModel)
Status = Literal["running", "partial", "done", "failed", "interrupted"]


class StageRecord(BaseModel):
    """What a finished stage left.

    Attributes:
        key: SHA-256 of everything that the stage depends on; the next run compares it.
        revision: of the stage's code.
        file: that it left in the folder of its cell.
        digest: SHA-256 of that file.
        seconds: that it took.
        facts: what it found beside its file.
        provenance: where it was made: versions, commit, machine, threads.
    """

    model_config = ConfigDict(extra="forbid")

    key: str
    revision: int
    file: str | None = None
    digest: str | None = None
    seconds: float
    facts: dict[str, Any] = {}
    provenance: dict[str, Any] = {}

    @field_validator("file")
    @classmethod
    def _lies_in_the_folder(cls, name: str | None) -> str | None:
        if name is not None and Path(name).name != name:
            raise ValueError("a stage leaves its file in the folder of its cell")
        return name

    @property
    def digests(self) -> dict[str, str]:
        """SHA-256 of each file that the stage left, by its name."""
        found = {
            self.file: self.digest,
            MASKS: self.facts.get("masks"),
            CALIBRATION: self.facts.get("calibration"),
        }
        return {name: digest for name, digest in found.items() if name and digest}


class Failure(BaseModel):
    """Why a cell failed.

    Attributes:
        stage: in which it failed.
        reason: in one sentence.
        traceback: of the error.
    """

    model_config = ConfigDict(extra="forbid")

    stage: str
    reason: str
    traceback: str


class Record(BaseModel):
    """Everything about one cell but its pixels and weights.

    Attributes:
        record_schema: version of this layout.
        status: ``running`` until it is ``done``, ``partial`` (the stages asked for, not all),
            ``failed`` or ``interrupted``. A cell whose record says ``running`` while nothing
            runs was killed; the next run goes on with it.
        cell: method, loss, dataset, fold, seed, preset.
        key: SHA-256 of ``config``; its first ten digits end the name of the folder.
        config: every setting that the content key was made of.
        method: what tables and footnotes say of the method: title, kind, reference, deviations.
        dataset: what they say of the dataset: title, credit, fingerprint, leakage and the like.
        stages: the finished stages by name.
        means: mean of every metric over the kept test triplets.
        triplets: over how many of them.
        warnings: what a reader of the figures has to know.
        failure: why the cell failed, if it did.
        started: when its first run began, in UTC.
        finished: when its last one ended.
    """

    model_config = ConfigDict(extra="forbid")

    record_schema: int = SCHEMA
    status: Status
    cell: dict[str, Any]
    key: str
    config: dict[str, Any]
    method: dict[str, Any] = {}
    dataset: dict[str, Any] = {}
    stages: dict[str, StageRecord] = {}
    means: dict[str, float | None] = {}
    triplets: int = 0
    warnings: list[str] = []
    failure: Failure | None = None
    started: str
    finished: str | None = None

    @field_validator("cell")
    @classmethod
    def _is_whole(cls, cell: dict[str, Any]) -> dict[str, Any]:
        if set(cell) != {"method", "loss", "dataset", "fold", "seed", "preset"}:
            raise ValueError("a cell is method, loss, dataset, fold, seed and preset")
        return cell


class Store:
    """The records below ``results/runs``."""

    def __init__(self, root: Path) -> None:
        self.root = root / "runs"

    def folder(self, cell: dict[str, Any], key: str) -> Path:
        """The folder of a cell: readable, stable, and unique by the content key."""
        words = [cell["method"], cell["loss"], cell["preset"]]
        words = [word for word in words if word != NONE]
        name = "-".join([*words, f"fold{cell['fold']}", f"seed{cell['seed']}", key[:10]])
        return self.root / file_name(cell["dataset"]) / file_name(name)

    def save(self, record: Record, folder: Path) -> None:
        """Write a record atomically, with a digest over its content."""
        save_document(folder / RECORD, record.model_dump(mode="json"))

    def load(self, folder: Path) -> Record | None:
        """Read a record; None where there is none.

        Raises:
            DamagedError: the file is not as it was written.
            UserError: it cannot be read, or was written by a newer version.
        """
        path = folder / RECORD
        if not path.exists():
            return None
        return load_document(path, Record)

    def records(self, dataset: str | None = None) -> Iterator[tuple[Path, Record]]:
        """Every record, in the order of the folders' names."""
        for folder in self.folders(dataset):
            record = self.load(folder)
            if record is not None:
                yield folder, record

    def folders(self, dataset: str | None = None) -> list[Path]:
        """The folders that have a record, by name."""
        pattern = f"{glob.escape(file_name(dataset))}/*/{RECORD}" if dataset else f"*/*/{RECORD}"
        return sorted(path.parent for path in self.root.glob(pattern))


def save_document(path: Path, content: dict[str, Any]) -> None:
    """Write JSON atomically, with a digest over its content."""
    write_text(path, _dump(content | {"digest": content_digest(content)}))


def load_document(path: Path, model: type[Document]) -> Document:
    """Read what ``save_document`` wrote.

    Raises:
        DamagedError: the file is not as it was written.
        UserError: it cannot be read, or was written by a newer version.
    """
    content = _parse(path)
    schema = content.get("record_schema", SCHEMA)
    if isinstance(schema, int) and schema > SCHEMA:
        raise UserError(f"{path} was written by a newer version of interslice; upgrade to read it.")
    digest = content.pop("digest", None)
    if digest != content_digest(content):
        raise DamagedError(path, f"{path} is damaged (its digest does not fit); {_REMEDY}")
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise DamagedError(path, f"{path} is not a record of interslice; {_REMEDY}") from error


def file_name(text: str) -> str:
    """A name that is safe as a single part of a path, and still readable."""
    safe = re.sub(r"[^A-Za-z0-9._=,\[\]-]+", "_", text).strip(".") or "_"
    if safe == text and len(safe) <= 120:
        return safe
    return f"{safe[:100]}-{content_digest(text)[:8]}"


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


_REMEDY = "repeat the run: it is set aside, and what was in it is computed again."


def _dump(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def _parse(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); mend that first.") from error
    except (ValueError, RecursionError) as error:
        raise DamagedError(path, f"{path} is damaged ({error}); {_REMEDY}") from error
    if not isinstance(content, dict):
        raise DamagedError(path, f"{path} is not a record of interslice; {_REMEDY}")
    return content
