"""What is wrong with an option, in the words of the command line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import ValidationError

from bench.base.errors import UserError
from bench.base.words import unknown

_Value = TypeVar("_Value")

# Words for users, in the place of pydantic's own, which address programmers.
_WORDS = {
    "greater_than_equal": "it has to be at least {ge}",
    "greater_than": "it has to be more than {gt:g}",
    "less_than_equal": "it has to be at most {le}",
    "int_parsing": "it has to be a whole number",
    "int_type": "it has to be a whole number",
    "float_parsing": "it has to be a number",
    "finite_number": "it has to be a finite number",
    "too_short": "it names nothing",
    "missing": "it lacks a value",
    "too_long": "it has a value too many",
}


def invalid_option(error: ValidationError) -> str:
    """What is wrong with the first option that pydantic refused, in one sentence."""
    first = error.errors()[0]
    if not first["loc"]:
        return f"These options do not go together: {first['msg'].removeprefix('Value error, ')}."
    option = str(first["loc"][0]).replace("_", "-")
    if option == "rules":  # given one by one
        option = f"rule {first['loc'][-1]}"
    if first["type"] == "literal_error":
        valid = [
            word.strip("'") for word in first["ctx"]["expected"].replace(" or ", ", ").split(", ")
        ]
        try:
            unknown(f"--{option} value", str(first["input"]), valid)
        except UserError as sentence:
            return str(sentence)
    why = _WORDS.get(first["type"], "").format_map(first.get("ctx", {}))
    why = why or first["msg"].removeprefix("Value error, ")
    return f"The value {first['input']!r} of --{option} is not valid: {why}."


def parsed(option: str, parse: Callable[[Any], _Value], said: Any) -> _Value:
    """What is said for an option, a text mostly.

    Raises:
        UserError: it is not written as ``parse`` wants it.
    """
    try:
        return parse(said)
    except ValueError as error:
        raise UserError(f"--{option} is not valid: {error}.") from error
