"""One picture of what a build kept and what it rejected, to be looked at by a person."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from bench.triplets.file import TripletFile
from bench.triplets.gap import POSITION
from bench.triplets.reject import REASONS
from bench.volumes.cards import LabelKind
from segmentation.labels import UNLABELLED

_COLUMNS = 3
_KEPT, _REJECTED = 9, 15  # triplets shown at most
_THUMBNAIL = 128  # pixels
_GAP, _MARGIN, _CAPTION, _LINE = 4, 12, 30, 20  # pixels
_HEAD = 3 * _LINE  # title, legend, headings
_HEADINGS = ("before", "middle", "after", "middle, labels")
_LEGEND = (
    "z: number of the middle slice; y, x: upper left corner of the tile, in pixels of the volume; "
    "NCC: correlation of the middle with {}"
)
_ADJACENT = {False: "before and after", True: "the slices next to it, missing or not"}
_TEXT, _HEADING = 11, 16  # font sizes
_TINT = 0.4  # share of an id's colour over the slice
_GOLDEN = 0.618034  # of a turn from one id's hue to the next: neighbours look different


def draw_contact_sheet(file: TripletFile, target: Path, first: Mapping[str, int]) -> None:
    """Draw up to 24 triplets, evenly drawn from the kept ones and from each reason.

    Under headings, each triplet shows before, middle and after side by side, below the values
    that its rules looked at. Where there are labels, the middle stands there once more with a
    colour over every id but 0: labels beside their slice are seen here.

    Args:
        file: the triplets.
        target: of the PNG.
        first: the number that the source of each volume gives to z = 0.
    """
    chosen = _chosen(file.keys)
    step = max(file.tile // _THUMBNAIL, 1)
    side = file.tile // step
    pictures = 4 if file.has_labels else 3
    room = pictures * (side + _GAP) - _GAP
    width, height = max(room, 3 * _THUMBNAIL) + _MARGIN, side + _CAPTION + _MARGIN
    rows = -(-len(chosen) // _COLUMNS)
    size = _COLUMNS * width + _MARGIN, rows * height + _HEAD + 2 * _MARGIN
    sheet = Image.new("RGB", size, "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(_TEXT)
    large = ImageFont.load_default(_HEADING)
    pen.text((_MARGIN, _MARGIN), _title(file.keys, file.name), "black", large)
    pen.text((_MARGIN, _MARGIN + _LINE), _LEGEND.format(_ADJACENT[file.gap > 1]), "black", font)
    for column in range(min(_COLUMNS, len(chosen))):
        for i, heading in enumerate(_HEADINGS[:pictures]):
            corner = _MARGIN + column * width + i * (side + _GAP), _MARGIN + 2 * _LINE
            pen.text(corner, heading, "black", font)
    for place, index in enumerate(chosen):
        row, column = divmod(place, _COLUMNS)
        corner = _MARGIN + column * width, _MARGIN + _HEAD + row * height
        words = caption(file.keys.iloc[index], first)
        pen.multiline_text(corner, words, "black", font, spacing=2)
        for i, picture in enumerate(_pictures(file, index, step)):
            sheet.paste(picture, (corner[0] + i * (side + _GAP), corner[1] + _CAPTION))
    sheet.save(target, format="png")


def _chosen(keys: pd.DataFrame) -> list[int]:
    """Kept triplets first, then each reason's, evenly spaced through the file."""
    groups = [np.flatnonzero(keys["reason"] == reason) for reason in REASONS]
    broken = [group for group in groups if len(group)]
    each = _REJECTED // max(len(broken), 1)
    kept = np.flatnonzero(keys["reason"] == "")
    room = _KEPT + _REJECTED - sum(min(each, len(group)) for group in broken)
    shares = [(kept, room), *((group, each) for group in broken)]
    return [int(i) for group, count in shares for i in group[_evenly(len(group), count)]]


def _evenly(length: int, count: int) -> NDArray[np.intp]:
    return np.unique(np.linspace(0, length - 1, min(length, count)).round().astype(np.intp))


def _title(keys: pd.DataFrame, name: str) -> str:
    counts = [f"{reason} {int((keys['reason'] == reason).sum())}" for reason in REASONS]
    kept = int((keys["reason"] == "").sum())
    return f"{name}: {kept} of {len(keys)} triplets kept; rejected: {', '.join(counts)}"


def caption(key: pd.Series, first: Mapping[str, int]) -> str:
    """What is written above a triplet; its slice has the number that the source gives it.

    Args:
        key: of the triplet.
        first: the number of z = 0 in each volume.
    """
    number = first[key["volume"]] + key["z"]
    verdict = f"REJECTED: {key['reason'].upper()}" if key["reason"] else "kept"
    return (
        f"{verdict} ({key['split']})  {key['volume']}  z {number}{_position(key)}  "
        f"y {key['y']}  x {key['x']}\n"
        f"NCC {key['ncc_before']:.2f} {key['ncc_after']:.2f}  continuity {key['continuity']:+.1f}  "
        f"duplicate {key['duplicate']:+.1f}  blur {key['blur']:.2f}  defect {key['defect']:.3f}"
    )


def _position(key: pd.Series) -> str:
    """Which slice of its gap the middle is, where a gap has several."""
    return f" ({key[POSITION]} of its gap)" if POSITION in key else ""


def _pictures(file: TripletFile, index: int, step: int) -> list[Image.Image]:
    frames = _shrunk(file.frames(index), step)
    pictures = [Image.fromarray(frame).convert("RGB") for frame in frames]
    labels = file.labels(index)
    if labels is not None:
        side = frames.shape[-1]
        small = labels[::step, ::step][:side, :side]
        pictures.append(_tinted(pictures[1], small, _coloured(small, file.card.label_kind)))
    return pictures


def _coloured(labels: NDArray[np.uint64], kind: LabelKind) -> NDArray[np.bool_]:
    """Which labels get a colour: ids, or the membranes of a mask, stored as 0."""
    coloured = labels == 0 if kind == "membrane_mask" else (labels != 0) & (labels != UNLABELLED)
    return np.asarray(coloured)


def _tinted(
    picture: Image.Image, labels: NDArray[np.uint64], coloured: NDArray[np.bool_]
) -> Image.Image:
    hue = (labels % 4096) * _GOLDEN % 1
    colour = np.stack([hue, np.ones_like(hue), np.ones_like(hue)], axis=-1) * 255
    colours = Image.fromarray(colour.astype(np.uint8), mode="HSV").convert("RGB")
    share = np.where(coloured, _TINT * 255, 0).astype(np.uint8)
    return Image.composite(colours, picture, Image.fromarray(share))


def _shrunk(frames: NDArray[np.uint8], step: int) -> NDArray[np.uint8]:
    side = frames.shape[-1] // step
    whole = frames[:, : side * step, : side * step]
    blocks = whole.reshape(3, side, step, side, step).mean(axis=(2, 4))
    small: NDArray[np.uint8] = np.rint(blocks).astype(np.uint8)
    return small
