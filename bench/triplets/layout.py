"""What stands where in ``triplets.h5``, schema 3: written by the build, read by ``TripletFile``.

``frames`` (uint8, N x 3 x tile x tile) and, where the volume has labels, ``labels`` of the middle
slice (uint64, N x tile x tile) are stored in chunks of one triplet with a checksum each.
``labelled`` says how many pixels of each middle slice are labelled, and ``digests`` has the SHA-256
of each triplet's frames and labels. Where labels are neuron ids, ``neighbour_labels`` (uint64,
N x 2 x tile x tile) has those of the slices before and after, cut like their frames, and
``neighbour_digests`` the SHA-256 of each triplet's. ``keys`` has a dataset for each column.
``histograms`` has for each volume the grey counts and lookup tables of its slices. Attributes hold
the card, the options, the facts of the volumes, what is doubted of the labels, the fingerprint, and
the digest of the neighbours' labels. Schema 1 had no labels of neighbours; up to schema 2 the
measured keys were part of the fingerprint.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import h5py
import pandas as pd
from pydantic import BaseModel

from bench.base.provenance import version
from bench.triplets.digests import fingerprint, neighbours_digest
from bench.triplets.options import BuildOptions
from bench.volumes.cards import Card
from bench.volumes.facts import VolumeFacts, missing_by_volume
from bench.volumes.formats.stack import Resolution

SCHEMA = 3

_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True)
class Header:
    """The attributes of a triplet file.

    Attributes:
        name: of the dataset.
        card: what is known of the dataset.
        options: of the build.
        voxel_size: in nm (z, y, x), or None where neither file nor card says it.
        volumes: the facts of each volume.
    """

    name: str
    card: Card
    options: BuildOptions
    voxel_size: Resolution | None
    volumes: tuple[VolumeFacts, ...]


def write_header(file: h5py.File, header: Header, keys: pd.DataFrame) -> None:
    """Write attributes and fingerprint; ``digests`` has to be there."""
    options = header.options.as_json()
    file.attrs["schema"] = SCHEMA
    file.attrs["name"] = header.name
    file.attrs["version"] = version("interslice") or "unknown"
    file.attrs["card"] = header.card.model_dump_json()
    file.attrs["options"] = json.dumps(options)
    file.attrs["tile"] = header.options.tile
    file.attrs["voxel_size"] = json.dumps(header.voxel_size)
    file.attrs["volumes"] = json.dumps([volume.as_json() for volume in header.volumes])
    file.attrs["fingerprint"] = _fingerprint(file, header, keys, options)
    if "neighbour_digests" in file:
        file.attrs["neighbours"] = neighbours_digest(file["neighbour_digests"][()])


def read_header(file: h5py.File) -> Header:
    """Read attributes; what an older version did not write has its default.

    Raises:
        ValueError: an attribute is damaged.
    """
    size = json.loads(file.attrs["voxel_size"])
    return Header(
        name=str(file.attrs["name"]),
        card=_known(Card, json.loads(file.attrs["card"])),
        options=_known(BuildOptions, json.loads(file.attrs["options"])),
        voxel_size=tuple(size) if size else None,
        volumes=tuple(map(VolumeFacts.model_validate, json.loads(file.attrs["volumes"]))),
    )


def is_as_written(file: h5py.File, header: Header, keys: pd.DataFrame) -> bool:
    """Whether keys, digests, options, voxel size and holes fit the fingerprint.

    And whether the digests of the neighbours' labels fit theirs.
    """
    # The options as they stand in the file: those of an older version were fewer.
    options = json.loads(file.attrs["options"])
    if _fingerprint(file, header, keys, options) != str(file.attrs["fingerprint"]):
        return False
    neighbours = read_neighbours(file)
    return neighbours is None or neighbours_digest(file["neighbour_digests"][()]) == neighbours


def _fingerprint(
    file: h5py.File, header: Header, keys: pd.DataFrame, options: dict[str, Any]
) -> str:
    """The fingerprint by the rule of the file's schema.

    No figure depends on what was measured, such as a correlation, and its last bits are those of
    the processor: one volume had a fingerprint for each kind of processor up to schema 2.
    """
    exact = keys if file.attrs["schema"] < 3 else keys.select_dtypes(exclude="float")
    missing = missing_by_volume(header.volumes)
    return fingerprint(exact, file["digests"][()], options, header.voxel_size, missing)


def read_neighbours(file: h5py.File) -> str | None:
    """The digest of the labels of all neighbours; None where they are not stored."""
    return str(file.attrs["neighbours"]) if "neighbour_labels" in file else None


def write_doubts(path: Path, doubts: list[str]) -> None:
    """Add to a triplet file what is doubted of its labels; its fingerprint stays."""
    with h5py.File(path, "r+") as file:
        file.attrs["doubts"] = json.dumps(doubts)


def read_doubts(file: h5py.File) -> list[str]:
    """What is doubted of the labels; empty in a file of a version that did not store it."""
    doubts: list[str] = json.loads(file.attrs.get("doubts", "[]"))
    return doubts


def write_keys(group: h5py.Group, table: pd.DataFrame) -> None:
    """Write a dataset for each column."""
    group.attrs["order"] = json.dumps(list(table.columns))
    for name in table.columns:
        values: Any = table[name].to_numpy()
        if pd.api.types.is_string_dtype(table[name]):
            group.create_dataset(name, data=list(values), dtype=h5py.string_dtype())
        else:
            group[name] = values


def read_keys(group: h5py.Group) -> pd.DataFrame:
    """The table that ``write_keys`` wrote."""
    columns: dict[str, Any] = {}
    for name in json.loads(group.attrs["order"]):
        values = group[name]
        columns[name] = values.asstr()[()] if values.dtype.kind == "O" else values[()]
    return pd.DataFrame(columns)


def _known(kind: type[_Model], stored: dict[str, Any]) -> _Model:
    """Validate a stored document, without the fields that this version does not know."""
    return kind.model_validate({k: v for k, v in stored.items() if k in kind.model_fields})
