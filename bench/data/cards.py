"""What is known of each dataset: source, licence, checksum, voxel size, how to build it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from bench.errors import UserError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_LONGEST = 100  # of a name; a folder is called by it
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
        voxel_size: in nm (z, y, x); a volume that says its own is believed before a card.
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
    text = resources.files("bench.data").joinpath("cards.toml").read_text(encoding="utf-8")
    return {name: Card(name=name, **facts) for name, facts in tomllib.loads(text).items()}


CARDS: Mapping[str, Card] = _read_cards()


def load_card(name: str) -> Card:
    """The card of that name, or an empty one for a volume of one's own.

    Raises:
        UserError: the name cannot be that of a folder.
    """
    if name in CARDS:
        return CARDS[name]
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        raise UserError(
            f"'{name}' cannot name a dataset; use at most {_LONGEST} letters, digits, '_', '-' and "
            "'.', and begin with a letter or digit."
        )
    return Card(name=name, title=name)
