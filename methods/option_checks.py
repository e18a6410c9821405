"""What options may not be, for those who build a method or a loss without the harness."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin, get_type_hints


def require_words(options: Any) -> None:
    """Refuse a word that is none of those that an option takes: it would pass for another.

    Raises:
        ValueError: an option that is declared as a ``Literal`` has none of its values.
    """
    hints = get_type_hints(type(options)).items()
    words = {name: get_args(hint) for name, hint in hints if get_origin(hint) is Literal}
    for name, known in words.items():
        value = getattr(options, name)
        if value not in known:
            raise ValueError(f"{name} has to be one of {', '.join(map(str, known))}, not {value}")


def require_numbers(
    options: Any, at_least: Mapping[str, float] | None = None, above: tuple[str, ...] = ()
) -> None:
    """Refuse numbers out of range, NaN and infinity: some code would silently take others.

    Args:
        options: an instance of a dataclass.
        at_least: options by name, a number or a tuple of them each, and the least that they can be.
        above: options that have to be more than 0.

    Raises:
        ValueError: one of them is smaller, or not finite.
    """
    for name in above:
        if not 0 < getattr(options, name) < math.inf:
            raise ValueError(f"{name} has to be more than 0")
    for name, least in (at_least or {}).items():
        value = getattr(options, name)
        parts = value if isinstance(value, tuple) else (value,)
        if not all(least <= part < math.inf for part in parts):
            raise ValueError(f"{name} has to be at least {least}")
