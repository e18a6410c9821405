"""One cell on its way through the stages: resume, failure, record."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bench.base.errors import DamagedError, UserError
from bench.base.files import copy_file, file_digest, is_full, locked, remove_leftovers
from bench.base.progress import Display, Progress, announcing
from bench.base.provenance import compute_provenance, provenance
from bench.cells.cell import Cell, budget_of
from bench.cells.config import RunConfig, StageName
from bench.run.resume import FILES, MissingError, Resume
from bench.scores.calibration import CHOSEN_ON, calibrate
from bench.scores.membranes import labelled, membrane_means
from bench.scores.metrics import METRICS
from bench.scores.triplet_table import kept, overlapping
from bench.stages import predict, score, segment, train
from bench.stages.keys import Keys, keys
from bench.stages.segmenters import Segmenters
from bench.stages.train import spread
from bench.store.records import (
    CALIBRATION,
    LOG,
    MASKS,
    Failure,
    Record,
    StageRecord,
    Status,
    Store,
    now,
)
from bench.store.weights import load_weights, save_weights
from bench.triplets.dataset import Dataset
from methods.features import VggFeatures
from methods.interface import FittedInterpolator, Interpolator
from methods.losses import build_loss

_REVISIONS: dict[StageName, int] = {
    "train": train.REVISION, "predict": predict.REVISION, "score": score.REVISION,
    "segment": segment.REVISION,
}  # fmt: skip


@dataclass
class Outcome:
    """A cell after the run.

    Attributes:
        cell: which one.
        folder: where its files lie.
        record: what is known of it.
        remark: why there are no membrane scores though they were asked for.
        doubts: what is doubted of the labels that membranes were learned from or compared with.
    """

    cell: Cell
    folder: Path
    record: Record
    remark: str = ""
    doubts: tuple[str, ...] = ()


class Job:
    """One cell on its way through the stages."""

    def __init__(
        self,
        cell: Cell,
        dataset: Dataset,
        config: RunConfig,
        device: torch.device,
        features: VggFeatures | None,
        segmenters: Segmenters,
        store: Store,
        display: Display,
    ) -> None:
        self.cell, self.dataset, self.config = cell, dataset, config
        self.file = dataset.test
        self.device, self.store, self.display = device, store, display
        self.segmenters = segmenters
        looks = cell.loss_variant is not None and cell.loss_variant.name != "l1"
        self.features = features if looks else None
        digest = self.features.digest if self.features else None
        segmenter = segmenters.key(dataset)
        learned_from = dataset.training.fingerprint
        tested = dataset.test.fingerprint if dataset.borrows else None
        self.keys: Keys = keys(
            cell, config, learned_from, digest, segmenter, tested,
            overlapping=overlapping(self.file),
        )  # fmt: skip
        self.folder = store.folder(cell.words(), self.keys.cell)
        segmenter_digest = partial(segmenters.digest, dataset)
        self.resume = Resume(self.folder, store, self.keys, segmenter_digest, display.note)
        self.model: Interpolator | None = None

    def run(self) -> Outcome:
        """Compute the stages that are not there yet; a failure is written down, not raised.

        Raises:
            UserError: the disk is full, or the folder cannot be written to.
        """
        try:
            with locked(self.folder, self._wait):
                record = self._run()
                return Outcome(self.cell, self.folder, record, self._remark(record), self._doubts())
        except Exception as error:
            if not (isinstance(error, OSError) or is_full(error)):
                raise
            why = "is full" if is_full(error) else f"cannot be used ({error})"
            raise UserError(
                f"The disk that holds {self.folder} {why}; mend that and repeat the command: what "
                "was finished is kept."
            ) from error

    def _remark(self, record: Record) -> str:
        if "segment" not in self.config.stages:
            return ""
        if not self._applies("segment"):
            return self.segmenters.lack(self.dataset)
        done = record.stages.get("segment")
        if done is None or done.facts["triplets"] > 0:
            return ""
        return (
            "No membrane scores: no test triplet that was looked at has a membrane to compare with"
            f"{'' if self.config.max_triplets is None else '; leave --max-triplets out'}."
        )

    def _doubts(self) -> tuple[str, ...]:
        if "segment" not in self.config.stages:
            return ()
        return tuple(dict.fromkeys([*self.dataset.training.doubts, *self.file.doubts]))

    def _wait(self, holder: str) -> None:
        self.display.note(f"  {holder} is at work on {self.cell.title}; waiting for it.")

    def _run(self) -> Record:
        remove_leftovers(self.folder)  # a run may have been killed at its very last write
        record = self._record()
        self.resume.set_damaged_aside(record)
        wanted = [stage for stage in self.config.stages if self._applies(stage)]
        try:
            pending = self.resume.pending(record, self.config.stages, rerun=self.config.rerun)
        except MissingError as error:
            return self._refuse(record, error)
        self._tell_done([stage for stage in wanted if stage not in pending])
        if not pending:
            self._finish(record)
            return record
        # The same initial weights whatever was computed before in this process.
        torch.manual_seed(self.cell.seed)
        if "train" not in record.stages:
            record.warnings = self._unusual()
        record.status, record.failure = "running", None
        record.started, record.finished = now(), None
        self.store.save(record, self.folder)
        stage = pending[0]
        try:
            for stage in pending:
                record.stages[stage] = self._compute(stage, record)
                self.store.save(record, self.folder)
        except KeyboardInterrupt:
            record.status = "interrupted"
            self.store.save(record, self.folder)
            raise
        except Exception as error:
            if is_full(error):
                raise
            self._fail(record, stage, error)
            return record
        self._finish(record)
        return record

    def _tell_done(self, stages: Sequence[StageName]) -> None:
        if stages:
            words = ", ".join(stages)
            self.display.note(f"  {self.cell.title}: {words} computed before, used as it is.")

    def _record(self) -> Record:
        """The cell's record, the one on disk or a new one."""
        return self.resume.record() or Record(
            status="running", cell=self.cell.words(), key=self.keys.cell,
            config=self.keys.settings, method=self.cell.variant.facts(),
            dataset=self._facts(), warnings=self._unusual(), started=now(),
        )  # fmt: skip

    def _facts(self) -> dict[str, Any]:
        """What is known of the dataset, and why it can have no membrane scores, if so."""
        lack = self.segmenters.lack(self.dataset)
        return self.dataset.facts() | ({"no_membranes": lack} if lack else {})

    def _unusual(self) -> list[str]:
        """What a reader of the figures has to know whatever the training said."""
        weights, samples = self.cell.variant.weights, self.config.samples
        if weights is not None:
            return [f"not trained by this run: the weights are those of {weights.name}"]
        remarks = []
        if self.dataset.borrows and self.cell.learns:
            remarks.append(f"learned from the training split of {self.dataset.training.name}")
        if samples is not None and self.cell.trained:
            remarks.append(f"trained on {samples} crops only")
        return remarks

    def _applies(self, stage: StageName) -> bool:
        return stage in self.keys.stages

    def _compute(self, stage: StageName, record: Record) -> StageRecord:
        started = time.monotonic()
        compute: dict[StageName, Callable[[Progress, Record], dict[str, Any]]] = {
            "train": self._train, "predict": self._predict, "score": self._score,
            "segment": self._segment,
        }  # fmt: skip
        facts = compute[stage](self.display.stage(stage), record)
        return StageRecord(
            key=self.keys.stages[stage], revision=_REVISIONS[stage], file=FILES[stage],
            digest=file_digest(self.folder / FILES[stage]),
            seconds=round(time.monotonic() - started, 2), facts=facts,
            provenance=provenance() | compute_provenance(self.device),
        )  # fmt: skip

    def _train(self, tick: Progress, record: Record) -> dict[str, Any]:
        model = self.model = self.cell.variant.build()
        facts = self._take_over(model) or self._learn(model, tick)
        record.warnings = self._unusual() + self._warnings(facts)
        return facts

    def _learn(self, model: Interpolator, tick: Progress) -> dict[str, Any]:
        indices = self._split("train")
        if isinstance(model, FittedInterpolator):
            train.fit(model, self.dataset.training, indices)
            save_weights(self.folder / FILES["train"], model, {})
            return {"triplets": len(indices)}
        if self.config.rerun:
            (self.folder / train.CHECKPOINT).unlink(missing_ok=True)
        loss = self.cell.loss_variant
        if loss is None:
            raise ValueError(f"The trained cell {self.cell.title} has no loss.")
        training = train.Training(
            file=self.dataset.training, train=indices, validation=self._split("validation"),
            preset=budget_of(self.cell, self.config),
            loss=build_loss(loss.name, loss.options, self.features), seed=self.cell.seed,
            device=self.device, bf16=self.config.precision == "bf16",
        )  # fmt: skip
        found = self._checkpoint(training.steps)
        hint = "" if self.cell.preset == "quick" else "; `--preset quick` takes minutes"
        tick = announcing(tick, self.cell.title, hint, self.display)
        facts = train.train(model, training, self.folder, tick, found)
        parameters = sum(parameter.numel() for parameter in model.parameters())
        features = self.features.name if self.features else None
        return facts | {"parameters": parameters, "features": features}

    def _checkpoint(self, steps: int) -> train.Checkpoint | None:
        """Where a killed training goes on; a checkpoint that none can go on from makes room."""
        try:
            found = train.load_checkpoint(self.folder)
        except DamagedError:
            self.resume.set_aside([train.CHECKPOINT], "the training begins anew")
            return None
        if found is not None:
            self.display.note(
                f"  {self.cell.title}: the training goes on after step {found.step} of {steps}."
            )
        return found

    def _take_over(self, model: Interpolator) -> dict[str, Any] | None:
        """Use a finished training with the same key, made under other prediction settings."""
        if self.config.rerun:
            return None
        for folder in self.store.folders():  # of any dataset that learns from the same split
            try:
                record = self.store.load(folder)
                done = record.stages.get("train") if record else None
                if folder == self.folder or done is None or done.key != self.keys.stages["train"]:
                    continue
                if file_digest(folder / FILES["train"]) != done.digest:
                    continue
                load_weights(folder / FILES["train"], model)
            except (OSError, UserError):
                continue  # another cell's damage is that cell's business
            for name in (LOG, FILES["train"]):
                if (folder / name).exists():
                    copy_file(folder / name, self.folder / name)
            self.display.note(f"  {self.cell.title}: the same training is in {folder}, taken over.")
            return done.facts
        return None

    def _predict(self, tick: Progress, _: Record) -> dict[str, Any]:
        model = self.model
        if model is None:
            model = self.cell.variant.build()
            given = self.cell.variant.weights
            if given is not None or self.cell.learns:
                load_weights(given or self.folder / FILES["train"], model)
        indices = self._split("test")
        target = self.folder / FILES["predict"]
        started = time.monotonic()
        predict.predict(
            model, self.file, indices, target, self.device, self.config.predict_tile, tick
        )
        seconds = (time.monotonic() - started) / len(indices)
        return {"frames": len(indices), "seconds_a_frame": round(seconds, 4)}

    def _score(self, tick: Progress, record: Record) -> dict[str, Any]:
        table = score.score(
            self.folder / FILES["predict"], self.file, self.folder / FILES["score"], tick
        )
        counted = kept(table)
        record.triplets = len(counted)
        means = counted[list(METRICS)].mean()
        record.means |= {name: _finite(means[name]) for name in METRICS}
        facts: dict[str, Any] = {
            "triplets": len(counted), "rejected": len(table) - len(counted),
            "saturated": round(score.saturation(self.file, counted["triplet"].to_numpy()), 4),
        }  # fmt: skip
        if self.cell.is_null:
            facts |= calibrate(
                self.file, table["triplet"].to_numpy(), self._training_frames(),
                self.folder / CALIBRATION, self.display.stage("calibration"),
            )  # fmt: skip
        return facts

    def _segment(self, _: Progress, record: Record) -> dict[str, Any]:
        segmenter = self.segmenters.get(self.dataset)
        tick = self.display.stage("segment")  # the segmenter's training may have had the bar
        path, masks = self.folder / FILES["predict"], self.folder / MASKS
        frames, indices = predict.stored_frames(path), predict.stored_triplets(path)
        table = segment.segment(
            segmenter, frames, indices, self.file, self.folder / FILES["segment"], masks, tick
        )
        record.means |= membrane_means(table)
        return {
            "reference": segmenter.reference, "segmenter": segmenter.digest,
            "threshold": segmenter.thresholds.mask, "seed_threshold": segmenter.thresholds.seeds,
            "ceiling": segmenter.ceiling.name,
            "masks": file_digest(masks), "triplets": len(labelled(table)),
        }  # fmt: skip

    def _training_frames(self) -> list[NDArray[np.uint8]]:
        """A few triplets of the training split, for what is chosen on it."""
        indices = spread(self._split("train"), CHOSEN_ON)
        return [self.dataset.training.frames(int(index)) for index in indices]

    def _split(self, split: str) -> NDArray[np.intp]:
        """Indices of a split; all of the test split come with the rejected ones, flagged."""
        file = self.file if split == "test" else self.dataset.training
        indices = file.indices(split)
        if len(indices) == 0:
            raise UserError(
                f"The dataset '{file.name}' has no triplet in its {split} split; build it "
                "from more slices, with smaller tiles or another --split-axis."
            )
        if self.config.max_triplets is None and split == "test":
            return file.indices(split, rejected=True)
        return spread(indices, self.config.max_triplets)

    def _warnings(self, facts: dict[str, Any]) -> list[str]:
        warnings = []
        if facts.get("features") == "random":
            warnings.append("trained with random VGG features")
        warnings += [
            f"the {part} part was {share:.1%} of the loss when all of it set in"
            for part, share in facts.get("first_shares", {}).items()
            if share < 0.1
        ]
        return warnings

    def _finish(self, record: Record) -> None:
        """Give the record its last word, unless it has it already."""
        # Membranes are looked at beside the frames: a cell is whole without them.
        needed = [stage for stage in FILES if stage != "segment" and self._applies(stage)]
        whole = all(self.resume.is_done(stage, record) for stage in needed)
        status: Status = "done" if whole else "partial"
        if record.status != status:
            record.status, record.failure, record.finished = status, None, now()
            self.store.save(record, self.folder)

    def _refuse(self, record: Record, error: MissingError) -> Record:
        """Nothing can be computed: what earlier runs left stays, and so does the record on disk."""
        record.status = "failed"
        record.failure = Failure(stage=error.stage, reason=str(error), traceback="")
        self.display.note(f"  {self.cell.title}: {error}")
        return record

    def _fail(self, record: Record, stage: StageName, error: Exception) -> None:
        reason = str(error).strip() or type(error).__name__
        record.status, record.finished = "failed", now()
        record.failure = Failure(stage=stage, reason=reason, traceback=traceback.format_exc())
        self.store.save(record, self.folder)
        self.display.note(f"  {self.cell.title} failed in {stage}: {reason.splitlines()[0]}")


def _finite(value: float) -> float | None:
    """JSON knows no infinity; a mean that is not finite is left out of the record."""
    number = float(value)
    return number if abs(number) < float("inf") else None
