"""What the paper states, from `ssan2021.toml` beside this module."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.base.errors import UserError

REPORTED = Path(__file__).with_name("ssan2021.toml")


class Claim(BaseModel):
    """One thing the paper states.

    Attributes:
        id: a name of its own.
        table: the table (or figure) of the paper it belongs to.
        kind: ``gain`` and ``order`` (one side better than the other on every dataset and
            metric), ``ratio`` and ``faster`` (of two layers), ``seen`` (judged by eye).
        text: the claim in our words.
        place: section and paragraph.
        quote: the paper's words.
        reading: how it is made measurable, where that takes a decision.
        ours: the rows claimed to be better, ``method`` or ``method loss``.
        over: the rows they are better than; each pair is compared.
        datasets: of the paper, by our names.
        metrics: compared; for layers, one of ``memory``, ``gmac``, ``seconds``.
        value: what the paper gives, if it gives a number.
        unit: printed behind it.
        tolerance: of a ratio: how far the measured one may lie from it.
        almost: nothing contradicts and something confirms is enough.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    table: str
    kind: Literal["gain", "order", "ratio", "faster", "seen"]
    text: str
    place: str
    quote: str
    reading: str = ""
    ours: tuple[str, ...] = ()
    over: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    value: float | None = None
    unit: str = ""
    tolerance: float = Field(default=0.0, ge=0)
    almost: bool = False


class Reported(BaseModel):
    """The paper, and what has to be said of our datasets beside its own.

    Attributes:
        citation: of the paper.
        datasets: the datasets in the paper's order, and how ours differ from them.
        claims: in the paper's order.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    citation: str
    datasets: dict[str, str]
    claims: tuple[Claim, ...]


@cache
def load_reported(path: Path = REPORTED) -> Reported:
    """Read the file.

    Raises:
        UserError: it is not there, or is not valid.
    """
    try:
        return Reported.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise UserError(
            f"{path} cannot be read ({error.strerror}); install interslice anew."
        ) from error
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise UserError(f"{path} is not valid: {error}") from error
