"""Which axis of a stored array is z, which are y and x, and what is done with all others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import UserError
from bench.volumes.formats.stack import Asked, Box, box_shape, moved, sides_of

NAMELESS = "?"
_NAMES_NOTHING = f"{NAMELESS}QI"  # tifffile's letters of axes that nobody named
_LETTERS = {"DEPTH": "Z", "HEIGHT": "Y", "WIDTH": "X", "CHANNEL": "C", "TIME": "T"}
_FREE = "ABDEFGHJKLMNOPRUVW"  # letters that mean nothing: for axes of other names
_FLAT = 4  # times more slices than a slice has rows or columns: rare, but usual in x, y, z order


@dataclass(frozen=True)
class Layout:
    """Where the slices of a stored array are.

    Attributes:
        shape: z, y, x.
        z: the stored axis along which slices follow each other; None for a single slice.
        y: the stored axis of rows.
        x: the stored axis of columns.
        samples: the stored axis of a pixel's samples, where there is one.
        picked: the place that is read on every other stored axis.
        notes: what was decided that the user has to know.
        corner: z, y, x of the stored voxel where the shape begins.
    """

    shape: tuple[int, int, int]
    z: int | None
    y: int
    x: int
    samples: int | None
    picked: Mapping[int, int]
    notes: tuple[str, ...] = ()
    corner: tuple[int, int, int] = (0, 0, 0)

    @property
    def dimensions(self) -> int:
        """Axes of the stored array."""
        kept = [axis for axis in (self.z, self.y, self.x, self.samples) if axis is not None]
        return len(kept) + len(self.picked)

    def index(self, first: int, last: int) -> tuple[int | slice, ...]:
        """What to take of the stored array for the slices ``first`` to ``last - 1``."""
        depth, height, width = self.corner
        _, rows, columns = self.shape
        slices = {
            self.z: slice(depth + first, depth + last),
            self.y: slice(height, height + rows),
            self.x: slice(width, width + columns),
        }
        axes = range(self.dimensions)
        return tuple(self.picked.get(a, slices.get(a, slice(None))) for a in axes)

    @property
    def order(self) -> list[int]:
        """The axes of what was taken, in the order z, y, x, samples as far as they are there."""
        wanted = [axis for axis in (self.z, self.y, self.x, self.samples) if axis is not None]
        stored = sorted(wanted)
        return [stored.index(axis) for axis in wanted]

    def arranged(self, values: NDArray[Any]) -> NDArray[Any]:
        """What was taken, as ZYX, or as ZYXS where there are samples."""
        turned = np.transpose(values, self.order)
        return turned if self.z is not None else turned[None]

    def spatial(self, values: Sequence[Any]) -> list[Any] | None:
        """What is said of each stored axis, of z, y and x.

        Args:
            values: one for each stored axis, or for each of the three in the order in which they
                are stored.

        Returns:
            Those of z, y and x; None where there are other numbers of values or axes.
        """
        wanted = [axis for axis in (self.z, self.y, self.x) if axis is not None]
        if len(values) == self.dimensions:
            values = [values[axis] for axis in sorted(wanted)]
        if len(values) != 3 or len(wanted) != 3:
            return None
        return [values[sorted(wanted).index(axis)] for axis in wanted]

    def cropped(self, box: Box) -> Layout:
        """Where the slices of a part are.

        Args:
            box: within the shape.
        """
        return replace(self, shape=box_shape(box), corner=moved(self.corner, box))


def letters_of(labels: Sequence[str], dimensions: int) -> str:
    """A letter for each axis, of what a file calls them; ``NAMELESS`` ones where that is nothing.

    An unknown name gets a letter that means nothing, if possible one of its own, so that the others
    keep theirs. So does S: a channel beside y and x is never taken for the samples of a pixel.

    Args:
        labels: a word or a letter for each axis.
        dimensions: of the array.
    """
    if len(labels) != dimensions:
        return NAMELESS * dimensions
    upper = [str(label).strip().upper() for label in labels]
    letters = [_LETTERS.get(label, label) for label in upper]
    known = {each for each in letters if len(each) == 1 and each in f"CTXYZ{_FREE}"}
    free = [letter for letter in _FREE if letter not in known]
    for axis, name in enumerate(letters):
        if name in known:
            continue
        letters[axis] = next((each for each in (*name, *free) if each in free), NAMELESS)
        free = [each for each in free if each != letters[axis]]
    return "".join(letters)


def find_layout(where: str, axes: str, shape: Sequence[int], asked: Asked) -> Layout:
    """Find the slices of a stored array.

    Axes of length 1 drop out. One axis longer than 1 beside y and x is z, whatever it is called:
    stacks along z are often stored as T or C.

    Args:
        where: what error messages call the array.
        axes: what its file calls each axis: Y, X, S for the samples of a pixel, other letters,
            or ``NAMELESS``.
        shape: of the array as stored.
        asked: the names that the user gives, and the channel.

    Raises:
        UserError: more than one axis could be z, or what is asked for does not fit the array.
    """
    shape = tuple(int(side) for side in shape)
    guessed = asked.axes is None and (axes.count("Y") != 1 or axes.count("X") != 1)
    if asked.axes is not None:
        axes = _as_asked(where, axes, shape, asked)
    elif guessed:
        axes = _by_position(where, shape)
    y, x = axes.index("Y"), axes.index("X")
    samples = axes.index("S") if "S" in axes else None
    others = [axis for axis in range(len(shape)) if axis not in (y, x, samples)]
    picked = _picked(where, axes, shape, asked)
    left = [axis for axis in others if axis not in picked and shape[axis] != 1]
    if len(left) > 1:
        raise UserError(_ambiguous(where, axes, shape, left, asked))
    z = left[0] if left else None
    picked |= {axis: 0 for axis in others if axis not in picked and axis != z}
    sides = sides_of(where, (1 if z is None else shape[z], shape[y], shape[x]))
    notes = list(_called_otherwise(where, axes, z))
    if guessed or (asked.axes is None and z is not None and axes[z] in _NAMES_NOTHING):
        notes += _doubts(where, sides)
    return Layout(sides, z, y, x, samples, picked, tuple(notes))


def _as_asked(where: str, axes: str, shape: tuple[int, ...], asked: Asked) -> str:
    """The letters of --axes, with a dash for the axes of length 1 that they leave out."""
    letters = (asked.axes or "").upper().replace("S", "")
    sides = " x ".join(map(str, shape))
    if letters.count("Y") != 1 or letters.count("X") != 1 or letters.count("Z") > 1:
        raise UserError(
            f"--axes {asked.axes} does not name y and x once and z at most once; give a letter for "
            f"each axis of {where} ({sides}), for instance zyx."
        )
    plain = [axis for axis, letter in enumerate(axes) if letter != "S"]
    long = [axis for axis in plain if shape[axis] != 1]
    if asked.labels and len(letters) > len(plain):  # labels have no channels
        letters = "".join(letter for letter in letters if letter in "ZYX")
    for chosen in (plain, long):
        if len(chosen) == len(letters):
            given = dict(zip(chosen, letters, strict=True))
            return "".join(
                given.get(i, axes[i] if axes[i] == "S" else "-") for i in range(len(axes))
            )
    raise UserError(
        f"--axes {asked.axes} names {len(letters)} axes, but {where} has {len(plain)} ({sides}); "
        "give a letter for each, in the order in which they are stored."
    )


def _by_position(where: str, shape: tuple[int, ...]) -> str:
    """Names for the last three axes that are longer than 1, or simply the last three."""
    if len(shape) < 2:
        raise UserError(f"{where} has {len(shape)} dimensions; a volume has three (z, y, x).")
    long = [axis for axis in range(len(shape)) if shape[axis] != 1]
    if len(long) > 3:
        sides = " x ".join(map(str, shape))
        raise UserError(
            f"{where} has {len(long)} axes longer than 1 ({sides}) and does not name them; name "
            "them with --axes, for instance --axes czyx --channel 0."
        )
    others = [axis for axis in reversed(range(len(shape))) if axis not in long]
    three = sorted([*long, *others[: 3 - len(long)]])
    given = dict(zip(three, "ZYX"[3 - len(three) :], strict=True))
    return "".join(given.get(axis, NAMELESS) for axis in range(len(shape)))


def _picked(where: str, axes: str, shape: tuple[int, ...], asked: Asked) -> dict[int, int]:
    if asked.channel is None:
        return {}
    if "C" not in axes:
        if asked.labels:
            return {}
        raise UserError(
            f"{where} has no axis C for --channel {asked.channel}; name its axes with --axes, with "
            "C for the one to pick from."
        )
    axis = axes.index("C")
    if not 0 <= asked.channel < shape[axis]:
        raise UserError(
            f"{where} has no channel {asked.channel}; give --channel 0 to {shape[axis] - 1}."
        )
    return {axis: asked.channel}


def _ambiguous(where: str, axes: str, shape: tuple[int, ...], left: list[int], asked: Asked) -> str:
    lengths = ", ".join(f"{axes[axis]} {shape[axis]}" for axis in left)
    stored = axes.replace("-", "")
    found = f"{where} has {len(left)} axes beside y and x ({lengths}, stored as {stored})"
    if asked.channel is not None or len(left) > 2:
        return f"{found}, and one is z; write a file of its own for each stack."
    if "C" in {axes[axis] for axis in left}:
        number = shape[axes.index("C")]
        return f"{found}; say which channel is read with --channel N, 0 to {number - 1}."
    taken = next(axis for axis in left if axes[axis] != "Z")
    renamed = "".join("C" if axis == taken else letter for axis, letter in enumerate(axes))
    return (
        f"{found}; say which is z and which one is picked from, for instance with --axes "
        f"{renamed.replace('-', '')} --channel 0."
    )


def _called_otherwise(where: str, axes: str, z: int | None) -> list[str]:
    if z is None or axes[z] in f"Z{_NAMES_NOTHING}":
        return []
    return [f"{where} has no axis Z longer than 1: its axis {axes[z]} is read as z."]


def _doubts(where: str, shape: tuple[int, int, int]) -> list[str]:
    depth, height, width = shape
    if _FLAT * min(height, width) > depth and 2 * width > min(depth, height):
        return []
    return [
        f"{where} is read as {depth} slices of {height} x {width} pixels, as it does not name its "
        "axes; if they are stored in the order x, y, z, say --axes xyz."
    ]
