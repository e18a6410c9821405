"""A sheet of pictures: each finding beside the slices before and after it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from bench.base.errors import UserError
from bench.base.files import atomic_path, refuse_existing
from bench.repair.finding import Box, Mask, Place
from bench.repair.plan import Plan
from bench.repair.scene import Panel, Scene, furthest, scenes
from bench.repair.slices import Slices, Window
from bench.repair.words import measured_words, size_words
from bench.volumes.volume import Volume

_MOST = 120  # findings that are drawn
_COLUMNS = 3  # as wide as a screen
_OF_A_PAGE = 12  # findings, in a file that has pages
_SIDE, _BETWEEN = 192, 4  # pixels: of a picture, and between those of a finding
_WORDS, _CAPTION = 60, 17  # pixels: above the pictures, and below them
_GAP, _MARGIN, _HEAD = 28, 24, 84  # pixels
_WIDTH = 3 * _SIDE + 2 * _BETWEEN  # pixels, of a finding
_HEIGHT = _WORDS + _SIDE + _CAPTION
_LETTERS = 96  # of a line
_INK, _FAINT, _PAPER, _EMPTY = "#1a1a1a", "#6a6a6a", "#ffffff", "#eeeeee"
_COLOURS = {"fill slice": "#B34700", "fill place": "#B34700", "look": "#6A3D9A", "leave": "#0072B2"}
_LINE = (213, 94, 0)  # of the outline
_INSIDE = 0.25  # of a pixel of the picture
_KINDS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".pdf": "PDF"}


def check_sheet(target: Path) -> None:
    """Refuse a sheet before hours of work go into it.

    Raises:
        UserError: it is there already, or its ending is of no kind that is written.
    """
    refuse_existing(target)
    if target.suffix.lower() not in _KINDS:
        ending = f"ends in {target.suffix}" if target.suffix else "has no ending"
        raise UserError(
            f"The sheet {target} {ending}; give a name that ends in {', '.join(_KINDS)}."
        )


def draw_sheet(plan: Plan, volume: Volume, target: Path) -> None:
    """Draw up to 120 findings in three columns: slices, then places, the surest first.

    A PDF has pages of twelve.

    Args:
        plan: of the volume.
        volume: read three slices at a time.
        target: whose ending says of which kind it is.

    Raises:
        UserError: ``check_sheet`` refuses it.
    """
    check_sheet(target)
    kind = _KINDS[target.suffix.lower()]
    shown = furthest(scenes(plan.items, plan, volume), _MOST)
    rows = sorted(shown, key=lambda scene: scene.item.finding.rank)
    step = _OF_A_PAGE if kind == "PDF" else _MOST
    pages = [rows[low : low + step] for low in range(0, len(rows), step)] or [[]]
    subtitle = _subtitle(plan, volume, sum(len(scene.items) for scene in rows))
    drawn = [_page(page, plan, volume, subtitle) for page in pages]
    options: dict[str, Any] = {"PNG": {}, "JPEG": {"quality": 90}}.get(
        kind, {"save_all": True, "append_images": drawn[1:], "resolution": 160, "quality": 90}
    )
    with atomic_path(target) as temporary:
        drawn[0].save(temporary, format=kind, **options)


def _subtitle(plan: Plan, volume: Volume, shown: int) -> str:
    """What a sheet is of."""
    (z, y, x), found = volume.shape, len(plan.items)
    count = f"{found} finding{'' if found == 1 else 's'}"
    if shown < found:
        count += f", the {shown} furthest beyond their limits are shown"
    return f"{count}; {z} slices of {y} x {x} pixels; the number of the first is {plan.first}"


def _page(rows: Sequence[Scene], plan: Plan, volume: Volume, subtitle: str) -> Image.Image:
    columns = max(min(len(rows), _COLUMNS), 1)
    deep = max(-(-len(rows) // columns), 1)
    width = 2 * _MARGIN + columns * _WIDTH + (columns - 1) * _GAP
    page = Image.new("RGB", (width, _HEAD + deep * (_HEIGHT + _GAP)), _PAPER)
    pen, slices = ImageDraw.Draw(page), Slices(volume)
    pen.text((_MARGIN, 18), _fitting(pen, volume.name, width - 2 * _MARGIN, 24), _INK, _font(24))
    pen.text((_MARGIN, 50), _fitting(pen, subtitle, width - 2 * _MARGIN, 13), _FAINT, _font(13))
    for number, scene in enumerate(rows):
        row, column = divmod(number, columns)
        left, top = _MARGIN + column * (_WIDTH + _GAP), _HEAD + row * (_HEIGHT + _GAP)
        _draw_words(pen, scene, plan.first, (left, top))
        for panel in scene.panels:
            page.paste(_picture(panel, scene, slices), (left, top + _WORDS))
            here = panel.name == "damaged"  # of a jump it is sound
            caption = panel.words if here else f"{panel.name}: {panel.words}"
            pen.text(
                (left, top + _WORDS + _SIDE + 2), _fitting(pen, caption, _SIDE, 12), _INK, _font(12)
            )
            left += _SIDE + _BETWEEN
    return page


def _draw_words(
    pen: ImageDraw.ImageDraw, scene: Scene, first: int, corner: tuple[int, int]
) -> None:
    item, (left, top) = scene.item, corner
    pen.line((left, top, left + _WIDTH - 1, top), _EMPTY)
    title = f"{scene.called(first)}: {item.finding.reason}"
    pen.text((left, top + 5), _fitting(pen, title, _WIDTH - 90, 17), _INK, _font(17))
    pen.text((left + _WIDTH, top + 7), item.action, _COLOURS[item.action], _font(14), anchor="ra")
    words = [*measured_words(item.finding), *size_words(item.finding)]
    note = item.note or item.caution
    said = [". ".join(words), note] if note else textwrap.wrap("; ".join(words), _LETTERS)
    for line, text in enumerate(said[:2]):
        at = left, top + 27 + 15 * line
        pen.text(at, _fitting(pen, text, _WIDTH, 12), _FAINT, _font(12))


def _picture(panel: Panel, scene: Scene, slices: Slices) -> Image.Image:
    """What a panel shows, as large as a picture; an empty one where there is no slice."""
    square = Image.new("RGB", (_SIDE, _SIDE), _EMPTY)
    if panel.z is None:
        middle = _SIDE // 2, _SIDE // 2
        word = "missing" if panel.name == "damaged" else "no slice"
        ImageDraw.Draw(square).text(middle, word, _FAINT, _font(14), anchor="mm")
        return square
    box, place = scene.box, scene.item.finding.place
    part = slices.read(panel.z, Window.of(box))
    how = cv2.INTER_AREA if max(part.shape) > _SIDE else cv2.INTER_CUBIC
    size = _fitted(part.shape)
    grey = np.asarray(cv2.resize(part, size, interpolation=how), np.uint8)
    corner = (_SIDE - size[0]) // 2, (_SIDE - size[1]) // 2
    square.paste(Image.fromarray(grey), corner)
    if place is None or panel.name != "damaged":
        return square
    return _outlined(square, _within(box, place), corner)


def _within(box: Box, place: Place) -> Mask:
    """The mask of a place in a box that holds it, HW: of a huge slice nothing else is made."""
    outer = Window.of(box)
    mask = np.zeros((outer.height, outer.width), np.bool_)
    mask[Window.of(place.box).within(outer)] = place.mask
    return mask


def _outlined(picture: Image.Image, mask: Mask, corner: tuple[int, int]) -> Image.Image:
    """A picture with a line around a mask of the part that it shows."""
    size = _fitted(mask.shape)
    small = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) > _INSIDE
    edges, _ = cv2.findContours(small.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    drawn = np.array(picture)
    cv2.drawContours(drawn, edges, -1, _LINE, 2, cv2.LINE_AA, offset=corner)
    return Image.fromarray(drawn)


def _fitted(shape: tuple[int, ...]) -> tuple[int, int]:
    """Width and height of a part, as large as a picture allows."""
    scale = _SIDE / max(shape)
    return max(round(shape[1] * scale), 1), max(round(shape[0] * scale), 1)


def _fitting(pen: ImageDraw.ImageDraw, text: str, width: int, size: int) -> str:
    """A text, cut where it is wider than so many pixels."""
    if pen.textlength(text, _font(size)) <= width:
        return text
    while text and pen.textlength(f"{text}...", _font(size)) > width:
        text = text[:-1]
    return f"{text.rstrip()}..."


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
