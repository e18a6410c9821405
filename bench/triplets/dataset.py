"""What cells are computed on: triplets to be tested on, and triplets to learn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench.triplets.file import TripletFile
from bench.triplets.gap import POSITION, positions
from bench.triplets.leakage import measured_leakage
from bench.triplets.shared_slices import shared_volumes
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

    Volumes are told by their content, so that a file under another name is still the same. A part
    along z of one has slices in common with it. Regions of one volume need not have the same
    content: they are told by its name and the size of its slices.
    """
    files = (training, LEARNED_FROM), (test, ("test",))
    by_content = pd.concat([_by_content(*each) for each in files], ignore_index=True)
    found = max(_leakage(by_content), _leakage(_by_slices(training, test)))
    if all(volume.region is None for file, _ in files for volume in file.volumes):
        return found
    by_name = pd.concat([_by_name(*each) for each in files], ignore_index=True)
    return max(found, _leakage(by_name))


def _leakage(keys: pd.DataFrame) -> float:
    return measured_leakage(keys, keys["tile"], keys["every"], keys["gap"])


def _by_content(file: TripletFile, splits: Sequence[str]) -> pd.DataFrame:
    """Keys under the digests of their volumes, counted from where these begin."""
    return _from_corner(file, splits, {volume.name: volume.sha256 for volume in file.volumes})


def _by_slices(training: TripletFile, test: TripletFile) -> pd.DataFrame:
    """Keys of both files; a volume that shows slices of another counts as a part of that one."""
    parts = shared_volumes(training.grey_counts(), test.grey_counts())
    alone = {volume.name: f"{volume.name} of the test" for volume in test.volumes}
    names = alone | {name: whole for name, (whole, _) in parts.items()}
    steps = dict.fromkeys(alone, 0) | {name: step for name, (_, step) in parts.items()}
    learned = _from_corner(training, LEARNED_FROM, {v.name: v.name for v in training.volumes})
    tested = _from_corner(test, ("test",), names)
    tested["z"] += test.keys.loc[tested.index, "volume"].map(steps)
    return pd.concat([learned, tested], ignore_index=True)


def _from_corner(
    file: TripletFile, splits: Sequence[str], names: Mapping[str, str]
) -> pd.DataFrame:
    """Keys under what says which volume it is, counted from where it begins."""
    keys = _by_name(file, splits, names)
    own = file.keys.loc[keys.index, "volume"]
    for axis, name in enumerate("zyx"):
        keys[name] -= own.map({volume.name: volume.corner[axis] for volume in file.volumes})
    return keys


def _by_name(
    file: TripletFile, splits: Sequence[str], names: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Keys under what says which volume it is, counted as in the source."""
    if names is None:
        names = {
            volume.name: f"{volume.name} {(volume.source_shape or volume.shape)[1:]} {volume.level}"
            for volume in file.volumes
        }
    keys = file.keys[file.keys["split"].isin(splits)]
    places = {"tile": file.tile, "every": file.options.every, "gap": file.gap}
    volume, position = keys["volume"].map(names), positions(keys)
    return keys.assign(volume=volume, **{POSITION: position}, **places)
