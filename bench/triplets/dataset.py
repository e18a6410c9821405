"""What cells are computed on: triplets to be tested on, and triplets to learn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench.triplets.file import TripletFile
from bench.triplets.leakage import measured_leakage
from bench.triplets.split import LEARNED_FROM


@dataclass(frozen=True)
class Dataset:
    """What cells are computed on.

    Attributes:
        name: as tables, records and folders of results call it.
        test: the triplets whose test split is predicted.
        training: those that are learned from; the same, or those that `trained_on` names.
    """

    name: str
    test: TripletFile
    training: TripletFile

    @property
    def borrows(self) -> bool:
        """Whether what is learned is learned from another dataset."""
        return self.training.fingerprint != self.test.fingerprint

    def facts(self) -> dict[str, Any]:
        """What a record keeps of it, for tables and footnotes."""
        facts = self.test.facts()
        if not self.borrows:
            return facts
        counts = {split: len(self.training.indices(split)) for split in LEARNED_FROM}
        return facts | {
            "trained_on": {"name": self.training.name, "fingerprint": self.training.fingerprint},
            "triplets": facts["triplets"] | counts,
            "leakage": leakage_between(self.training, self.test),
        }


def leakage_between(training: TripletFile, test: TripletFile) -> float:
    """Share of one file's test triplets that share a pixel with what another one learns from.

    Volumes are told by their content, so that a file under another name is still the same.
    """
    parts = []
    for file, splits in ((training, LEARNED_FROM), (test, ("test",))):
        contents = {volume.name: volume.sha256 for volume in file.volumes}
        keys = file.keys[file.keys["split"].isin(splits)]
        places = {"tile": file.tile, "every": file.options.every}
        parts.append(keys.assign(volume=keys["volume"].map(contents), **places))
    both = pd.concat(parts, ignore_index=True)
    return measured_leakage(both, both["tile"], both["every"])
