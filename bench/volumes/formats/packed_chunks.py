"""Precomputed chunks whose files are packed with gzip, as CloudVolume leaves them on a disk.

A server says of such a file that it is packed, and TensorStore unpacks it. On a disk only the name
says so (``0-64_0-64_0-64.gz``), and TensorStore would take the chunk for one that is not there.
"""

from __future__ import annotations

import gzip
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.base.errors import UserError
from bench.volumes.formats.unreadable import reading

_LARGEST = 2**28  # bytes of a chunk
_SIDE = r"-?\d+--?\d+"
# Of a chunk or a packed one, not of the locks that a writer may leave (``NAME.__lock``).
_CHUNK = re.compile(rf"{_SIDE}_{_SIDE}_{_SIDE}(?P<ending>\.[A-Za-z]\w*)?")


def are_packed(folder: Path) -> bool:
    """Whether the chunks of a scale are packed; the first of them says it for all.

    Args:
        folder: of the chunks; other files may lie among them.

    Raises:
        UserError: they are packed, but not with gzip.
    """
    names = (path.name for path in folder.iterdir()) if folder.is_dir() else ()
    first = next(filter(None, map(_CHUNK.fullmatch, names)), None)
    ending = None if first is None else first["ending"]
    if ending not in (None, ".gz"):
        raise UserError(
            f"{folder} holds chunks that are packed as {ending}, which is not read; pack them as "
            ".gz, or leave them unpacked."
        )
    return ending == ".gz"


class PackedChunks:
    """The chunks of one scale, which are unpacked into memory, where TensorStore reads them.

    Args:
        info: the content of the volume's ``info``.
        folder: of the chunks.
        scale: what the info says of the scale.

    Attributes:
        place: in memory, as TensorStore calls it.
        context: to which that place belongs.
    """

    def __init__(self, info: bytes, folder: Path, scale: Mapping[str, Any]) -> None:
        import tensorstore as ts

        self.place, self.context = "memory://", ts.Context()
        self._folder, self._scale = folder, scale
        self._memory = ts.KvStore.open(self.place, context=self.context).result()
        self._memory["info"] = info

    @contextmanager
    def unpacked(self, index: Sequence[int | slice]) -> Iterator[None]:
        """Have the chunks that hold a part of the array in memory.

        Args:
            index: of the part: x, y, z.
        """
        names = []
        for name in self._names(index):
            if (packed := self._folder / f"{name}.gz").is_file():
                names.append(f"{self._scale['key']}/{name}")
                self._memory[names[-1]] = _content(packed)
        try:
            yield
        finally:
            for name in names:
                del self._memory[name]

    def _names(self, index: Sequence[int | slice]) -> Iterator[str]:
        sides = list[list[str]]()
        for axis, wanted in enumerate(index[:3]):
            low, high = (
                (wanted, wanted + 1) if isinstance(wanted, int) else (wanted.start, wanted.stop)
            )
            step, length = self._scale["chunk_sizes"][0][axis], self._scale["size"][axis]
            corner = self._scale.get("voxel_offset", (0, 0, 0))[axis]
            begins = range(low // step * step, high, step)
            sides.append([f"{corner + b}-{corner + min(b + step, length)}" for b in begins])
        yield from map("_".join, itertools.product(*sides))


def _content(file: Path) -> bytes:
    with reading(str(file)), gzip.open(file) as unpacked:
        content = unpacked.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise UserError(f"{file} is larger than a chunk may be; get it anew.")
    return content
