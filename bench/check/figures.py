"""`bench check`: which figures are compared, and with which."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.cells.config import load_config
from bench.check.baseline import (
    Baseline,
    accept,
    check_reason,
    load_baseline,
    save_baseline,
)
from bench.check.gate import Finding, compare, not_accepted
from bench.run.compute import compute
from bench.scores.entry import Entry
from bench.scores.results import load_results

_NAMED = 5  # cells in a sentence


@dataclass(frozen=True)
class Figures:
    """Accepted figures and new ones.

    The new figures lie in a store, or a configuration is run for them. Such a run computes every
    cell anew: after a change of code that did not raise its revision, a stored cell would answer
    with its old figures.

    Attributes:
        baseline: file of the accepted figures.
        config: configuration to run; None for the one that the baseline names, if it does.
        out: store to compare, or to run the configuration into; None for a temporary one.
        data: folder of the datasets; None for a temporary one where a configuration is run.
        tell: told of what is left out.
    """

    baseline: Path
    config: Path | None
    out: Path | None
    data: Path | None
    tell: Callable[[str], None]

    def compare(self) -> list[Finding]:
        """Compare the new figures with the accepted ones.

        Raises:
            UserError: there are no accepted figures, or no new ones.
        """
        known = load_baseline(self.baseline)
        measured = self._measure(self._config(known))
        if new := not_accepted(known, measured):
            named = ", ".join(new[:_NAMED]) + f" and {len(new) - _NAMED} more" * (len(new) > _NAMED)
            self.tell(f"Not compared, as the accepted figures have nothing of it: {named}.")
        return compare(known, measured)

    def accept(self, reason: str) -> int:
        """Put the new figures in the place of the accepted ones.

        Returns:
            The number of cells.

        Raises:
            UserError: no reason is given, or there are no figures of some cell.
        """
        check_reason(reason)  # before minutes of computing
        known = load_baseline(self.baseline) if self.baseline.exists() else None
        config = self._config(known)
        new = accept(self._measure(config), reason, self._remembered(config))
        save_baseline(new, self.baseline)
        return len(new.cells)

    def _config(self, known: Baseline | None) -> Path | None:
        if self.config is not None or known is None or known.config is None:
            return self.config
        return self.baseline.parent / known.config

    def _remembered(self, config: Path | None) -> str | None:
        """The configuration's path from the baseline's folder: both files move together."""
        if config is None:
            return None
        return Path(os.path.relpath(config, self.baseline.parent)).as_posix()

    def _measure(self, config: Path | None) -> list[Entry]:
        if config is None or (self.out is not None and self.config is None):
            return self._read(self.out or Path("results"), self.data or Path("data"))
        with TemporaryDirectory(prefix="bench-check-") as temporary:
            out = self.out or Path(temporary, "results")
            data = self.data or Path(temporary, "data")
            outcomes, _ = compute(load_config(config, {"out": out, "data": data, "rerun": True}))
            # A cell that the run refused to compute is not in the store, and one that it did not
            # name is not of it: older figures of either stay there, under other settings too.
            failed = {each.folder: each.record for each in outcomes if each.record.failure}
            own = {each.folder for each in outcomes} - failed.keys()
            return [
                *(entry for entry in self._read(out, data) if entry.folder in own),
                *(Entry(folder, record) for folder, record in failed.items()),
            ]

    def _read(self, out: Path, data: Path) -> list[Entry]:
        return load_results(out, data, self.tell, newest=True).entries
