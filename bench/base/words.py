"""Names with options, as the command line has them: `name[option=value,...]`."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Any, Literal, NoReturn, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from bench.base.errors import UserError
from bench.base.sentences import joined

_VARIANT = re.compile(r"(?P<name>[^\[\]]+?)(\[(?P<options>[^\[\]]*)\])?")

_OURS = {"gpu": "cuda"}  # what others call it; letter by letter `gpu` is nearest to `cpu`
_ALIKE = 0.5  # of 1; words that have less in common than half of their letters are no slips


def split_variants(text: str) -> list[str]:
    """Split a comma-separated list, leaving the commas inside brackets alone."""
    return [part.strip() for part in re.split(r",(?![^\[]*\])", text) if part.strip()]


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


def with_options(
    name: str,
    kind: type[Any],
    base: Any,
    wanted: dict[str, str],
    beside: Sequence[str] = (),
) -> Any:
    """Options of a kind, a dataclass: those of `base` but for what is wanted.

    Args:
        name: whose options they are.
        kind: the dataclass.
        base: an instance of it.
        wanted: options by name, as they were written.
        beside: options that the name takes beside those of the dataclass, to be suggested.

    Raises:
        UserError: an option is not known, or does not take its value.
    """
    known = [field.name for field in dataclasses.fields(kind)]
    for option in wanted:
        if option not in known:
            unknown(f"option of {name}:", option, [*known, *beside])
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
    reason = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:  # how they go together
        return f"{spelling(name, wanted)} is not valid: {reason.rstrip('.')}."
    if first["type"] == "tuple_type":
        reason = "it takes several numbers, with / between them"
    option = str(first["loc"][0])
    hint = get_type_hints(kind).get(option)
    if get_origin(hint) is Literal:
        reason = f"it takes one of {', '.join(map(str, get_args(hint)))}"
    value = wanted.get(option, first["input"])
    return f"The option {option}={value} of '{name}' is not valid: {reason}."


def _sentence(error: Exception) -> str:
    """The first line of an error, ended like a sentence."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".") + "."


def unknown(what: str, word: str, valid: list[str]) -> NoReturn:
    """Say that a word is not known, and name the nearest one that is, or those equally near."""
    if nearest := _nearest(word, valid):
        names = (f"'{name}'" for name in nearest)
        hint = f"did you mean {joined(names, 'or')}?"
    else:
        hint = f"choose from {', '.join(valid)}." if valid else "it takes none."
    raise UserError(f"There is no {what} '{word}'; {hint}")


def _nearest(word: str, valid: list[str]) -> list[str]:
    """The words that are most like a word, all that are equally so; none where none is like it."""
    if (ours := _OURS.get(word.lower())) in valid:
        return [ours]
    matcher = SequenceMatcher(b=word.lower())
    likeness: dict[str, float] = {}
    for each in valid:
        matcher.set_seq1(each.lower())
        likeness[each] = matcher.ratio()
    most = max(likeness.values(), default=0.0)
    return [each for each, found in likeness.items() if found == most >= _ALIKE]
