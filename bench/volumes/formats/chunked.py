"""Arrays in chunks of their own files or objects, read through TensorStore."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import UserError
from bench.volumes.formats.axes import Layout, find_layout
from bench.volumes.formats.laid_out import LaidOutStack, check_chunks, chunk_of
from bench.volumes.formats.location import Location, library_context
from bench.volumes.formats.packed_chunks import PackedChunks
from bench.volumes.formats.stack import Asked, Nanometres
from bench.volumes.formats.unreadable import reading

_BYTES_OF_ENTRY = 16  # in the index of a shard, of each chunk


@dataclass(frozen=True)
class ChunkedArray:
    """What the metadata of a format say of one array.

    Attributes:
        place: where it lies.
        driver: of TensorStore, with what selects the array.
        axes: a letter for each stored axis, as ``find_layout`` takes them.
        size: of a voxel in nm along each stored axis, or along x, y and z in the order in which
            they are stored; NaN along what is no length; None where that is not known.
        offset: of the first voxel, likewise.
        scales: how many of them the volume has.
        notes: what a user has to know of its metadata.
        packed: the chunks, where TensorStore cannot unpack them itself.
    """

    place: Location
    driver: dict[str, Any]
    axes: str
    size: Sequence[float] | None = None
    offset: Sequence[float] | None = None
    scales: int = 1
    notes: tuple[str, ...] = ()
    packed: PackedChunks | None = None


class ChunkedStack(LaidOutStack):
    """A Zarr, N5 or neuroglancer precomputed array; the chunks of a layer are read side by side."""

    compressed = True

    def __init__(self, found: ChunkedArray, asked: Asked) -> None:
        self.where, self.scales = found.place.root, found.scales
        with reading(self.where):
            self._open(found, asked)

    def _open(self, found: ChunkedArray, asked: Asked) -> None:
        import tensorstore as ts

        place, context = found.place.spec(), library_context()
        if found.packed is not None:
            place, context = found.packed.place, found.packed.context
        spec = {**found.driver, "kvstore": place, "recheck_cached_data": "open"}
        store = ts.open(spec, read=True, open=True, context=context).result()
        if len(found.axes) != store.rank:
            raise UserError(
                f"{self.where} has {store.rank} axes, but its metadata name {len(found.axes)}; "
                "correct them."
            )
        self.dtype = np.dtype(store.dtype.numpy_dtype)
        chunk = [int(side or 1) for side in store.chunk_layout.read_chunk.shape or ()]
        self._check_chunks(chunk, [int(n or 1) for n in store.chunk_layout.write_chunk.shape or ()])
        self._packed = found.packed
        self._store = store[ts.d[:].translate_to[0]] if store.rank else store
        layout = find_layout(self.where, found.axes, store.shape, asked)
        self.lay_out(layout, 1 if layout.z is None else chunk[layout.z])
        self.chunk = chunk_of(layout, chunk)
        self.notes = (*found.notes, *layout.notes)
        self.resolution = _triple(layout, found.size)
        self.offset = _triple(layout, found.offset)
        if any(map(math.isnan, layout.spatial(found.size or ()) or ())):
            self.notes += (
                f"{self.where} says no length for an axis that is read as z, y or x, so its voxel "
                "size is not known; say it with --voxel-size.",
            )

    def _check_chunks(self, chunk: Sequence[int], shard: Sequence[int]) -> None:
        """Refuse what would take more memory than there is: the library ends the process then."""
        check_chunks(self.where, chunk, self.dtype.itemsize)
        counts = [-(-int(whole) // int(part)) for whole, part in zip(shard, chunk, strict=True)]
        check_chunks(self.where, counts, _BYTES_OF_ENTRY)

    def take(self, layout: Layout, first: int, last: int) -> NDArray[Any]:
        """The slices ``first`` to ``last - 1``, ZYX."""
        index = layout.index(first, last)
        part = self._store[index].transpose(layout.order)
        with nullcontext() if self._packed is None else self._packed.unpacked(index):
            values = np.asarray(part.read(order="C").result())
        return values if layout.z is not None else values[None]


def _triple(layout: Layout, values: Sequence[float] | None) -> Nanometres | None:
    three = None if values is None else layout.spatial(values)
    if three is None:
        return None
    z, y, x = three
    return None if any(map(math.isnan, three)) else (z, y, x)


def chosen_level(place: Location, asked: Asked, scales: int) -> int:
    """The scale that is read: the one that is asked for, or the only one of labels.

    Raises:
        UserError: the volume does not have it.
    """
    if asked.labels and scales == 1:
        return 0
    if not 0 <= asked.level < scales:
        raise UserError(
            f"{place.root} has the scales 0 to {scales - 1}; give one of them with --level."
        )
    return asked.level


def only(group: Location, names: Sequence[str], kind: str) -> Location:
    """The one array in a group.

    Args:
        group: where it lies.
        names: paths of the arrays in it.
        kind: of the format.

    Raises:
        UserError: there are none or several.
    """
    root = group.root
    if len(names) == 1:
        return group.inside(names[0])
    if names:
        raise UserError(
            f"{root} holds {len(names)} arrays ({', '.join(names)}); name one of them, for "
            f"instance {root}/{names[0]}."
        )
    advice = "check the path"
    if group.is_remote:
        advice = "a group on a server cannot be searched, so name the array in it"
    raise UserError(f"{root} holds no {kind} array that can be found; {advice}.")
