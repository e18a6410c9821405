"""The second pass: read the windows that were found, specify their histograms, store them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.base.errors import UserError
from bench.base.hdf5_sink import hdf5_sink
from bench.base.provenance import version
from bench.triplets.file import SCHEMA, fingerprint, triplet_digest
from bench.triplets.histogram import (
    Reference,
    Table,
    identity_table,
    lookup_table,
    mean_reference,
    reference_of,
)
from bench.triplets.options import BuildOptions
from bench.triplets.split import middle_slices
from bench.triplets.survey import Survey, cut_windows
from bench.volumes.cards import Card
from bench.volumes.grey_range import grey_facts
from bench.volumes.holes import hole_facts, missing_by_volume
from bench.volumes.label_ids import UNLABELLED, known_pixels
from bench.volumes.volume import Volume, present_slices

_SPARE_BYTES = 2**24


class Source(NamedTuple):
    """A volume and what the first pass learnt of it."""

    volume: Volume
    seen: Survey


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


def write_triplets(
    path: Path,
    name: str,
    sources: list[Source],
    table: pd.DataFrame,
    card: Card,
    options: BuildOptions,
    tick: Callable[[int], None],
) -> None:
    """Write a whole triplet file; see ``triplets`` for its layout.

    Args:
        path: of the file; replaced if it is there.
        name: of the dataset.
        sources: the volumes, in the order of the table.
        table: the keys, in file order.
        card: what is known of the dataset.
        options: of the build.
        tick: called with the number of triplets written so far.

    Raises:
        UserError: a slice cannot be read, or labels are not what the card says.
    """
    tile, count = options.tile, len(table)
    reference = _dataset_reference(sources, table) if options.histogram == "dataset" else None
    tables = [_tables(source, options, reference) for source in sources]
    digests = np.zeros((count, 32), dtype=np.uint8)
    labelled = np.zeros(count, dtype=np.int64)
    with hdf5_sink(path) as (file, check):
        frames = file.create_dataset(
            "frames", (count, 3, tile, tile), np.uint8, chunks=(1, 3, tile, tile), fletcher32=True
        )
        if sources[0].volume.has_labels:
            file.create_dataset(
                "labels", (count, tile, tile), np.uint64, chunks=(1, tile, tile),
                compression="gzip", compression_opts=1, shuffle=True, fletcher32=True,
            )  # fmt: skip
        triplets = _triplets(sources, table, tables, card, tile)
        for index, (images, ids) in enumerate(triplets):
            frames[index] = images
            if ids is not None:
                file["labels"][index] = ids
                labelled[index] = known_pixels(ids, card.model_dump())
            digests[index] = triplet_digest(images, ids)
            check()
            tick(index + 1)
        file["digests"] = digests
        if sources[0].volume.has_labels:
            file.create_dataset("labelled", data=labelled, fletcher32=True)
        _write_keys(file.create_group("keys"), table)
        _write_histograms(file, sources, tables, reference)
        _write_facts(file, name, sources, card, options, fingerprint_of=(table, digests))


def record_doubts(path: Path, doubts: list[str]) -> None:
    """Add to a triplet file what is doubted of its labels; its fingerprint stays."""
    with h5py.File(path, "r+") as file:
        file.attrs["doubts"] = json.dumps(doubts)


def _triplets(
    sources: list[Source],
    table: pd.DataFrame,
    tables: list[NDArray[np.uint8]],
    card: Card,
    tile: int,
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint64] | None]]:
    """Frames (3HW) and labels (HW) of each triplet, in the order of the table."""
    for (volume, _), luts in zip(sources, tables, strict=True):
        here = table[table["volume"] == volume.name]
        rows = {z: group.to_dict("records") for z, group in here.groupby("z")}
        slices: list[NDArray[np.uint8]] = []
        for upper in present_slices(volume):
            slices = [*slices[-2:], volume.slice(upper)]
            z = upper - 1
            if z not in rows:  # as is every z beside a missing slice
                continue
            ids = _labels(volume, z, card)
            for row in rows[z]:
                windows = cut_windows(slices, row, tile)
                mapped = np.stack(
                    [lut[w] for lut, w in zip(luts[z, row["region"]], windows, strict=True)]
                )
                y, x = row["y"], row["x"]
                yield mapped, None if ids is None else ids[y : y + tile, x : x + tile]


def _labels(volume: Volume, z: int, card: Card) -> NDArray[np.uint64] | None:
    ids = volume.labels(z, card.label_kind)
    if ids is None or card.label_kind == "ids":
        return ids
    if len(np.unique(ids[ids != UNLABELLED])) > 2:
        raise UserError(
            f"The labels of '{volume.name}' have more than two values in slice {z}, so they are no "
            "mask of membranes; neuron ids are --label-kind ids, under a name of your own."
        )
    inside = np.where(ids == 0, np.uint64(1), np.uint64(0))
    return np.where(ids == UNLABELLED, np.uint64(UNLABELLED), inside)


def _dataset_reference(sources: list[Source], table: pd.DataFrame) -> Reference:
    """The mean quantile function of the slices, within their regions, of kept training triplets."""
    train = table[(table["split"] == "train") & (table["reason"] == "")]
    counts: list[NDArray[np.int64]] = []
    for volume, seen in sources:
        here = train[train["volume"] == volume.name]
        used = {(int(z) + step, int(r)) for z, r in zip(here["z"], here["region"], strict=True)
                for step in (-1, 0, 1)}  # fmt: skip
        counts.extend(seen.counts[z, region] for z, region in sorted(used))
    return mean_reference(counts)


def _tables(
    source: Source, options: BuildOptions, reference: Reference | None
) -> NDArray[np.uint8]:
    """The tables of before, middle and after for each middle slice and region: Z x R x 3 x 256."""
    counts = source.seen.counts
    depth, regions = counts.shape[:2]
    tables = np.zeros((depth, regions, 3, 256), dtype=np.uint8)
    for z in middle_slices(depth, source.volume.missing):
        for region in range(regions):
            three = counts[z - 1 : z + 2, region]
            tables[z, region] = _three_tables(three, options, reference)
    return tables


def _three_tables(
    counts: NDArray[np.int64], options: BuildOptions, reference: Reference | None
) -> list[Table]:
    if reference is not None:
        return [lookup_table(each, reference) for each in counts]
    if options.histogram == "none":
        return [identity_table()] * 3
    chosen = 0 if options.histogram == "before" else 1
    target = reference_of(counts[chosen])
    return [
        identity_table() if i == chosen else lookup_table(each, target)
        for i, each in enumerate(counts)
    ]


def _write_keys(group: h5py.Group, table: pd.DataFrame) -> None:
    group.attrs["order"] = json.dumps(list(table.columns))
    for name in table.columns:
        values: Any = table[name].to_numpy()
        if pd.api.types.is_string_dtype(table[name]):
            group.create_dataset(name, data=list(values), dtype=h5py.string_dtype())
        else:
            group[name] = values


def _write_histograms(
    file: h5py.File,
    sources: list[Source],
    tables: list[NDArray[np.uint8]],
    reference: Reference | None,
) -> None:
    for (volume, seen), luts in zip(sources, tables, strict=True):
        group = file.create_group(f"histograms/{volume.name}")
        group.create_dataset("counts", data=seen.counts, compression="gzip")
        group.create_dataset("tables", data=luts, compression="gzip")
    if reference is not None:
        file["reference"] = np.stack(reference)


def _write_facts(
    file: h5py.File,
    name: str,
    sources: list[Source],
    card: Card,
    options: BuildOptions,
    *,
    fingerprint_of: tuple[pd.DataFrame, NDArray[np.uint8]],
) -> None:
    said = [volume.voxel_size for volume, _ in sources if volume.voxel_size]
    voxel_size = options.voxel_size or (said[0] if said else card.voxel_size)
    settings = options.model_dump(mode="json", exclude_none=True)
    volumes = [volume_facts(volume, seen) for volume, seen in sources]
    file.attrs["schema"] = SCHEMA
    file.attrs["name"] = name
    file.attrs["version"] = version("interslice") or "unknown"
    file.attrs["card"] = card.model_dump_json()
    file.attrs["options"] = json.dumps(settings)
    file.attrs["tile"] = options.tile
    file.attrs["voxel_size"] = json.dumps(voxel_size)
    file.attrs["volumes"] = json.dumps(volumes)
    file.attrs["fingerprint"] = fingerprint(
        *fingerprint_of, settings, voxel_size, missing_by_volume(volumes)
    )


def volume_facts(volume: Volume, seen: Survey) -> dict[str, Any]:
    """What the triplet file keeps of a volume."""
    use = volume.grey
    return {
        "name": volume.name,
        "shape": volume.shape,
        "voxel_size": volume.voxel_size,
        "grey_range": None if use is None else (use.low, use.high),
        "sha256": seen.digest,
        **({"padding": seen.padding} if seen.padding else {}),
        **grey_facts(use),
        **hole_facts(volume.missing, volume.first),
        **volume.asked,
        **({"notes": volume.notes} if volume.notes else {}),
    }
