"""A dataset as a run names it.

Options in brackets vary the dataset (`phantom[noise=20]`: see `bench.volumes.cards`). One option is
the harness's own and open to every dataset: with `trained_on=NAME` the null, the networks and the
segmenter are those of another dataset, and only the test split is its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bench.base.words import read_words, spelling


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
        """The name of the folder that its triplets lie in."""
        return spelling(self.base, dict(self.options))


def parse_dataset(text: str) -> DatasetVariant:
    """Read a dataset's name; ``load_card`` checks its options.

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
