"""The segmenter of each dataset: trained once, on real slices, and cached like a cell.

Its folder below ``results/runs/<dataset>`` holds the weights, the course of the training and
the ceiling: masks and scores of the real middle slices of the test split.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import torch

from bench.base.errors import DamagedError, UserError
from bench.base.files import (
    content_digest,
    copy_file,
    file_digest,
    locked,
    remove_leftovers,
    set_aside,
)
from bench.base.progress import Display
from bench.base.provenance import compute_provenance, provenance
from bench.cells.config import RunConfig
from bench.scores.ceiling import CEILING, RECORD, SegmenterRecord
from bench.scores.membranes import membrane_means
from bench.scores.triplet_table import overlapping
from bench.stages.membrane_truth import no_membranes
from bench.stages.segment import segment
from bench.stages.segmenter import Segmenter, load_segmenter
from bench.stages.segmenter_training import WEIGHTS, labelled_throughout, train_segmenter
from bench.store.records import Store, file_name, load_document, now, save_document
from bench.triplets.dataset import Dataset
from bench.triplets.file import TripletFile
from segmentation.training import Budget
from segmentation.unet import UNet, UNetOptions

REVISION = 4
CEILING_MASKS = "ceiling.h5"


def options_of(config: RunConfig) -> tuple[UNetOptions, Budget]:
    """The network and the training that a run asks for."""
    options = UNetOptions(encoder=config.segmenter_encoder, weights=config.segmenter_weights)
    return options, Budget(steps=config.segmenter_steps)


def check_segmenter(config: RunConfig) -> None:
    """Find out before any work whether the segmenter can be had.

    Raises:
        UserError: the file given is no segmenter, or the encoder is not known.
    """
    if config.segmenter is not None:
        load_segmenter(config.segmenter)
    options, _ = options_of(config)
    usual = options.encoder == UNetOptions().encoder  # no need to import the library for it
    if config.segmenter is not None or "segment" not in config.stages or usual:
        return
    try:
        with torch.device("meta"):
            UNet(dataclasses.replace(options, weights=None))
    except ValueError as error:
        raise UserError(f"The value of --segmenter-encoder is not valid: {error}") from error


class Segmenters:
    """The segmenters of a run's datasets, made when they are first asked for."""

    def __init__(
        self, config: RunConfig, device: torch.device, store: Store, display: Display
    ) -> None:
        self._config, self._device = config, device
        self._store, self._display = store, display
        self._given = file_digest(config.segmenter) if config.segmenter else None
        self._made: dict[str, Segmenter | Exception] = {}
        self._lacks: dict[str, str] = {}

    def key(self, dataset: Dataset) -> str | None:
        """Content key of a dataset's segmenter; None where there is nothing to learn it from."""
        return None if self.lack(dataset) else self._key(dataset)

    def lack(self, dataset: Dataset) -> str:
        """Why a dataset can have no membrane scores, in one sentence; empty where it can."""
        if dataset.name not in self._lacks:
            given = self._given is not None
            self._lacks[dataset.name] = no_membranes(dataset, given=given)
        return self._lacks[dataset.name]

    def _key(self, dataset: Dataset) -> str:
        return content_digest(self._settings(dataset))

    def digest(self, dataset: Dataset) -> str | None:
        """SHA-256 of the weights on disk; None where they are still to be made."""
        try:
            record = self._record(self._folder(dataset))
        except DamagedError:
            return None
        return record.files[WEIGHTS] if record else None

    def get(self, dataset: Dataset) -> Segmenter:
        """The segmenter of a dataset, trained now if it is not there.

        Raises:
            UserError: no slice of the training split is labelled.
        """
        made = self._made.get(dataset.name)
        if made is None:
            try:
                made = self._get(dataset)
            except OSError:
                raise
            except Exception as error:
                made = error  # the next cell would only fail likewise, minutes later
            self._made[dataset.name] = made
        if isinstance(made, Exception):
            raise made
        return made

    def _get(self, dataset: Dataset) -> Segmenter:
        folder = self._folder(dataset)
        with locked(folder, self._wait):
            known = self._set_damaged_aside(folder)
            record = self._record(folder) or self._make(dataset, folder, known)
        return Segmenter(folder / WEIGHTS, record.files[WEIGHTS], dataset.test, self._device)

    def _set_damaged_aside(self, folder: Path) -> SegmenterRecord | None:
        """Make room for what will be made anew; what is left of the record, if anything."""
        known, names = None, [RECORD, WEIGHTS, CEILING, CEILING_MASKS]
        try:
            if (folder / RECORD).exists():
                known = load_document(folder / RECORD, SegmenterRecord)
                names = [name for name in names if _damaged(folder / name, known)]
            else:
                names = []
        except DamagedError:
            pass
        paths = [folder / name for name in names if (folder / name).exists()]
        if paths:
            kept = ", ".join(set_aside(path).name for path in paths)
            self._display.note(f"  {paths[0]} is damaged: it is made anew, and kept is {kept}.")
        return known

    def _wait(self, holder: str) -> None:
        self._display.note(f"  {holder} trains this segmenter; waiting for it.")

    def _folder(self, dataset: Dataset) -> Path:
        name = f"segmenter-{self._key(dataset)[:10]}"
        return self._store.root / file_name(dataset.name) / name

    def _settings(self, dataset: Dataset) -> dict[str, Any]:
        file = dataset.test
        settings: dict[str, Any] = {"dataset": file.fingerprint, "revision": REVISION}
        if overlapping(file):
            settings["columns"] = "squares"
        if self._given is not None:
            return settings | {"weights": self._given}
        if dataset.borrows:
            return settings | {"trained_on": self._settings(_own(dataset.training))}
        options, budget = options_of(self._config)
        labels = {"label_kind": file.card.label_kind, "label_zero": file.card.label_zero}
        if not labelled_throughout(file):  # which slices are learned from has changed for these
            settings["slices"] = "by window"
        return settings | labels | {
            "unet": dataclasses.asdict(options), "budget": dataclasses.asdict(budget),
        }  # fmt: skip

    def _record(self, folder: Path) -> SegmenterRecord | None:
        """The record of a segmenter whose files are all as they were written."""
        if not (folder / RECORD).exists():
            return None
        record = load_document(folder / RECORD, SegmenterRecord)
        sound = all(
            (folder / name).exists() and file_digest(folder / name) == digest
            for name, digest in record.files.items()
        )
        return record if sound else None

    def _make(
        self, dataset: Dataset, folder: Path, known: SegmenterRecord | None
    ) -> SegmenterRecord:
        """Weights, unless those of a known record are there, and the ceiling."""
        remove_leftovers(folder)
        file = dataset.test
        training: dict[str, Any] = {}
        if known is not None and (folder / WEIGHTS).exists():
            training = known.training
        elif self._config.segmenter is not None:
            copy_file(self._config.segmenter, folder / WEIGHTS)
        elif dataset.borrows:
            own = _own(dataset.training)
            self.get(own)
            copy_file(self._folder(own) / WEIGHTS, folder / WEIGHTS)
        else:
            training = train_segmenter(
                file, folder, *options_of(self._config), self._device, self._display
            )
        digest = file_digest(folder / WEIGHTS)
        segmenter = Segmenter(folder / WEIGHTS, digest, file, self._device)
        indices = file.indices("test", rejected=True)
        real = (file.frames(int(index))[1] for index in indices)
        tick = self._display.stage("ceiling")
        table = segment(
            segmenter, real, indices, file, folder / CEILING, folder / CEILING_MASKS, tick
        )
        files = (WEIGHTS, CEILING, CEILING_MASKS)
        record = SegmenterRecord(
            key=self._key(dataset), settings=self._settings(dataset),
            threshold=segmenter.thresholds.mask, seed_threshold=segmenter.thresholds.seeds,
            reference=segmenter.reference,
            files={name: file_digest(folder / name) for name in files}, training=training,
            means=membrane_means(table), finished=now(),
            provenance=provenance() | compute_provenance(self._device),
        )  # fmt: skip
        save_document(folder / RECORD, record.model_dump(mode="json"))
        return record


def _own(file: TripletFile) -> Dataset:
    """A dataset that learns from its own training split."""
    return Dataset(file.name, file, file)


def _damaged(path: Path, record: SegmenterRecord) -> bool:
    digest = record.files.get(path.name)
    return digest is not None and path.exists() and file_digest(path) != digest
