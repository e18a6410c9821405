"""The second pass: read the windows that were found, specify their histograms, store them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.base.errors import UserError
from bench.base.hdf5_sink import hdf5_sink
from bench.base.progress import Progress
from bench.triplets.digests import labels_digest, triplet_digest
from bench.triplets.gap import POSITION, first_missing
from bench.triplets.histogram import Reference
from bench.triplets.layout import Header, write_header, write_keys
from bench.triplets.lookup_tables import dataset_reference, lookup_tables
from bench.triplets.survey import Source, cut_windows
from bench.volumes.cards import LabelKind
from bench.volumes.label_ids import known_pixels
from bench.volumes.volume import Volume, present_slices
from segmentation.labels import UNLABELLED

_SPARE_BYTES = 2**24


@dataclass(frozen=True)
class Content:
    """What goes into a triplet file.

    Attributes:
        header: its attributes.
        volumes: that it is from.
        sources: the parts of them that were read, in the order of the table.
        table: the keys, in file order, with the number of each triplet's part; positions are those
            within the part.
    """

    header: Header
    volumes: Sequence[Volume]
    sources: list[Source]
    table: pd.DataFrame

    @property
    def has_labels(self) -> bool:
        """Whether the volumes have labels."""
        return self.volumes[0].has_labels

    @property
    def has_neighbours(self) -> bool:
        """Whether the labels of the neighbours are stored: a mask follows no neurite."""
        return self.has_labels and self.header.card.label_kind == "ids"

    @cached_property
    def keys(self) -> pd.DataFrame:
        """The keys as they are stored: with the positions that the sources give to their voxels."""
        keys = self.table.drop(columns="source")
        keys["z"] *= self.header.options.every
        for axis, name in enumerate("zyx"):
            corners = [part.corner[axis] for part, _ in self.sources]
            keys[name] += np.take(corners, self.table["source"])
        return keys


class _Triplet(NamedTuple):
    """Frames, 3HW, and where there are any, labels: of the middle, HW, of the neighbours, 2HW."""

    frames: NDArray[np.uint8]
    labels: NDArray[np.uint64] | None
    neighbours: NDArray[np.uint64] | None


_Ids = Callable[[int], NDArray[np.uint64] | None]  # of a whole slice, by its z


def check_room(folder: Path, triplets: int, tile: int) -> None:
    """Make sure that the frames will fit before an hour goes into them.

    Raises:
        UserError: the disk has less room than they need.
    """
    needed, free = triplets * 3 * tile * tile + _SPARE_BYTES, shutil.disk_usage(folder).free
    if needed > free:
        raise UserError(
            f"The triplets need {needed / 1e9:.1f} GB in {folder}, where {free / 1e9:.1f} GB are "
            "free; make room, or choose another folder with --data."
        )


def write_triplets(path: Path, content: Content, progress: Progress) -> None:
    """Write a whole triplet file; see ``layout`` for what stands where in it.

    Args:
        path: of the file; replaced if it is there.
        content: what goes into it.
        progress: called after each triplet.

    Raises:
        UserError: a slice cannot be read, or labels are not what the card says.
    """
    sources, table, options = content.sources, content.table, content.header.options
    to_dataset = options.histogram == "dataset"
    reference = dataset_reference(sources, table, options.gap) if to_dataset else None
    tables = [lookup_tables(source, options, reference) for source in sources]
    digests = np.zeros((len(table), 32), dtype=np.uint8)
    of_neighbours = np.zeros_like(digests)
    labelled = np.zeros(len(table), dtype=np.int64)
    with hdf5_sink(path) as (file, check):
        _create_datasets(file, content)
        stored = file["frames"]
        for index, (frames, labels, neighbours) in enumerate(_triplets(content, tables)):
            stored[index] = frames
            if labels is not None:
                file["labels"][index] = labels
                labelled[index] = known_pixels(labels, content.header.card)
            if neighbours is not None:
                file["neighbour_labels"][index] = neighbours
                of_neighbours[index] = labels_digest(neighbours)
            digests[index] = triplet_digest(frames, labels)
            check()
            progress(index + 1, len(table), "write")
        file["digests"] = digests
        if content.has_labels:
            file.create_dataset("labelled", data=labelled, fletcher32=True)
        if content.has_neighbours:
            file["neighbour_digests"] = of_neighbours
        write_keys(file.create_group("keys"), content.keys)
        _write_histograms(file, content, tables, reference)
        write_header(file, content.header, content.keys)


def _create_datasets(file: h5py.File, content: Content) -> None:
    """Room for frames and labels, in chunks of one triplet with a checksum each."""
    count, tile = len(content.table), content.header.options.tile
    stored: dict[str, Any] = {"fletcher32": True}
    file.create_dataset(
        "frames", (count, 3, tile, tile), np.uint8, chunks=(1, 3, tile, tile), **stored
    )
    if content.has_labels:
        stored |= {"compression": "gzip", "compression_opts": 1, "shuffle": True}
        file.create_dataset(
            "labels", (count, tile, tile), np.uint64, chunks=(1, tile, tile), **stored
        )
    if content.has_neighbours:
        stored["compression_opts"] = (
            6  # half of the bytes of 1; a slice's ids come in three triplets and more
        )
        both = (2, tile, tile)
        file.create_dataset(
            "neighbour_labels", (count, *both), np.uint64, chunks=(1, *both), **stored
        )


def _triplets(content: Content, tables: list[NDArray[np.uint8]]) -> Iterator[_Triplet]:
    """The triplets in the order of the table."""
    options, kind = content.header.options, content.header.card.label_kind
    for number, ((volume, _), luts) in enumerate(zip(content.sources, tables, strict=True)):
        here = content.table[content.table["source"] == number]
        rows = {z: group.to_dict("records") for z, group in here.groupby(first_missing(here))}
        slices: list[NDArray[np.uint8]] = []
        labels_of: _Ids = lru_cache(options.slices)(partial(_labels, volume, kind=kind))
        for upper in present_slices(volume):
            slices = [*slices[-options.gap - 1 :], volume.slice(upper)]
            first = upper - options.gap
            for row in rows.get(first, []):  # there are none beside a missing slice
                three = [0, row.get(POSITION, 1), options.gap + 1]
                windows = cut_windows([slices[i] for i in three], row, options.tile)
                tables_of = luts[first, row["region"]][three]
                mapped = np.stack([lut[w] for lut, w in zip(tables_of, windows, strict=True)])
                read = three if content.has_neighbours else three[1:2]
                ids = [labels for i in read if (labels := labels_of(first - 1 + i)) is not None]
                yield _Triplet(mapped, *_label_windows(ids, row, options.tile))


def _label_windows(
    ids: list[NDArray[np.uint64]], row: dict[Any, Any], tile: int
) -> tuple[NDArray[np.uint64] | None, NDArray[np.uint64] | None]:
    """The labels of the middle, HW, and of the neighbours, 2HW; None where they are not known.

    Args:
        ids: of the whole slices: of all three, of the middle one, or of none.
        row: where the triplet lies.
        tile: its side.
    """
    if len(ids) == 3:
        before, middle, after = cut_windows(ids, row, tile)
        return middle, np.stack([before, after])
    y, x = row["y"], row["x"]
    return (ids[0][y : y + tile, x : x + tile] if ids else None), None


def _labels(volume: Volume, z: int, kind: LabelKind) -> NDArray[np.uint64] | None:
    """The labels of a slice, HW; a mask becomes 0 on membrane and 1 elsewhere."""
    ids = volume.labels(z, kind)
    if ids is None or kind == "ids":
        return ids
    if len(np.unique(ids[ids != UNLABELLED])) > 2:
        raise UserError(
            f"The labels of '{volume.name}' have more than two values in slice {z}, so they are no "
            "mask of membranes; neuron ids are --label-kind ids, under a name of your own."
        )
    inside = np.where(ids == 0, np.uint64(1), np.uint64(0))
    return np.where(ids == UNLABELLED, np.uint64(UNLABELLED), inside)


def _write_histograms(
    file: h5py.File,
    content: Content,
    tables: list[NDArray[np.uint8]],
    reference: Reference | None,
) -> None:
    """The counts and tables of each volume, or of each place that was drawn from it."""
    drawn = content.header.options.tiles is not None
    for number, ((volume, seen), luts) in enumerate(zip(content.sources, tables, strict=True)):
        group = file.create_group(f"histograms/{volume.name}{f'/{number}' if drawn else ''}")
        group.create_dataset("counts", data=seen.counts, compression="gzip")
        group.create_dataset("tables", data=luts, compression="gzip")
    if reference is not None:
        file["reference"] = np.stack(reference)
