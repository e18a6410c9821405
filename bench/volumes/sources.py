"""What somebody gave to build a dataset from: files, and what they say of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

from bench.base.errors import UserError
from bench.volumes.grey_range import GreyWish
from bench.volumes.volume import StackVolume, open_volume


@dataclass(frozen=True)
class Given:
    """The volumes of a dataset, and how their files are to be read.

    Attributes:
        sources: a file or folder for each volume.
        labels: a label file for each, or none at all.
        masks: where each shows tissue: a file for each, or none at all.
        missing: numbers of the slices of each that are to be treated as not there, or none at all.
        grey_range: lowest and highest grey value of volumes that have not 8 bits, or ``auto``.
        axes: a letter for each axis of the arrays as stored, where their files do not say.
        channel: which one is read of several, from 0.
    """

    sources: Sequence[Path] = ()
    labels: Sequence[Path] = ()
    masks: Sequence[Path] = ()
    missing: Sequence[tuple[int, ...]] = ()
    grey_range: GreyWish | None = None
    axes: str | None = None
    channel: int | None = None

    def check(self) -> None:
        """Refuse what does not come one for each volume.

        Raises:
            UserError: there are fewer or more of something than volumes.
        """
        count = len(self.sources)
        for words, given in (("label files", self.labels), ("mask files", self.masks)):
            if given and len(given) != count:
                raise UserError(
                    f"There are {count} volumes but {len(given)} {words}; give one for each."
                )
        if self.missing and len(self.missing) != count:
            raise UserError(
                f"There are {count} volumes but {len(self.missing)} of --missing; give one for "
                'each in the same order ("" for a whole one).'
            )

    def open(self) -> list[StackVolume]:
        """Open every volume; whoever opens them closes them.

        Raises:
            UserError: a file cannot be read, or does not fit another one.
        """
        beside = zip(
            self.sources,
            self.labels or repeat(None),
            self.masks or repeat(None),
            self.missing or repeat(()),
            strict=False,  # what was not given repeats for ever
        )
        volumes: list[StackVolume] = []
        try:
            for source, labels, mask, missing in beside:
                volumes.append(
                    open_volume(
                        source, labels=labels, mask=mask, missing=missing,
                        grey_range=self.grey_range, axes=self.axes, channel=self.channel,
                    )
                )  # fmt: skip
        except BaseException:
            for volume in volumes:
                volume.close()
            raise
        return volumes
