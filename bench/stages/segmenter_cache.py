"""The segmenters of each dataset: trained once, on real slices, and cached like a cell."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from bench.base.errors import DamagedError, UserError
from bench.base.files import (
    content_digest,
    copy_file,
    file_digest,
    locked,
    remove_leftovers,
)
from bench.base.progress import Display
from bench.base.provenance import compute_provenance, provenance
from bench.cells.config import RunConfig
from bench.scores.carried import references_key, write_references
from bench.scores.ceiling import CEILING, REFERENCES, SegmenterRecord
from bench.scores.membranes import membrane_means
from bench.scores.triplet_table import overlapping
from bench.stages.masks import segment
from bench.stages.membrane_truth import no_membranes
from bench.stages.segmenter import Segmenter, load_segmenter
from bench.stages.segmenter_folder import CEILING_MASKS, SegmenterFolder
from bench.stages.segmenter_training import end_training, learning_settings, train_segmenter
from bench.store.records import WEIGHTS, Store, file_name, now
from bench.store.weights import check_unchanged
from bench.triplets.dataset import Dataset
from bench.triplets.file import TripletFile
from segmentation.linknet import LinkNetOptions
from segmentation.networks import NetworkOptions
from segmentation.training import Budget
from segmentation.unet import UNet, UNetOptions

REVISION = 4
_SECOND_SEED = 2  # the first judge's is 0, a teacher's 1


@dataclass(frozen=True)
class Judge:
    """A network that scores, and how it is come by.

    Attributes:
        options: of the network that is trained.
        budget: of its training.
        role: what is trained, as a run tells of it.
        given: weights that were trained elsewhere, in place of a training.
        references: whether what becomes of neurites without a slice lies beside its ceiling; it
            is the same under every judge.
    """

    options: NetworkOptions
    budget: Budget
    role: str
    given: Path | None = None
    references: bool = True


def first_judge(config: RunConfig) -> Judge:
    """The segmenter that every figure rests on."""
    return Judge(*options_of(config), "segmenter", config.segmenter)


def second_judge(config: RunConfig) -> Judge | None:
    """Another architecture with another seed, by the same recipe; None where nobody asks for it."""
    if config.judges < 2:
        return None
    _, budget = options_of(config)
    budget = dataclasses.replace(budget, seed=_SECOND_SEED)
    return Judge(LinkNetOptions(), budget, "second segmenter", references=False)


def options_of(config: RunConfig) -> tuple[UNetOptions, Budget]:
    """The network and the training that a run asks for."""
    options = UNetOptions(encoder=config.segmenter_encoder, weights=config.segmenter_weights)
    return options, Budget(steps=config.segmenter_steps)


def check_segmenter(config: RunConfig) -> None:
    """Refuse a segmenter that cannot be loaded or built, before any work is done.

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
    """A judge of each of a run's datasets, made when it is first asked for."""

    def __init__(self, judge: Judge, device: torch.device, store: Store, display: Display) -> None:
        self._judge, self._device = judge, device
        self._store, self._display = store, display
        self._given = file_digest(judge.given) if judge.given else None
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
            record = self._folder(dataset).record()
        except DamagedError:
            return None
        return record.files[WEIGHTS] if record else None

    def weights(self, dataset: Dataset) -> Path | None:
        """The file of its weights, wherever it lies; None where they are still to be made."""
        if self._judge.given is not None:
            return self._judge.given
        if self.digest(dataset) is not None:
            return self._folder(dataset).weights
        return self.weights(_own(dataset.training)) if dataset.borrows else None

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
                made = error  # the next cell would fail likewise, minutes later
            self._made[dataset.name] = made
        if isinstance(made, Exception):
            raise made
        return made

    def _get(self, dataset: Dataset) -> Segmenter:
        folder = self._folder(dataset)
        with locked(folder.path, self._wait):
            known = folder.set_damaged_aside(self._display.note)
            record = folder.record()
            if record is None or record.carried != references_key(dataset.test):
                record = self._make(dataset, folder, known)
            end_training(folder.path)  # also of a run that was killed at its record
        return Segmenter(folder.weights, record.files[WEIGHTS], dataset.test, self._device)

    def source(self, dataset: Dataset) -> Dataset | None:
        """The dataset whose segmenter a dataset has; None where it has one of its own."""
        given = self._judge.given is not None
        return None if given or not dataset.borrows else _own(dataset.training)

    def _wait(self, holder: str) -> None:
        self._display.note(f"  {holder} trains this segmenter; waiting for it.")

    def _folder(self, dataset: Dataset) -> SegmenterFolder:
        name = f"segmenter-{self._key(dataset)[:10]}"
        return SegmenterFolder(self._store.root / file_name(dataset.name) / name)

    def _settings(self, dataset: Dataset) -> dict[str, Any]:
        file = dataset.test
        settings: dict[str, Any] = {"dataset": file.fingerprint, "revision": REVISION}
        if overlapping(file):
            settings["columns"] = "squares"
        if self._given is not None:
            return settings | {"weights": self._given}
        if dataset.borrows:
            return settings | {"trained_on": self._settings(_own(dataset.training))}
        return settings | learning_settings(file, self._judge.options, self._judge.budget)

    def _make(
        self, dataset: Dataset, folder: SegmenterFolder, known: SegmenterRecord | None
    ) -> SegmenterRecord:
        """Leave the weights, the ceiling and the record."""
        remove_leftovers(folder.path)
        training = self._weights(dataset, folder, known)
        segmenter = Segmenter(
            folder.weights, file_digest(folder.weights), dataset.test, self._device
        )
        table = self._ceiling(segmenter, dataset.test, folder.path)
        self._references(dataset.test, folder.path)
        record = SegmenterRecord(
            key=self._key(dataset),
            settings=self._settings(dataset),
            threshold=segmenter.thresholds.mask,
            seed_threshold=segmenter.thresholds.seeds,
            reference=segmenter.reference,
            carried=references_key(dataset.test),
            files=folder.digests(),
            training=training,
            means=membrane_means(table),
            finished=now(),
            provenance=provenance() | compute_provenance(self._device),
        )
        folder.save(record)
        return record

    def _weights(
        self, dataset: Dataset, folder: SegmenterFolder, known: SegmenterRecord | None
    ) -> dict[str, Any]:
        """Leave the weights if they are not there; what the record says of their training."""
        if known is not None and folder.weights.exists():
            return known.training
        if self._judge.given is not None and self._given is not None:
            check_unchanged(self._judge.given, self._given)
            copy_file(self._judge.given, folder.weights)
            return {}
        if (own := self.source(dataset)) is not None:
            self.get(own)
            copy_file(self._folder(own).weights, folder.weights)
            return {}
        judge = self._judge
        return train_segmenter(
            dataset.test, folder.path, judge.options, judge.budget, self._device, self._display,
            judge.role,
        )  # fmt: skip

    def _ceiling(self, segmenter: Segmenter, file: TripletFile, folder: Path) -> pd.DataFrame:
        """Segment the real middle slices of the test split; leave their scores and masks."""
        indices = file.indices("test", rejected=True)
        real = (file.frames(int(index))[1] for index in indices)
        return segment(
            segmenter,
            real,
            indices,
            folder / CEILING,
            folder / CEILING_MASKS,
            self._display.stage("ceiling"),
        )

    def _references(self, file: TripletFile, folder: Path) -> None:
        """Leave beside the ceiling what becomes of neurites without a synthesised slice."""
        if file.neighbours is not None and self._judge.references:
            indices, tick = file.indices("test", rejected=True), self._display.stage("references")
            write_references(file, indices, folder / REFERENCES, tick)


def _own(file: TripletFile) -> Dataset:
    """A dataset that learns from its own training split."""
    return Dataset(file.name, file, file)
