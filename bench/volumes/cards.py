"""What is known of each dataset: source, licence, checksum, voxel size, how to build it."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
)

from bench.base.errors import UserError
from bench.base.words import read_words, spelling, unknown, with_options

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_LONGEST = 100  # of a name; a folder is called by it
_OPTIONS = re.compile(r"[A-Za-z0-9_.,=+-]*")  # likewise
_BUILD = (
    "every", "gap", "tile", "stride", "tiles", "align", "search", "histogram", "split",
    "split_axis",
)  # fmt: skip
SAID = ("label_kind", "label_zero", "voxel_size")  # what the command line may say of a volume


def _three_sides(value: object) -> object:
    sides = value.split(",") if isinstance(value, str) else value
    if isinstance(sides, list | tuple) and len(sides) != 3:
        raise ValueError("give Z,Y,X in nm, for instance 30,6,6")
    return sides


LabelKind = Literal["ids", "membrane_mask"]
LabelZero = Literal["membrane", "ignore"]
_Side = Annotated[float, Field(gt=0, allow_inf_nan=False)]
VoxelSize = Annotated[tuple[_Side, _Side, _Side], BeforeValidator(_three_sides)]


def parse_voxel_size(said: object) -> tuple[float, float, float]:
    """A voxel size in nm (z, y, x): three numbers, or a text of them.

    Raises:
        ValueError: it is none.
    """
    try:
        return TypeAdapter(VoxelSize).validate_python(said)
    except ValidationError as error:
        raise ValueError(f"{said!r} is no Z,Y,X in nm; write 30,6,6 for instance") from error


class CardFile(BaseModel):
    """A file that can be fetched.

    Attributes:
        name: under which it is stored.
        url: http or https.
        size: in bytes, where known.
        sha256: of its content; a file that differs is not used.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    url: str
    size: int | None = None
    sha256: str


class Card(BaseModel):
    """What is known of a dataset.

    Attributes:
        name: the word used on the command line.
        title: what tables print.
        source: where its volume comes from.
        licence: its terms, as far as they are known.
        credit: the line to show beside a picture of it.
        citation: the publication to cite.
        voxel_size: of its volume in nm (z, y, x); one that says its own is believed before a card.
        label_kind: ``ids`` of neurons, or ``membrane_mask``: anything but 0 is membrane.
            A mask is stored as labels 0 (membrane) and 1.
        label_zero: what label 0 means: ``membrane``, or ``ignore``.
        files: that can be fetched; the dataset is built from the first.
        phantom: options of the generated volume; None for a volume that was measured.
        build: options of the build that differ from the defaults.
        notes: what a reader of its scores should know.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    title: str
    source: str = ""
    licence: str = ""
    credit: str = ""
    citation: str = ""
    voxel_size: VoxelSize | None = None
    label_kind: LabelKind = "ids"
    label_zero: LabelZero = "ignore"
    files: tuple[CardFile, ...] = ()
    phantom: dict[str, Any] | None = None
    build: dict[str, Any] = {}
    notes: str = ""

    @property
    def generated(self) -> bool:
        """Whether its volume is made on the spot."""
        return self.phantom is not None


def _read_cards() -> dict[str, Card]:
    text = resources.files("bench.volumes").joinpath("cards.toml").read_text(encoding="utf-8")
    return {name: Card(name=name, **facts) for name, facts in tomllib.loads(text).items()}


CARDS: Mapping[str, Card] = _read_cards()


def is_public(name: str) -> bool:
    """Whether a dataset, with options or without, is one that there is a card for."""
    return name.partition("[")[0] in CARDS


def load_card(name: str) -> Card:
    """The card of that name, or an empty one for a volume of one's own.

    In brackets stands what shall differ: options of the build (`mouse_triplet[align=no]`), and
    the dials of a generated volume (`phantom[noise=20]`).

    Raises:
        UserError: the name cannot be that of a folder, or an option is not known.
    """
    if "[" not in name:
        return _plain_card(name)
    base, wanted = read_words(name)
    return _varied(_plain_card(base), wanted) if wanted else _plain_card(base)


def fold_of(name: str, fold: int | None) -> int:
    """The fold that is asked for; without one, that of a dataset's card, or 0."""
    return int(load_card(name).build.get("fold", 0)) if fold is None else fold


def as_option(value: object) -> str:
    """What the command line may say of a volume, as it is written there."""
    return ",".join(f"{side:g}" for side in value) if isinstance(value, tuple) else str(value)


def _varied(card: Card, wanted: dict[str, str]) -> Card:
    """A card with other build options and dials, under a name that says so."""
    name = spelling(card.name, wanted)
    if not _OPTIONS.fullmatch("".join(wanted.values())) or len(name) > _LONGEST:
        raise UserError(
            f"'{name}' cannot name a dataset; in brackets stand numbers and words, and all of it "
            f"has at most {_LONGEST} letters."
        )
    dials = _dials(card)
    for option in wanted:
        if option not in (*dials, *_BUILD):
            unknown(f"option of the dataset {card.name}:", option, [*dials, *_BUILD])
    changes: dict[str, Any] = {
        "name": name,
        "title": f"{card.title} ({', '.join(f'{key}={wanted[key]}' for key in sorted(wanted))})",
        "build": card.build | {key: wanted[key] for key in wanted if key not in dials},
    }
    if card.phantom is not None:
        from bench.volumes.phantom import PhantomOptions

        turned = {key: value for key, value in wanted.items() if key in dials}
        options = with_options(card.name, PhantomOptions, PhantomOptions(**card.phantom), turned)
        changes["phantom"] = dataclasses.asdict(options)
        changes["voxel_size"] = (options.thickness, options.voxel, options.voxel)
    return card.model_copy(update=changes)


def _dials(card: Card) -> list[str]:
    if card.phantom is None:
        return []
    from bench.volumes.phantom import PhantomOptions

    return [field.name for field in dataclasses.fields(PhantomOptions)]


def _plain_card(name: str) -> Card:
    if name in CARDS:
        return CARDS[name]
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        raise UserError(
            f"'{name}' cannot name a dataset; use at most {_LONGEST} letters a to z, digits, '_', "
            "'-' and '.', and begin with a letter or digit."
        )
    return Card(name=name, title=name)
