"""What the docstring of a model or dataclass says of its fields, and what may be given for them."""

from __future__ import annotations

import dataclasses
import inspect
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from griffe import Docstring, DocstringSectionAttributes
from pydantic import BaseModel
from pydantic.fields import FieldInfo

_LIMITS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
_WORDS = {
    str: "text", int: "whole number", float: "number", bool: "`true` or `false`", Path: "path",
    dict: "table",
}  # fmt: skip
_SEVERAL = {int: "whole numbers", float: "numbers"}
REQUIRED = object()  # the default of what has to be given


class Field(NamedTuple):
    """A field of a model or dataclass.

    Attributes:
        name: of the field.
        kind: what may be given, in words.
        default: ``REQUIRED`` where there is none.
        meaning: what the docstring says of it.
    """

    name: str
    kind: str
    default: Any
    meaning: str


def fields(model: type[Any], special: Mapping[Any, str]) -> list[Field]:
    """Every field of a pydantic model or dataclass in its order.

    Args:
        model: its class.
        special: words for types that are written in a way of their own.

    Raises:
        SystemExit: the docstring says nothing of a field.
    """
    meanings, hints = _meanings(model), get_type_hints(model, include_extras=True)
    found = []
    for name, default, limits in _declared(model):
        if name not in meanings:
            raise SystemExit(f"The docstring of {model.__name__} says nothing of {name}.")
        found.append(Field(name, _kind(hints[name], special, limits), default, meanings[name]))
    return found


def _declared(model: type[Any]) -> Iterator[tuple[str, Any, tuple[Any, ...]]]:
    """Name, default and limits of each field."""
    if issubclass(model, BaseModel):
        for name, field in model.model_fields.items():
            default = field.get_default(call_default_factory=True, validated_data={})
            yield name, REQUIRED if field.is_required() else default, tuple(field.metadata)
        return
    for each in dataclasses.fields(model):
        made = {} if each.default_factory is not dataclasses.MISSING else each.default
        yield each.name, REQUIRED if made is dataclasses.MISSING else made, ()


def _meanings(model: type[Any]) -> dict[str, str]:
    """What the docstrings of a class and of those that it builds on say of each field."""
    return {
        each.name: " ".join(each.description.split())
        for part in reversed(model.__mro__[:-1])
        for section in Docstring(inspect.cleandoc(part.__doc__ or ""), parser="google").parse(
            warnings=False
        )
        if isinstance(section, DocstringSectionAttributes)
        for each in section.value
    }


def _kind(hint: Any, special: Mapping[Any, str], limits: tuple[Any, ...] = ()) -> str:
    """What may be given for a type, in words."""
    if hint in special:
        return special[hint]
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _kind(inner[0], special, (*inner[1:], *limits))
    if origin in (Union, types.UnionType):
        kinds = [_kind(each, special, limits) for each in inner if each is not type(None)]
        return " or ".join(kinds)
    if origin is Literal:
        return ", ".join(f"`{each}`" for each in inner)
    if origin in (tuple, list):
        number = "list of" if origin is list or inner[-1] is Ellipsis else str(len(inner))
        return f"{number} {_several(inner[0], special)}"
    if hint is Any:
        return "anything"
    if dataclasses.is_dataclass(hint) or (origin is None and issubclass(hint, BaseModel)):
        return "table"
    word = "table" if origin in (dict, Mapping) else _WORDS[hint]
    return ", ".join([word, *_limits(limits)])


def _several(hint: Any, special: Mapping[Any, str]) -> str:
    """More than one of a type, in words."""
    if hint not in special and get_origin(hint) is Annotated:
        hint, *limits = get_args(hint)
    else:
        limits = []
    words = _SEVERAL.get(hint) or _kind(hint, special)
    return ", ".join([words, *_limits(tuple(limits))])


def _limits(metadata: tuple[Any, ...]) -> list[str]:
    """Limits in words."""
    flat = [each for m in metadata for each in (m.metadata if isinstance(m, FieldInfo) else [m])]
    return [
        f"{words} {getattr(each, name)}"
        for each in flat
        for name, words in _LIMITS.items()
        if getattr(each, name, None) is not None
    ]
