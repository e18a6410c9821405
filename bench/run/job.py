"""One cell, carried through the stages: what is there is used, what fails is written down."""

from __future__ import annotations

import time
import traceback
from collections.abc import Sequence

import torch

from bench.base.errors import UserError
from bench.base.files import file_digest, is_full, locked, remove_leftovers
from bench.base.free_memory import is_out_of_memory
from bench.base.provenance import compute_provenance, provenance
from bench.cells.outcome import Outcome
from bench.cells.registry import code_changed
from bench.run.resume import MissingError, Resume
from bench.stages.memory_check import ran_out
from bench.stages.pipeline import stages
from bench.stages.stage import Context, Facts, Stage
from bench.store.records import Failure, Record, StageRecord, Status, now

_FINISHED: tuple[Status, ...] = ("done", "partial")


class Job:
    """One cell on its way through the stages; what they do is their own business."""

    def __init__(
        self, context: Context, until: str | None = None, since: str | None = None
    ) -> None:
        """Take a cell, or a part of it.

        Args:
            context: of the cell.
            until: the last stage that is computed; None for the last one that is asked for.
            since: when the run began, in UTC, if earlier parts were computed elsewhere.
        """
        self.context, self._until, self._since = context, until, since
        self._title, self._folder = context.cell.title, context.folder
        self._stages, self._resume = stages(), Resume(context)

    def run(self) -> Outcome:
        """Compute the stages that are not there yet; a failure is written down, not raised.

        Raises:
            UserError: the disk is full, or the folder cannot be written to.
        """
        try:
            with locked(self._folder, self._wait):
                return self._outcome(self._run())
        except Exception as error:
            if not (isinstance(error, OSError) or is_full(error)):
                raise
            why = "is full" if is_full(error) else f"cannot be used ({error})"
            raise UserError(
                f"The disk that holds {self._folder} {why}; mend that and repeat the command: what "
                "was finished is kept."
            ) from error

    def give_up(self, stage: str, reason: str) -> Outcome:
        """Say that a stage cannot be computed; what is on disk stays as it is."""
        record = self._resume.record() or self._new_record()
        return self._outcome(self._refuse(record, stage, UserError(reason)))

    def _wait(self, holder: str) -> None:
        self._tell(f"  {holder} is at work on {self._title}; waiting for it.")

    def _tell(self, text: str) -> None:
        self.context.display.note(text)

    def _outcome(self, record: Record) -> Outcome:
        context = self.context
        asked = [self._stages[name] for name in context.config.stages]
        lacks = [line for stage in asked for line in stage.lacks(context, _facts(stage, record))]
        doubts = [line for stage in asked for line in stage.doubts(context)]
        return Outcome(context.cell, self._folder, record, " ".join(lacks), tuple(doubts))

    def _run(self) -> Record:
        remove_leftovers(self._folder)  # a run may have been killed at its very last write
        config = self.context.config
        record = self._resume.record() or self._new_record()
        # By an earlier part: what that computed anew is not to be computed once more.
        begun = self._since is not None and record.started >= self._since
        damaged = self._resume.set_damaged_aside(record)
        finished = record.status in _FINISHED and not damaged
        try:
            rerun = config.rerun and not begun
            pending = self._resume.pending(record, config.stages, rerun=rerun)
        except MissingError as error:
            return self._refuse(record, error.stage, error)
        if not begun:
            self._tell_done(pending, record)
        names = list(self._stages)
        part = names[: names.index(self._until) + 1] if self._until else names
        if pending:
            if pending[0].name == next(name for name in names if name in self.context.keys.stages):
                record.method = self.context.cell.variant.facts()  # all of it is computed
            self._begin(record, begun=begun)
            if not finished:
                self._save(record)
        for stage in pending:
            if stage.name not in part:
                record.status = "interrupted"  # it is, should the next part never come
                self._save(record)
                return record
            # Until its first stage is computed, a finished cell is on disk as it was: who stops
            # meanwhile, or is killed, has lost nothing.
            untouched = finished and stage is pending[0]
            if not self._succeeds(stage, record, untouched=untouched):
                return record
        self._finish(record)
        return record

    def _new_record(self) -> Record:
        cell, keys = self.context.cell, self.context.keys
        record = Record(
            status="running",
            cell=cell.words(),
            key=keys.cell,
            config=keys.settings,
            method=cell.variant.facts(),
            dataset=self.context.dataset_facts(),
            started=now(),
        )
        self._warn(record)
        return record

    def _tell_done(self, pending: Sequence[Stage], record: Record) -> None:
        asked = [name for name in self.context.config.stages if name in self.context.keys.stages]
        to_do = {stage.name for stage in pending}
        if done := ", ".join(name for name in asked if name not in to_do):
            self._tell(f"  {self._title}: {done} computed before, used as it is.")
            name = self.context.cell.variant.text.partition("[")[0]
            if code_changed(name, record.method):
                self._tell(
                    f"  {self._title}: its code has changed since then; if its frames have too, "
                    "raise its info.revision, or say --rerun."
                )

    def _begin(self, record: Record, *, begun: bool) -> None:
        # The same initial weights whatever was computed before in this process.
        torch.manual_seed(self.context.cell.seed)
        record.status, record.failure = "running", None
        record.started = record.started if begun else now()
        record.finished = None
        record.dataset = self.context.dataset_facts()  # a segmenter may be given that was not
        self._warn(record)

    def _succeeds(self, stage: Stage, record: Record, *, untouched: bool) -> bool:
        """Compute a stage and write down what came of it: its results, or why there are none.

        Args:
            stage: to be computed.
            record: of the cell, which is changed.
            untouched: whether the cell on disk is finished, and stands where this one is stopped or
                refused.
        """
        try:
            self._compute(stage, record)
            self._save(record)
        except KeyboardInterrupt:
            if not untouched:
                record.status = "interrupted"
                self._save(record)
            raise
        except Exception as error:
            if is_full(error):
                raise
            if isinstance(error, UserError) and untouched:
                self._refuse(record, stage.name, error)
            else:
                self._fail(record, stage, error)
            return False
        return True

    def _compute(self, stage: Stage, record: Record) -> None:
        device, started = self.context.device, time.monotonic()
        result = stage.compute(self.context, self.context.display.stage(stage.name))
        record.means |= result.means
        if result.triplets is not None:
            record.triplets = result.triplets
        own = round(time.monotonic() - started, 2), provenance() | compute_provenance(device)
        # Of what was taken over the record says where and how long it was made, not copied.
        seconds, origin = (made.seconds, made.provenance) if (made := result.made) else own
        record.stages[stage.name] = StageRecord(
            key=self.context.keys.stages[stage.name],
            revision=stage.revision,
            file=stage.leaves,
            digest=file_digest(self._folder / stage.leaves),
            seconds=seconds,
            facts=dict(result.facts),
            provenance=origin,
        )
        self._warn(record)

    def _warn(self, record: Record) -> None:
        """Have the record say what a reader has to know of the stages as they stand."""
        record.warnings = [
            line
            for stage in self._stages.values()
            for line in stage.warnings(self.context, _facts(stage, record))
        ]

    def _save(self, record: Record) -> None:
        self.context.store.save(record, self._folder)

    def _finish(self, record: Record) -> None:
        """Set the final status of the record, unless it is set already."""
        needed = [
            stage
            for name, stage in self._stages.items()
            if name in self.context.keys.stages and not stage.beside
        ]
        whole = all(self._resume.is_done(stage, record) for stage in needed)
        status: Status = "done" if whole else "partial"
        if record.status != status:
            record.status, record.failure, record.finished = status, None, now()
            self._save(record)

    def _refuse(self, record: Record, stage: str, error: UserError) -> Record:
        """Nothing can be computed: what earlier runs left stays, and so does the record on disk."""
        record.status = "failed"
        record.failure = Failure(stage=stage, reason=str(error), traceback="")
        self._tell(f"  {self._title}: {error}")
        return record

    def _fail(self, record: Record, stage: Stage, error: Exception) -> None:
        reason = str(error).strip() or type(error).__name__
        if is_out_of_memory(error):
            frame, tile = self.context.dataset.test.tile, self.context.config.predict_tile
            side = min(frame, tile or frame)
            reason = ran_out(self.context.cell, stage.name, side, self.context.room)
        record.status, record.finished = "failed", now()
        record.failure = Failure(stage=stage.name, reason=reason, traceback=traceback.format_exc())
        self._save(record)
        self._tell(f"  {self._title} failed in {stage.name}: {reason.splitlines()[0]}")


def _facts(stage: Stage, record: Record) -> Facts | None:
    """What a record says of a stage; None if the stage is not done."""
    done = record.stages.get(stage.name)
    return None if done is None else done.facts
