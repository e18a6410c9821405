"""A method with options, as it is written on the command line: `ssan[extractor=unet,k=4]`."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from bench.errors import UserError
from bench.registry import load_method, unknown

if TYPE_CHECKING:
    from methods.interface import Interpolator, MethodInfo

_VARIANT = re.compile(r"(?P<name>[^\[\]]+?)(\[(?P<options>[^\[\]]*)\])?")


@dataclass(frozen=True)
class Variant:
    """A method's class and the options it is built with.

    Attributes:
        text: the canonical spelling; only options that were asked for, in alphabetical order.
        method: the class behind the name.
        options: an instance of ``method.Options``: the preset's, with what was asked for.
    """

    text: str
    method: type[Interpolator]
    options: Any

    @property
    def info(self) -> MethodInfo:
        """The facts about the method."""
        return self.method.info

    def build(self) -> Interpolator:
        """A fresh, untrained instance."""
        return self.method(self.options)


def split_variants(text: str) -> list[str]:
    """Split a comma-separated list, leaving the commas inside brackets alone."""
    return [part.strip() for part in re.split(r",(?![^\[]*\])", text) if part.strip()]


def parse_variant(text: str, preset: str) -> Variant:
    """Read a variant and check every option.

    Raises:
        UserError: unknown method or option, or a value that the option does not take.
    """
    match = _VARIANT.fullmatch(text.strip())
    if match is None:
        raise UserError(f"'{text}' is no method; write name or name[option=value,...].")
    method = load_method(match["name"].strip())
    wanted = _parse_options(match["options"] or "", text)
    base = method.presets.get(preset, method.Options())
    return Variant(
        text=_spelling(method.info.name, wanted),
        method=method,
        options=_with_options(method, base, wanted),
    )


def _parse_options(text: str, variant: str) -> dict[str, str]:
    wanted: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, separator, value = part.partition("=")
        if not separator or not value.strip():
            raise UserError(f"The option '{part}' of '{variant}' has no value; write option=value.")
        wanted[name.strip()] = value.strip()
    return wanted


def _spelling(name: str, wanted: dict[str, str]) -> str:
    if not wanted:
        return name
    return f"{name}[{','.join(f'{key}={wanted[key]}' for key in sorted(wanted))}]"


def _with_options(method: type[Interpolator], base: Any, wanted: dict[str, str]) -> Any:
    known = [field.name for field in dataclasses.fields(method.Options)]
    for option in wanted:
        if option not in known:
            unknown(f"option of {method.info.name}:", option, known)
    values = dataclasses.asdict(base) | {
        option: [_number(part) for part in value.split("/")] if "/" in value else _number(value)
        for option, value in wanted.items()
    }
    try:
        return TypeAdapter(method.Options).validate_python(values)
    except (ValidationError, ValueError) as error:
        raise UserError(_option_error(method, wanted, error)) from error


def _number(text: str) -> int | float | str:
    """A number where the text is one: options that list numbers do not take their spelling."""
    if re.fullmatch(r"[-+]?\d+", text):
        return int(text)
    if re.fullmatch(r"[-+]?\d+(\.\d*)?(e[-+]?\d+)?", text):
        return float(text)
    return text


def _option_error(method: type[Interpolator], wanted: dict[str, str], error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors()[0]
    option = str(first["loc"][0]) if first["loc"] else ", ".join(wanted)
    hint = get_type_hints(method.Options).get(option)
    reason = first["msg"].removeprefix("Value error, ")
    if get_origin(hint) is Literal:
        reason = f"it takes one of {', '.join(map(str, get_args(hint)))}"
    value = wanted.get(option, first["input"])
    return f"The option {option}={value} of '{method.info.name}' is not valid: {reason}."
