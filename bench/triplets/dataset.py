"""A dataset as a run names it, and the triplets behind the name.

What stands in brackets varies the dataset (`phantom[noise=20]`: see `bench.volumes.cards`), but for
one option that is the harness's own and open to every dataset: with `trained_on=NAME` the null,
the networks and the segmenter are those of another dataset, and only the test split is its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.base.words import read_words, spelling

if TYPE_CHECKING:
    from bench.triplets.file import TripletFile

_LEARNED_FROM = ("train", "validation")


@dataclass(frozen=True)
class DatasetVariant:
    """The parts of a dataset's name.

    Attributes:
        text: the canonical spelling: what tables, records and folders of results call it.
        base: what stands before the brackets.
        options: what differs from the base.
        trained_on: name of the dataset that is learned from, mostly its own.
    """

    text: str
    base: str
    options: Mapping[str, str]
    trained_on: str

    @property
    def built(self) -> str:
        """The name that its triplets lie under."""
        return spelling(self.base, dict(self.options))


def parse_dataset(text: str) -> DatasetVariant:
    """Read a dataset's name; what its options may be is its card's business.

    Raises:
        UserError: it is not written as `name` or `name[option=value,...]`.
    """
    base, options = read_words(text) if "[" in text else (text, {})
    trained_on = options.pop("trained_on", None)
    built = spelling(base, options)
    if trained_on is None or trained_on == built:
        return DatasetVariant(built, base, options, built)
    return DatasetVariant(
        spelling(base, options | {"trained_on": trained_on}), base, options, trained_on
    )


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
        from bench.triplets.file import leakage_between

        counts = {split: len(self.training.indices(split)) for split in _LEARNED_FROM}
        return facts | {
            "trained_on": {"name": self.training.name, "fingerprint": self.training.fingerprint},
            "triplets": facts["triplets"] | counts,
            "leakage": leakage_between(self.training, self.test),
        }
