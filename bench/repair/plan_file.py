"""The file of a plan: TOML that a person can edit, and a mask of each place as a picture."""

from __future__ import annotations

import json
import tomllib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngImageFile
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.base.errors import UserError
from bench.base.files import atomic_path, refuse_existing, write_text
from bench.repair.finding import Box, Finding, Mask, Place, Twin
from bench.repair.plan import Action, Item, Plan, corner_of
from bench.repair.slices import WHOLE
from bench.volumes.volume import Volume

_HEAD = """\
# What `bench repair` would do. Edit it, and give it back with --plan.
# action: "fill slice", "fill place", "leave" or "look". Nothing is filled that says "look": of the
# places that were found some are sound tissue, and filling overwrites it. Look at each (--sheet \
draws
# it), and write "fill place" or "leave" instead.
# A place is a mask (a picture as large as a slice, not 0 where it is to be filled), a box (top, \
bottom,
# left, right in pixels; bottom and right lie outside), or both: then the picture is as large as \
the box.
"""
_Side = tuple[int, int, int, int]


class _Entry(BaseModel):
    """One finding, as the file has it; ``slice`` is the source's number."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    slice: int
    reason: str
    number: float | None = None
    limit: float | None = None
    action: Action
    twin: Twin | None = None
    mask: str | None = None
    box: _Side | None = Field(default=None, strict=False)
    note: str = ""


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    source: str
    shape: tuple[int, int, int] = Field(strict=False)
    corner: tuple[int, int] | None = Field(default=None, strict=False)
    entry: tuple[_Entry, ...] = Field(default=(), strict=False)


def write_plan(plan: Plan, path: Path) -> None:
    """Write a plan, and its masks into a folder beside it; nothing is written over.

    Args:
        plan: what is to be done.
        path: of the TOML file; the folder is called as it is, with ``-masks`` at the end.

    Raises:
        UserError: one of them is there.
    """
    folder = path.with_name(f"{path.stem}-masks")
    refuse_existing(path)
    refuse_existing(folder)
    entries, used = [], dict[int, int]()
    for item in plan.surest_first():
        z = item.finding.z
        used[z] = used.get(z, 0) + (item.finding.place is not None)
        name = f"{folder.name}/{plan.first + z:04d}-{used[z]}.png"
        entries.append(_entry(item, plan, name))
        if (place := item.finding.place) is not None:
            mask = place.mask if _is_large(plan.shape) else place.within(plan.shape[1:])
            _write_mask(mask, path.parent / name)
    file = _File(source=plan.source, shape=plan.shape, corner=plan.corner, entry=tuple(entries))
    write_text(path, "\n".join(_lines(file)) + "\n")


def read_plan(path: Path, volume: Volume) -> Plan:
    """Read a plan and make sure that it fits a volume.

    Args:
        path: of the TOML file.
        volume: that it is to be done to.

    Raises:
        UserError: the file or a mask cannot be read, has a key or value that is not valid, or is
            of another volume.
    """
    file = _parsed(path)
    if tuple(file.shape) != tuple(volume.shape):
        raise UserError(
            f"{path} is of a volume of the shape {_sizes(file.shape)}, but '{volume.name}' has "
            f"{_sizes(volume.shape)}; give the plan of this volume."
        )
    corner = corner_of(volume)
    if file.corner is not None and file.corner != corner:
        raise UserError(
            f"{path} is of the --region whose rows and columns begin at {_sizes(file.corner, ', ')}"
            f", not at {_sizes(corner or (0, 0), ', ')}; give the region of the plan."
        )
    items, whole = list[Item](), set[int]()
    for number, entry in enumerate(file.entry, start=1):
        where = f"Entry {number} of {path} (slice {entry.slice})"
        item = _item(entry, where, path, volume)
        if item.action == "fill slice":
            if item.finding.z in whole:
                raise UserError(f"{where} fills a slice that an earlier one fills; remove one.")
            whole.add(item.finding.z)
        items.append(item)
    items.sort(key=lambda item: item.finding.z)
    return Plan(file.source, volume.shape, volume.first, tuple(items), corner)


def _is_large(shape: tuple[int, int, int]) -> bool:
    """Whether masks are as large as their places, for slices are too large for a picture."""
    return shape[1] * shape[2] > WHOLE


def _entry(item: Item, plan: Plan, mask: str) -> _Entry:
    finding, place = item.finding, item.finding.place
    return _Entry(
        slice=plan.first + finding.z,
        reason=finding.reason,
        number=None if finding.number is None else float(f"{finding.number:.4g}"),
        limit=None if finding.limit is None else float(f"{finding.limit:.4g}"),
        action=item.action,
        twin=finding.twin,
        mask=None if place is None else mask,
        box=None if place is None or not _is_large(plan.shape) else place.box,
        note=item.note,
    )


def _lines(file: _File) -> Iterator[str]:
    yield _HEAD
    yield f"source = {_text(file.source)}"
    yield f"shape = [{_sizes(file.shape, ', ')}]"
    if file.corner is not None:
        yield f"corner = [{_sizes(file.corner, ', ')}]  # of --region: row, column of the source"
    for entry in file.entry:
        yield "\n[[entry]]"
        for key, value in entry.model_dump(exclude_defaults=True).items():
            written = _text(value) if isinstance(value, str) else _plain(value)
            yield f"{key} = {written}{_remark(key, entry)}"


def _remark(key: str, entry: _Entry) -> str:
    """How sure a place is, beside its limit."""
    if key != "limit" or entry.mask is None or not entry.limit or entry.number is None:
        return ""
    return f"  # the number is {entry.number / entry.limit:.1f} times the limit"


def _text(value: str) -> str:
    """A string of TOML: JSON's escapes are among its own, but for one character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _plain(value: float | _Side) -> str:
    """A number or a list of TOML."""
    return str(list(value) if isinstance(value, tuple) else value)


def _parsed(path: Path) -> _File:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8-sig"))  # some editors write a BOM
    except OSError as error:
        raise UserError(f"The plan {path} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"The plan {path} is not valid TOML: {error}.") from error
    try:
        return _File.model_validate(values)
    except ValidationError as error:
        raise UserError(_mistake(path, values, error)) from error


def _mistake(path: Path, values: dict[str, Any], error: ValidationError) -> str:
    """The first mistake of a plan in one sentence."""
    # A key that is not known stands before one that is lacking: it is often the same, misspelt.
    first = min(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
    place = list(first["loc"])
    where = str(path)
    if place[:1] == ["entry"] and len(place) > 1 and isinstance(place[1], int):
        entry = values["entry"][place[1]]
        number = entry.get("slice") if isinstance(entry, dict) else None
        named = "" if number is None else f" (slice {number})"
        where, place = f"Entry {place[1] + 1} of {path}{named}", place[2:]
    key = str(place[0]) if place else "entry"
    if first["type"] == "extra_forbidden":
        known = _Entry if where != str(path) else _File
        return f"{where} has no key '{key}'; the keys are {', '.join(known.model_fields)}."
    if first["type"] == "missing" and len(place) == 1:
        return f"{where} lacks the key '{key}'; add it."
    reason = first["msg"][:1].lower() + first["msg"][1:].rstrip(".")
    article = "an" if key[:1] in "aeiou" else "a"
    return f"{where} has {article} '{key}' that is not valid: {reason}."


def _item(entry: _Entry, where: str, path: Path, volume: Volume) -> Item:
    depth, first = volume.shape[0], volume.first
    if not first <= entry.slice < first + depth:
        raise UserError(f"{where} is not among the slices {first} to {first + depth - 1}.")
    place = _place(entry, where, path, volume)
    if entry.action == "fill place" and place is None:
        raise UserError(f"{where} fills a place but has no mask and no box; give one of them.")
    z = entry.slice - first
    if entry.action == "fill place" and z in volume.missing:
        raise UserError(f"{where} fills a place of a slice that is missing; fill the slice.")
    if entry.action.startswith("fill") and z in (0, depth - 1):
        raise UserError(f"{where} has a neighbour on one side only; leave it.")
    finding = Finding(z, entry.reason, entry.number, entry.limit, place, entry.twin)
    return Item(finding, entry.action, entry.note)


def _place(entry: _Entry, where: str, path: Path, volume: Volume) -> Place | None:
    shape = volume.shape[1], volume.shape[2]
    of, box = f"slices of '{volume.name}'", Box(0, shape[0], 0, shape[1])
    if entry.box is not None:
        of, box = "its box", boxed(entry.box, shape, where).box
        if entry.mask is None:
            return boxed(entry.box, shape, where)
    if entry.mask is None:
        return None
    size = box.bottom - box.top, box.right - box.left
    mask = _read_mask(path.parent / entry.mask, where, size, of)
    if not mask.any():
        raise UserError(f"{where} has a mask that is 0 everywhere; mark a place, or remove it.")
    return Place.of(mask, (box.top, box.left))


def boxed(sides: _Side, shape: tuple[int, int], where: str) -> Place:
    """The place that a box is.

    Raises:
        UserError: the box is empty, or not within the slice.
    """
    box = Box(*sides)
    if not (0 <= box.top < box.bottom <= shape[0] and 0 <= box.left < box.right <= shape[1]):
        raise UserError(
            f"{where} has the box {box.top}:{box.bottom}, {box.left}:{box.right}, which is empty "
            f"or not within slices of {_sizes(shape)} pixels."
        )
    return Place(box, np.ones((box.bottom - box.top, box.right - box.left), np.bool_))


def _write_mask(mask: Mask, path: Path) -> None:
    with atomic_path(path) as temporary:
        Image.fromarray(mask.astype(np.uint8) * 255).save(temporary, format="png")


def _read_mask(path: Path, where: str, size: tuple[int, int], of: str) -> Mask:
    try:
        with _opened(path) as picture:
            found = picture.height, picture.width
            if found == size:
                return _marked(picture)
    except FileNotFoundError as error:
        raise UserError(
            f"{where} has the mask {path}, which is not there; copy the folder of masks beside the "
            "plan."
        ) from error
    except (OSError, Image.DecompressionBombError) as error:
        raise UserError(f"{where} has the mask {path}, which cannot be read: {error}.") from error
    have = "has" if of == "its box" else "have"
    raise UserError(
        f"{where} has a mask of {_sizes(found)} pixels, but {of} {have} {_sizes(size)}; give one "
        "of the same size."
    )


def _marked(picture: Image.Image) -> Mask:
    """Where a picture is not 0; what was erased is transparent, whatever colour it has beneath."""
    grey = np.asarray(picture.convert("L")) > 0
    if "A" not in picture.getbands() and "transparency" not in picture.info:
        return grey
    return np.asarray(grey & (np.asarray(picture.convert("RGBA"))[..., 3] > 0))


def _opened(path: Path) -> Image.Image:
    """A picture of any size: it is compared with its slice before a pixel is read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            return Image.open(path)
        except Image.DecompressionBombError:
            return PngImageFile(path)


def _sizes(shape: tuple[int, ...], between: str = " x ") -> str:
    return between.join(map(str, shape))
