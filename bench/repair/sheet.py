"""A sheet of pictures: each finding beside the slices before and after it, the worst first."""

from __future__ import annotations

import textwrap
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from bench.base.files import atomic_path, refuse_existing
from bench.repair.finding import PLACES, WHOLE, Box, Finding, Mask
from bench.repair.plan import Item, Plan
from bench.repair.words import number_words, size_words
from bench.volumes.volume import Volume, present_slices

_MOST = 24  # findings that are drawn
_SIDE, _TEXT = 288, 268  # pixels: of a picture, and of the words beside a row
_GAP, _MARGIN, _HEAD = 6, 24, 96  # pixels
_AROUND = 0.5  # of a place's longer side: what is shown around it
_LEAST = 192  # pixels of the slice that a picture shows at least
_INK, _FAINT, _PAPER, _EMPTY = "#1a1a1a", "#767676", "#ffffff", "#eeeeee"
_COLOURS = {"fill slice": "#D55E00", "fill place": "#D55E00", "leave": "#0072B2"}
_LINE = (213, 94, 0)  # of the outline, as _COLOURS has it
_INSIDE = 0.25  # of a pixel of the picture
_NAMES = ("before", "damaged", "after")


def draw_sheet(plan: Plan, volume: Volume, target: Path) -> None:
    """Draw up to 24 findings, a row for each.

    Args:
        plan: of the volume.
        volume: read three slices at a time.
        target: of the PNG.

    Raises:
        UserError: it is there already.
    """
    refuse_existing(target)
    worst = sorted(plan.items, key=lambda item: item.finding.beyond, reverse=True)
    rows = worst[:_MOST]
    width = 2 * _MARGIN + _TEXT + 3 * _SIDE + 2 * _GAP
    height = _HEAD + max(len(rows), 1) * (_SIDE + _GAP) + _MARGIN
    sheet = Image.new("RGB", (width, height), _PAPER)
    pen = ImageDraw.Draw(sheet)
    _draw_head(pen, plan, volume, len(rows))
    for number, item in enumerate(rows):
        top = _HEAD + number * (_SIDE + _GAP)
        _draw_words(pen, item, plan.first, top)
        for column, picture in enumerate(_pictures(item, volume)):
            sheet.paste(picture, (_MARGIN + _TEXT + column * (_SIDE + _GAP), top))
    with atomic_path(target) as temporary:
        sheet.save(temporary, format="png")


def _draw_head(pen: ImageDraw.ImageDraw, plan: Plan, volume: Volume, shown: int) -> None:
    large, small = _font(24), _font(13)
    pen.text((_MARGIN, 20), volume.name, _INK, large)
    count = f"{len(plan.items)} findings" if shown < len(plan.items) else f"{shown} findings"
    if shown < len(plan.items):
        count += f", the {shown} worst are shown"
    z, y, x = volume.shape
    pen.text((_MARGIN, 52), f"{count}; {z} slices of {y} x {x} pixels", _FAINT, small)
    for column, name in enumerate(_NAMES):
        left = _MARGIN + _TEXT + column * (_SIDE + _GAP)
        pen.text((left, _HEAD - 22), name, _INK, small)


def _draw_words(pen: ImageDraw.ImageDraw, item: Item, first: int, top: int) -> None:
    finding = item.finding
    colour = _COLOURS[item.action]
    pen.rectangle((_MARGIN, top, _MARGIN + 3, top + _SIDE - 1), fill=colour)
    left = _MARGIN + 16
    pen.text((left, top + 6), f"slice {first + finding.z}", _FAINT, _font(14))
    pen.text((left, top + 26), finding.reason, _INK, _font(24))
    meaning = (WHOLE | PLACES).get(finding.reason, "")
    lines = [*_wrapped(meaning, 34), *number_words(finding), *size_words(finding), ""]
    pen.multiline_text((left, top + 62), "\n".join(lines), _INK, _font(13), spacing=5)
    below = top + 62 + 20 * len(lines)
    pen.text((left, below), item.action, colour, _font(15))
    note = "\n".join(_wrapped(item.note, 34))
    pen.multiline_text((left, below + 22), note, _FAINT, _font(13), spacing=5)


def _pictures(item: Item, volume: Volume) -> list[Image.Image]:
    """Before, damaged and after, cut to the same part of the slice."""
    finding = item.finding
    present = present_slices(volume)
    before = next((z for z in reversed(present) if z < finding.z), None)
    after = next((z for z in present if z > finding.z), None)
    here = finding.z if finding.z not in volume.missing else None
    box = _shown(finding, volume.shape[1:])
    pictures = [_picture(volume, z, box) for z in (before, here, after)]
    if finding.place is not None:
        mask = finding.place.within(volume.shape[1:])
        pictures[1] = _outlined(pictures[1], mask[box.top : box.bottom, box.left : box.right])
    return pictures


def _picture(volume: Volume, z: int | None, box: Box) -> Image.Image:
    """A part of a slice, as large as a picture; an empty one where there is no slice."""
    if z is None:
        empty = Image.new("RGB", (_SIDE, _SIDE), _EMPTY)
        middle = _SIDE // 2, _SIDE // 2
        ImageDraw.Draw(empty).text(middle, "no slice", _FAINT, _font(14), anchor="mm")
        return empty
    part = volume.slice(z)[box.top : box.bottom, box.left : box.right]
    shrinks = max(part.shape) > _SIDE
    how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    square = Image.new("RGB", (_SIDE, _SIDE), _EMPTY)
    size = _fitted(part.shape)
    grey = np.asarray(cv2.resize(part, size, interpolation=how), np.uint8)
    square.paste(Image.fromarray(grey), ((_SIDE - size[0]) // 2, (_SIDE - size[1]) // 2))
    return square


def _outlined(picture: Image.Image, mask: Mask) -> Image.Image:
    """A picture with a line around a mask of the part that it shows."""
    size = _fitted(mask.shape)
    small = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) > _INSIDE
    edges, _ = cv2.findContours(small.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    drawn = np.array(picture)
    corner = (_SIDE - size[0]) // 2, (_SIDE - size[1]) // 2
    cv2.drawContours(drawn, edges, -1, _LINE, 2, cv2.LINE_AA, offset=corner)
    return Image.fromarray(drawn)


def _shown(finding: Finding, shape: tuple[int, int]) -> Box:
    """The square part of a slice that is shown: a place and what is around it, or all."""
    height, width = shape
    if finding.place is None:
        return Box(0, height, 0, width)
    top, bottom, left, right = finding.place.box
    side = max(bottom - top, right - left)
    side = max(int(side * (1 + 2 * _AROUND)), _LEAST)
    rows = _within((top + bottom) // 2, side, height)
    columns = _within((left + right) // 2, side, width)
    return Box(*rows, *columns)


def _within(middle: int, side: int, length: int) -> tuple[int, int]:
    low = min(max(middle - side // 2, 0), max(length - side, 0))
    return low, min(low + side, length)


def _fitted(shape: tuple[int, ...]) -> tuple[int, int]:
    """Width and height of a part, as large as a picture allows."""
    scale = _SIDE / max(shape)
    return max(round(shape[1] * scale), 1), max(round(shape[0] * scale), 1)


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
