"""Which stages of a cell are done and which a run has to compute; damaged files are set aside."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from bench.base.errors import DamagedError, UserError
from bench.base.files import file_digest, set_aside
from bench.stages.pipeline import stages
from bench.stages.stage import Context, Stage
from bench.store.records import CALIBRATION, MASKS, RECORD, Record


class MissingError(UserError):
    """A stage would read what is not there, or what an earlier version of the code made.

    Attributes:
        stage: that cannot be computed.
    """

    def __init__(self, stage: str, sentence: str) -> None:
        super().__init__(sentence)
        self.stage = stage

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.stage, str(self))


class Resume:
    """The folder of a cell, compared with its record and its content keys."""

    def __init__(self, context: Context) -> None:
        self._context, self._stages = context, stages()
        self._folder, self._keys = context.folder, context.keys.stages

    def record(self) -> Record | None:
        """The record on disk; None where it is missing or damaged."""
        try:
            return self._context.store.load(self._folder)
        except DamagedError:
            left = [stage.leaves for stage in self._stages.values()]
            self._set_aside([RECORD, *left, CALIBRATION, MASKS], "the cell is computed anew")
            return None

    def set_damaged_aside(self, record: Record) -> bool:
        """Make room for what will be computed anew, so that nothing is written over.

        Returns:
            Whether anything was damaged.
        """
        found = False
        for name, done in record.stages.items():
            damaged = [
                file
                for file, digest in done.digests.items()
                if (self._folder / file).exists() and file_digest(self._folder / file) != digest
            ]
            self._set_aside(damaged, f"the stage {name} has to be computed again")
            found = found or bool(damaged)
        return found

    def _set_aside(self, names: Sequence[str], remedy: str) -> None:
        """Give files that are there other names, and say so."""
        paths = [self._folder / name for name in names if (self._folder / name).exists()]
        if not paths:
            return
        kept = ", ".join(set_aside(path).name for path in paths)
        self._context.display.note(f"  {paths[0]} is damaged: {remedy}, and kept is {kept}.")

    def pending(self, record: Record, asked: Sequence[str], *, rerun: bool) -> list[Stage]:
        """The stages to compute. They leave the record, and so do those that read their files.

        Args:
            record: of the cell.
            asked: the stages of the run; those that do not apply to the cell are passed over.
            rerun: whether they are computed again where they are done.

        Raises:
            MissingError: a file that one of them reads is missing; the record is as it was.
        """
        stale: set[str | None] = set()
        for name, stage in self._stages.items():
            wanted = name in asked and name in self._keys
            missing = wanted and (rerun or not self.is_done(stage, record))
            if missing or stage.reads in stale:
                stale.add(name)
        pending = [
            stage
            for name, stage in self._stages.items()
            if name in asked and name in self._keys and name in stale
        ]
        for stage in pending:
            if source := self._left_out(stage, pending, stale, record):
                raise MissingError(
                    stage.name,
                    f"The stage {stage.name} reads what the stage {source} leaves, and that is "
                    "missing or of an earlier version; repeat the command "
                    f"{self._remedy(asked, rerun=rerun)}.",
                )
        for name, stage in self._stages.items():
            if name in stale:
                _forget(stage, record)
        return pending

    def _left_out(
        self,
        stage: Stage,
        pending: Collection[Stage],
        stale: Collection[str | None],
        record: Record,
    ) -> str | None:
        """The stage that has to be computed before this one, though nobody asked for it."""
        source = self._stages.get(stage.reads or "")
        if source is None or source.name not in self._keys or source in pending:
            return None
        there = source.name not in stale and self.is_done(source, record)
        return None if there else source.name

    def is_done(self, stage: Stage, record: Record) -> bool:
        """Whether a stage's files are there, made with the keys of this run."""
        done = record.stages.get(stage.name)
        if done is None or done.key != self._keys[stage.name]:
            return False
        if not stage.stands(self._context, done.facts):
            return False
        # What is there is as it was written: anything else was set aside.
        return all((self._folder / name).exists() for name in (stage.leaves, *done.digests))

    def _remedy(self, asked: Sequence[str], *, rerun: bool) -> str:
        """How to repeat a run so that no cell lacks what it reads.

        All earlier stages are named, as another cell may lack more of them than this one: what
        is done is used as it is, unless everything is computed again.
        """
        needed = set[str | None](asked)
        for name, stage in reversed(self._stages.items()):
            if name in needed:
                needed.add(stage.reads)
        named = ",".join(name for name in self._stages if name in needed)
        return f"with --stages {named}{' and without --rerun' if rerun else ''}"


def _forget(stage: Stage, record: Record) -> None:
    """Take out of a record all that a stage put in: computing it again may fail."""
    record.stages.pop(stage.name, None)
    if stage.counts:
        record.triplets = 0
    for name in stage.means:
        record.means.pop(name, None)
