"""How grey values of other depths become 8-bit ones, and what that leaves of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, BeforeValidator, ConfigDict

from bench.base.errors import UserError

_LOOKED_AT = 16  # slices, evenly spread
_MOST_LINES = 1024  # of a slice along each axis; of a larger one every n-th
_TAILS = (0.1, 99.9)  # percentiles
_LEVELS = 256
_FEWEST = 64  # grey levels in use: fewer are steps that can be seen

GreyRange = tuple[float, float]
GreyWish = GreyRange | Literal["auto"]


def parse_grey_range(value: Any) -> GreyWish:
    """``auto``, or the two numbers of ``LOW,HIGH``.

    Raises:
        ValueError: it is not written like that.
    """
    if value == "auto":
        return "auto"
    parts = value.split(",") if isinstance(value, str) else value
    try:
        low, high = (float(part) for part in parts)
    except (TypeError, ValueError) as error:
        raise ValueError("give LOW,HIGH or auto") from error
    return low, high


GreyOption = Annotated[GreyWish, BeforeValidator(parse_grey_range)]


class GreyFacts(BaseModel):
    """What a grey range leaves of a volume's values.

    Attributes:
        clipped: share of the pixels that lie outside the range, in [0, 1].
        levels: of the 256 grey levels, those in use between their percentiles 0.1 and 99.9.
        slices: how many, evenly spread, were looked at.
    """

    model_config = ConfigDict(frozen=True)

    clipped: float
    levels: int
    slices: int


class GreyUse(NamedTuple):
    """How the values of a volume become 8-bit ones.

    Attributes:
        range: the source values that become 0 and 255.
        facts: what that leaves of the values.
    """

    range: GreyRange
    facts: GreyFacts


def to_8_bits(values: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    """Map low to 0 and high to 255; what lies outside is clipped."""
    scaled = (values.astype(np.float64) - low) * (255.0 / (high - low))
    return np.rint(np.clip(scaled, 0, 255)).astype(np.uint8)


def as_type(values: NDArray[np.float64], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Values in another type of up to 32 bits; integers are rounded, and clipped to its range."""
    if dtype.kind not in "ui":
        return values.astype(dtype)
    known = np.iinfo(dtype)
    return np.clip(np.rint(values), known.min, known.max).astype(dtype)


def grey_use(
    where: str,
    wish: GreyWish,
    present: Sequence[int],
    read: Callable[[int], NDArray[Any]],
) -> GreyUse:
    """Look at up to 16 evenly spread slices, and of large ones at every n-th row and column.

    Args:
        where: what messages call the volume.
        wish: the source values that shall become 0 and 255, or ``auto``: the percentiles 0.1
            and 99.9 of what is seen; 0 and a type's smallest and largest value are not seen but
            filled in.
        present: the z that have a slice.
        read: gives one slice, HW, as stored.

    Raises:
        UserError: the range leaves fewer than 64 grey levels where another leaves more, or all
            pixels have one value.
    """
    places = np.unique(np.linspace(0, len(present) - 1, min(_LOOKED_AT, len(present))).astype(int))
    values = np.concatenate([_sample(read(present[place])) for place in places])
    fitting = _fitting(values)
    chosen = fitting if isinstance(wish, str) else wish
    if chosen is None:
        raise UserError(f"Nearly all pixels of {where} have one grey value; look at the volume.")
    clipped, levels = _clipped_and_levels(values, chosen)
    use = GreyUse(chosen, GreyFacts(clipped=clipped, levels=levels, slices=len(places)))
    _refuse_few_levels(where, values, use, fitting)
    return use


def _refuse_few_levels(
    where: str, values: NDArray[Any], use: GreyUse, fitting: GreyRange | None
) -> None:
    levels = use.facts.levels
    if levels >= _FEWEST:
        return
    better, advice = 0, ""
    if values.dtype == np.uint8:
        better, advice = _levels_in_use(values), "it is 8-bit: leave --grey-range out"
    elif fitting is not None:
        better = _clipped_and_levels(values, fitting)[1]
        advice = f"give --grey-range {as_words(fitting)}, or --grey-range auto, which finds it"
    # A volume that has few grey levels of its own has them under any range.
    if better >= min(_FEWEST, 2 * levels):
        raise UserError(
            f"--grey-range {as_words(use.range)} leaves {levels} of {_LEVELS} grey levels in use "
            f"in {where}; {advice}."
        )


def as_words(grey_range: GreyRange) -> str:
    """A grey range as the command line takes it."""
    return ",".join(f"{value:.15g}" for value in grey_range)


def grey_words(grey_range: GreyRange, facts: GreyFacts) -> str:
    """The grey range of a volume and what it leaves of the values, for a reader."""
    return (
        f"{as_words(grey_range)}: {100 * facts.clipped:.2f} % of the pixels clipped, "
        f"{facts.levels} of {_LEVELS} grey levels in use ({facts.slices} evenly spread slices)"
    )


def _sample(grey: NDArray[Any]) -> NDArray[Any]:
    height, width = (-(-side // _MOST_LINES) for side in grey.shape)
    return grey[::height, ::width].ravel()


def _fitting(values: NDArray[Any]) -> GreyRange | None:
    """The percentiles of what a microscope saw, as values that occur."""
    seen = values[values != 0]
    if values.dtype.kind in "ui":
        known = np.iinfo(values.dtype)
        seen = seen[(seen != known.min) & (seen != known.max)]
    tails = np.percentile(seen if seen.size else values, _TAILS, method="inverted_cdf")
    # What is printed is what is used.
    low, high = (float(f"{value:.6g}") for value in tails)
    return (low, high) if low < high else None


def _clipped_and_levels(values: NDArray[Any], grey_range: GreyRange) -> tuple[float, int]:
    low, high = grey_range
    clipped = float(((values < low) | (values > high)).mean())
    return clipped, _levels_in_use(to_8_bits(values, low, high))


def _levels_in_use(grey: NDArray[np.uint8]) -> int:
    counts = np.bincount(grey, minlength=_LEVELS)
    below = np.cumsum(counts)
    low, high = np.searchsorted(below, np.array(_TAILS) / 100 * below[-1])
    return int(np.count_nonzero(counts[low : high + 1]))
