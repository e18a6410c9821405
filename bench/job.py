"""One cell on its way through the stages: resume, failure, record."""

from __future__ import annotations

import dataclasses
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from bench.config import RunConfig, StageName
from bench.data.triplets import TripletFile
from bench.errors import UserError
from bench.files import file_digest, is_full, remove_leftovers
from bench.metrics import METRICS
from bench.plan import Cell, Keys, keys, preset_of
from bench.progress import Display, Tick, duration
from bench.provenance import compute_provenance, provenance
from bench.stages import predict, score, train
from bench.stages.train import spread
from bench.store import Failure, Record, StageRecord, Store, now
from bench.weights import load_weights, save_weights
from methods.features import VggFeatures
from methods.interface import FittedInterpolator, Interpolator
from methods.losses import LossOptions, TripletLoss, build_loss

_LONG = 600.0  # seconds from which a training is announced before it goes on
_ESTIMATE = 5.0  # seconds of training that the announcement is estimated from
_FILES: dict[StageName, str] = {
    "train": "weights.safetensors", "predict": predict.FRAMES, "score": score.SCORES,
}  # fmt: skip
_REVISIONS = {"train": train.REVISION, "predict": predict.REVISION, "score": score.REVISION}


@dataclass
class Outcome:
    """A cell after the run."""

    cell: Cell
    folder: Path
    record: Record


class Job:
    """One cell on its way through the stages."""

    def __init__(
        self,
        cell: Cell,
        file: TripletFile,
        config: RunConfig,
        device: torch.device,
        features: VggFeatures | None,
        store: Store,
        display: Display,
    ) -> None:
        self.cell, self.file, self.config = cell, file, config
        self.device, self.store, self.display = device, store, display
        self.features = features if cell.trained and cell.loss != "l1" else None
        self.keys: Keys = keys(cell, config, file.fingerprint, self._loss_settings())
        self.folder = store.folder(cell.words(), self.keys.cell)
        self.model: Interpolator | None = None

    def run(self) -> Outcome:
        """Compute the stages that are not there yet.

        Raises:
            UserError: something that would fail every other cell too.
        """
        record = self._record()
        pending = [stage for stage in self._stages() if not self._is_done(stage, record)]
        if not pending:
            if record.status != "done":  # killed between its last stage and its last word
                self._finish(record)
            return Outcome(self.cell, self.folder, record)
        # The same initial weights whatever was computed before in this process.
        torch.manual_seed(self.cell.seed)
        remove_leftovers(self.folder)
        record.status, record.failure = "running", None
        record.provenance = provenance() | compute_provenance()
        self.store.save(record, self.folder)
        stage: StageName = pending[0]
        try:
            for stage in pending:
                record.stages[stage] = self._compute(stage, record)
                self.store.save(record, self.folder)
            self._finish(record)
        except KeyboardInterrupt:
            record.status = "interrupted"
            self.store.save(record, self.folder)
            raise
        except UserError as error:
            self._fail(record, stage, error)
            raise
        except Exception as error:
            if is_full(error):
                raise UserError(
                    f"The disk that holds {self.folder} is full; make room and repeat the "
                    "command: what was finished is kept."
                ) from error
            self._fail(record, stage, error)
        return Outcome(self.cell, self.folder, record)

    def _record(self) -> Record:
        """The cell's record: the one on disk, or a new one."""
        record = None if self.config.rerun else self.store.load(self.folder)
        if record is not None:
            return record
        return Record(
            status="running", cell=self.cell.words(), key=self.keys.cell,
            config=self.keys.settings, started=now(),
        )  # fmt: skip

    def _stages(self) -> list[StageName]:
        wanted = self.config.stages
        if self.cell.variant.info.kind == "classical":
            return [stage for stage in wanted if stage != "train"]
        return list(wanted)

    def _is_done(self, stage: StageName, record: Record) -> bool:
        done = record.stages.get(stage)
        if done is None or done.key != self.keys.stages[stage]:
            return False
        path = self.folder / _FILES[stage]
        return path.exists() and file_digest(path) == done.digest

    def _compute(self, stage: StageName, record: Record) -> StageRecord:
        started = time.monotonic()
        tick = self.display.stage(stage)
        compute: dict[StageName, Callable[[Tick, Record], dict[str, Any]]] = {
            "train": self._train, "predict": self._predict, "score": self._score,
        }  # fmt: skip
        facts = compute[stage](tick, record)
        return StageRecord(
            key=self.keys.stages[stage], revision=_REVISIONS[stage], file=_FILES[stage],
            digest=file_digest(self.folder / _FILES[stage]),
            seconds=round(time.monotonic() - started, 2), facts=facts,
        )  # fmt: skip

    def _train(self, tick: Tick, record: Record) -> dict[str, Any]:
        model = self.model = self.cell.variant.build()
        if twin := self._twin():
            load_weights(twin[0] / _FILES["train"], model)
            save_weights(self.folder / _FILES["train"], model, twin[1])
            return twin[1]
        indices = self._split("train")
        if isinstance(model, FittedInterpolator):
            train.fit(model, self.file, indices)
            save_weights(self.folder / _FILES["train"], model, {})
            return {"triplets": len(indices)}
        if self.config.rerun:
            (self.folder / train.CHECKPOINT).unlink(missing_ok=True)
        training = train.Training(
            file=self.file, train=indices, validation=self._split("validation"),
            preset=preset_of(self.cell), loss=self._loss(), seed=self.cell.seed,
            device=self.device, bf16=self.config.precision == "bf16",
        )  # fmt: skip
        facts = train.train(model, training, self.folder, self._announcing(tick))
        facts |= {"parameters": sum(p.numel() for p in model.parameters())}
        record.warnings = self._warnings(facts)
        return facts

    def _predict(self, tick: Tick, _: Record) -> dict[str, Any]:
        model = self.model
        if model is None:
            model = self.cell.variant.build()
            if self.cell.variant.info.kind != "classical":
                load_weights(self.folder / _FILES["train"], model)
        indices = self._split("test")
        target = self.folder / _FILES["predict"]
        started = time.monotonic()
        predict.predict(
            model, self.file, indices, target, self.device, self.config.predict_tile, tick
        )
        seconds = (time.monotonic() - started) / max(1, len(indices))
        return {"frames": len(indices), "seconds_a_frame": round(seconds, 4)}

    def _score(self, tick: Tick, record: Record) -> dict[str, Any]:
        table = score.score(
            self.folder / _FILES["predict"], self.file, self.folder / _FILES["score"], tick
        )
        counted = score.kept(table)
        record.triplets = len(counted)
        means = counted[list(METRICS)].mean()
        record.means = {name: _finite(means[name]) for name in METRICS}
        return {"triplets": len(counted), "rejected": len(table) - len(counted)}

    def _split(self, split: str) -> Any:
        """Indices of a split; the test split with the rejected triplets, which are flagged."""
        indices = self.file.indices(split, rejected=split == "test")
        if len(indices) == 0:
            raise UserError(
                f"The dataset '{self.file.name}' has no triplet in its {split} split; build it "
                "from more slices, with smaller tiles or another --split-axis."
            )
        return spread(indices, self.config.max_triplets)

    def _twin(self) -> tuple[Path, dict[str, Any]] | None:
        """A finished training with the same key, under other prediction settings."""
        if self.config.rerun:
            return None
        for folder, record in self.store.records(self.cell.dataset):
            done = record.stages.get("train")
            if folder == self.folder or done is None or done.key != self.keys.stages["train"]:
                continue
            if file_digest(folder / _FILES["train"]) == done.digest:
                return folder, done.facts
        return None

    def _loss(self) -> TripletLoss:
        return build_loss(self.cell.loss, self._loss_options(), self.features)

    def _loss_options(self) -> LossOptions:
        preset = preset_of(self.cell)
        return LossOptions(lowpass=preset.lowpass, feature_stride=preset.feature_stride)

    def _loss_settings(self) -> dict[str, Any] | None:
        if not self.cell.trained:
            return None
        features = None
        if self.features is not None:
            features = {"name": self.features.name, "digest": self.features.digest}
        return {
            "name": self.cell.loss,
            "options": dataclasses.asdict(self._loss_options()),
            "features": features,
        }

    def _announcing(self, tick: Tick) -> Tick:
        """Say once, after the first steps, how long a long training will take."""
        # The first step is left out: it allocates and compiles what the others reuse.
        started: tuple[int, float] | None = None
        announced = False

        def announce(done: int, total: int, words: str) -> None:
            nonlocal started, announced
            tick(done, total, words)
            present = time.monotonic()
            if started is None:
                started = done, present
            steps, seconds = done - started[0], present - started[1]
            if announced or steps < 3 or seconds < _ESTIMATE:
                return
            announced = True
            left = seconds / steps * (total - done)
            if left > _LONG:
                hint = "" if self.cell.preset == "quick" else "; `--preset quick` takes minutes"
                self.display.note(
                    f"  Training {self.cell.title} takes about {duration(left)} on this "
                    f"machine{hint}."
                )

        return announce

    def _warnings(self, facts: dict[str, Any]) -> list[str]:
        warnings = []
        if self.features is not None and self.features.name == "random":
            warnings.append("trained with random VGG features")
        for part, share in facts["first_shares"].items():
            if share < 0.1 and part != "lowpass":
                warnings.append(
                    f"the {part} part was {share:.1%} of the loss when all of it set in"
                )
        return warnings

    def _finish(self, record: Record) -> None:
        if all(self._is_done(stage, record) for stage in _FILES if self._applies(stage)):
            record.status, record.finished = "done", now()
        self.store.save(record, self.folder)

    def _applies(self, stage: StageName) -> bool:
        return stage != "train" or self.cell.variant.info.kind != "classical"

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
