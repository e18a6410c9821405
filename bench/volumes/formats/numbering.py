"""A folder of slices: the number in a name is z."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from bench.base.errors import UserError
from bench.volumes.formats.stack import MAX_SLICES

_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True)
class Numbering:
    """Which file is which slice.

    Attributes:
        files: the file of each z that has one.
        depth: slices from the lowest number to the highest, missing ones included.
        first: the number of z = 0, as messages count.
        numbers: in the name of each z, also of one that has no file.
        names: of the file of each z, also of one that has none.
        notes: what was decided that the user has to know.
    """

    files: dict[int, Path]
    depth: int
    first: int
    numbers: range
    names: tuple[str, ...]
    notes: tuple[str, ...] = ()


def number_files(folder: Path, files: Sequence[Path], known_step: int | None = None) -> Numbering:
    """Give each file its z.

    Names have to agree in all but numbers, and one number has to differ. Where several do, the
    one counts that runs in equal steps. Numbers in steps of n are every slice; a gap in them is
    a slice that is missing.

    Args:
        folder: of the slices.
        files: in it, at least one.
        known_step: between the numbers of two slices, where it is known and all of them lie on it.

    Raises:
        UserError: a name has no number, two have the same, or it is unclear which one counts.
    """
    files = sorted(files)
    _check_forms(folder, files)
    numbers = [[int(digits) for digits in _DIGITS.findall(file.stem)] for file in files]
    place = _place(folder, files, numbers)
    by_number: dict[int, Path] = {}
    for file, every in zip(files, numbers, strict=True):
        if (other := by_number.setdefault(every[place], file)) is not file:
            raise UserError(
                f"{other.name} and {file.name} in {folder} have the same number; keep one of them."
            )
    lowest, highest = min(by_number), max(by_number)
    step = _step(list(by_number), known_step)
    depth = (highest - lowest) // step + 1
    if depth > MAX_SLICES:
        raise UserError(
            f"The numbers in the names of {folder} run from {lowest} to {highest}, which cannot be "
            "a count of slices; rename the files, with z as the number."
        )
    placed = {(number - lowest) // step: file for number, file in by_number.items()}
    digits = min(len(_DIGITS.findall(file.stem)[place]) for file in files)
    numbers_of_z = range(lowest, highest + 1, step)
    names = tuple(
        placed[z].name if z in placed else _renamed(files[0], place, number, digits)
        for z, number in enumerate(numbers_of_z)
    )
    notes = _chosen_of_several(folder, files, numbers, place)
    if step in (1, known_step):
        return Numbering(placed, depth, lowest, numbers_of_z, names, notes)
    note = (
        f"The numbers in the names of {folder} go in steps of {step}: z {lowest} becomes 0 and "
        f"z {lowest + step} becomes 1."
    )
    return Numbering(placed, depth, 0, numbers_of_z, names, (*notes, note))


def _renamed(file: Path, place: int, number: int, digits: int) -> str:
    """The name of a file with another number, of at least so many digits."""
    here = list(_DIGITS.finditer(file.stem))[place]
    before, after = file.stem[: here.start()], file.stem[here.end() :]
    return f"{before}{number:0{digits}d}{after}{file.suffix}"


def _check_forms(folder: Path, files: Sequence[Path]) -> None:
    for file in files:
        if not _DIGITS.search(file.stem):
            raise UserError(
                f"The name of {file.name} in {folder} has no number, so that its z is not known; "
                "rename it, or take it out."
            )
    forms: dict[tuple[str, ...], Path] = {}
    for file in files:
        forms.setdefault(tuple(_DIGITS.split(file.stem.lower())), file)
    if len(forms) > 1:
        one, other = list(forms.values())[:2]
        raise UserError(
            f"The names of {one.name} and {other.name} in {folder} differ in more than numbers, so "
            "that it is not clear which z they are (a hexadecimal number is not read); rename the "
            "files, with z as a decimal number."
        )


def _place(folder: Path, files: Sequence[Path], numbers: list[list[int]]) -> int:
    """Which of the numbers in a name is z."""
    columns = list(zip(*numbers, strict=True))
    varying = [place for place, column in enumerate(columns) if len(set(column)) > 1]
    if len(varying) < 2:
        return varying[0] if varying else len(columns) - 1
    even = [place for place in varying if _is_even(columns[place])]
    orders = {tuple(sorted(range(len(files)), key=columns[place].__getitem__)) for place in even}
    if len(orders) == 1:
        return even[-1]
    raise UserError(
        f"Several numbers differ between the names in {folder} (such as {files[0].name} and "
        f"{files[-1].name}); rename the files, with z as the only number that differs."
    )


def _chosen_of_several(
    folder: Path, files: Sequence[Path], numbers: list[list[int]], place: int
) -> tuple[str, ...]:
    """A sentence where another number tells all files apart too: that one could have holes."""
    columns = [tuple(column) for column in zip(*numbers, strict=True)]
    others = {column for column in columns if len(set(column)) == len(files)} - {columns[place]}
    if len(files) == 1 or not others:
        return ()
    return (
        f"Several numbers differ between the names in {folder}, and the one in equal steps is "
        f"taken as z: {files[0].name} is z {numbers[0][place]}; if z is another of them, rename "
        "the files, with z as the only number that differs.",
    )


def _is_even(column: Sequence[int]) -> bool:
    """Whether numbers run in equal steps, each once."""
    ordered = sorted(column)
    steps = {after - before for before, after in pairwise(ordered)}
    return len(steps) == 1 and steps != {0}


def _step(numbers: Sequence[int], known: int | None) -> int:
    """The known step if it reaches every number from the lowest, or else the largest that does."""
    largest = math.gcd(*(number - min(numbers) for number in numbers))
    return known if known and largest % known == 0 else largest or 1
