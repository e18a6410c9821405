"""The teacher of a dataset: the segmenter through which a loss looks for membranes.

It never judges: it has another seed than the segmenter that scores, and so other first weights,
crops and augmentations, and a folder of its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict

from bench.base.device import place
from bench.base.errors import DamagedError
from bench.base.files import content_digest, file_digest, locked, remove_leftovers, set_aside
from bench.base.progress import Display
from bench.base.provenance import compute_provenance, provenance
from bench.cells.config import RunConfig
from bench.stages.segmenter import load_segmenter
from bench.stages.segmenter_training import end_training, learning_settings, train_segmenter
from bench.store.records import SCHEMA, WEIGHTS, Store, file_name, load_document, now, save_document
from bench.store.weights import check_unchanged
from bench.triplets.file import TripletFile
from segmentation.network import MembraneNetwork
from segmentation.training import Budget
from segmentation.unet import UNetOptions

REVISION = 1
RECORD = "teacher.json"
_SEED = 1  # the judge's is 0


class TeacherRecord(BaseModel):
    """What is known of a teacher: its settings, the SHA-256 of its weights, and its training."""

    model_config = ConfigDict(extra="forbid")

    record_schema: int = SCHEMA
    key: str
    settings: dict[str, Any]
    weights: str
    training: dict[str, Any]
    provenance: dict[str, Any]
    finished: str


def options_of(config: RunConfig) -> tuple[UNetOptions, Budget]:
    """The network and the training: the segmenter's usual ones, with another seed."""
    return UNetOptions(), Budget(steps=config.segmenter_steps, seed=_SEED)


class Teachers:
    """The teachers of a run's datasets, trained when a training first asks for them."""

    def __init__(
        self, config: RunConfig, device: torch.device, store: Store, display: Display
    ) -> None:
        self._options, self._budget = options_of(config)
        self._given = config.teacher
        self._given_digest = file_digest(config.teacher) if config.teacher else None
        self._device, self._store, self._display = device, store, display

    def key(self, file: TripletFile) -> str:
        """What a training under this teacher depends on."""
        return self._given_digest or content_digest(self._settings(file))

    def digest(self, file: TripletFile) -> str | None:
        """SHA-256 of the weights; None where they are still to be made."""
        if self._given_digest is not None:
            return self._given_digest
        record = _record(self._folder(file))
        return record.weights if record else None

    def weights(self, file: TripletFile) -> Path | None:
        """The file of its weights, wherever it lies; None where they are still to be made."""
        if self._given is not None:
            return self._given
        return self._folder(file) / WEIGHTS if _record(self._folder(file)) else None

    def get(self, file: TripletFile) -> MembraneNetwork:
        """The teacher of what is learned from, frozen; it is trained now if it is not there.

        Raises:
            UserError: no slice of the training split is labelled, or the file that was given has
                changed.
        """
        if self._given is not None and self._given_digest is not None:
            check_unchanged(self._given, self._given_digest)
        path = self._given or self._trained(file)
        teacher, _ = load_segmenter(path)
        place(teacher, self._device)
        return teacher.eval().requires_grad_(False)

    def _trained(self, file: TripletFile) -> Path:
        folder = self._folder(file)
        with locked(folder, self._wait):
            if _record(folder) is None:
                self._set_aside(folder / WEIGHTS)
                self._make(file, folder)
            end_training(folder)  # also of a run that was killed at its record
        return folder / WEIGHTS

    def _wait(self, holder: str) -> None:
        self._display.note(f"  {holder} trains this teacher; waiting for it.")

    def _folder(self, file: TripletFile) -> Path:
        return self._store.root / file_name(file.name) / f"teacher-{self.key(file)[:10]}"

    def _set_aside(self, weights: Path) -> None:
        """Give weights that are not as they were written another name."""
        if weights.exists():
            kept = set_aside(weights).name
            self._display.note(f"  {weights} is damaged: it is made anew, and kept is {kept}.")

    def _make(self, file: TripletFile, folder: Path) -> None:
        remove_leftovers(folder)
        options, budget, device = self._options, self._budget, self._device
        training = train_segmenter(file, folder, options, budget, device, self._display, "teacher")
        record = TeacherRecord(
            key=self.key(file),
            settings=self._settings(file),
            weights=file_digest(folder / WEIGHTS),
            training=training,
            provenance=provenance() | compute_provenance(self._device),
            finished=now(),
        )
        save_document(folder / RECORD, record.model_dump(mode="json"))

    def _settings(self, file: TripletFile) -> dict[str, Any]:
        """Everything that the weights depend on."""
        own = {"dataset": file.fingerprint, "revision": REVISION}
        return own | learning_settings(file, self._options, self._budget)


def _record(folder: Path) -> TeacherRecord | None:
    """The record of a teacher, if the weights are as they were written."""
    if not (folder / RECORD).exists() or not (folder / WEIGHTS).exists():
        return None
    try:
        record = load_document(folder / RECORD, TeacherRecord)
    except DamagedError:
        return None
    return record if record.weights == file_digest(folder / WEIGHTS) else None
