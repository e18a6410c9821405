"""A folder of pictures, one slice each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from bench.base.errors import UserError
from bench.base.sentences import joined
from bench.volumes.formats.dm import DmStack
from bench.volumes.formats.numbering import number_files
from bench.volumes.formats.pictures import read_picture
from bench.volumes.formats.stack import Asked, Stack, checked_shape
from bench.volumes.formats.tiff import TiffStack
from bench.volumes.formats.unreadable import reading

_KINDS: Mapping[str, frozenset[str]] = {
    "TIFF": frozenset({".tif", ".tiff"}),
    "PNG": frozenset({".png"}),
    "JPEG": frozenset({".jpg", ".jpeg"}),
    "BMP": frozenset({".bmp"}),
    "DM3 or DM4": frozenset({".dm3", ".dm4"}),
}
# Kinds whose files say more than a picture, and may hold more than a slice.
_STACKS: Mapping[str, Callable[[Path, Asked], Stack]] = {
    "TIFF": lambda file, asked: TiffStack(file, asked, alone=True),
    "DM3 or DM4": DmStack,
}


class FolderStack(Stack):
    """A folder of TIFF, PNG, JPEG, BMP, DM3 or DM4 files; the number in a name is z.

    Args:
        path: of the folder.
        asked: beside what the files say.
        step: between the numbers of two slices, where another folder says it.
    """

    def __init__(self, path: Path, asked: Asked | None = None, step: int | None = None) -> None:
        self.where = str(path)
        self._path, self._asked = path, asked or Asked()
        with reading(self.where):
            files = [file for file in path.iterdir() if not file.name.startswith(".")]
        found = {
            kind: [file for file in files if file.suffix.lower() in suffixes]
            for kind, suffixes in _KINDS.items()
        }
        kinds = [kind for kind, here in found.items() if here]
        if len(kinds) > 1:
            raise UserError(f"{path} mixes {joined(kinds)} files; keep one kind in the folder.")
        if not kinds:
            raise UserError(
                f"{path} holds no PNG, TIFF, JPEG, BMP, DM3 or DM4 file, and no Zarr, N5 or "
                "precomputed volume; give the folder of the slices."
            )
        self._kind = kinds[0]
        self._check_kind()
        numbered = number_files(path, found[self._kind], step)
        self.numbers = numbered.numbers
        self._files, self.first, self.names = numbered.files, numbered.first, numbered.names
        self.missing = frozenset(range(numbered.depth)) - set(self._files)
        self._first_file = self._files[0]
        values = self._load(self._first_file, first=True)
        self.notes = (*numbered.notes, *self.notes)
        self.shape = checked_shape(self.where, (numbered.depth, *values.shape))
        self.dtype = values.dtype

    def in_steps(self, step: int) -> FolderStack:
        """The same folder, counted in other steps of its numbers, if all lie on them."""
        return FolderStack(self._path, self._asked, step)

    def _check_kind(self) -> None:
        if self._kind == "JPEG" and self._asked.labels:
            raise UserError(
                f"{self.where} holds labels as JPEG, which does not keep values exactly; give ids "
                "as PNG or TIFF."
            )
        if self._kind not in _STACKS and (self._asked.axes or self._asked.channel is not None):
            raise UserError(
                f"{self.where} holds {self._kind} files, which have neither axes nor channels; "
                "leave --axes and --channel out."
            )

    def read(self, z: int) -> NDArray[Any]:
        """One slice, HW."""
        if z not in self._files:
            raise UserError(f"{self.where} has no slice {self.first + z}.")
        values = self._load(self._files[z])
        if values.shape != self.shape[1:] or values.dtype != self.dtype:
            raise UserError(
                f"{self._files[z]} is not like {self._first_file.name} in size or depth."
            )
        return values

    def _load(self, file: Path, *, first: bool = False) -> NDArray[Any]:
        if self._kind not in _STACKS:
            return read_picture(file, labels=self._asked.labels)
        stack = _STACKS[self._kind](file, self._asked)
        try:
            if stack.shape[0] != 1:
                raise UserError(
                    f"{file} has {stack.shape[0]} pages; a folder holds one slice each (of "
                    "channels, --channel N reads one)."
                )
            if first:
                self.inverted, self.notes = stack.inverted, stack.notes
                self.resolution, self.compressed = stack.resolution, stack.compressed
            if stack.inverted != self.inverted:
                raise UserError(
                    f"{file} is not like {self._first_file.name}: black and white are exchanged."
                )
            return stack.read(0)
        finally:
            stack.close()

    def close(self) -> None:
        """Nothing is held open."""
