"""NumPy files: .npy, and .npz with one array or with the name of one. Nothing is unpickled."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from bench.base.errors import UserError
from bench.volumes.formats.array_file import ArrayFileStack, check_held
from bench.volumes.formats.axes import NAMELESS
from bench.volumes.formats.stack import Asked
from bench.volumes.formats.unreadable import reading


class NpyStack(ArrayFileStack):
    """A stack in a .npy file, mapped into memory."""

    def __init__(self, path: Path, asked: Asked) -> None:
        with reading(str(path)):
            values = np.lib.format.open_memmap(path, mode="r")
            self.open_array(str(path), values, NAMELESS * values.ndim, asked)


class NpzStack(ArrayFileStack):
    """A stack in a .npz file, read as a whole.

    Args:
        path: of the file.
        name: of the array; empty where there is only one.
        asked: beside what the file says.
    """

    def __init__(self, path: Path, name: str, asked: Asked) -> None:
        with reading(str(path)), zipfile.ZipFile(path) as file:
            sizes = {member.filename: member.file_size for member in file.infolist()}
            member = f"{_chosen(path, name.strip('/'), list(sizes))}.npy"
            check_held(f"{path}:/{member}", sizes[member])
            with file.open(member) as content:
                values = np.lib.format.read_array(content, allow_pickle=False)
            self.open_array(str(path), values, NAMELESS * values.ndim, asked)


def _chosen(path: Path, name: str, members: list[str]) -> str:
    names = [member.removesuffix(".npy") for member in members if member.endswith(".npy")]
    if name in names:
        return name
    if len(names) == 1 and not name:
        return names[0]
    known = ", ".join(names) or "none"
    raise UserError(
        f"{path} has no array '{name}'; name one as FILE.npz:/name (arrays: {known})."
        if name
        else f"{path} holds {len(names)} arrays ({known}); name one as FILE.npz:/name."
    )
