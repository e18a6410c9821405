"""What of a cell is there already, and what a run has to compute; what is damaged is set aside."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from bench.base.errors import DamagedError, UserError
from bench.base.files import file_digest, set_aside
from bench.cells.config import StageName
from bench.scores.membranes import MEMBRANE_METRICS
from bench.scores.metrics import METRICS
from bench.stages import predict, score, segment
from bench.stages.keys import Keys
from bench.store.records import CALIBRATION, MASKS, RECORD, Record, Store

FILES: Mapping[StageName, str] = {
    "train": "weights.safetensors", "predict": predict.FRAMES, "score": score.SCORES,
    "segment": segment.MEMBRANES,
}  # fmt: skip
_READS: Mapping[StageName, StageName | None] = {
    "train": None, "predict": "train", "score": "predict", "segment": "predict",
}  # fmt: skip
# The means that a stage puts into the record.
_MEANS: Mapping[StageName, Collection[str]] = {"score": METRICS, "segment": MEMBRANE_METRICS}


class MissingError(UserError):
    """A stage would read what is not there, or what an earlier version of the code made.

    Attributes:
        stage: that cannot be computed.
    """

    def __init__(self, stage: StageName, sentence: str) -> None:
        super().__init__(sentence)
        self.stage = stage


class Resume:
    """The folder of a cell, compared with its record and its content keys."""

    def __init__(
        self,
        folder: Path,
        store: Store,
        keys: Keys,
        segmenter: Callable[[], str | None],
        tell: Callable[[str], None],
    ) -> None:
        """Look at a folder.

        Args:
            folder: of the cell.
            store: that it lies in.
            keys: of the cell as the run wants it.
            segmenter: digest of the segmenter's weights; None while they are not there.
            tell: told of what is set aside.
        """
        self._folder, self._store, self._keys = folder, store, keys
        self._segmenter, self._tell = segmenter, tell

    def record(self) -> Record | None:
        """The record on disk; None where there is none that can be believed."""
        try:
            return self._store.load(self._folder)
        except DamagedError:
            names = [RECORD, *FILES.values(), CALIBRATION, MASKS]
            self.set_aside(names, "the cell is computed anew")
            return None

    def set_damaged_aside(self, record: Record) -> None:
        """Make room for what will be computed anew, so that nothing is written over."""
        for stage, done in record.stages.items():
            damaged = [
                name
                for name, digest in done.digests.items()
                if (self._folder / name).exists() and file_digest(self._folder / name) != digest
            ]
            self.set_aside(damaged, f"the stage {stage} has to be computed again")

    def set_aside(self, names: Sequence[str], remedy: str) -> None:
        """Give files that are there other names, and say so."""
        paths = [self._folder / name for name in names if (self._folder / name).exists()]
        if not paths:
            return
        kept = ", ".join(set_aside(path).name for path in paths)
        self._tell(f"  {paths[0]} is damaged: {remedy}, and kept is {kept}.")

    def pending(
        self, record: Record, asked: Sequence[StageName], *, rerun: bool
    ) -> list[StageName]:
        """The stages to compute; the record forgets them, and those that read what they made.

        Args:
            record: of the cell.
            asked: the stages of the run; those that do not apply to the cell are passed over.
            rerun: whether they are computed again where they are done.

        Raises:
            MissingError: one of them would read what none of them makes; nothing is forgotten.
        """
        wanted = [stage for stage in asked if stage in self._keys.stages]
        stale: set[StageName | None] = set()
        for stage, source in _READS.items():
            missing = stage in wanted and (rerun or not self.is_done(stage, record))
            if missing or source in stale:
                stale.add(stage)
        pending = [stage for stage in wanted if stage in stale]
        for stage in pending:
            if source := self._left_out(stage, pending, stale, record):
                raise MissingError(
                    stage,
                    f"what {source} makes is missing or of an earlier version, and {stage} reads "
                    f"it; repeat the command {_remedy(asked, rerun=rerun)}.",
                )
        for stage in _READS:
            if stage in stale:
                _forget(stage, record)
        return pending

    def _left_out(
        self,
        stage: StageName,
        pending: Collection[StageName],
        stale: Collection[StageName | None],
        record: Record,
    ) -> StageName | None:
        """The stage that has to be computed before this one, though nobody asked for it."""
        source = _READS[stage]
        if source is None or source not in self._keys.stages or source in pending:
            return None
        return source if source in stale or not self.is_done(source, record) else None

    def is_done(self, stage: StageName, record: Record) -> bool:
        """Whether a stage's files are there, made with the keys of this run."""
        done = record.stages.get(stage)
        if done is None or done.key != self._keys.stages[stage]:
            return False
        if stage == "segment" and done.facts["segmenter"] != self._segmenter():
            return False  # it was lost and will be trained anew, perhaps on another machine
        # What is there is as it was written: anything else was set aside.
        return all((self._folder / name).exists() for name in (FILES[stage], *done.digests))


def _forget(stage: StageName, record: Record) -> None:
    """Take out of a record all that a stage put in: what follows may fail, and leave nothing."""
    record.stages.pop(stage, None)
    if stage == "score":
        record.triplets = 0
    for name in _MEANS.get(stage, ()):
        record.means.pop(name, None)


def _remedy(asked: Sequence[StageName], *, rerun: bool) -> str:
    """How to repeat a run so that no cell lacks what it reads.

    All earlier stages are named, as another cell may lack more of them than this one: what is
    done is used as it is, unless everything is computed again.
    """
    needed = set[StageName | None](asked)
    for stage in reversed(list(_READS)):
        if stage in needed:
            needed.add(_READS[stage])
    named = ",".join(stage for stage in _READS if stage in needed)
    return f"with --stages {named}{' and without --rerun' if rerun else ''}"
