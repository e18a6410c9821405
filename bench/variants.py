"""Methods and losses with options, as the command line has them: `ssan[extractor=unet,k=4]`.

One option is the harness's own and open to every method that learns: `weights=FILE`.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from bench.errors import UserError
from bench.registry import load_method, require_loss, unknown

if TYPE_CHECKING:
    from bench.presets import Preset
    from methods.interface import Interpolator, MethodInfo
    from methods.losses import LossOptions

_VARIANT = re.compile(r"(?P<name>[^\[\]]+?)(\[(?P<options>[^\[\]]*)\])?")


@dataclass(frozen=True)
class Variant:
    """A method's class and the options it is built with.

    Attributes:
        text: the canonical spelling; only options that were asked for, in alphabetical order.
        method: the class behind the name.
        options: an instance of ``method.Options``: the preset's, with what was asked for.
        weights: of a training that is done; None for a method that is to be trained.
    """

    text: str
    method: type[Interpolator]
    options: Any
    weights: Path | None = None

    @property
    def info(self) -> MethodInfo:
        """The facts about the method."""
        return self.method.info

    def facts(self) -> dict[str, Any]:
        """What a record keeps of the method, so that a report needs not the method itself."""
        return {
            "title": self.info.title,
            "kind": self.info.kind,
            "reference": self.info.reference,
            "deviations": list(self.info.deviations),
        }

    def build(self) -> Interpolator:
        """A fresh, untrained instance."""
        return self.method(self.options)


def split_variants(text: str) -> list[str]:
    """Split a comma-separated list, leaving the commas inside brackets alone."""
    return [part.strip() for part in re.split(r",(?![^\[]*\])", text) if part.strip()]


def parse_variant(text: str, preset: str) -> Variant:
    """Read a method's variant and check every option, by building it once without memory.

    Raises:
        UserError: unknown method or option, a value that the option does not take, or weights
            that do not fit.
    """
    name, wanted = read_words(text)
    method = load_method(name)
    weights = Path(wanted.pop("weights")) if "weights" in wanted else None
    base = method.presets.get(preset, method.Options())
    options = with_options(name, method.Options, base, wanted)
    # Tables call weights by the name of their file, wherever it lies.
    words = spelling(name, wanted | ({"weights": weights.stem} if weights else {}))
    variant = Variant(words, method, options, weights)
    try:
        import torch

        with torch.device("meta"):
            variant.build()
    except (ValueError, TypeError, RuntimeError, ArithmeticError) as error:
        raise UserError(f"{variant.text} cannot be built: {_sentence(error)}") from error
    if weights is not None:
        _check_weights(variant, weights, preset)
    return variant


def _check_weights(variant: Variant, weights: Path, preset: str) -> None:
    from bench.weights import load_weights

    if variant.info.kind == "classical":
        raise UserError(f"'{variant.info.name}' has no weights; leave weights={weights} out.")
    try:
        load_weights(weights, variant.build())
    except UserError as error:
        raise UserError(
            f"{str(error).rstrip('.')} ('{variant.info.name}', with the widths of the preset "
            f"'{preset}')."
        ) from error


@dataclass(frozen=True)
class LossVariant:
    """A loss and how it is read: `ls`, or `ls[style=plain]`."""

    text: str
    name: str
    options: LossOptions


def parse_loss(text: str, preset: Preset) -> LossVariant:
    """Read a loss's variant; its options start from the preset's.

    Raises:
        UserError: unknown loss or option, or a value that the option does not take.
    """
    from methods.losses import LossOptions

    name, wanted = read_words(text)
    require_loss(name)
    base = LossOptions(lowpass=preset.lowpass, feature_crop=preset.feature_crop)
    options = with_options(name, LossOptions, base, wanted)
    return LossVariant(spelling(name, wanted), name, options)


def read_words(text: str) -> tuple[str, dict[str, str]]:
    """The name and the options of `name[option=value,...]`.

    Raises:
        UserError: it is not written like that.
    """
    match = _VARIANT.fullmatch(text.strip())
    if match is None:
        raise UserError(f"'{text}' cannot be read; write name or name[option=value,...].")
    wanted: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in (match["options"] or "").split(","))):
        name, separator, value = (word.strip() for word in part.partition("="))
        if not separator or not value:
            raise UserError(f"The option '{part}' of '{text}' has no value; write option=value.")
        if name in wanted:
            raise UserError(f"The option '{name}' of '{text}' is given twice; give it once.")
        wanted[name] = value
    return match["name"].strip(), wanted


def spelling(name: str, wanted: dict[str, str]) -> str:
    """The one way to write a name with these options."""
    if not wanted:
        return name
    return f"{name}[{','.join(f'{key}={wanted[key]}' for key in sorted(wanted))}]"


def with_options(name: str, kind: type[Any], base: Any, wanted: dict[str, str]) -> Any:
    """Options of a kind, a dataclass: those of `base` but for what is wanted.

    Raises:
        UserError: an option is not known, or does not take its value.
    """
    known = [field.name for field in dataclasses.fields(kind)]
    for option in wanted:
        if option not in known:
            unknown(f"option of {name}:", option, known)
    values = dataclasses.asdict(base) | {
        option: [_number(part) for part in value.split("/")] if "/" in value else _number(value)
        for option, value in wanted.items()
    }
    try:
        return TypeAdapter(kind).validate_python(values)
    except (ValidationError, ValueError) as error:
        raise UserError(_option_error(name, kind, wanted, error)) from error


def _number(text: str) -> int | float | str:
    """A number where the text is one: options that list numbers do not take their spelling."""
    if re.fullmatch(r"[-+]?\d+", text):
        return int(text)
    if re.fullmatch(r"[-+]?\d+(\.\d*)?(e[-+]?\d+)?", text):
        return float(text)
    return text


def _option_error(name: str, kind: type[Any], wanted: dict[str, str], error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return _sentence(error)
    first = error.errors()[0]
    option = str(first["loc"][0]) if first["loc"] else ", ".join(wanted)
    hint = get_type_hints(kind).get(option)
    reason = first["msg"].removeprefix("Value error, ")
    if get_origin(hint) is Literal:
        reason = f"it takes one of {', '.join(map(str, get_args(hint)))}"
    value = wanted.get(option, first["input"])
    return f"The option {option}={value} of '{name}' is not valid: {reason}."


def _sentence(error: Exception) -> str:
    """The first line of an error, ended like a sentence."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".") + "."
