"""What somebody gives to build a dataset from: files, and how they are to be read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from pathlib import Path

from bench.base.errors import UserError
from bench.base.files import spelt_out
from bench.volumes.formats.hdf5 import Hdf5Stack
from bench.volumes.formats.location import Location
from bench.volumes.formats.open_stack import open_stack, split_source
from bench.volumes.formats.stack import Asked, Resolution, Stack
from bench.volumes.grey_range import GreyWish
from bench.volumes.region import Part, Region
from bench.volumes.stack_volume import StackVolume

_STORES = (".zarr", ".n5")
_ENDING = re.compile(r"(?<=.)(?:\.nii\.gz|\.ome\.zarr|\.[^.]+)$", re.IGNORECASE)
_CREMI_RAW, _CREMI_LABELS = "volumes/raw", "volumes/labels/neuron_ids"
_MASK = "volumes/labels/mask"  # as CREMI's tools name one


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
        level: which scale is read of volumes that are stored in several, from 0.
        regions: the part of each that is taken, an empty one for all of it; or none at all.
        voxel_size: in nm (z, y, x), that counts before what the files say.
    """

    sources: Sequence[str | Path] = ()
    labels: Sequence[str | Path] = ()
    masks: Sequence[str | Path] = ()
    missing: Sequence[tuple[int, ...]] = ()
    grey_range: GreyWish | None = None
    axes: str | None = None
    channel: int | None = None
    level: int = 0
    regions: Sequence[Region] = ()
    voxel_size: Resolution | None = None

    def check(self) -> None:
        """Refuse labels, masks or holes that are not one for each volume.

        Raises:
            UserError: there are fewer or more of something than volumes.
        """
        count = len(self.sources)
        for words, given in (("label files", self.labels), ("mask files", self.masks)):
            if given and len(given) != count:
                raise UserError(
                    f"There are {count} volumes but {len(given)} {words}; give one for each."
                )
        for option, each in (("--missing", self.missing), ("--region", self.regions)):
            if each and len(each) != count:
                raise UserError(
                    f"There are {count} volumes but {len(each)} of {option}; give one for each in "
                    'the same order ("" for a whole one).'
                )

    def open(self, known: Resolution | None = None) -> list[StackVolume]:
        """Open every volume; whoever opens them closes them.

        Args:
            known: the voxel size in nm (z, y, x) by which regions are counted where nobody says
                one.

        Raises:
            UserError: a file cannot be read, or does not fit another one.
        """
        beside = zip(
            self.sources,
            self.labels or repeat(None),
            self.masks or repeat(None),
            self.missing or repeat(()),
            self.regions or repeat(()),
            strict=False,  # what was not given repeats for ever
        )
        volumes: list[StackVolume] = []
        try:
            for source, labels, mask, missing, region in beside:
                volume = open_volume(
                    source,
                    labels=labels,
                    grey_range=self.grey_range,
                    mask=mask,
                    missing=missing,
                    asked=Asked(self.axes, self.channel, level=self.level),
                    part=Part(region, self.voxel_size, known),
                )
                volume.voxel_size = self.voxel_size or volume.voxel_size
                volumes.append(volume)
        except BaseException:
            for volume in volumes:
                volume.close()
            raise
        return volumes

    def open_grey(self, known: Resolution | None = None) -> StackVolume:
        """Open the grey slices of the only volume, without labels and mask.

        Args:
            known: as ``open`` takes it.

        Raises:
            UserError: the file cannot be read.
        """
        [volume] = replace(self, labels=(), masks=()).open(known)
        return volume


def open_volume(
    source: str | Path,
    *,
    labels: str | Path | None = None,
    grey_range: GreyWish | None = None,
    mask: str | Path | None = None,
    missing: Iterable[int] = (),
    asked: Asked | None = None,
    part: Part | None = None,
) -> StackVolume:
    """Open a volume of any known format.

    Args:
        source: as ``open_stack`` takes it; a CREMI HDF5 file has ``volumes/raw`` and its own
            labels.
        labels: the same kinds; of the same shape, or HDF5 with its own ``offset``.
        grey_range: lowest and highest grey value of data that is not 8-bit; what lies
            outside is clipped. ``auto``: their percentiles 0.1 and 99.9.
        mask: the same kinds as ``source``, 0 where there is no tissue; of the same shape, or
            one slice that holds for all.
        missing: numbers of slices to be treated as not there: those of the file names where a
            folder numbers its slices, else counted from 0.
        asked: of the arrays, what their files do not say.
        part: of volume, labels and mask that is taken; all of it if not given.

    Raises:
        UserError: a file is missing, cut short, in colour, too small, of another depth of
            grey than 8 bits without a range, of axes that are not clear, or its labels do not
            fit.
    """
    asked = asked or Asked()
    raw = open_stack(source, _CREMI_RAW, asked)
    stacks = [raw]
    try:
        ids = _labels_of(raw, labels, replace(asked, labels=True))
        if ids is not None:
            stacks.append(ids)
        tissue = None if mask is None else open_stack(mask, _MASK, replace(asked, labels=True))
        if tissue is not None:
            stacks.append(tissue)
        asked = replace(asked, box=None if part is None else part.box(raw))
        return StackVolume(_stem(source), raw, ids, grey_range, tissue, missing, asked)
    except BaseException:
        for stack in stacks:
            stack.close()
        raise


def _labels_of(raw: Stack, labels: str | Path | None, asked: Asked) -> Stack | None:
    if labels is not None:
        return open_stack(labels, _CREMI_LABELS, asked)
    if isinstance(raw, Hdf5Stack) and raw.inner == _CREMI_RAW and raw.holds(_CREMI_LABELS):
        return Hdf5Stack(raw.path, _CREMI_LABELS, asked)
    return None


def _stem(source: str | Path) -> str:
    """The name of a volume; bytes of a file's name that are not UTF-8 are spelt out.

    Of an array in a Zarr or N5 folder it is the name of that folder.
    """
    place = Location.of(source)
    stores = [part for part in place.root.split("/") if part.lower().endswith(_STORES)]
    if stores:
        return spelt_out(_ENDING.sub("", stores[-1]))
    if place.is_remote:
        return place.name
    path = split_source(source)[0]
    return spelt_out(path.resolve().name if path.is_dir() else _ENDING.sub("", path.name))
